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
    """One window so far. Once ``closed`` its counts stay as they were reported, and later rows are ``late_rows``."""

    partial: Partial
    folded_through: Mapping[str, int] = field(default_factory=dict)
    closed: bool = False
    late_rows: int = 0
    closed_at: datetime | None = None  # unknown of those that an earlier release closed


class _StoredWindow(msgspec.Struct, frozen=True, array_like=True):
    partial: StoredPartial
    folded_through: dict[str, int]
    closed: bool
    late_rows: int
    closed_at: datetime | None = None


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


def mark_closed(state: WindowState, now: datetime) -> WindowState:
    """The window after it was reported: kept, so that rows which still come are known to be late."""
    return replace(state, closed=True, closed_at=now)


def encode_window(state: WindowState) -> bytes:
    """The window as bytes: equal for equal state."""
    folded_through, closed_at = dict(state.folded_through), state.closed_at
    return pack(_StoredWindow(store(state.partial), folded_through, state.closed, state.late_rows, closed_at))


def decode_window(stored: bytes) -> WindowState:
    """The window that ``encode_window`` wrote; raises UnreadableState for anything else."""
    found: Any = unpack(stored, _StoredWindow)
    return WindowState(restore(found.partial), found.folded_through, found.closed, found.late_rows, found.closed_at)


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
