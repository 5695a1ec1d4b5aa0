"""The flights of the story, month by month: as files that training reads, and as rows that callers send.

Owns the months of the story, and how the data module of an example is loaded. The join, the features and the label are the
example's own (``examples/flight_delays/data.py``).
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from local.story.clients import Control
from local.story.world import DEVELOPMENT, EXAMPLE

MONTHS = range(1, 10)  # January to September


class Flights:
    """Every month once as a file and once as scoring rows. Loading takes some seconds.

    ``late`` is 1 for each flight that was late, by its ``row_id``, and 0 for each other.
    """

    def __init__(self, folder: Path) -> None:
        self._example = example_data(EXAMPLE)
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        frame = self._example.labelled_rows(MONTHS)
        self.late: dict[str, int] = dict(zip(frame["row_id"], frame["label"].tolist(), strict=True))
        self._months = {month: frame[frame["event_time"].str[5:7] == f"{month:02d}"] for month in MONTHS}

    def rows(self, month: int) -> list[dict[str, Any]]:
        """The rows of a month as callers send them, in order of time, without labels."""
        return list(self._example.request_rows(self._months[month]))

    def month_file(self, month: int) -> Path:
        """The labelled flights of a month as a file; written once."""
        path = self._folder / f"2013-{month:02d}.csv.gz"
        if not path.exists():
            compression = {"method": "gzip", "mtime": 0, "compresslevel": 1}
            self._months[month].to_csv(path, index=False, compression=compression)
        return path

    async def publish_labels(self, control: Control, through: int) -> None:
        """Everything labelled up to a month becomes a new version of the data asset ``flights-labelled``, with its rows as a tag."""
        folder = self._folder / f"through-2013-{through:02d}"
        folder.mkdir()
        for month in range(1, through + 1):
            path = self.month_file(month)
            (folder / path.name).hardlink_to(path)
        await control.order(
            "data-assets",
            workspace=DEVELOPMENT,
            name="flights-labelled",
            version=f"2013-{through:02d}",
            folder=str(folder),
            tags={"rows": str(sum(len(self._months[month]) for month in range(1, through + 1)))},
        )


def example_data(example: Path) -> Any:
    """The module ``data.py`` of an example, which is no package."""
    spec = importlib.util.spec_from_file_location(f"{example.name}_data", example / "data.py")
    assert spec is not None  # noqa: S101  # the file is part of this repository
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
