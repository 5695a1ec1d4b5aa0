"""Facts, decisions and holds in SQLite, written together with the commands that a decision orders.

Owns the one transaction of a (signal, subject). Knows nothing of how decisions are made or commands carried out.
"""

import sqlite3
from datetime import datetime

import msgspec

from shared.adapters.facts_body import FACTS_BYTES_MAX, pack_facts, unpack_facts
from shared.adapters.moments import micros
from shared.adapters.sqlite_announcements import add_announcements
from shared.adapters.sqlite_database import OnDatabase, version_of
from shared.adapters.sqlite_outbox import add_command
from shared.adapters.sqlite_schema import next_version
from shared.domain.decisions import Decision, Evaluation, Hold
from shared.domain.facts import Facts
from shared.domain.values import encode
from shared.ports import AlreadyDecidedError, ConflictError, Stored, TooLargeError


class SqliteLedger(OnDatabase):
    """``ports.Ledger`` on one SQLite file."""

    async def facts(self, subject: str) -> Stored[Facts]:
        """The facts of a subject; empty facts and an empty tag when there are none."""
        statement = "SELECT body, version FROM facts WHERE subject = ?"
        found = await self._database.read(lambda connection: connection.execute(statement, (subject,)).fetchone())
        if found is None:
            return Stored(Facts())
        return Stored(unpack_facts(found[0]), str(found[1]))

    async def commit(self, evaluation: Evaluation, facts_etag: str) -> None:
        """Write facts, decision, commands (as pending, unsent), holds (added, released) in one transaction.

        In the same transaction each announcement becomes owed to each target of ``announce_to``.

        A hold that is both released and added stays, as added. Raises AlreadyDecidedError when the decision exists,
        else ConflictError when the facts changed since they were read, and TooLargeError for facts over 64 KiB.
        """
        facts = pack_facts(evaluation.facts)
        if len(facts) > FACTS_BYTES_MAX:
            subject = evaluation.decision.subject
            raise TooLargeError(f"the facts of {subject} take {len(facts)} bytes, more than {FACTS_BYTES_MAX}")
        await self._database.write(lambda connection: _commit(connection, evaluation, facts, facts_etag))

    async def decision(self, decision_id: str, subject: str | None = None) -> Decision | None:
        """One row of the ledger; None also when it has another subject than the one that is named."""
        statement = "SELECT body FROM decisions WHERE id = :id AND subject = coalesce(:subject, subject)"
        parameters = {"id": decision_id, "subject": subject}
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchone())
        return None if found is None else msgspec.json.decode(found[0], type=Decision)

    async def decisions(self, subject: str | None, limit: int) -> list[Decision]:
        """The newest decisions, oldest of them first, of one subject or of all."""
        statement = "SELECT body FROM decisions ORDER BY decided_at DESC, position DESC LIMIT :limit"
        if subject is not None:
            statement = statement.replace(" ORDER", " WHERE subject = :subject ORDER")
        parameters = {"subject": subject, "limit": limit}
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchall())
        return [msgspec.json.decode(body, type=Decision) for (body,) in reversed(found)]

    async def subjects(self) -> list[str]:
        """Every subject that has facts, by name."""
        statement = "SELECT subject FROM facts ORDER BY subject"
        found = await self._database.read(lambda connection: connection.execute(statement).fetchall())
        return [subject for (subject,) in found]

    async def due_holds(self, now: datetime, limit: int) -> list[Hold]:
        """Holds whose moment came, earliest first. They stay until a decision releases them."""
        return await self._holds("WHERE due <= ? ORDER BY due, id LIMIT ?", (micros(now), limit))

    async def holds(self, subject: str) -> list[Hold]:
        """All holds of a subject, earliest first."""
        return await self._holds("WHERE subject = ? ORDER BY due, id", (subject,))

    async def _holds(self, condition: str, parameters: tuple[str | int, ...]) -> list[Hold]:
        statement = f"SELECT body FROM holds {condition}"  # noqa: S608 - the conditions are the two above
        found = await self._database.read(lambda connection: connection.execute(statement, parameters).fetchall())
        return [msgspec.json.decode(body, type=Hold) for (body,) in found]


def _commit(connection: sqlite3.Connection, evaluation: Evaluation, facts: bytes, facts_etag: str) -> None:
    decision = evaluation.decision
    if connection.execute("SELECT 1 FROM decisions WHERE id = ?", (decision.id,)).fetchone() is not None:
        raise AlreadyDecidedError(decision.id)
    _save_facts(connection, decision.subject, facts, facts_etag)
    connection.execute(
        "INSERT INTO decisions (id, subject, decided_at, body) VALUES (?, ?, ?, ?)",
        (decision.id, decision.subject, micros(decision.decided_at), encode(decision)),
    )
    for command in decision.commands:
        add_command(connection, decision, command)
    add_announcements(connection, evaluation)
    released = [(decision.subject, hold) for hold in evaluation.released]
    connection.executemany("DELETE FROM holds WHERE subject = ? AND id = ?", released)
    added = [(decision.subject, hold.id, micros(hold.due), encode(hold)) for hold in evaluation.holds]
    connection.executemany("INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?)", added)


def _save_facts(connection: sqlite3.Connection, subject: str, facts: bytes, etag: str) -> None:
    version = next_version(connection)
    if etag:
        statement = "UPDATE facts SET version = ?, body = ? WHERE subject = ? AND version = ?"
        written = connection.execute(statement, (version, facts, subject, version_of(etag)))
    else:
        statement = "INSERT INTO facts (version, body, subject) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        written = connection.execute(statement, (version, facts, subject))
    if written.rowcount != 1:
        raise ConflictError(f"the facts of {subject} changed since they were read")
