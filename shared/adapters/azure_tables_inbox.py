"""Signals and rejections in Azure Tables.

Owns that a signal is accepted once and routed once. Knows nothing of what is decided about it.
A signal lies in the partition of its key, and beside it, in the same transaction, the row that lists it as undecided,
and later the one that lists it as decided, by which its age is found.
The signal of a finished command is accepted with the command (``azure_tables_outbox``) and brought here afterwards.
"""

import asyncio
from datetime import datetime

import msgspec

from shared.adapters.azure_tables_keys import after as past
from shared.adapters.azure_tables_keys import at, beginning, bucket, falling, hashed, key
from shared.adapters.azure_tables_part import OnTables, in_every_bucket, tries
from shared.adapters.azure_tables_rows import Row, Search, Write, row_of, tag_of
from shared.adapters.moments import micros
from shared.domain.records import RejectedRow, SignalRow
from shared.domain.values import encode, replace
from shared.ports import ConflictError

UNDECIDED = "undecided"
DECIDED = "decided"
NEWEST = "newest"
REDRIVEN = "redriven"  # where a rejection is listed that was taken after all
TOLD = "told"


class AzureInbox(OnTables):
    """``ports.Inbox`` on Azure Tables."""

    async def insert_signal(self, row: SignalRow) -> bool:
        """Store a signal unless its dedup key is known; False when it is."""
        listed = Write("upsert", decided_row(row)) if row.decided else Write("insert", _undecided_row(row))
        writes = [Write("insert", await self._signal_row(row)), listed]
        try:
            await self._inbox.write(writes)
        except ConflictError:
            return False
        return True

    async def signal(self, dedup_key: str) -> SignalRow | None:
        """The signal of a key."""
        found = await self._inbox.get(bucket(dedup_key), signal_key(dedup_key))
        return None if found is None else await self._signal_in(found)

    async def set_route(self, dedup_key: str, subjects: tuple[str, ...], policy_digest: str) -> SignalRow:
        """Store the route unless there is one; returns the row as it now is. Raises LookupError: no such signal."""
        async for _ in tries(f"the signal {dedup_key}"):
            found = await self._inbox.get(bucket(dedup_key), signal_key(dedup_key))
            if found is None:
                raise LookupError(f"no signal has the key {dedup_key}")
            row = await self._signal_in(found)
            if row.subjects is not None:
                return row
            row = replace(row, subjects=subjects, policy_digest=policy_digest)
            try:
                await self._inbox.write([Write("update", await self._signal_row(row), tag_of(found))])
            except ConflictError:
                continue
            return row
        raise AssertionError("the tries end by raising")

    async def mark_decided(self, dedup_key: str) -> None:
        """Every subject of the signal has its decision. Does nothing for an unknown key."""
        async for _ in tries(f"the signal {dedup_key}"):
            found = await self._inbox.get(bucket(dedup_key), signal_key(dedup_key))
            row = None if found is None else await self._signal_in(found)
            if found is None or row is None or row.decided:
                return
            marked = Write("update", await self._signal_row(replace(row, decided=True)), tag_of(found))
            listed = Write("upsert", decided_row(row))
            try:
                await self._inbox.write([marked, Write("delete", _undecided_row(row)), listed])
            except ConflictError:
                continue
            return

    async def undecided(self, received_before: datetime, limit: int) -> list[SignalRow]:
        """Signals accepted before a moment, routed or not, that are not marked as decided, oldest first."""
        await self._bring_told()
        low, high = beginning(UNDECIDED), f"{beginning(UNDECIDED)}{at(received_before)}"
        listed = await in_every_bucket(lambda partition: self._inbox.between(partition, low, high, Search(limit=limit)))
        oldest = sorted(listed, key=lambda row: row["RowKey"])[:limit]
        found = await asyncio.gather(*(self._inbox.get(row["PartitionKey"], row["Signal"]) for row in oldest))
        rows = await asyncio.gather(*(self._signal_in(row) for row in found if row is not None))
        return [row for row in rows if not row.decided]

    async def add_rejected(self, row: RejectedRow) -> None:
        """Keep what could not be taken; the same id again only counts. One that was redriven is listed anew."""
        async for _ in tries(f"the rejection {row.id}"):
            found, known = await self._found_rejected(row.id)
            if found is None or known is None:
                writes = [Write("insert", await self._rejected_row(row)), Write("insert", _newest_row(row))]
            elif known.redriven_at is None:
                kept = replace(known, times=known.times + row.times)
                writes = [Write("update", await self._rejected_row(kept), tag_of(found))]
            else:
                kept = replace(row, times=known.times + row.times)
                written = Write("update", await self._rejected_row(kept), tag_of(found))
                writes = [written, Write("upsert", _newest_row(kept)), Write("delete", _newest_row(known, REDRIVEN))]
            try:
                await self._inbox.write(writes)
            except ConflictError:
                continue
            return

    async def rejection(self, row_id: str) -> RejectedRow | None:
        """One rejection, also one that was redriven."""
        return (await self._found_rejected(row_id))[1]

    async def mark_redriven(self, row_id: str, at: datetime) -> None:
        """The rejection was taken after all: it is kept, and leaves the list. Does nothing for an unknown one."""
        async for _ in tries(f"the rejection {row_id}"):
            found, known = await self._found_rejected(row_id)
            if found is None or known is None or known.redriven_at is not None:
                return
            marked = Write("update", await self._rejected_row(replace(known, redriven_at=at)), tag_of(found))
            try:
                moved = [Write("delete", _newest_row(known)), Write("insert", _newest_row(known, REDRIVEN))]
                await self._inbox.write([marked, *moved])
            except ConflictError:
                continue
            return

    async def rejected(self, limit: int, after: RejectedRow | None = None) -> list[RejectedRow]:
        """The newest rejections first, but for those that were redriven; with ``after`` those behind it in this order."""
        low, high = beginning(NEWEST), past(beginning(NEWEST))
        if after is not None:
            low = f"{_newest_row(after)['RowKey']}!"  # sorts before whatever else a key may go on with
        search = Search(limit=limit)
        listed = await in_every_bucket(lambda partition: self._inbox.between(partition, low, high, search))
        newest = sorted(listed, key=lambda row: row["RowKey"])[:limit]
        found = await asyncio.gather(*(self._inbox.get(row["PartitionKey"], row["Rejected"]) for row in newest))
        bodies = await self._bodies_of([row for row in found if row is not None])
        return [msgspec.json.decode(body, type=RejectedRow) for body in bodies]

    async def _found_rejected(self, row_id: str) -> tuple[Row | None, RejectedRow | None]:
        found = await self._inbox.get(bucket(row_id), _rejected_key(row_id))
        return found, None if found is None else msgspec.json.decode(await self._bodies.get(found), type=RejectedRow)

    async def _rejected_row(self, row: RejectedRow) -> Row:
        partition, row_key = bucket(row.id), _rejected_key(row.id)
        return row_of(partition, row_key, **await self._bodies.put("inbox", partition, row_key, encode(row)))

    async def _bring_told(self) -> None:
        """Bring over the signals of finished commands that a crash left in the ledger."""
        for told in await in_every_bucket(lambda partition: self._ledger.beginning(partition, beginning(TOLD))):
            await self._bring(told)

    async def _bring(self, told: Row) -> None:
        await self.insert_signal(await self._signal_in(told))
        try:
            await self._ledger.write([Write("delete", told)])
        except ConflictError:
            return  # another instance brought it over at the same time

    async def _signal_in(self, row: Row) -> SignalRow:
        return msgspec.json.decode(await self._bodies.get(row), type=SignalRow)

    async def _signal_row(self, row: SignalRow) -> Row:
        dedup_key = row.signal.dedup_key
        partition, row_key = bucket(dedup_key), signal_key(dedup_key)
        return row_of(partition, row_key, **await self._bodies.put("inbox", partition, row_key, encode(row)))


def _rejected_key(row_id: str) -> str:
    return key("rejected", hashed(row_id))


def _newest_row(row: RejectedRow, listing: str = NEWEST) -> Row:
    listed_as = key(listing, falling(micros(row.received_at)), row.id)
    return row_of(bucket(row.id), listed_as, Rejected=_rejected_key(row.id))


def signal_key(dedup_key: str) -> str:
    """The key of a signal's row."""
    return key("signal", hashed(dedup_key))


def decided_row(row: SignalRow) -> Row:
    """The row that lists a signal as decided, by when it was received."""
    return _listing(DECIDED, row)


def _undecided_row(row: SignalRow) -> Row:
    return _listing(UNDECIDED, row)


def _listing(kind: str, row: SignalRow) -> Row:
    dedup_key = row.signal.dedup_key
    listed_as = key(kind, at(row.received_at), hashed(dedup_key))
    return row_of(bucket(dedup_key), listed_as, Signal=signal_key(dedup_key))
