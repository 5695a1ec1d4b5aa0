"""An even sample of rows, kept as columns, from a table that is too long to be held.

Owns which rows stay: each row draws a number, and those with the smallest stay. So the sample depends on the rows and on
the seed alone, not on how many rows came at a time. Knows nothing of what values mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shared.telemetry.profiles import FEATURES_MAX, Floats, ProfileError

CELLS_MAX = 3_000_000  # about 250 MB of short texts: of a wide table fewer rows are held


class ColumnSample:
    """At most ``rows_max`` of the rows that were added; ``rows`` is how many those were."""

    def __init__(self, rows_max: int, random: np.random.Generator) -> None:
        self.rows = 0
        self._rows_max, self._random = rows_max, random
        self._columns: dict[str, list[Any]] = {}
        self._draws: Floats = np.empty(0)
        self._drawn_max = np.inf  # a row that draws more cannot be among the smallest any more

    @property
    def is_everything(self) -> bool:
        """Whether no row was left out."""
        return self.rows <= self._limit

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that were met so far."""
        return tuple(self._columns)

    def add(self, columns: Mapping[str, Sequence[Any]], rows: int) -> None:
        """Some more rows; what they lack, or earlier rows lacked, is None. Raises ProfileError for too many columns."""
        draws = self._random.random(rows)
        kept = np.flatnonzero(draws < self._drawn_max).tolist()
        for name in columns.keys() - self._columns.keys():
            self._columns[name] = [None] * len(self._draws)
        if len(self._columns) > FEATURES_MAX:
            raise ProfileError(
                f"There are more than {FEATURES_MAX} columns, and a profile has at most so many features."
            )
        for name, held in self._columns.items():
            column = columns.get(name)
            held.extend([None] * len(kept) if column is None else [column[place] for place in kept])
        self._draws = np.concatenate([self._draws, draws[kept]])
        self.rows += rows
        if len(self._draws) > 2 * self._limit:
            self._thin_out()

    def columns(self) -> dict[str, list[Any]]:
        """The rows that stayed, in the order in which they came."""
        self._thin_out()
        return self._columns

    @property
    def _limit(self) -> int:
        return min(self._rows_max, max(1, CELLS_MAX // max(1, len(self._columns))))

    def _thin_out(self) -> None:
        limit = self._limit
        if len(self._draws) <= limit:
            return
        smallest = np.sort(np.argpartition(self._draws, limit - 1)[:limit]).tolist()
        self._draws = self._draws[smallest]
        self._drawn_max = float(self._draws.max())
        self._columns = {name: [held[place] for place in smallest] for name, held in self._columns.items()}
