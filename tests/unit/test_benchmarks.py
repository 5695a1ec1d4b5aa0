"""The benchmarks measure what they say, and are judged by what the file of goals says. No test here looks at a clock."""

import asyncio

import pytest

from benchmarks.decisions.costs import ThroughTheStore, core, loading, policy_of
from benchmarks.decisions.policies import SHAPES
from benchmarks.report import Series, goals, table
from benchmarks.timing import Measured, interleaved

BY_NAME = {shape.name: shape for shape in SHAPES}


def series(*costs, ratio_max=2.0):
    """A series whose sizes cost that much, in the same unit."""
    sizes = (20, 200, 2_000)
    by_size = {size: Measured((cost, cost, cost * 9)) for size, cost in zip(sizes, costs, strict=True)}
    return Series("core: many workloads", by_size, ratio_max)


@pytest.mark.parametrize(("largest", "met"), [(1.0, True), (2.0, True), (2.1, False)])
def test_a_goal_is_met_when_the_largest_costs_no_more_than_allowed(largest, met):
    found = series(1.0, 5.0, largest)
    assert (found.ratio, found.met) == (largest, met)


def test_one_slow_round_changes_no_verdict():
    assert Measured((1.0, 1.0, 50.0)).median == 1.0
    assert Measured((1.0, 2.0, 3.0, 4.0, 5.0)).spread == (2.0, 4.0)


def test_a_goal_that_is_missed_is_seen_in_the_table():
    shown = table([series(1e-6, 1e-6, 3e-6)])
    assert "goal: at most 2: MISSED" in shown
    assert [line.split()[-1] for line in shown.splitlines()[1:-1]] == ["1.00", "1.00", "3.00"]


def test_the_goal_for_decisions_is_twice_at_most():
    assert goals("decisions")["cost_ratio_max"] == 2.0


def test_every_task_is_measured_in_every_round_and_begins_some():
    order = []

    def task(name):
        return lambda: order.append(name) or 1

    measured = interleaved({20: task(20), 200: task(200)}, rounds=4)
    assert {size: len(found.seconds) for size, found in measured.items()} == {20: 4, 200: 4}
    assert order[2:] == [20, 200, 200, 20, 20, 200, 200, 20]


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("rules", [20, 200])
def test_a_policy_has_as_many_rules_as_it_says(name, rules):
    policy = policy_of(BY_NAME[name], rules)
    assert sum(len(workload.monitoring) for workload in policy.workloads) + len(policy.budgets) == rules


@pytest.mark.parametrize("name", BY_NAME)
def test_every_signal_leads_to_decisions(name):
    assert core(BY_NAME[name], 20)() > 0
    assert loading(BY_NAME[name], 20)() == 20


def test_through_the_store_every_signal_is_new_and_decided():
    with asyncio.Runner() as runner:
        task = ThroughTheStore(BY_NAME["many workloads"], 20, runner)
        assert task() == task() > 0
        task.close()
