"""What a comparison takes is said in advance, from the policy and the last one; nothing is guessed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from shared.domain.batch_plan import plan
from shared.domain.comparison_facts import Comparison, ScoredRun
from shared.domain.facts import Facts
from shared.domain.money import Money
from tests.unit.domain.batch_builders import NEWEST, WORKLOAD, batch_policy
from tests.unit.domain.builders import known, policy_with, version


def planned(facts=None, policy=None, **comparison):
    workload = (policy or batch_policy(**comparison)).workloads[0]
    return plan(workload, workload.promotion.comparison, facts)


def run(seconds):
    return ScoredRun(output="o", seconds=seconds)


def compared(number, champion_seconds, seconds, **fields):
    runs = {"champion_run": run(champion_seconds) if champion_seconds else None, "candidate_run": run(seconds)}
    return version(number, comparison=Comparison(champion="1", **runs), **fields)


def priced():
    deployment = {**WORKLOAD["deployment"], "instance_count": 2, "price_per_hour": "3 EUR"}
    return policy_with(**{**WORKLOAD, "deployment": deployment})


def test_the_stages_are_those_of_the_comparison_with_the_deadlines_of_the_policy():
    made = planned(deadline="2h")
    assert [(stage.what, stage.deadline) for stage in made.stages] == [
        ("deployed beside the default, which stays", None),
        ("the champion scores the input", timedelta(hours=2)),
        ("the candidate scores the same", timedelta(hours=2)),
        ("azureml:compare_scores@latest compares what was written", None),
        ("the default of flight-delay changes, in one write", None),
    ]
    assert (made.input, made.champion, made.took) == (NEWEST, None, None)


def test_a_first_version_is_scored_alone():
    made = planned(Facts(), deadline="2h", inconclusive_limit=0, no_data_limit=0)
    assert [stage.deadline for stage in made.stages] == [None, timedelta(hours=2), None, None]
    assert (made.champion, made.deadline) == ("", timedelta(hours=2))


def test_what_it_took_is_what_the_newest_comparison_took():
    facts = known(
        compared("1", 100.0, 200.0, state="standby"),
        compared("2", 300.0, 360.0),
        version("3", "rejected", comparison=Comparison(champion="2", champion_run=run(9.0))),
    )
    made = planned(facts)
    assert [stage.took for stage in made.stages[1:3]] == [timedelta(minutes=5), timedelta(minutes=6)]
    assert (made.champion, made.took) == (facts.champion, timedelta(minutes=11))


def test_one_run_alone_does_not_say_how_long_both_take():
    made = planned(known(compared("1", 0.0, 200.0)))
    assert made.took is None
    assert made.stages[2].took == timedelta(seconds=200)


@pytest.mark.parametrize(
    ("inconclusive", "no_data", "comparisons", "deadline"), [(0, 0, 1, "4h"), (1, 0, 2, "8h15m"), (1, 2, 4, "8h45m")]
)
def test_it_is_over_when_as_many_comparisons_came_to_no_verdict_as_the_policy_allows(
    inconclusive, no_data, comparisons, deadline
):
    made = planned(deadline="2h", inconclusive_limit=inconclusive, no_data_limit=no_data, retry_after="15m")
    hours, _, minutes = deadline.rstrip("m").partition("h")
    assert (made.comparisons_max, made.deadline) == (
        comparisons,
        timedelta(hours=int(hours), minutes=int(minutes or 0)),
    )


def test_runs_cost_what_their_instances_cost_for_as_long_as_they_take():
    made = planned(known(compared("2", 1800.0, 1800.0)), policy=priced())
    assert made.cost == Money(amount=Decimal("6.00"), currency="EUR")
    assert made.cost_max == Money(amount=Decimal("72.00"), currency="EUR"), "two runs of six hours, at 6 EUR"


def test_without_a_price_nothing_is_said_of_cost_and_without_a_run_only_the_most():
    assert (planned().cost, planned().cost_max) == (None, None)
    assert planned(policy=priced()).cost is None
