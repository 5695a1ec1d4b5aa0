"""People may look at a few rows of each window, and of them only at what the policy allows."""

import json
from datetime import timedelta

import pytest

from shared.services.sampled_inputs import UnknownDeploymentError, sampled_inputs
from shared.services.sampling import SAMPLE
from tests.unit.services.fakes import NOON
from tests.unit.services.telemetry_messages import ENDPOINT, TAGS, at, ref

ALLOWED = "lateness: 1d, samples: {columns: [distance, carrier], rows: 4}"


def scored(*rows, cid="c", seconds=0.0, deployment="version-2"):
    event = {
        "source": f"{ENDPOINT}/deployments/{deployment}",
        "type": "azureml.inference.model_inputs",
        "time": at(seconds),
        "data": list(rows),
        "correlationid": cid,
    }
    return json.dumps(event).encode()


@pytest.fixture
async def allowed(world):
    world.policies.monitor(telemetry=ALLOWED)
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    return world


async def shown(world, *messages, named="flight-delay/version-2"):
    await world.aggregator.take("0", list(enumerate(messages)))
    await world.aggregator.fold()
    return await sampled_inputs(world.aggregator.samples, named)


async def test_only_allowed_columns_are_kept_also_those_that_the_profile_does_not_know(allowed):
    (found,) = await shown(allowed, scored({"distance": 1.5, "carrier": "AA", "passenger": "Ada"}))
    assert found.rows == ({"distance": 1.5, "carrier": "AA"},)
    assert (found.kind, found.window, found.seen, found.deployment) == ("inputs", "1mo", 1, ref().key)
    for stored in (await allowed.store.windows("")).values():
        assert b"Ada" not in stored.value


async def test_rows_that_do_not_fit_are_shown_on_their_own(allowed):
    inputs, misfits = await shown(allowed, scored({"distance": "far"}, {"distance": 1}))
    assert (misfits.kind, misfits.rows) == ("misfits", ({"distance": "far"},))
    assert inputs.seen == 2


async def test_a_window_keeps_a_few_rows_and_says_of_how_many(allowed):
    messages = [scored({"distance": number}, cid=str(number)) for number in range(30)]
    (found,) = await shown(allowed, *messages)
    assert (len(found.rows), found.seen) == (4, 30)


async def test_each_window_has_its_own(allowed):
    month = 31 * 86_400
    allowed.clock.pass_seconds(2 * month)
    found = await shown(allowed, scored({"distance": 1}), scored({"distance": 2}, seconds=month))
    assert [(each.start.month, each.rows) for each in found] == [(3, ({"distance": 1},)), (4, ({"distance": 2},))]


async def test_the_rows_still_count_as_they_did(allowed):
    await shown(allowed, scored({"distance": 1.5}, {"distance": 0.5}))
    assert len(await allowed.store.windows("data/")) == 1


async def test_without_a_word_in_the_policy_nothing_is_kept(world):
    await world.aggregator.take("0", [(0, scored({"distance": 1}))])
    await world.aggregator.fold()
    assert await world.store.windows(SAMPLE) == {}
    with pytest.raises(UnknownDeploymentError, match="no inputs are sampled"):
        await sampled_inputs(world.aggregator.samples, "flight-delay/version-2")


@pytest.mark.parametrize("named", [ref().key, f"  {ref().key.upper()}/", "Flight-Delay/Version-2"])
async def test_a_deployment_may_be_named_in_any_case(allowed, named):
    assert len(await shown(allowed, scored({"distance": 1}), named=named)) == 1


async def test_an_unknown_deployment_is_told_with_those_that_are_known(allowed):
    with pytest.raises(UnknownDeploymentError, match="nothing was sampled of"):
        await shown(allowed, scored({"distance": 1}), named="flight-delay/version-9")


async def test_rows_for_people_are_forgotten_before_the_rest(allowed):
    await shown(allowed, scored({"distance": "far"}))
    day, start = timedelta(days=1), NOON.replace(day=1, hour=0)
    assert await allowed.aggregator.samples.forget(start, start + day, 10) == 0
    assert await allowed.aggregator.samples.forget(start + day, start, 10) == 1
    assert await allowed.store.windows(SAMPLE) == {}
