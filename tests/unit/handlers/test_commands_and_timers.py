"""The queue brings about one step of one command; the timer brings about the sweep."""

import asyncio
import dataclasses
import json

import azure.functions as func
import pytest

from handlers.commands import execute_command
from handlers.timers import sweep
from shared import runtime
from shared.domain.outcomes import Failed
from tests.unit.services.fakes import SUBJECT, decided
from tests.unit.services.signals import hold, notify


def message(body, message_id="message-1"):
    return func.QueueMessage(id=message_id, body=body)


def order(command_id="notify-1"):
    return message(json.dumps({"subject": SUBJECT, "command_id": command_id}))


class Timer(func.TimerRequest):
    """A tick."""

    past_due = False
    schedule_status = None
    schedule = None


async def test_a_message_carries_out_its_command(app, commit):
    await commit(decided("cause", notify()))
    await execute_command(order())
    row = await app.store.command(SUBJECT, "notify-1")
    assert row.attempts == 1
    assert isinstance(row.outcome, Failed)
    assert "teams" in row.outcome.reason


async def test_the_same_message_again_does_nothing(app, commit):
    await commit(decided("cause", notify()))
    await execute_command(order())
    await execute_command(order())
    assert (await app.store.command(SUBJECT, "notify-1")).attempts == 1


async def test_a_message_about_nothing_is_done(app):
    await execute_command(order("no-such-command"))


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"subject": "workload/flight-delay"}', "5"])
async def test_a_message_that_makes_no_sense_raises_and_ends_in_the_poison_queue(app, body):
    with pytest.raises((ValueError, KeyError, TypeError)):
        await execute_command(message(body))


async def test_the_sweep_finds_what_the_host_gave_up_on(app):
    await app.queue.send(SUBJECT, "no-such-command")
    (received,) = await app.queue.receive(1, 30.0)
    await app.queue.move_to_poison(received.id, received.pop_receipt)
    await sweep(Timer())
    assert [row.channel for row in await app.store.rejected(10)] == ["command_queue"]
    assert await app.queue.poisoned(10) == []


async def test_the_timer_wakes_what_is_due_and_sends_what_was_not_sent(app, commit):
    await commit(decided("cause", notify(), holds=[hold()]))
    await sweep(Timer())
    assert [row.cause for row in await app.store.decisions(None, 10)] == ["cause", "elapsed-hold-1"]
    (queued,) = await app.queue.receive(10, 30.0)
    assert json.loads(queued.body) == {"subject": SUBJECT, "command_id": "notify-1"}


async def test_what_the_sweep_queues_the_queue_handler_understands(app, commit):
    await commit(decided("cause", notify()))
    await sweep(Timer())
    (queued,) = await app.queue.receive(10, 30.0)
    await execute_command(message(queued.body))
    assert (await app.store.command(SUBJECT, "notify-1")).attempts == 1


class Owners:
    """Remembers by whom each command was to be claimed."""

    def __init__(self):
        self.heard = []

    async def run(self, subject, command_id, owner):  # noqa: ARG002
        self.heard.append(owner)


async def test_two_deliveries_of_one_message_do_not_pass_for_the_same_owner(app, environment):
    executor, process = Owners(), runtime._Process()

    async def recording():
        return dataclasses.replace(app, executor=executor)

    process.building = asyncio.get_running_loop().create_task(recording())
    environment.setattr(runtime, "_process", process)
    await asyncio.gather(execute_command(order()), execute_command(order()))
    assert len(set(executor.heard)) == 2
