"""Announcements in Azure Tables: one row for each target that one is still owed to.

Owns the rows and their order. Knows nothing of who publishes them, or of why one waits.
They lie in the partition of their subject, so that the commit that says them owes them too. Their keys begin with
target and moment: what is oldest comes first.
"""

from collections.abc import Sequence
from itertools import groupby

import msgspec

from shared.adapters.azure_tables_keys import SEPARATOR, after, at, beginning, bucket, key, rising
from shared.adapters.azure_tables_part import OnTables, in_every_bucket
from shared.adapters.azure_tables_rows import WRITES_MAX, Row, Search, Write, row_of
from shared.domain.announcements import Announcement
from shared.domain.decisions import Evaluation
from shared.domain.values import encode
from shared.ports import ConflictError

OWED = "owed"


class AzureAnnouncements(OnTables):
    """``ports.Announcements`` on Azure Tables."""

    async def announcements(self, target: str, limit: int) -> list[Announcement]:
        """What is owed to a target, the oldest first; those of one decision in their order."""
        low, search = beginning(OWED, target), Search(limit=limit)
        rows = await in_every_bucket(lambda partition: self._ledger.beginning(partition, low, search))
        oldest = sorted(rows, key=lambda row: row["RowKey"])[:limit]
        return [msgspec.json.decode(body, type=Announcement) for body in await self._bodies_of(oldest)]

    async def announcements_waiting(self, target: str) -> int:
        """How many are owed to a target."""
        low, search = beginning(OWED, target), Search(columns=("Announcement",))
        return len(await in_every_bucket(lambda partition: self._ledger.beginning(partition, low, search)))

    async def forget_announcements(self, target: str, announcements: Sequence[Announcement]) -> None:
        """They are owed to this target no more. Those that are unknown are passed over."""
        in_order = sorted(announcements, key=lambda said: bucket(said.subject))
        for partition, some in groupby(in_order, key=lambda said: bucket(said.subject)):
            await self._forget_in(partition, target, list(some))

    async def _forget_in(self, partition: str, target: str, announcements: Sequence[Announcement]) -> None:
        moments, ids = sorted(at(said.time) for said in announcements), {said.id for said in announcements}
        low, high = beginning(OWED, target) + moments[0], after(beginning(OWED, target) + moments[-1] + SEPARATOR)
        search = Search(columns=("Announcement",))
        rows = await self._ledger.between(partition, low, high, search)
        known = [row for row in rows if row["Announcement"] in ids]
        for first in range(0, len(known), WRITES_MAX):
            await self._drop_owed(known[first : first + WRITES_MAX])

    async def _drop_owed(self, rows: Sequence[Row]) -> None:
        try:
            await self._ledger.write([Write("delete", row) for row in rows])
        except ConflictError:  # another instance dropped some of them at the same time
            if len(rows) > 1:
                for row in rows:
                    await self._drop_owed([row])

    async def _owe(self, evaluation: Evaluation, commits: int, inline_max: int) -> list[Write]:
        """The rows by which a commit owes each announcement of an evaluation to each of its targets."""
        partition = bucket(evaluation.decision.subject)
        writes: list[Write] = []
        for target in evaluation.announce_to:
            for position, said in enumerate(evaluation.announcements):
                row_key = key(OWED, target, at(said.time), rising(commits), rising(position), said.id)
                body = await self._bodies.put("ledger", partition, row_key, encode(said), inline_max)
                writes.append(Write("insert", row_of(partition, row_key, Announcement=said.id, **body)))
        return writes
