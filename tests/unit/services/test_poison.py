"""A message that the host gave up on is recorded before it is dropped: as an outcome of its command, or as a rejection."""

import json
from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.outcomes import Failed, Succeeded, Unknown
from shared.ports import PoisonMessage, StoreUnavailableError
from shared.services.execute import TRIES_MAX, TRY_FOR
from shared.services.poison import QUEUE_CHANNEL, PoisonError, order_in
from tests.unit.services.fakes import NOON, SUBJECT, ProcessDied
from tests.unit.services.signals import notify


def poison(body, name="m-1"):
    text = body if isinstance(body, str) else json.dumps(body)
    return PoisonMessage(name, text, "receipt", NOON)


def about(command, name="m-1"):
    return poison({"subject": SUBJECT, "command_id": command.id}, name)


async def recorded(world, *messages):
    world.queue.poison.extend(messages)
    return (await world.sweeper.run()).poisoned


async def test_a_message_about_a_command_is_an_attempt_of_which_nobody_knows_what_it_did(world):
    await world.order(notify())
    assert await recorded(world, about(notify())) == 1
    row = await world.row(notify())
    assert (row.state, row.attempts) == ("pending", 1)
    assert isinstance(row.outcome, Unknown)
    assert "poison" in row.outcome.reason
    assert world.queue.poison == []


async def test_the_command_is_queued_again_with_a_backoff_and_can_still_succeed(world):
    await world.order(notify())
    await recorded(world, about(notify()))
    assert [sent.delay_seconds for sent in world.queue.sent][-1] == 2.0
    world.clock.pass_seconds(2)
    assert await world.run(notify()) == Succeeded()


async def test_a_command_whose_messages_always_end_so_is_ended_as_failed_and_the_rules_hear_of_it(world):
    await world.order(notify())
    for attempt in range(TRIES_MAX):
        world.clock.at += TRY_FOR / (TRIES_MAX - 2)
        await recorded(world, about(notify(), f"m-{attempt}"))
    row = await world.row(notify())
    assert row.state == "finished"
    assert isinstance(row.outcome, Failed)
    assert "poison" in row.outcome.reason
    assert [decision.cause_kind for decision in await world.store.decisions(SUBJECT, 9)][-1] == "CommandFinished"


async def test_a_command_that_somebody_is_working_on_is_left_to_them(world):
    await world.order(notify())
    await world.store.claim(SUBJECT, notify().id, "worker", NOON, NOON + timedelta(minutes=5))
    await recorded(world, about(notify()))
    row = await world.row(notify())
    assert (row.state, row.owner, row.attempts) == ("claimed", "worker", 1)
    assert world.queue.poison == []


async def test_a_finished_command_stays_as_it_ended(world):
    await world.order(notify())
    await world.run(notify())
    before = await world.row(notify())
    await recorded(world, about(notify()))
    assert await world.row(notify()) == before


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"subject": 5, "command_id": "c"}', "\udcff", "<no json>"])
async def test_a_message_that_names_no_command_is_a_rejection_with_its_body(world, body):
    await recorded(world, poison(body))
    (row,) = await world.store.rejected(10)
    assert (row.channel, row.reason, row.body) == (
        QUEUE_CHANNEL,
        "malformed_json",
        body.encode("utf-8", "surrogatepass"),
    )
    assert world.queue.poison == []


async def test_a_message_about_a_command_that_is_not_there_is_a_rejection(world):
    await recorded(world, about(notify()))
    (row,) = await world.store.rejected(10)
    assert (row.reason, notify().id in row.detail) == ("out_of_scope", True)


async def test_one_bad_message_does_not_keep_the_others(world):
    await world.order(notify())
    assert await recorded(world, poison("{"), about(notify()), poison("[]")) == 3
    assert (await world.row(notify())).attempts == 1
    assert len(await world.store.rejected(10)) == 2


class DiesAfterRecording(SqliteStore):
    """The embedded store of a process that dies when it has kept a rejection."""

    async def add_rejected(self, row):
        await super().add_rejected(row)
        raise ProcessDied


async def test_a_crash_between_recording_and_dropping_records_it_again_and_loses_nothing(world, tmp_path):
    dying = DiesAfterRecording(str(tmp_path / "outerloop.db"))
    await dying.open()
    crashing = world.another(dying)
    with pytest.raises(ProcessDied):
        await recorded(crashing, poison("{"))
    assert len(world.queue.poison) == 1
    heir = SqliteStore(str(tmp_path / "outerloop.db"))
    await heir.open()
    await recorded(world.another(heir))
    (row,) = await heir.rejected(10)
    assert row.times == 2
    assert world.queue.poison == []
    for store in (dying, heir):
        await store.close()


async def test_with_the_store_down_the_messages_stay_where_they_are(world, store):
    world.queue.poison.append(poison("{"))
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await world.sweeper.run()
    assert len(world.queue.poison) == 1


def test_what_a_message_is_about_is_read_from_its_json():
    assert order_in(b'{"subject": "s", "command_id": "c", "more": 1}') == ("s", "c")
    with pytest.raises(PoisonError, match="names no command"):
        order_in(b"\xff")
