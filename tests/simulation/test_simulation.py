"""Whatever goes wrong, nothing is lost and nothing is done twice; and the judge that says so can be trusted."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.runs import play
from tests.simulation.world import World

SEEDS = 24  # here; thousands by ``make simulate``
SEEDS_MAX = 2000  # within which a planted bug has to be caught; what slips through more than these few is a weak judge
PORTIONS = 4


@pytest.mark.parametrize("portion", range(PORTIONS))
def test_no_seed_breaks_an_invariant(portion):
    broken = {seed: run.breaches for seed in range(portion, SEEDS, PORTIONS) if (run := play(seed)).breaches}
    assert not broken


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught(bug):
    assert any(play(seed, bug).breaches for seed in range(SEEDS_MAX))


def test_the_same_seed_is_the_same_run():
    first, again = play(7), play(7)
    assert (first.effects, first.faults, first.reasons) == (again.effects, again.faults, again.reasons)


def test_the_runs_meet_every_kind_of_fault_and_effect():
    runs = [play(seed) for seed in range(24)]
    faults = {name for run in runs for name in run.faults}
    effects = {name for run in runs for name in run.effects}
    reasons = {name for run in runs for name in run.reasons}
    assert faults >= {"store failed before", "store failed after", "instance crashed", "queue duplicated", "target 429"}
    assert faults >= {
        "timed out before acting",
        "timed out after acting",
        "no quota",
        "delivered again",
        "batch delivered again",
    }
    assert reasons >= {"fleet_limit", "budget_reserved", "limit", "cooldown", "paused"}
    assert effects >= {"DeployModel", "SetTraffic", "Retrain", "RollBackTraffic", "Notify", "RequestApproval"}


def test_a_world_in_which_nothing_happens_stays_as_it_is():
    world = World(1)
    world.play([])
    assert world.facts().versions == {}
    assert world.target.journal == []
