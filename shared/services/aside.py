"""Telemetry that waits for the reference profile of its deployment: kept within bounds, counted in when the profile comes.

Owns those bounds, and that rows count once. They are kept as windows of the store, written by the fold that drops their delta,
under a name that the hub partition and the sequence number give; they are counted in as a delta of a partition of their own,
whose cursor refuses a second time. What counting means is ``aggregate``'s.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.domain.ids import derive
from shared.domain.observations import RowsCollected
from shared.ports import Clock, ConflictError, Store, Stored, StoredDelta
from shared.rendering.shown import ShownAside
from shared.telemetry.aside import count_rows, decode_rows
from shared.telemetry.partials import Delta

PREFIX = "aside/"
LOST_PREFIX = "aside-lost/"
KEPT_BYTES_MAX = 2 * 1024 * 1024  # compressed, of each deployment
BATCHES_MAX = 500
DEPLOYMENTS_MAX = 16
KEPT_FOR = timedelta(days=7)  # a profile is recorded before its version serves: what waits longer waits for nothing

ToDelta = Callable[[Sequence[RowsCollected]], Awaitable[bytes | None]]
"""What rows add to the windows; None while their deployment has no profile."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """One batch's rows of one deployment, and where they came from."""

    deployment: str
    partition: str
    through: int
    kept_at: datetime
    rows: int
    body: bytes


class _Lost(msgspec.Struct, frozen=True, array_like=True):
    """How many rows of a deployment were not kept, and through which batch of each partition that is counted."""

    deployment: str
    rows: int
    through: dict[str, int]


class AsideRows:
    """Keeps rows aside. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def keep(self, deltas: Sequence[tuple[StoredDelta, Delta]]) -> dict[str, Stored[bytes]]:
        """The windows to be written when these deltas are dropped: what they leave aside, within the bounds."""
        if not any(delta.kept or delta.lost for _, delta in deltas):
            return {}
        known = {name: stored.value for name, stored in (await self._store.windows(PREFIX)).items()}
        written: dict[str, Stored[bytes]] = {}
        lost = await self._losses()
        for stored, delta in deltas:
            for key, rows in delta.lost.items():
                _lose(lost, key, stored, rows)
            for key, body in delta.kept.items():
                name, row = self._row(stored, key, body)
                if name in known:
                    continue  # a fold that was cut short has written it
                if _fits(known, key, row):
                    known[name] = row
                    written[name] = Stored(row)
                else:
                    _lose(lost, key, stored, count_rows(decode_rows(body)))
        return written | {name: state for name, (state, changed) in lost.items() if changed}

    def _row(self, stored: StoredDelta, key: str, body: bytes) -> tuple[str, bytes]:
        partition, through = stored.partition, stored.through_sequence_number
        kept = _Kept(key, partition, through, self._clock.now(), count_rows(decode_rows(body)), body)
        name = f"{_folder(key)}{derive('partition', partition)}/{through:020d}"
        return name, msgspec.msgpack.encode(kept)

    async def _losses(self) -> dict[str, tuple[Stored[bytes], bool]]:
        return {name: (stored, False) for name, stored in (await self._store.windows(LOST_PREFIX)).items()}

    async def count_in(self, to_delta: ToDelta) -> int:
        """Hand over the rows whose profile is there by now, as deltas that wait to be folded; how many batches.

        In order within each hub partition. Who comes second stops there: the first goes on.
        """
        done, missing = 0, set[str]()
        for name, stored in (await self._store.windows(PREFIX)).items():
            kept = _kept(stored.value)
            delta = None if kept.deployment in missing else await to_delta(decode_rows(kept.body))
            if delta is None:
                missing.add(kept.deployment)
                continue
            partition = f"{PREFIX}{derive('deployment', kept.deployment)}/{kept.partition}"
            cursor = await self._store.cursor(partition)
            if kept.through > cursor.value:
                try:
                    await self._store.append_delta(StoredDelta(partition, kept.through, delta), cursor.etag)
                except ConflictError:
                    return done
            await self._store.delete_windows([name])
            done += 1
        return done

    async def forget_old(self) -> int:
        """Give up rows that have waited too long, and count them as lost; how many batches."""
        before = self._clock.now() - KEPT_FOR
        rows = {name: _kept(stored.value) for name, stored in (await self._store.windows(PREFIX)).items()}
        old = {name: kept for name, kept in rows.items() if kept.kept_at < before}
        if not old:
            return 0
        lost = await self._losses()
        for kept in old.values():
            batch = StoredDelta(f"old/{kept.partition}", kept.through, b"")
            _lose(lost, kept.deployment, batch, kept.rows)
        try:
            await self._store.save_fold({name: state for name, (state, changed) in lost.items() if changed}, [])
        except ConflictError:
            return 0  # another instance counts; the next round finds what is left
        await self._store.delete_windows(list(old))
        return len(old)

    async def shown(self) -> tuple[ShownAside, ...]:
        """What waits, and what was lost, by deployment."""
        waiting: dict[str, list[_Kept]] = {}
        for stored in (await self._store.windows(PREFIX)).values():
            kept = _kept(stored.value)
            waiting.setdefault(kept.deployment, []).append(kept)
        losses = [msgspec.msgpack.decode(state.value, type=_Lost) for state, _ in (await self._losses()).values()]
        lost = {each.deployment: each.rows for each in losses}
        return tuple(
            _shown(key, waiting.get(key, []), lost.get(key, 0)) for key in sorted(waiting.keys() | lost.keys())
        )


def _shown(key: str, kept: Sequence[_Kept], lost: int) -> ShownAside:
    since = min((each.kept_at for each in kept), default=None)
    return ShownAside(key, sum(each.rows for each in kept), since, lost)


def _folder(key: str) -> str:
    return f"{PREFIX}{derive('deployment', key)}/"


def _fits(known: Mapping[str, bytes], key: str, row: bytes) -> bool:
    folder = _folder(key)
    of_it = [len(body) for name, body in known.items() if name.startswith(folder)]
    folders = {name.rpartition("/")[0].rpartition("/")[0] + "/" for name in known} | {folder}
    enough = sum(of_it) + len(row) <= KEPT_BYTES_MAX and len(of_it) < BATCHES_MAX
    return enough and len(folders) <= DEPLOYMENTS_MAX


def _lose(lost: dict[str, tuple[Stored[bytes], bool]], key: str, batch: StoredDelta, rows: int) -> None:
    name = f"{LOST_PREFIX}{derive('deployment', key)}"
    stored = lost[name][0] if name in lost else Stored(msgspec.msgpack.encode(_Lost(key, 0, {})))
    known = msgspec.msgpack.decode(stored.value, type=_Lost)
    if batch.through_sequence_number <= known.through.get(batch.partition, -1):
        return  # a fold that was cut short has counted it
    through = {**known.through, batch.partition: batch.through_sequence_number}
    state = msgspec.msgpack.encode(_Lost(key, known.rows + rows, through))
    lost[name] = (Stored(state, stored.etag), True)


def _kept(stored: bytes) -> _Kept:
    return msgspec.msgpack.decode(stored, type=_Kept)
