"""When each deployment was last heard of, and when its rows were: written by the fold that brings what it said.

Owns these rows and the watermarks beside them. Knows nothing of what was said, nor of what silence means (``closing``,
``absence``). The time is the present of whoever folded; it never goes back. Rows are told apart from requests, which go on being
logged when the data collector breaks. A release before did not: whoever it heard counts as heard when that ended (``APART``).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from shared.domain.observations import DeploymentRef
from shared.ports import Clock, ConflictError, Store, Stored
from shared.telemetry.closing import Reach
from shared.telemetry.partials import DataPartial, Delta, latest

HEARD, WATERMARK = "heard/", "watermark/"
ROWS = "/rows"  # after the name of a deployment's row of hearing; so one query finds both
APART = "heard-apart"  # since when they are told apart in this store
MOVED = "watermarks"  # rewritten, as the last row of its fold, whenever rows came
TOGETHER_MAX = 20  # of more deployments than these all rows are read at once


class Heard(NamedTuple):
    """When a deployment was last heard of, and when its rows were; None for one whose rows nobody ever heard."""

    at: datetime
    rows_at: datetime | None


class Hearing:
    """Writes and reads when deployments were heard. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._apart_since: datetime | None = None

    async def rows(self, deltas: Iterable[Delta]) -> dict[str, Stored[bytes]]:
        """The rows to be written with the fold of these deltas."""
        marks: dict[str, datetime] = {}
        heard, with_rows = set[str](), set[str]()
        for delta in deltas:
            marks = latest(marks, delta.watermarks)
            heard |= {partial.deployment.key for partial in delta.partials}
            with_rows |= _with_rows(delta)
        names = [*sorted(heard | with_rows), *(f"{key}{ROWS}" for key in sorted(with_rows))]
        rows = _raised(HEARD, dict.fromkeys(names, self._clock.now()), await self._of(HEARD, heard | with_rows))
        rows |= _raised(WATERMARK, marks, await self._of(WATERMARK, marks))
        if marks:  # last, also in a fold of several transactions: who sees it sees the watermarks
            rows[MOVED] = Stored(b"moved", (await self._store.windows(MOVED)).get(MOVED, Stored(b"")).etag)
        return rows

    async def _of(self, prefix: str, deployments: Iterable[str]) -> dict[str, Stored[bytes]]:
        """All rows of these deployments, and maybe of others."""
        names = sorted(f"{prefix}{key}" for key in deployments)
        if len(names) > TOGETHER_MAX:
            return await self._store.windows(prefix)
        found: dict[str, Stored[bytes]] = {}
        for name in names:
            found |= await self._store.windows(name)
        return found

    async def heard(self, deployments: Iterable[str]) -> dict[str, Heard]:
        """When these were last heard of; those that never were are left out."""
        keys = [*deployments]
        rows = await self._of(HEARD, keys)
        return {key: _heard(rows, key) for key in keys if f"{HEARD}{key}" in rows}

    async def rows_heard_at(self, ref: DeploymentRef) -> datetime:
        """When the rows of a deployment that has some were last heard."""
        row = (await self._of(HEARD, [ref.key])).get(f"{HEARD}{ref.key}{ROWS}")
        return _time(row) if row else await self.apart_since()

    async def watermarks(self) -> dict[str, Stored[bytes]]:
        """The watermark of each deployment with rows."""
        marks = await self._store.windows(WATERMARK)
        return {name.removeprefix(WATERMARK): mark for name, mark in marks.items()}

    async def reaches(self, watermarks: Mapping[str, Stored[bytes]]) -> dict[str, tuple[Reach, str]]:
        """How far these deployments with rows have come, with the tag of its watermark."""
        heard = await self._of(HEARD, watermarks)
        found: dict[str, tuple[Reach, str]] = {}
        for key, mark in watermarks.items():
            row = heard.get(f"{HEARD}{key}{ROWS}")
            rows_at = _time(row) if row else await self.apart_since()
            found[key] = (Reach(_time(mark), rows_at), mark.etag)
        return found

    async def apart_since(self) -> datetime:
        """Since when rows are told apart here: from then on, a deployment without a time of its rows has sent none.

        Written down when it is first asked for: else what an earlier release heard stayed silent, or unsilent, for good.
        """
        if self._apart_since is None:
            row = (await self._store.windows(APART)).get(APART)
            self._apart_since = _time(row) if row else await self._begin_apart()
        return self._apart_since

    async def _begin_apart(self) -> datetime:
        now = self._clock.now()
        try:
            await self._store.save_fold({APART: Stored(now.isoformat().encode())}, [])
        except ConflictError:
            return now  # another instance wrote the same moment, or nearly so
        return now


def _with_rows(delta: Delta) -> set[str]:
    data = {partial.deployment.key for partial in delta.partials if isinstance(partial, DataPartial)}
    return data | set(delta.aside) | set(delta.watermarks)


def _raised(prefix: str, times: Mapping[str, datetime], known: Mapping[str, Stored[bytes]]) -> dict[str, Stored[bytes]]:
    rows = {f"{prefix}{key}": at for key, at in times.items()}
    return {name: _later(known.get(name), at) for name, at in rows.items()}


def _later(known: Stored[bytes] | None, at: datetime) -> Stored[bytes]:
    return Stored((max(at, _time(known)) if known else at).isoformat().encode(), known.etag if known else "")


def _heard(rows: Mapping[str, Stored[bytes]], key: str) -> Heard:
    name = f"{HEARD}{key}"
    return Heard(_time(rows[name]), _time(rows[f"{name}{ROWS}"]) if f"{name}{ROWS}" in rows else None)


def _time(row: Stored[bytes]) -> datetime:
    return datetime.fromisoformat(row.value.decode())
