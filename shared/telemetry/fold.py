"""Folding deltas into windows, so that what is delivered twice counts once.

Owns the window's state and its rule of idempotence: each window knows, for each hub partition, through which sequence
number it was folded. Knows nothing of storage or of when a window ends.

What the caller must see to: a delta holds only messages after its partition's cursor, and the deltas of one partition
are folded in order. Deltas of different partitions may come in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from shared.telemetry.encoding import StoredPartial, pack, restore, store, unpack
from shared.telemetry.partials import DataPartial, Delta, Partial, WindowKey, merge


@dataclass(frozen=True, slots=True, eq=False)
class WindowState:
    """One window so far. Once ``closed`` its counts stay as they are reported, and later rows are ``late_rows``.

    ``late_told``: how many of these a later window has reported. ``late_before``: the late rows of other windows that this one
    reports. ``untold``: it is closed, and whether its report was accepted is not known.
    """

    partial: Partial
    folded_through: Mapping[str, int] = field(default_factory=dict)
    closed: bool = False
    late_rows: int = 0
    closed_at: datetime | None = None  # unknown of those that an earlier release closed
    late_told: int = 0
    late_before: int = 0
    untold: bool = False

    @property
    def late_untold(self) -> int:
        """How many late rows nobody has been told of."""
        return self.late_rows - self.late_told


class _StoredWindow(msgspec.Struct, frozen=True, array_like=True):
    partial: StoredPartial
    folded_through: dict[str, int]
    closed: bool
    late_rows: int
    closed_at: datetime | None = None
    late_told: int = 0  # an earlier release wrote none of these three
    late_before: int = 0
    untold: bool = False


def fold(
    windows: Mapping[WindowKey, WindowState], partition: str, through_sequence_number: int, delta: Delta
) -> dict[WindowKey, WindowState]:
    """The windows with a delta added, which holds what a partition sent up to a sequence number.

    A window that was already folded through that number stays as it is. Raises DifferentEdges for a partial that does
    not belong to the window of its key, which only damaged state brings about.
    """
    folded = dict(windows)
    for partial in delta.partials:
        key = partial.key
        folded[key] = _folded(folded.get(key), partition, through_sequence_number, partial)
    return folded


def mark_closed(state: WindowState, now: datetime, late_before: int = 0) -> WindowState:
    """The window as it is reported from now on, with late rows of others: what still comes for it is late."""
    return replace(state, closed=True, closed_at=now, late_before=late_before, untold=True)


def mark_told(state: WindowState) -> WindowState:
    """The window after its report was accepted."""
    return replace(state, untold=False)


def mark_late_told(state: WindowState) -> WindowState:
    """The window after all its late rows so far were taken over into a report."""
    return replace(state, late_told=state.late_rows)


def encode_window(state: WindowState) -> bytes:
    """The window as bytes: equal for equal state."""
    return pack(
        _StoredWindow(
            partial=store(state.partial),
            folded_through=dict(state.folded_through),
            closed=state.closed,
            late_rows=state.late_rows,
            closed_at=state.closed_at,
            late_told=state.late_told,
            late_before=state.late_before,
            untold=state.untold,
        )
    )


def decode_window(stored: bytes) -> WindowState:
    """The window that ``encode_window`` wrote; raises UnreadableState for anything else."""
    found: Any = unpack(stored, _StoredWindow)
    return WindowState(
        partial=restore(found.partial),
        folded_through=found.folded_through,
        closed=found.closed,
        late_rows=found.late_rows,
        closed_at=found.closed_at,
        late_told=found.late_told,
        late_before=found.late_before,
        untold=found.untold,
    )


def _folded(known: WindowState | None, partition: str, through: int, partial: Partial) -> WindowState:
    if known is None:
        return WindowState(partial, {partition: through})
    if through <= known.folded_through.get(partition, -1):
        return known
    folded_through = {**known.folded_through, partition: through}
    if known.closed:
        return replace(known, folded_through=folded_through, late_rows=known.late_rows + _rows(partial))
    return replace(known, partial=merge(known.partial, partial), folded_through=folded_through)


def _rows(partial: Partial) -> int:
    return max(partial.rows, partial.predictions) if isinstance(partial, DataPartial) else partial.requests
