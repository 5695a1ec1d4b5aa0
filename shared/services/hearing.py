"""When each deployment was last heard of: a row for each, written by the fold that brings what it said.

Owns these rows and the watermarks beside them. Knows nothing of what was said, nor of what silence means (``closing``,
``absence``). The time is the present of whoever folded; it never goes back.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.ports import Clock, Store, Stored
from shared.telemetry.closing import Reach
from shared.telemetry.partials import Delta, latest

HEARD, WATERMARK = "heard/", "watermark/"
MOVED = "watermarks"  # rewritten, as the last row of its fold, whenever rows came
TOGETHER_MAX = 20  # of more deployments than these all rows are read at once


class Hearing:
    """Writes and reads when deployments were heard. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def rows(self, deltas: Iterable[Delta]) -> dict[str, Stored[bytes]]:
        """The rows to be written with the fold of these deltas."""
        marks: dict[str, datetime] = {}
        heard: set[str] = set()
        for delta in deltas:
            marks = latest(marks, delta.watermarks)
            heard |= _heard_in(delta)
        now = self._clock.now()
        rows = await self._raised(HEARD, dict.fromkeys(sorted(heard), now))
        rows |= await self._raised(WATERMARK, marks)
        if marks:  # last, also in a fold of several transactions: who sees it sees the watermarks
            rows[MOVED] = Stored(b"moved", (await self._store.windows(MOVED)).get(MOVED, Stored(b"")).etag)
        return rows

    async def _raised(self, prefix: str, times: Mapping[str, datetime]) -> dict[str, Stored[bytes]]:
        known = await self._of(prefix, times)
        return {
            f"{prefix}{key}": Stored(max(at, _time(known[key], at)).isoformat().encode(), known[key].etag)
            for key, at in times.items()
        }

    async def _of(self, prefix: str, deployments: Iterable[str]) -> dict[str, Stored[bytes]]:
        names = [f"{prefix}{key}" for key in deployments]
        found: dict[str, Stored[bytes]] = {}
        if len(names) > TOGETHER_MAX:
            found = await self._store.windows(prefix)
        else:
            for name in names:
                found |= {at: row for at, row in (await self._store.windows(name)).items() if at == name}
        return {name.removeprefix(prefix): found.get(name, Stored(b"")) for name in names}

    async def heard_at(self, deployments: Iterable[str]) -> dict[str, datetime]:
        """When these were last heard of; those that never were are left out."""
        rows = await self._of(HEARD, deployments)
        return {key: _time(row) for key, row in rows.items() if row.value}

    async def reaches(self) -> dict[str, tuple[Reach, str]]:
        """How far each deployment with rows has come, with the tag of its watermark.

        One that an earlier release heard counts as heard now, and that is written down: else a silent one stayed so for good.
        """
        marks, heard = await self._store.windows(WATERMARK), await self._store.windows(HEARD)
        now = self._clock.now()
        found: dict[str, tuple[Reach, str]] = {}
        for name, mark in marks.items():
            key = name.removeprefix(WATERMARK)
            row = heard.get(f"{HEARD}{key}")
            if row is None:
                row = Stored(now.isoformat().encode())
                await self._store.save_fold({f"{HEARD}{key}": row}, [])
            found[key] = (Reach(_time(mark), _time(row)), mark.etag)
        return found


def _heard_in(delta: Delta) -> set[str]:
    return {partial.deployment.key for partial in delta.partials} | set(delta.aside) | set(delta.watermarks)


def _time(row: Stored[bytes], otherwise: datetime | None = None) -> datetime:
    if not row.value and otherwise is not None:
        return otherwise
    return datetime.fromisoformat(row.value.decode())
