"""What leaves Azure Tables with age. The bodies in blobs leave with ``tidy``, once no row names them.

Owns that a signal without its decisions stays, and a decision with a command that is not finished. Knows no time limits.
Old signals are found by the rows that list them as decided, which rows of schema version 1 did not have: they are listed
when their age is first asked for.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.adapters.azure_tables_inbox import DECIDED, NEWEST, REDRIVEN, AzureInbox, decided_row, signal_key
from shared.adapters.azure_tables_keys import after, at, beginning, bucket, falling, key
from shared.adapters.azure_tables_part import in_every_bucket
from shared.adapters.azure_tables_rows import Row, Rows, Search, Write, row_of, tag_of
from shared.adapters.moments import micros
from shared.domain.decisions import Decision
from shared.domain.records import CommandRow, SignalRow
from shared.ports import ConflictError

UNLISTED_MAX = 100  # listed at a time, in each partition


class AzureAging(AzureInbox):
    """``ports.Aging`` on Azure Tables, but for ``tidy``."""

    _all_listed = False

    async def decided_signals(self, received_from: datetime, received_before: datetime, limit: int) -> list[SignalRow]:
        """Signals that have all their decisions, received between two moments, oldest first."""
        await self._list_earlier()
        low, high = f"{beginning(DECIDED)}{at(received_from)}", f"{beginning(DECIDED)}{at(received_before)}"
        listed = await in_every_bucket(lambda partition: self._inbox.between(partition, low, high, Search(limit=limit)))
        oldest = sorted(listed, key=lambda row: row["RowKey"])[:limit]
        found = await asyncio.gather(*(self._decided(row) for row in oldest))
        return [row for row in found if row is not None]

    async def forget_signals(self, dedup_keys: Sequence[str]) -> int:
        """Remove signals with their dedup keys, unless they are not decided; how many."""
        return sum(await asyncio.gather(*(self._forget_signal(dedup_key) for dedup_key in dedup_keys)))

    async def forget_rejected(self, received_before: datetime, limit: int) -> int:
        """Remove rejections that were first received before a moment, with their bodies; how many."""
        listed = await self._older(self._inbox, received_before, limit)
        if len(listed) < limit:
            listed += await self._older(self._inbox, received_before, limit - len(listed), REDRIVEN)
        pairs = [(row_of(row["PartitionKey"], row["Rejected"]), row) for row in listed]
        return sum(await asyncio.gather(*(self._forget(self._inbox, pair) for pair in pairs)))

    async def forget_decisions(self, decided_before: datetime, limit: int) -> int:
        """Remove decisions from before a moment with their commands, unless one of these is not finished; how many."""
        listed = await self._older(self._ledger, decided_before, limit)
        return sum(await asyncio.gather(*(self._forget_decision(row) for row in listed)))

    async def _older(self, table: Rows, before: datetime, limit: int, listing: str = NEWEST) -> list[Row]:
        """The oldest that one page of each partition lists from before a moment, the newest of them first."""
        low, high = after(beginning(listing, falling(micros(before)))), after(beginning(listing))
        rows = await in_every_bucket(lambda partition: table.between(partition, low, high, Search(limit=limit)))
        return sorted(rows, key=lambda row: str(row["RowKey"]))[-limit:]

    async def _decided(self, listed: Row) -> SignalRow | None:
        """The signal of a listing. One that lists it wrongly is dropped: the signal left, or came anew since."""
        found = await self._inbox.get(listed["PartitionKey"], listed["Signal"])
        row = None if found is None else await self._signal_in(found)
        if row is not None and row.decided and decided_row(row)["RowKey"] == listed["RowKey"]:
            return row
        await self._forget(self._inbox, [listed])
        return None

    async def _forget_signal(self, dedup_key: str) -> int:
        found = await self._inbox.get(bucket(dedup_key), signal_key(dedup_key))
        row = None if found is None else await self._signal_in(found)
        if found is None or row is None or not row.decided:
            return 0
        return await self._forget(self._inbox, [found, decided_row(row)])

    async def _forget_decision(self, listed: Row) -> int:
        decision = msgspec.json.decode(await self._bodies.get(listed), type=Decision)
        partition, subject = listed["PartitionKey"], decision.subject
        keys = [key("command", subject, command.id) for command in decision.commands]
        found = [row for each in keys if (row := await self._ledger.get(partition, each)) is not None]
        commands = [msgspec.json.decode(body, type=CommandRow) for body in await self._bodies_of(found)]
        own = [(row, each) for row, each in zip(found, commands, strict=True) if each.decision == decision.id]
        if any(each.state != "finished" for _, each in own):
            return 0
        copies = [
            row_of(partition, each) for each in (key("decision", decision.id), key("of", subject, listed["RowKey"]))
        ]
        return await self._forget(self._ledger, [*copies, listed, *(row for row, _ in own)])

    async def _forget(self, table: Rows, rows: Sequence[Row]) -> int:
        """Remove rows of one thing in one transaction: 1, or 0 when another instance was at it."""
        try:
            await table.write([Write("delete", row, _tag(row)) for row in rows])
        except ConflictError:
            return 0
        return 1

    async def _list_earlier(self) -> None:
        """List what a release decided that kept no such list."""
        if self._all_listed:
            return
        search = Search(" and Schema eq 1", UNLISTED_MAX)
        rows = await in_every_bucket(lambda partition: self._inbox.beginning(partition, beginning("signal"), search))
        listed = sum(await asyncio.gather(*(self._list(row) for row in rows)))
        self._all_listed = listed == 0

    async def _list(self, found: Row) -> int:
        row = await self._signal_in(found)
        if not row.decided:
            return 0  # it is listed with its last decision
        try:
            same = Write("update", await self._signal_row(row), tag_of(found))
            await self._inbox.write([same, Write("upsert", decided_row(row))])
        except ConflictError:
            return 1  # another instance lists it
        return 1


def _tag(row: Row) -> str:
    """The tag of a row that was read; none for one that is only named."""
    return tag_of(row) if hasattr(row, "metadata") else ""
