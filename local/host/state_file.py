"""A JSON document that survives the host: checkpoints, timer status, and what the driver reads.

Owns atomic replacement, so that a reader or a crash never sees half a document. Knows nothing of the content.
"""

import json
import os
from pathlib import Path
from typing import Any


class StateFile:
    """One JSON object in one file; the folder is created on the first write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """The document; empty when there is none yet.

        Raises:
            ValueError: the file is not a JSON object; it is left as it is.
        """
        try:
            content = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        if not isinstance(content, dict):
            raise ValueError(f"{self.path} does not hold a JSON object")  # noqa: TRY004 - the file is wrong, no argument
        return content

    def write(self, content: dict[str, Any]) -> None:
        """Replace the document. The file is readable by its owner only, since some of these hold keys.

        Raises:
            OSError: the disk did not take it; the old document is still there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(content, indent=1, sort_keys=True))
        fresh.replace(self.path)
