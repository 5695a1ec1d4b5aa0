"""Which minutes are asked for, of whom, and what an answer that does not come means."""

from datetime import timedelta

import pytest

from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Failed
from shared.domain.policy_measured import STEP_MAX
from shared.domain.values import replace
from shared.services.measuring import Measuring, complete_minutes
from tests.unit.domain.builders import HEALTHY, NOW, elapsed, situation
from tests.unit.domain.test_policy_measured import measured_by
from tests.unit.services.signals import rolling_out


class Windows:
    """The aggregator, of which nothing is asked here."""

    async def traffic_since(self, *_):
        raise AssertionError("our own windows were read")


class Meter:
    """The port ``TrafficMeter`` with one answer, or one exception."""

    name = "a meter"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    async def served(self, stretch):
        self.asked.append(stretch)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def look(after, source="metrics", began=NOW):
    """A look so long after a step began."""
    facts = rolling_out(pending="")
    facts = replace(facts, rollout=replace(facts.rollout, percent=10, step_started_at=began))
    return situation(elapsed("bake", "2/0/0"), facts, policy=measured_by(source), now=began + after)


@pytest.mark.parametrize(
    ("began", "after", "first", "last"),
    [
        (timedelta(), timedelta(minutes=15), 0, 10),
        (timedelta(seconds=1), timedelta(minutes=15), 1, 10),
        (timedelta(seconds=59), timedelta(minutes=15), 1, 10),
        (timedelta(), timedelta(minutes=15, seconds=59), 0, 10),
        (timedelta(), timedelta(minutes=5), 0, 0),
    ],
)
def test_only_whole_minutes_that_are_old_enough_are_looked_at(began, after, first, last):
    found = complete_minutes(NOW + began, NOW + after, timedelta(minutes=5))
    assert found == (NOW + timedelta(minutes=first), NOW + timedelta(minutes=last))


@pytest.mark.parametrize(("source", "last"), [("metrics", 15), ("logs", 10)])
async def test_both_versions_are_asked_for_over_the_same_minutes(source, last):
    meter = Meter({"version-1": HEALTHY, "version-2": HEALTHY})
    found = await Measuring(Windows(), {source: meter}).with_traffic(look(timedelta(minutes=20), source))
    (stretch,) = meter.asked
    assert stretch.deployments == ("version-2", "version-1")
    assert (stretch.since, stretch.until) == (NOW, NOW + timedelta(minutes=last))
    assert stretch.chance == found.workload.promotion.rollout.chance
    assert found.traffic == meter.answer
    assert found.traffic_from.startswith(f"by a meter, from {NOW:%Y-%m-%d} 12:00 to 12:")


async def test_before_any_minute_is_complete_nobody_is_asked_and_nothing_was_served():
    meter = Meter({})
    found = await Measuring(Windows(), {"metrics": meter}).with_traffic(look(timedelta(minutes=5)))
    assert meter.asked == []
    assert found.traffic == dict.fromkeys(("version-1", "version-2"), TrafficSample())
    assert "none of this step has" in found.traffic_from


@pytest.mark.parametrize(
    ("answer", "why"),
    [(Failed(retryable=True, reason="throttled"), "a meter: throttled"), (OSError("cut"), "OSError: cut")],
)
async def test_an_answer_that_does_not_come_is_unknown_and_not_no_traffic(answer, why):
    found = await Measuring(Windows(), {"metrics": Meter(answer)}).with_traffic(look(timedelta(minutes=20)))
    assert (found.traffic_unknown, dict(found.traffic)) == (why, {})


async def test_an_app_that_is_not_connected_says_so():
    found = await Measuring(Windows()).with_traffic(look(timedelta(minutes=20)))
    assert "not connected to metrics" in found.traffic_unknown


async def test_without_a_step_nobody_is_asked():
    meter = Meter({})
    begun = situation(elapsed("bake", "2/0/0"), rolling_out(pending="traffic-1"), policy=measured_by("metrics"))
    assert (await Measuring(Windows(), {"metrics": meter}).with_traffic(begun)).traffic == {}
    assert meter.asked == []


async def test_of_a_step_that_a_pause_made_long_the_newest_days_are_asked_for():
    meter = Meter({})
    found = await Measuring(Windows(), {"metrics": meter}).with_traffic(look(timedelta(days=30)))
    (asked,) = meter.asked
    assert asked.until - asked.since == STEP_MAX
    assert f"from {asked.since:%Y-%m-%d %H:%M}" in found.traffic_from
