"""Facts, decisions and holds in Azure Tables, written together with the commands that a decision orders.

Owns the one transaction of a (signal, subject). Knows nothing of how decisions are made or commands carried out.
A decision lies there three times, under its id, under its subject and by its moment, since each is asked for by key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.adapters.azure_blob_bodies import INLINE_BYTES_MAX, SMALL_BYTES_MAX
from shared.adapters.azure_tables_announcements import AzureAnnouncements
from shared.adapters.azure_tables_keys import at, beginning, bucket, falling, key
from shared.adapters.azure_tables_outbox import new_command
from shared.adapters.azure_tables_part import in_every_bucket
from shared.adapters.azure_tables_rows import (
    BODIES_BYTES_MAX,
    WRITES_MAX,
    Row,
    Search,
    Write,
    due_by,
    is_tag,
    row_of,
    tag_of,
)
from shared.adapters.facts_body import FACTS_BYTES_MAX, pack_facts, unpack_facts
from shared.adapters.moments import micros
from shared.domain.decisions import Decision, Evaluation, Hold
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts
from shared.domain.values import encode
from shared.ports import AlreadyDecidedError, ConflictError, Stored, TooLargeError

COPIES = 3  # of a decision


class AzureLedger(AzureAnnouncements):
    """``ports.Ledger`` on Azure Tables."""

    async def facts(self, subject: str) -> Stored[Facts]:
        """The facts of a subject; empty facts and an empty tag when there are none."""
        found = await self._ledger.get(bucket(subject), key("facts", subject))
        if found is None:
            return Stored(Facts())
        tag = f"{found['Commits']}:{tag_of(found)}"
        return Stored(unpack_facts(await self._bodies.get(found)), tag)

    async def commit(self, evaluation: Evaluation, facts_etag: str) -> None:
        """Write facts, decision, commands (as pending, unsent), holds (added, released) in one transaction.

        In the same transaction each announcement becomes owed to each target of ``announce_to``.

        A hold that is both released and added stays, as added. Raises AlreadyDecidedError when the decision exists,
        else ConflictError when the facts changed since they were read, and TooLargeError for facts over 64 KiB or for a
        decision of more rows than a transaction takes.
        """
        decision, facts = evaluation.decision, pack_facts(evaluation.facts)
        if len(facts) > FACTS_BYTES_MAX:
            raise TooLargeError(f"the facts of {decision.subject} take {len(facts)} bytes, more than {FACTS_BYTES_MAX}")
        known = _Commits.of(facts_etag)
        if known is None:
            await self._raise_decided(decision)
            raise ConflictError(f"the facts of {decision.subject} never had the tag {facts_etag}")
        try:
            await self._ledger.write(await self._writes(evaluation, facts, known, decision.commands))
        except ConflictError:
            await self._raise_decided(decision)
            commands = await self._new(decision)
            if len(commands) == len(decision.commands):
                raise
            # An earlier decision has ordered some of the commands: they keep their state, as the facts' tag allows.
            await self._ledger.write(await self._writes(evaluation, facts, known, commands))

    async def decision(self, decision_id: str, subject: str | None = None) -> Decision | None:
        """One row of the ledger; None also when it has another subject than the one that is named."""

        async def look(partition: str) -> list[Row]:
            found = await self._ledger.get(partition, key("decision", decision_id))
            return [] if found is None else [found]

        rows = await (in_every_bucket(look) if subject is None else look(bucket(subject)))
        decisions = _decisions(await self._bodies_of(rows))
        return next((each for each in decisions if subject in (None, each.subject)), None)

    async def decisions(self, subject: str | None, limit: int) -> list[Decision]:
        """The newest decisions, oldest of them first, of one subject or of all."""
        search = Search(limit=limit)
        if subject is None:
            low = beginning("newest")
            rows = await in_every_bucket(lambda partition: self._ledger.beginning(partition, low, search))
        else:
            rows = await self._ledger.beginning(bucket(subject), beginning("of", subject), search)
        newest = sorted(rows, key=lambda row: row["Newest"])[:limit]
        return list(reversed(_decisions(await self._bodies_of(newest))))

    async def subjects(self) -> list[str]:
        """Every subject that has facts, by name."""
        low, search = beginning("facts"), Search(columns=("Subject",))
        rows = await in_every_bucket(lambda partition: self._ledger.beginning(partition, low, search))
        return sorted(row["Subject"] for row in rows)

    async def due_holds(self, now: datetime, limit: int) -> list[Hold]:
        """Holds whose moment came, earliest first. They stay until a decision releases them."""
        low, search = beginning("hold"), Search(due_by(now))
        rows = await in_every_bucket(lambda partition: self._ledger.beginning(partition, low, search))
        earliest = sorted(rows, key=lambda row: (row["DueAt"], row["RowKey"]))[:limit]
        return _holds(await self._bodies_of(earliest))

    async def holds(self, subject: str) -> list[Hold]:
        """All holds of a subject, earliest first."""
        rows = await self._ledger.beginning(bucket(subject), beginning("hold", subject))
        return sorted(_holds(await self._bodies_of(rows)), key=lambda hold: (hold.due, hold.id))

    async def _raise_decided(self, decision: Decision) -> None:
        if await self._ledger.get(bucket(decision.subject), key("decision", decision.id)) is not None:
            raise AlreadyDecidedError(decision.id)

    async def _new(self, decision: Decision) -> list[AnyCommand]:
        """The commands that no earlier decision has ordered. Only commits add any, so the facts' tag guards this."""
        partition, subject = bucket(decision.subject), decision.subject
        found = [await self._ledger.get(partition, key("command", subject, each.id)) for each in decision.commands]
        return [command for command, row in zip(decision.commands, found, strict=True) if row is None]

    async def _writes(
        self, evaluation: Evaluation, facts: bytes, known: "_Commits", commands: Sequence[AnyCommand]
    ) -> list[Write]:
        decision, commits = evaluation.decision, known.number + 1
        subject, partition = decision.subject, bucket(decision.subject)
        inline_max = _inline_max(evaluation, facts)
        row = row_of(partition, key("facts", subject), Subject=subject, Commits=str(commits), Body=facts)
        writes = [Write("update", row, known.tag) if known.tag else Write("insert", row)]
        row_key = key("decision", decision.id)
        body = await self._bodies.put("ledger", partition, row_key, encode(decision), inline_max)
        newest = key("newest", falling(micros(decision.decided_at)), falling(commits), decision.id)
        keys = (row_key, key("of", subject, newest), newest)
        writes += [Write("insert", row_of(partition, each, Newest=newest, **body)) for each in keys]
        for position, command in enumerate(commands):
            ordered, listed, command_body = new_command(decision, command, commits, position)
            body = await self._bodies.put("ledger", partition, str(ordered["RowKey"]), command_body, inline_max)
            writes += [Write("insert", {**ordered, **body}), Write("insert", listed)]
        writes += await self._hold_writes(evaluation, inline_max)
        writes += await self._owe(evaluation, commits, inline_max)
        if len(writes) > WRITES_MAX:
            raise TooLargeError(f"the decision {decision.id} takes {len(writes)} rows, more than {WRITES_MAX}")
        return writes

    async def _hold_writes(self, evaluation: Evaluation, inline_max: int) -> list[Write]:
        subject, partition = evaluation.decision.subject, bucket(evaluation.decision.subject)
        added = {key("hold", subject, hold.id): hold for hold in evaluation.holds}
        released = {key("hold", subject, hold_id) for hold_id in evaluation.released} - added.keys()
        if (
            released
        ):  # no transaction may delete a row that is not there; the facts' tag keeps this true until it is made
            search = Search(columns=("DueAt",))
            known = await self._ledger.beginning(partition, beginning("hold", subject), search)
            released &= {row["RowKey"] for row in known}
        writes = [Write("delete", row_of(partition, row_key)) for row_key in sorted(released)]
        for row_key, hold in added.items():
            body = await self._bodies.put("ledger", partition, row_key, encode(hold), inline_max)
            writes.append(Write("upsert", row_of(partition, row_key, DueAt=at(hold.due), **body)))
        return writes


@dataclass(frozen=True, slots=True)
class _Commits:
    """What a tag of facts holds: how many commits the subject has had, and the tag of Azure's."""

    number: int
    tag: str

    @classmethod
    def of(cls, etag: str) -> "_Commits | None":
        """The parts of a tag; None when no store gave it."""
        if not etag:
            return cls(0, "")
        number, _, tag = etag.partition(":")
        return cls(int(number), tag) if number.isascii() and number.isdecimal() and is_tag(tag) else None


def _inline_max(evaluation: Evaluation, facts: bytes) -> int:
    """How large a body may be inside its row, so that the transaction does not grow too large."""
    sizes = [len(encode(each)) for each in (*evaluation.decision.commands, *evaluation.holds)]
    sizes += [len(encode(evaluation.decision))] * COPIES
    sizes += [len(encode(each)) for each in evaluation.announcements] * len(evaluation.announce_to)
    inside = len(facts) + sum(size for size in sizes if size <= INLINE_BYTES_MAX)
    return INLINE_BYTES_MAX if inside <= BODIES_BYTES_MAX else SMALL_BYTES_MAX


def _decisions(bodies: Sequence[bytes]) -> list[Decision]:
    return [msgspec.json.decode(body, type=Decision) for body in bodies]


def _holds(bodies: Sequence[bytes]) -> list[Hold]:
    return [msgspec.json.decode(body, type=Hold) for body in bodies]
