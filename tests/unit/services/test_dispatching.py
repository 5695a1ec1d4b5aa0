"""Pipelines elsewhere, from the queue to the version that they made, on a store and a clock."""

from datetime import timedelta

import pytest

from shared.domain.outcomes import ASKED_SECONDS, LISTED_WITHIN, Failed, Skipped, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier
from shared.services.attempts import FIND_AFTER, WAIT_MAX
from shared.services.dispatching import LOOK_AGAIN
from shared.services.execute import CLAIM_FOR
from tests.unit.services.fakes import NOON, ProcessDied, World
from tests.unit.services.signals import dispatch, promote, retrain

KIND = "DispatchTraining"
RUN = "https://github.example/contoso/flights/actions/runs/7"
UNDER_WAY = Started(operation="run/7", look_again_at=NOON)
ENDED = Succeeded(data={"run": RUN, "ended_at": NOON.isoformat()})
LOST = Unknown(reason="no answer from GitHub after sending")


@pytest.fixture
def world(store):
    return World(store)


async def begun(world, *looks):
    """A run that has started, and what is seen of it."""
    world.dispatcher.answers(KIND, UNDER_WAY, *looks)
    await world.order(dispatch())
    await world.run(dispatch())


async def test_a_run_is_started_once_and_then_looked_at(world):
    await begun(world, UNDER_WAY, ENDED)
    world.models.marked[dispatch().id] = "8"
    await world.run(dispatch())
    outcome = await world.run(dispatch())
    assert outcome == Succeeded(data={**ENDED.data, "model_version": "8"})
    assert [verb for verb, _ in world.dispatcher.journal] == ["begin", "look run/7", "look run/7"]
    assert world.workspace.journal == []


async def test_the_first_try_says_that_there_was_none_before(world):
    await begun(world)
    assert world.dispatcher.told == [Earlier(since=NOON, tried=False)]


async def test_a_try_after_one_of_which_nobody_knows_says_since_when_to_look(world):
    world.dispatcher.answers(KIND, LOST, UNDER_WAY)
    await world.order(dispatch())
    await world.run(dispatch())
    world.clock.pass_seconds(FIND_AFTER.total_seconds())
    await world.run(dispatch())
    assert world.dispatcher.told[1] == Earlier(since=NOON, tried=True)


async def test_a_lost_answer_is_given_the_time_that_a_list_needs_to_show_the_run(world):
    world.dispatcher.answers(KIND, LOST)
    await world.order(dispatch())
    await world.run(dispatch())
    assert (await world.row(dispatch())).not_before == NOON + FIND_AFTER


async def test_a_job_under_its_own_name_needs_no_such_time(world):
    world.workspace.answers("Retrain", Unknown(reason="timed out"))
    await world.order(retrain())
    await world.run(retrain())
    assert (await world.row(retrain())).not_before == NOON + timedelta(seconds=2)


async def test_a_refusal_between_hides_no_earlier_try(world):
    throttled = Failed(retryable=True, reason="throttled")
    world.dispatcher.answers(KIND, LOST, throttled, UNDER_WAY)
    await world.order(dispatch())
    for _ in range(3):
        await world.run(dispatch())
        world.clock.pass_seconds(FIND_AFTER.total_seconds())
    assert [told.tried for told in world.dispatcher.told] == [False, True, True]


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(minutes=20), timedelta(minutes=20)),
        (timedelta(seconds=1), timedelta(seconds=2)),
        (timedelta(days=9), WAIT_MAX),
        (timedelta(days=-9), timedelta(seconds=2)),
    ],
)
async def test_who_throttles_is_asked_again_when_it_says_so(world, asked, waited):
    world.dispatcher.answers(KIND, Failed(retryable=True, reason="throttled", until=NOON + asked))
    await world.order(dispatch())
    await world.run(dispatch())
    assert (await world.row(dispatch())).not_before == NOON + waited


async def test_a_version_that_is_not_listed_yet_is_waited_for(world):
    await begun(world, ENDED, ENDED)
    outcome = await world.run(dispatch())
    assert outcome == Started(operation="run/7", look_again_at=NOON + LOOK_AGAIN)
    world.clock.pass_seconds(LOOK_AGAIN.total_seconds())
    world.models.marked[dispatch().id] = "8"
    assert (await world.run(dispatch())).data["model_version"] == "8"


@pytest.mark.parametrize(("asked", "waited"), [(900.0, 900.0), (1.0, LOOK_AGAIN.total_seconds())])
async def test_a_version_that_cannot_be_read_now_is_asked_for_when_azure_says_so(world, asked, waited):
    await begun(world, ENDED)
    world.models.failure = Failed(retryable=True, reason="throttled", data={ASKED_SECONDS: asked})
    assert (await world.run(dispatch())).look_again_at == NOON + timedelta(seconds=waited)


async def test_a_run_that_leaves_no_version_is_not_waited_for_for_ever(world):
    await begun(world, ENDED)
    world.clock.at += LISTED_WITHIN
    assert await world.run(dispatch()) == ENDED


async def test_versions_that_cannot_be_read_for_now_are_asked_for_again(world):
    await begun(world, ENDED)
    world.clock.at += LISTED_WITHIN
    world.models.failure = Failed(retryable=True, reason="Azure was not reached")
    assert isinstance(await world.run(dispatch()), Started)


async def test_versions_that_may_not_be_read_end_it_with_the_run_that_went_well(world):
    await begun(world, ENDED)
    world.models.failure = Failed(retryable=False, reason="not permitted")
    outcome = await world.run(dispatch())
    assert isinstance(outcome, Failed)
    assert outcome.data["run"] == RUN
    assert RUN in outcome.reason
    assert "not permitted" in outcome.reason


async def test_a_run_that_failed_asks_for_no_version(world):
    failed = Failed(retryable=False, reason="it ended as failure")
    await begun(world, failed)
    assert await world.run(dispatch()) == failed


async def test_its_end_reaches_the_incident(world):
    await begun(world, ENDED)
    world.models.marked[dispatch().id] = "8"
    await world.run(dispatch())
    (incident,) = (await world.facts()).incidents
    assert incident.remedy_version == "8"


async def test_limits_of_the_fleet_count_it_as_a_training(world):
    world.policies.change('retrains: ["2/1d", "5/7d"]', 'fleet_retrains: ["1/1d"]')
    await begun(world)
    await world.order(dispatch("b" * 24), cause="second")
    outcome = await world.run(dispatch("b" * 24))
    assert [refusal.code for refusal in outcome.refusals] == ["fleet_limit"]
    assert len(world.dispatcher.journal) == 1


async def test_a_promotion_leaves_no_version_behind_and_is_done_with_its_run(world):
    order = promote()
    world.dispatcher.answers("DispatchPromotion", UNDER_WAY, ENDED)
    await world.order(order)
    await world.run(order)
    assert await world.run(order) == ENDED
    assert await world.store.documents("reservations/") == {}


async def test_a_try_that_stood_back_was_none(world):
    world.dispatcher.answers(KIND, Skipped(reason="late", until=NOON), UNDER_WAY)
    await world.order(dispatch())
    await world.run(dispatch())
    await world.run(dispatch())
    assert [told.tried for told in world.dispatcher.told] == [False, False]


async def test_after_a_crash_in_mid_order_the_run_is_looked_for_when_it_can_be_found(world):
    world.dispatcher.answers(KIND, ProcessDied(), UNDER_WAY)
    await world.order(dispatch())
    with pytest.raises(ProcessDied):
        await world.run(dispatch(), "first")
    world.clock.at += CLAIM_FOR
    assert isinstance(await world.run(dispatch(), "second"), Unknown)
    assert len(world.dispatcher.told) == 1
    world.clock.at += FIND_AFTER
    assert await world.run(dispatch(), "second") == UNDER_WAY
    assert world.dispatcher.told[1].tried
