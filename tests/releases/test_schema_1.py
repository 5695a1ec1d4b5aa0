"""A store that the release before announcements wrote goes on in this one: what it began is ended, what waited wakes up.

``schema_1/store.sql`` is what that release's own code left behind (``write_schema_1.py`` says how it was made).
"""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_schema import SCHEMA_VERSION
from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import kind_of
from shared.domain.outcomes import Started, Succeeded
from shared.ports import StoredDelta
from shared.telemetry.fold import decode_window
from tests.unit.services.fakes import SUBJECT, FakeClock, World
from tests.unit.services.signals import asked
from tests.unit.services.telemetry_messages import rows

WRITTEN = Path(__file__).parent / "schema_1" / "store.sql"
LEFT_AT = datetime(2026, 3, 1, 12, 2, 40, tzinfo=UTC)  # by the clock of the run that wrote it
UNTOUCHED_FOR = timedelta(seconds=31)


@pytest.fixture
def path(tmp_path):
    """The file as the earlier release closed it."""
    path = tmp_path / "outerloop.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(WRITTEN.read_text(encoding="utf-8"))
    connection.close()
    return path


@pytest_asyncio.fixture
async def world(path):
    store = SqliteStore(str(path))
    await store.open()
    yield World(store, FakeClock(LEFT_AT + UNTOUCHED_FOR))
    await store.close()


def version_in(path):
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()[0]
    connection.close()
    return found


def schema_of(path):
    """Every table and index, as the file itself describes them."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return found


async def commands_of(store, *states):
    decisions = await store.decisions(SUBJECT, 1000)
    found = [row for each in decisions for row in await store.commands(each.id)]
    return {kind_of(row.command): row for row in found if row.state in states}


async def test_opening_it_brings_it_up_to_date(path):
    assert version_in(path) == 1
    for _ in range(2):
        store = SqliteStore(str(path))
        await store.open()
        await store.close()
    assert version_in(path) == SCHEMA_VERSION


async def test_a_file_brought_up_to_date_has_the_tables_of_a_new_one(path, tmp_path):
    for each in (path, tmp_path / "new.db"):
        store = SqliteStore(str(each))
        await store.open()
        await store.close()
    assert schema_of(path) == schema_of(tmp_path / "new.db")


async def test_several_processes_that_open_it_at_once_bring_it_up_to_date_once(path):
    stores = [SqliteStore(str(path)) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    assert len({len(await store.decisions(None, 1000)) for store in stores}) == 1
    await asyncio.gather(*(store.close() for store in stores))
    assert version_in(path) == SCHEMA_VERSION


async def test_a_step_that_fails_leaves_the_file_as_it_was(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE announcements (something TEXT)")  # in the way of the first step
    connection.close()
    with pytest.raises(Exception, match="announcements"):
        await SqliteStore(str(path)).open()
    assert version_in(path) == 1


async def test_everything_in_it_is_read(world):
    facts = await world.facts()
    assert (facts.champion, facts.paused, [*facts.versions]) == ("1", True, ["1", "2", "3"])
    assert facts.versions["2"].approval.evidence["plan"]
    assert [incident.state for incident in facts.incidents] == ["remedying"]
    assert len(facts.windows["1"]) == 3
    assert len(await world.store.decisions(None, 1000)) == 24
    assert [hold.signal.purpose for hold in await world.store.holds(SUBJECT)] == [
        "retry",
        "approval_expiry",
        "verify_deadline",
    ]
    assert [row.id for row in await world.store.rejected(10)] == ["r-1"]
    assert {*await commands_of(world.store, "pending", "started")} == {"Retrain", "Notify", "RequestApproval"}
    assert len(await world.store.windows("")) == 3
    assert (await world.store.cursor("telemetry/0")).value == 2


async def test_facts_lose_nothing_by_being_read_and_written(world):
    """What a release no longer knows it would drop: a field that goes needs a step that moves what it says."""
    statement = "SELECT body FROM facts"
    (before,) = await world.store.database.read(lambda connection: connection.execute(statement).fetchone())
    await world.ingest.tell(asked("pause", key="paused once more"))
    (after,) = await world.store.database.read(lambda connection: connection.execute(statement).fetchone())
    kept, known = msgspec.json.decode(after), msgspec.json.decode(before)
    assert {name: kept[name] for name in known} == known


async def test_the_signal_that_was_not_decided_is_decided(world):
    swept = await world.sweeper.run()
    assert swept.decided == 1
    assert (await world.ledger())["undecided"].verdict != "escalate"


async def test_the_started_retraining_is_looked_at_and_ends(world):
    (row,) = (await commands_of(world.store, "started")).values()
    assert isinstance(row.outcome, Started)
    world.workspace.answers("Retrain", Succeeded(data={"version": "4"}))
    await world.run(row.command)
    assert world.workspace.journal == [("look jobs/retrain-1", row.command.id)]
    assert (await world.row(row.command)).state == "finished"
    assert (await world.store.decisions(SUBJECT, 1))[0].cause_kind == "CommandFinished"


async def test_what_was_held_goes_on_once_the_pause_ends(world):
    (held,) = (await world.facts()).held
    await world.ingest.tell(asked("resume"))
    assert (await world.sweeper.run()).woken == 1
    decision = (await world.store.decisions(SUBJECT, 1))[0]
    assert decision.cause_kind == "HoldElapsed"
    assert [reason.code for reason in decision.reasons] == ["promotion_under_way"]  # and no longer the pause
    assert held in (await world.facts()).held


async def test_a_signal_that_it_had_heard_is_known(world):
    known = (await world.store.undecided(LEFT_AT + UNTOUCHED_FOR, 10))[0]
    assert not await world.store.insert_signal(known)


async def test_telemetry_that_it_counted_is_folded_and_counted_once(world):
    (delta,) = await world.store.deltas(10)
    assert isinstance(delta, StoredDelta)
    assert await world.aggregator.fold() == 1
    assert await world.aggregator.take("telemetry/0", [(2, b"delivered again")]) == 0


async def test_a_window_that_it_began_is_read_and_goes_on(world):
    assert await world.aggregator.closed_windows() == []  # the watermark has not passed its end
    (before,) = (await world.store.windows("data/")).values()
    assert decode_window(before.value).closed_at is None
    await world.aggregator.take("telemetry/0", [(3, rows(deployment="version-1"))])
    await world.aggregator.fold()
    (after,) = (await world.store.windows("data/")).values()
    assert decode_window(after.value).partial.rows == decode_window(before.value).partial.rows + 1


async def test_its_queue_is_emptied(world):
    queue = SqliteQueue(world.store.database, world.clock)
    messages = await queue.receive(100, 30)
    assert len(messages) > 0
    for message in messages:
        await queue.delete(message.id, message.pop_receipt)
    assert await queue.receive(100, 30) == []
