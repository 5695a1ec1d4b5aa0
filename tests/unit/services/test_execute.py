"""A command is claimed, carried out and recorded; whatever happens in between, it has its effect and its end."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import kind_of
from shared.domain.effects import AnyCommand
from shared.domain.ids import derive
from shared.domain.on_unknown import ON_UNKNOWN
from shared.domain.outcomes import ASKED_SECONDS, Failed, Skipped, Started, Succeeded, Unknown
from shared.domain.values import replace
from shared.ports import StoreUnavailableError
from shared.services.attempts import ROLLBACK_WAIT_MAX, WAIT_MAX
from shared.services.effects import CALL_MAX
from shared.services.execute import (
    AGE_MAX,
    BACKOFF_MAX,
    CLAIM_FOR,
    LEASE_FOR,
    LEASE_RETRY,
    PAUSE_LOOK,
    TRIES_MAX,
    TRY_FOR,
)
from tests.unit.services.fakes import NOON, SUBJECT, ProcessDied, World
from tests.unit.services.signals import (
    check,
    deploy,
    notify,
    record_reference,
    retrain,
    roll_back,
    rolling_out,
    set_traffic,
)

BUSY = Failed(retryable=True, reason="the endpoint is busy")
PROFILE_TAGS = {
    "outerloop.reference": '{"rows": 100, "features": ["distance"]}',
    "outerloop.reference.distance": '{"kind": "numeric", "edges": [1.0, 2.0], "counts": [30, 40, 30]}',
}


def finished(command):
    """The key of the signal that tells of a command's end."""
    return derive("signal", "finished", command.id)


def started(world, seconds=15.0, operation="operations/1"):
    return Started(operation=operation, look_again_at=world.clock.now() + timedelta(seconds=seconds))


# What an outcome becomes


async def test_success_is_recorded_told_and_decided_at_once(world):
    await world.order(notify())
    assert await world.run(notify()) == Succeeded()
    row = await world.row(notify())
    assert (row.state, row.outcome, row.finished_at) == ("finished", Succeeded(), NOON)
    told = await world.store.signal(finished(notify()))
    assert told.decided
    assert (told.signal.command_kind, told.signal.outcome) == ("Notify", Succeeded())
    assert (await world.ledger())[finished(notify())].verdict == "suppress"


async def test_what_an_end_brings_about_lies_one_action_deeper(world):
    await world.order(notify())
    await world.run(notify())
    assert (await world.store.signal(finished(notify()))).signal.depth == (await world.row(notify())).depth + 1


async def test_a_final_failure_ends_the_command_with_its_reason(world):
    world.messenger.answers("Notify", Failed(retryable=False, reason="no such channel"))
    await world.order(notify())
    await world.run(notify())
    assert (await world.row(notify())).outcome.reason == "no such channel"
    assert (await world.ledger())[finished(notify())].verdict == "escalate"


async def test_skipped_ends_the_command(world):
    world.messenger.answers("Notify", Skipped(reason="told already"))
    await world.order(notify())
    await world.run(notify())
    assert (await world.row(notify())).state == "finished"
    assert (await world.store.signal(finished(notify()))).signal.outcome == Skipped(reason="told already")


async def test_the_end_of_a_step_brings_about_the_next(world):
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    await world.run(set_traffic())
    assert (await world.facts()).rollout.step_started_at == NOON
    (bake,) = await world.store.holds(SUBJECT)
    assert bake.signal.purpose == "bake"


async def test_a_started_operation_is_looked_at_when_it_is_due(world):
    world.workspace.answers("Retrain", started(world, 15), Succeeded(data={"model_version": "2"}))
    await world.order(retrain())
    await world.run(retrain())
    assert world.queue.sent[-1].delay_seconds == 15.0
    assert await world.run(retrain()) is None
    world.clock.pass_seconds(15)
    assert isinstance(await world.run(retrain()), Succeeded)
    assert world.workspace.journal == [("begin", "retrain-1"), ("look operations/1", "retrain-1")]


async def test_a_command_that_is_unknown_is_nobodys(world):
    assert await world.executor.run(SUBJECT, "no-such-command", "worker") is None


async def test_a_finished_command_is_not_done_again(world):
    await world.order(notify())
    await world.run(notify())
    assert await world.run(notify()) is None
    assert world.messenger.journal == [("send", "notify-1")]


# Trying again


async def test_a_retryable_failure_is_tried_again_later(world):
    world.messenger.answers("Notify", BUSY)
    await world.order(notify())
    assert await world.run(notify()) == BUSY
    row = await world.row(notify())
    assert (row.state, row.outcome, row.not_before) == ("pending", BUSY, NOON + timedelta(seconds=2))
    assert world.queue.sent[-1].delay_seconds == 2.0
    world.clock.pass_seconds(2)
    assert await world.run(notify()) == Succeeded()


async def test_each_wait_is_twice_as_long_up_to_five_minutes(world):
    await world.order(notify())
    waits = []
    for _ in range(11):
        world.messenger.answers("Notify", BUSY)
        await world.run(notify())
        waits.append((await world.row(notify())).not_before - world.clock.now())
        world.clock.at += waits[-1]
    assert waits[:8] == [timedelta(seconds=2**n) for n in range(1, 9)]
    assert set(waits[8:]) == {BACKOFF_MAX}


async def test_it_gives_up_after_enough_attempts_and_enough_time(world):
    await world.order(notify())
    attempts = 0
    while (await world.row(notify())).state != "finished":
        world.messenger.answers("Notify", BUSY)
        await world.run(notify())
        attempts += 1
        world.clock.pass_seconds(300)
    outcome = (await world.row(notify())).outcome
    assert not outcome.retryable
    assert outcome.reason == f"gave up after {attempts} attempts: the endpoint is busy"
    assert attempts >= TRIES_MAX
    assert timedelta(seconds=300) * attempts > TRY_FOR


async def test_many_attempts_in_a_short_time_are_no_reason_to_give_up(world):
    await world.order(notify())
    for _ in range(TRIES_MAX + 1):
        world.messenger.answers("Notify", BUSY)
        row = await world.row(notify())
        world.clock.at = row.not_before or world.clock.at
        await world.run(notify())
    assert (await world.row(notify())).state == "pending"


async def test_a_rollback_is_tried_every_second_until_its_deadline(world):
    await world.order(roll_back(seconds=3))
    for _ in range(3):
        world.workspace.answers("RollBackTraffic", BUSY)
        await world.run(roll_back(seconds=3))
        assert world.queue.sent[-1].delay_seconds == 1.0
        world.clock.pass_seconds(1)
    world.workspace.answers("RollBackTraffic", BUSY)
    await world.run(roll_back(seconds=3))
    assert (await world.row(roll_back())).state == "finished"


def throttled(seconds):
    return Failed(retryable=True, reason="throttled", until=NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize(("asked", "waited"), [(20, 20), (1, 2), (86_400, WAIT_MAX.total_seconds())])
async def test_a_write_that_azure_throttles_is_tried_again_when_azure_says_so_within_a_bound(world, asked, waited):
    world.workspace.answers("DeployModel", throttled(asked))
    await world.order(deploy())
    await world.run(deploy())
    assert world.queue.sent[-1].delay_seconds == waited


@pytest.mark.parametrize(("asked", "waited"), [(8, 8), (900, ROLLBACK_WAIT_MAX.total_seconds())])
async def test_a_rollback_that_azure_throttles_waits_no_longer_than_users_can(world, asked, waited):
    world.workspace.answers("RollBackTraffic", throttled(asked))
    await world.order(roll_back(seconds=600))
    await world.run(roll_back(seconds=600))
    assert world.queue.sent[-1].delay_seconds == waited


async def test_a_rollback_that_azure_throttles_is_told_at_its_deadline(world):
    world.workspace.answers("RollBackTraffic", throttled(900), throttled(900))
    await world.order(roll_back(seconds=7), facts=rolling_out(pending=""))
    await world.run(roll_back(seconds=7))
    assert world.queue.sent[-1].delay_seconds == 7
    world.clock.pass_seconds(7)
    await world.run(roll_back(seconds=7))
    assert (await world.row(roll_back())).state == "finished"


async def test_a_rollback_under_way_is_looked_at_soon_however_long_azure_asks_to_be_left_alone(world):
    world.workspace.answers("RollBackTraffic", started(world, 900))
    await world.order(roll_back(seconds=600))
    await world.run(roll_back(seconds=600))
    assert (await world.row(roll_back())).outcome.look_again_at == NOON + ROLLBACK_WAIT_MAX


@pytest.mark.parametrize("command", [check(), record_reference()], ids=kind_of)
async def test_a_read_that_azure_throttles_is_made_again_when_azure_says_so(world, command):
    refused = Failed(retryable=True, reason="throttled", data={ASKED_SECONDS: 40.0})
    world.prober.answers("CheckEndpoint", refused)
    world.workspace.tags = refused
    await world.order(command)
    assert await world.run(command) == replace(refused, data={}, until=NOON + timedelta(seconds=40))
    assert world.queue.sent[-1].delay_seconds == 40


async def test_a_message_that_is_throttled_is_sent_again_when_its_channel_says_so(world):
    command = notify()
    world.messenger.answers("Notify", Failed(retryable=True, reason="throttled", data={ASKED_SECONDS: 40.0}))
    await world.order(command)
    await world.run(command)
    assert world.queue.sent[-1].delay_seconds == 40


async def test_a_rollback_that_failed_is_escalated_with_what_to_do_by_hand(world):
    world.workspace.answers("RollBackTraffic", Failed(retryable=False, reason="forbidden"))
    await world.order(roll_back(), facts=rolling_out(pending=""))
    await world.run(roll_back())
    decision = (await world.ledger())[finished(roll_back())]
    assert decision.verdict == "escalate"
    assert "az ml online-endpoint update" in decision.reasons[0].release


async def test_a_rollback_that_never_ends_is_given_up_at_its_deadline(world):
    await world.order(roll_back(seconds=30))
    for _ in range(3):
        world.workspace.answers("RollBackTraffic", started(world, 15))
        await world.run(roll_back(seconds=30))
        world.clock.pass_seconds(15)
    row = await world.row(roll_back())
    assert row.state == "finished"
    assert "under way" in row.outcome.reason


async def test_an_operation_that_never_ends_is_given_up_after_a_day(world):
    world.workspace.answers("Retrain", started(world))
    await world.order(retrain())
    await world.run(retrain())
    world.clock.at += AGE_MAX - timedelta(seconds=1)
    world.workspace.answers("Retrain", started(world, 1))
    await world.run(retrain())
    assert (await world.row(retrain())).state == "started"
    world.clock.pass_seconds(1)
    world.workspace.answers("Retrain", started(world))
    await world.run(retrain())
    assert (await world.row(retrain())).state == "finished"


async def test_a_day_of_an_operation_begins_with_it_and_not_with_an_order_that_waited(world):
    await world.order(retrain())
    world.clock.at += AGE_MAX
    world.workspace.answers("Retrain", started(world), started(world, 30))
    await world.run(retrain())
    world.clock.pass_seconds(15)
    await world.run(retrain())
    assert (await world.row(retrain())).state == "started"
    world.clock.at += AGE_MAX
    world.workspace.answers("Retrain", started(world))
    await world.run(retrain())
    assert (await world.row(retrain())).state == "finished"


async def test_a_look_that_fails_for_the_moment_keeps_the_operation(world):
    world.workspace.answers("Retrain", started(world), Unknown(reason="timed out"), Succeeded())
    await world.order(retrain())
    for _ in range(3):
        await world.run(retrain())
        world.clock.pass_seconds(300)
    verbs = [verb for verb, _ in world.workspace.journal]
    assert verbs == ["begin", "look operations/1", "look operations/1"]


async def test_an_operation_that_failed_for_now_is_begun_anew(world):
    world.workspace.answers("RollBackTraffic", started(world), Failed(retryable=True, reason="the endpoint is Failed"))
    await world.order(roll_back())
    for _ in range(3):
        await world.run(roll_back())
        world.clock.pass_seconds(15)
    assert [verb for verb, _ in world.workspace.journal] == ["begin", "look operations/1", "begin"]
    assert (await world.row(roll_back())).outcome == Succeeded()


# What is unknown


async def test_unknown_is_tried_again_when_a_repeat_has_the_effect_of_one(world):
    world.workspace.answers("Retrain", Unknown(reason="timed out"))
    await world.order(retrain())
    await world.run(retrain())
    row = await world.row(retrain())
    assert (row.state, row.outcome) == ("pending", Unknown(reason="timed out"))
    world.clock.pass_seconds(2)
    await world.run(retrain())
    assert world.workspace.journal == [("begin", "retrain-1")] * 2


async def test_unknown_gives_up_in_the_end_too(world):
    await world.order(retrain())
    for _ in range(TRIES_MAX):
        world.workspace.answers("Retrain", Unknown(reason="timed out"))
        await world.run(retrain())
        world.clock.pass_seconds(300)
    row = await world.row(retrain())
    assert row.state == "finished"
    assert row.outcome.reason.endswith("timed out")


def test_every_command_says_what_to_do_when_its_effect_is_unknown():
    def kinds(union):
        return {kind for part in union.__args__ for kind in (kinds(part) if hasattr(part, "__args__") else {part})}

    assert set(ON_UNKNOWN) == kinds(AnyCommand)


# Crashes


async def test_after_a_crash_in_mid_call_the_same_command_begins_again(world):
    await world.order(deploy())
    world.workspace.answers("DeployModel", ProcessDied())
    with pytest.raises(ProcessDied):
        await world.run(deploy(), "first")
    assert await world.run(deploy(), "second") is None
    world.clock.at += CLAIM_FOR
    assert await world.run(deploy(), "second") == Succeeded()
    assert world.workspace.journal == [("begin", "deploy-1")] * 2


async def test_where_calls_are_shorter_a_claim_expires_sooner_and_still_outlasts_a_call(world):
    quick = World(world.store, world.clock, call_max=timedelta(seconds=8))
    await quick.order(deploy())
    quick.workspace.answers("DeployModel", ProcessDied())
    with pytest.raises(ProcessDied):
        await quick.run(deploy(), "first")
    world.clock.pass_seconds(19)
    assert await quick.run(deploy(), "second") is None
    world.clock.pass_seconds(1)
    assert await quick.run(deploy(), "second") == Succeeded()


async def test_where_calls_are_shorter_a_retraining_begins_all_the_same(world):
    quick = World(world.store, world.clock, call_max=timedelta(seconds=8))
    await quick.order(retrain())
    assert await quick.run(retrain()) == Succeeded()


async def test_after_a_crash_while_looking_it_is_looked_at_again(world):
    world.workspace.answers("Retrain", started(world), ProcessDied(), Succeeded())
    await world.order(retrain())
    await world.run(retrain())
    world.clock.pass_seconds(15)
    with pytest.raises(ProcessDied):
        await world.run(retrain())
    world.clock.at += CLAIM_FOR
    await world.run(retrain())
    assert [verb for verb, _ in world.workspace.journal] == ["begin", "look operations/1", "look operations/1"]


async def test_who_lost_the_claim_records_nothing(world):
    await world.order(retrain())

    async def another_takes_over():
        world.workspace.meanwhile = None
        world.clock.at += CLAIM_FOR
        await world.run(retrain(), "second")

    world.workspace.meanwhile = another_takes_over
    world.workspace.answers("Retrain", Succeeded(data={"by": "second"}), Succeeded(data={"by": "first"}))
    assert await world.run(retrain(), "first") is None
    assert (await world.row(retrain())).outcome == Succeeded(data={"by": "second"})
    assert [d.cause_kind for d in await world.store.decisions(None, 10)] == ["OperatorAsked", "CommandFinished"]


async def test_a_crash_between_the_end_and_its_decision_is_mended_by_the_sweep(world):
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    mute = _Mute(world.store.database)
    crashing = world.another(mute)
    with pytest.raises(StoreUnavailableError):
        await crashing.run(set_traffic())
    assert (await world.row(set_traffic())).state == "finished"
    assert (await world.facts()).rollout.step_started_at is None
    world.clock.pass_seconds(31)
    assert (await world.sweeper.run()).decided == 1
    assert (await world.facts()).rollout.step_started_at == world.clock.now()


class _Mute(SqliteStore):
    """The embedded store of an instance that loses it after each finished command."""

    def __init__(self, database):
        super().__init__(":memory:")
        self._database = database

    async def finish(self, *arguments):
        await super().finish(*arguments)
        self._database = SqliteStore(":memory:").database


async def test_two_workers_with_the_same_message_do_it_once(world):
    await world.order(retrain())

    async def same_message_again():
        world.workspace.meanwhile = None
        assert await world.run(retrain(), "second") is None

    world.workspace.meanwhile = same_message_again
    await world.run(retrain(), "first")
    assert world.workspace.journal == [("begin", "retrain-1")]


# The lease


async def test_a_second_writer_to_an_endpoint_waits_its_turn(world):
    world.workspace.answers("DeployModel", started(world))
    await world.order(deploy(), set_traffic(), facts=rolling_out(pending="traffic-1"))
    await world.run(deploy())
    outcome = await world.run(set_traffic())
    assert outcome == Skipped(reason="lease", until=NOON + LEASE_RETRY)
    assert ("begin", "traffic-1") not in world.workspace.journal
    assert (await world.row(set_traffic())).state == "pending"
    assert world.queue.sent[-1].delay_seconds == LEASE_RETRY.total_seconds()
    world.clock.pass_seconds(15)
    await world.run(deploy())
    await world.run(set_traffic())
    assert world.workspace.journal[-1] == ("begin", "traffic-1")


async def test_waiting_for_the_lease_never_gives_up(world):
    world.workspace.answers("DeployModel", started(world))
    await world.order(deploy(), set_traffic(), facts=rolling_out(pending="traffic-1"))
    await world.run(deploy())
    for _ in range(TRIES_MAX + 2):
        world.clock.pass_seconds(300)
        world.workspace.answers("DeployModel", started(world, 1))
        await world.run(deploy())
        await world.run(set_traffic())
    assert (await world.row(set_traffic())).state == "pending"


async def test_a_rollback_pre_empts_the_writer(world):
    world.workspace.answers("DeployModel", started(world))
    await world.order(deploy(), roll_back())
    await world.run(deploy())
    assert await world.run(roll_back()) == Succeeded()


async def test_who_was_pre_empted_waits_until_the_rollback_has_ended(world):
    world.workspace.answers("DeployModel", started(world))
    world.workspace.answers("RollBackTraffic", started(world, 20))
    await world.order(deploy(), roll_back())
    await world.run(deploy())
    await world.run(roll_back())
    world.clock.pass_seconds(15)
    assert (await world.run(deploy())).reason == "lease"
    world.clock.pass_seconds(5)
    await world.run(roll_back())
    assert await world.run(deploy()) == Succeeded()
    assert world.workspace.journal[-1] == ("look operations/1", "deploy-1")


async def test_a_step_that_a_rollback_overtook_is_not_taken_afterwards(world):
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    stale = await world.facts()
    await world.order(roll_back(), cause="rollback", facts=type(stale)(versions=stale.versions, champion="1"))
    await world.run(roll_back())
    outcome = await world.run(set_traffic())
    assert isinstance(outcome, Skipped)
    assert world.workspace.journal == [("begin", "rollback-1")]
    assert (await world.row(set_traffic())).state == "finished"


async def test_nor_is_it_repeated_after_a_crash_in_mid_call(world):
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    world.workspace.answers("SetTraffic", ProcessDied())
    with pytest.raises(ProcessDied):
        await world.run(set_traffic())
    before = await world.facts()
    await world.order(roll_back(), cause="rollback", facts=type(before)(versions=before.versions, champion="1"))
    await world.run(roll_back())
    world.clock.at += CLAIM_FOR
    assert "stale plan" in (await world.run(set_traffic(), "second")).reason
    assert world.workspace.journal == [("begin", "traffic-1"), ("begin", "rollback-1")]


async def overtaken(world, *outcomes):
    """A step that began and whose end nobody saw, when a rollback was ordered and done."""
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    world.workspace.answers("SetTraffic", *outcomes)
    await world.run(set_traffic())
    before = await world.facts()
    await world.order(roll_back(), cause="rollback", facts=type(before)(versions=before.versions, champion="1"))
    await world.run(roll_back())
    world.clock.pass_seconds(15)


async def test_a_step_that_came_in_behind_the_rollback_is_taken_back(world):
    await overtaken(world, started(world), Succeeded(data={"traffic": "version-1=90,version-2=10"}))
    await world.run(set_traffic())
    (write,) = (await world.ledger())[finished(set_traffic())].commands
    assert (kind_of(write), write.traffic) == ("RollBackTraffic", {"version-1": 100, "version-2": 0})


async def test_a_step_whose_effect_is_unknown_when_the_rollback_overtakes_it_is_taken_back_too(world):
    await overtaken(world, Unknown(reason="timed out"))
    await world.run(set_traffic())
    (write,) = (await world.ledger())[finished(set_traffic())].commands
    assert (kind_of(write), write.traffic) == ("RollBackTraffic", {"version-1": 100})


async def test_what_waits_for_the_lease_does_not_forget_that_it_may_have_been_done(world):
    await overtaken(world, Unknown(reason="timed out"))
    world.workspace.answers("DeployModel", started(world))
    await world.order(deploy(), cause="another", facts=await world.facts())
    await world.run(deploy())
    assert (await world.run(set_traffic())).reason == "lease"
    world.clock.pass_seconds(15)
    await world.run(deploy())
    await world.run(set_traffic())
    assert [kind_of(c) for c in (await world.ledger())[finished(set_traffic())].commands] == ["RollBackTraffic"]


async def test_having_waited_long_for_the_lease_does_not_use_up_the_attempts(world):
    world.workspace.answers("DeployModel", started(world))
    await world.order(deploy(), set_traffic(), facts=rolling_out(pending="traffic-1"))
    await world.run(deploy())
    for _ in range(TRIES_MAX + 2):
        world.clock.pass_seconds(300)
        world.workspace.answers("DeployModel", started(world, 1))
        await world.run(deploy())
        await world.run(set_traffic())
    world.clock.pass_seconds(1)
    await world.run(deploy())
    world.clock.pass_seconds(2)
    world.workspace.answers("SetTraffic", BUSY)
    await world.run(set_traffic())
    assert (await world.row(set_traffic())).state == "pending"


async def test_a_step_under_way_that_a_rollback_overtook_is_followed_to_its_end(world):
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    world.workspace.answers("SetTraffic", started(world))
    await world.run(set_traffic())
    before = await world.facts()
    await world.order(cause="rollback", facts=type(before)(versions=before.versions, champion="1"))
    world.clock.pass_seconds(15)
    assert await world.run(set_traffic()) == Succeeded()
    assert world.workspace.journal[-1] == ("look operations/1", "traffic-1")


async def test_a_failed_writer_gives_the_lease_back(world):
    world.workspace.answers("DeployModel", Failed(retryable=False, reason="quota"))
    await world.order(deploy(), roll_back(), set_traffic(), facts=rolling_out(pending="traffic-1"))
    await world.run(deploy())
    assert await world.run(set_traffic()) == Succeeded()


async def test_requests_to_an_endpoint_need_no_lease(world):
    world.workspace.answers("DeployModel", started(world))
    await world.order(deploy(), check())
    await world.run(deploy())
    assert await world.run(check()) == Succeeded()


# Commands of each kind


async def test_a_check_sends_the_body_that_lies_beside_the_policy(world):
    await world.order(check())
    await world.run(check())
    assert world.prober.bodies == ['{"rows": []}']


async def test_a_check_without_its_body_says_which_file_is_missing(world):
    await world.order(check(payload="gone.json"))
    outcome = await world.run(check())
    assert not outcome.retryable
    assert "gone.json" in outcome.reason


async def test_the_reference_of_a_version_is_kept_for_its_deployment(world):
    world.workspace.tags = PROFILE_TAGS
    await world.order(record_reference())
    assert await world.run(record_reference()) == Succeeded(data={"features": 1.0, "rows": 100.0})
    (name,) = await world.store.documents("profiles/")
    assert name.endswith("/onlineendpoints/flight-delay/deployments/version-2")


async def test_a_run_without_a_reference_fails_with_what_is_missing(world):
    await world.order(record_reference())
    outcome = await world.run(record_reference())
    assert not outcome.retryable
    assert "outerloop.reference" in outcome.reason


async def test_a_reference_that_cannot_be_read_now_is_read_later(world):
    world.workspace.tags = BUSY
    await world.order(record_reference())
    assert await world.run(record_reference()) == BUSY
    assert (await world.row(record_reference())).state == "pending"


async def test_instances_on_one_store_see_each_others_claims(tmp_path):
    path = str(tmp_path / "outerloop.db")
    first = World(SqliteStore(path))
    second = first.another(SqliteStore(path))
    for each in (first, second):
        await each.store.open()
    await first.order(notify())
    outcomes = [await each.run(notify(), name) for name, each in (("a", first), ("b", second))]
    assert outcomes == [Succeeded(), None]
    for each in (first, second):
        await each.store.close()


async def test_a_fault_of_ours_in_a_step_is_an_outcome_and_is_tried_again(world):
    world.workspace.answers("Retrain", RuntimeError("a bug"))
    await world.order(retrain())
    outcome = await world.run(retrain())
    assert outcome == Unknown(reason="RuntimeError: a bug")
    row = await world.store.command(SUBJECT, "retrain-1")
    assert (row.state, row.outcome) == ("pending", outcome)


# Under a pause


async def paused(world, *, resume=False):
    stored = await world.store.facts(SUBJECT)
    await world.order(cause=f"pause-{world.clock.now()}-{resume}", facts=replace(stored.value, paused=not resume))


@pytest.mark.parametrize("command", [retrain(), deploy(), check(), record_reference()], ids=lambda command: command.id)
async def test_a_pause_keeps_a_command_from_beginning_and_to_resume_lets_it_go(world, command):
    await world.order(command)
    await paused(world)
    outcome = await world.run(command)
    assert outcome == Skipped(reason="the workload is paused", until=NOON + PAUSE_LOOK)
    assert world.workspace.journal == []
    row = await world.row(command)
    assert (row.state, row.attempts) == ("pending", 0)
    await paused(world, resume=True)
    world.clock.pass_seconds(PAUSE_LOOK.total_seconds())
    await world.run(command)
    assert (await world.row(command)).attempts == 1


async def test_a_pause_breeds_no_messages_however_often_one_is_delivered(world):
    await world.order(retrain())
    await paused(world)
    sent = len(world.queue.sent)
    for _ in range(3):
        await world.run(retrain())
    assert len(world.queue.sent) == sent
    world.clock.pass_seconds(PAUSE_LOOK.total_seconds())
    await world.sweeper.run()
    assert len(world.queue.sent) == sent + 1


async def test_what_azure_began_before_a_crash_is_followed_to_its_end_during_a_pause(world):
    world.workspace.answers("Retrain", started(world, 15), ProcessDied(), Succeeded(data={"model_version": "2"}))
    await world.order(retrain())
    await world.run(retrain())
    world.clock.pass_seconds(15)
    with pytest.raises(ProcessDied):
        await world.run(retrain())
    await paused(world)
    world.clock.pass_seconds(CLAIM_FOR.total_seconds() + 1)
    assert isinstance(await world.run(retrain()), Succeeded)


class _StandsStill(SqliteStore):
    """The store of a process that is frozen, right after it has read under its claim what is wanted."""

    clock, seconds, meanwhile, claimed = None, 0.0, None, False

    async def claim(self, *arguments):
        row = await super().claim(*arguments)
        self.claimed = row is not None
        return row

    async def facts(self, subject):
        stored = await super().facts(subject)
        if self.claimed:
            self.claimed, meanwhile = False, self.meanwhile
            self.clock.pass_seconds(self.seconds)
            if meanwhile:
                await meanwhile()
        return stored


@pytest.fixture
async def frozen(world, tmp_path):
    """An instance that a test may freeze, and the store that it shares with others, who go on."""
    path = str(tmp_path / "shared.db")
    store, others = _StandsStill(path), SqliteStore(path)
    store.clock = world.clock
    await store.open()
    await others.open()
    yield World(store, world.clock), World(others, world.clock)
    await store.close()
    await others.close()


async def taken_over(frozen, command):
    """What becomes of a command whose executor stands still until another one has taken it over and ended it."""
    still, other = frozen

    async def meanwhile():
        still.clock.at += CLAIM_FOR
        await other.run(command, "second")

    await still.order(command, facts=rolling_out(pending=command.id))
    still.store.meanwhile = meanwhile
    return await still.run(command, "first")


EFFECTS = [deploy(), set_traffic(), roll_back(), retrain(), notify()]


@pytest.mark.parametrize("command", EFFECTS, ids=lambda command: command.id)
async def test_who_stood_still_does_not_do_what_another_did_meanwhile(frozen, command):
    still, other = frozen
    assert await taken_over(frozen, command) is None
    assert still.workspace.journal + still.messenger.journal == []
    (done,) = other.workspace.journal + other.messenger.journal
    assert done[1] == command.id
    assert (await other.row(command)).outcome == Succeeded()


@pytest.mark.parametrize("command", EFFECTS, ids=lambda command: command.id)
async def test_who_stood_still_tries_again_when_nobody_took_over(frozen, command):
    still, _ = frozen
    still.store.seconds = CLAIM_FOR.total_seconds()
    await still.order(command, facts=rolling_out(pending=command.id))
    assert isinstance(await still.run(command), Skipped)
    row = await still.row(command)
    assert (row.state, row.attempts, row.not_before) == ("pending", 0, still.clock.now())
    still.store.seconds = 0
    assert await still.run(command) == Succeeded()


@pytest.mark.parametrize(("late", "journal"), [(0, [("begin", "deploy-1")]), (1, [])])
async def test_a_call_begins_only_when_it_ends_within_its_claim(frozen, late, journal):
    still, _ = frozen
    still.store.seconds = (CLAIM_FOR - CALL_MAX).total_seconds() + late
    await still.order(deploy())
    await still.run(deploy())
    assert still.workspace.journal == journal


def test_a_lease_outlasts_the_claim_under_which_it_is_taken():
    assert LEASE_FOR > CLAIM_FOR > CALL_MAX


@pytest.mark.parametrize("command", [roll_back(), notify()], ids=lambda command: command.id)
async def test_no_pause_holds_a_rollback_or_a_notification(world, command):
    await paused(world)
    await world.order(command)
    assert await world.run(command) == Succeeded()


async def test_a_pause_holds_no_lease_so_a_rollback_gets_through_at_once(world):
    await world.order(deploy(), roll_back())
    await paused(world)
    await world.run(deploy())
    assert await world.run(roll_back()) == Succeeded()


async def test_what_azure_has_begun_is_followed_to_its_end_during_a_pause(world):
    world.workspace.answers("Retrain", started(world, 15), Succeeded(data={"model_version": "2"}))
    await world.order(retrain())
    await world.run(retrain())
    await paused(world)
    world.clock.pass_seconds(15)
    assert isinstance(await world.run(retrain()), Succeeded)


async def test_what_a_crash_left_in_mid_call_is_not_repeated_during_a_pause(world):
    world.workspace.answers("Retrain", ProcessDied())
    await world.order(retrain())
    with pytest.raises(ProcessDied):
        await world.run(retrain())
    await paused(world)
    world.clock.pass_seconds(CLAIM_FOR.total_seconds() + 1)
    assert (await world.run(retrain())).reason == "the workload is paused"
    await paused(world, resume=True)
    assert await world.run(retrain()) == Succeeded()


async def test_a_long_pause_does_not_use_up_a_commands_tries(world):
    world.workspace.answers("Retrain", BUSY, Succeeded())
    await world.order(retrain())
    await paused(world)
    for _ in range(TRIES_MAX + 2):
        await world.run(retrain())
        world.clock.pass_seconds(TRY_FOR.total_seconds())
    await paused(world, resume=True)
    assert await world.run(retrain()) == BUSY
    assert (await world.row(retrain())).state == "pending"


async def test_a_later_try_that_is_refused_does_not_hide_that_an_earlier_one_may_have_been_done(world):
    await world.order(set_traffic(), facts=rolling_out(pending="traffic-1"))
    world.workspace.answers("SetTraffic", Unknown(reason="timed out"), BUSY)
    await world.run(set_traffic())
    world.clock.pass_seconds(60)
    assert await world.run(set_traffic()) == BUSY
    assert isinstance((await world.row(set_traffic())).outcome, Unknown)
    before = await world.facts()
    await world.order(roll_back(), cause="rollback", facts=type(before)(versions=before.versions, champion="1"))
    await world.run(roll_back())
    world.clock.pass_seconds(60)
    await world.run(set_traffic())
    assert [kind_of(c) for c in (await world.ledger())[finished(set_traffic())].commands] == ["RollBackTraffic"]
