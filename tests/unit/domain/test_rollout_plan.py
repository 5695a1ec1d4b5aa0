from datetime import timedelta

import pytest

from shared.domain.durations import parse_duration
from shared.domain.rollout_plan import plan
from shared.domain.values import replace
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import HEALTHY, policy_with, registered, serving


def planned(requests_an_hour=1_000.0, deployment=None, **rollout):
    analysis = {"min_requests": 200, "inconclusive_limit": 3, "no_data_limit": 3, "error_limit": 3}
    analysis |= rollout.pop("analysis", {})
    policy = policy_with(promotion={"rollout": {"analysis": analysis, **rollout}}, deployment=deployment or {})
    return plan(policy.workloads[0], requests_an_hour)


def durations(*texts):
    return [parse_duration(text) if text else None for text in texts]


def test_with_enough_traffic_each_step_takes_one_bake():
    made = planned(requests_an_hour=10_000)
    assert [step.takes for step in made.steps] == durations("30m", "30m", "30m")
    assert (made.takes, made.deadline) == (parse_duration("90m"), parse_duration("6h"))
    assert [step.percent for step in made.steps] == [10, 50, 100]


def test_a_small_share_of_little_traffic_needs_more_than_one_bake():
    made = planned(requests_an_hour=2_000)
    assert [step.requests_a_bake for step in made.steps] == [100, 500, 1_000]
    assert [step.bakes for step in made.steps] == [2, 1, 1]
    assert made.takes == parse_duration("2h")


@pytest.mark.parametrize(("an_hour", "bakes", "gives_up"), [(1_001, 4, False), (1_000, 4, False), (999, 5, True)])
def test_a_step_that_cannot_have_enough_requests_within_its_limits_gives_up(an_hour, bakes, gives_up):
    first = planned(requests_an_hour=an_hour).steps[0]
    assert (first.bakes, first.gives_up) == (bakes, gives_up)
    assert (first.takes is None) is gives_up


def test_without_any_traffic_every_step_gives_up_and_nobody_knows_how_long_it_takes():
    made = planned(requests_an_hour=0.0)
    assert [step.gives_up for step in made.steps] == [True, True, True]
    assert made.takes is None


def test_what_nobody_knows_is_not_guessed():
    made = planned(requests_an_hour=None, deployment={"price_per_hour": "0.5 EUR"})
    assert [(step.bakes, step.takes, step.gives_up) for step in made.steps] == [(None, None, False)] * 3
    assert (made.takes, made.rollout_cost) == (None, None)
    assert str(made.standby_cost) == "36.00 EUR", "72 hours, however long the rollout takes"


def test_the_second_deployment_costs_as_long_as_it_runs():
    made = planned(10_000, {"price_per_hour": "0.2 EUR", "instance_count": 3}, warm_standby="10h")
    assert (str(made.hourly), str(made.rollout_cost), str(made.standby_cost)) == ("0.6 EUR", "0.90 EUR", "6.00 EUR")


def test_a_shadow_step_comes_first_and_has_its_own_share_of_the_requests():
    first, *rest = planned(2_000, mirror=20).steps
    assert (first.mirrored, first.percent, first.requests_a_bake) == (True, 20, 200)
    assert [(step.mirrored, step.percent) for step in rest] == [(False, 10), (False, 50), (False, 100)]


def test_without_a_price_no_cost_is_said():
    made = planned()
    assert (made.hourly, made.rollout_cost, made.standby_cost) == (None, None, None)


@pytest.mark.parametrize("requests_in_the_first_bake", [40, 100, 250])
def test_a_rollout_takes_as_long_as_its_plan_says(requests_in_the_first_bake):
    """The plan and the rules are two pieces of code about one thing: a rollout that is played has to agree."""
    an_hour = requests_in_the_first_bake * 2 / 0.1
    made = planned(an_hour)
    story = Timeline(
        policy_with(promotion={"rollout": {"analysis": {"min_requests": 200, "inconclusive_limit": 3}}}), serving("1")
    )
    story.azure.traffic = {"version-1": 100}
    story.push(registered("2")).approve("2")
    begun = story.now
    for minutes in range(30, 241, 30):
        baked = story.facts.rollout
        if baked is None:
            break
        since = timedelta(minutes=minutes) - (baked.step_started_at - begun)
        served = round(an_hour * baked.percent / 100 * (since / timedelta(hours=1)))
        story.azure.serves("2", replace(HEALTHY, requests=served, failed=0))
        story.at(f"{minutes}m")
    ended = story.facts.versions["2"]
    if made.takes is None:
        assert ended.state == "rolled_back"
    else:
        assert (ended.state, ended.since - begun) == ("serving", made.takes)


def test_on_a_cluster_the_instances_are_what_the_cluster_calls_so():
    edge = {"kind": "kubernetes_online", "compute": "edge"}
    named, unnamed = (
        plan(policy_with(environments={"production": {**edge, **more}}).workloads[0], 1_000.0).instance_type
        for more in ({"instance_type": "four-cores"}, {})
    )
    assert (named, unnamed) == ("four-cores", "the cluster's default instance type")
