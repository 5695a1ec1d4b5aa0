"""A write that met somebody else's traffic: which step is in force by then, and what ends a rollout."""

import pytest

from shared.domain.decisions import Evaluation
from shared.domain.facts import Rollout
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.domain.rules.met_by_hand import met_by_hand
from tests.unit.domain.builders import NOW, codes, finished, kinds, ordered, rolling
from tests.unit.domain.test_plans import decided

BEFORE = Rollout(version="2", champion="1", percent=10, step_started_at=NOW, baked_at=NOW, failures=1)


def met(traffic: str, *, written: bool) -> Failed:
    """The end of a write that found this map."""
    return Failed(retryable=False, reason="met", data={"by_hand": traffic, "written": float(written)})


def after_meeting(traffic: str, *, written: bool = False) -> Evaluation:
    """From 10 % to 50 %, and somebody else's traffic is there."""
    facts = rolling(percent=50, step=1, pending="write", step_started_at=None, before=BEFORE)
    return decided(finished("write", "SetTraffic", met(traffic, written=written)), facts)


def test_a_step_that_was_not_written_leaves_the_one_before_as_it_was_with_its_counts():
    done = after_meeting("version-1=70,version-2=30")
    rollout = done.facts.rollout
    assert rollout is not None
    assert (rollout.percent, rollout.step, rollout.failures, rollout.pending, rollout.before) == (10, 0, 1, "", None)
    assert (done.decision.verdict, kinds(done)) == ("escalate", ["Notify"])


def test_a_step_that_was_written_over_is_the_one_that_we_left():
    done = after_meeting("version-1=70,version-2=30", written=True)
    rollout = done.facts.rollout
    assert rollout is not None
    assert (rollout.percent, rollout.pending, rollout.before) == (50, "", None)
    assert "we left it at version-1=50,version-2=50" in ordered(done, "Notify").facts["what"]


def test_it_is_looked_at_again_and_kept_as_an_incident():
    done = after_meeting("version-1=70,version-2=30")
    assert {hold.signal.purpose for hold in done.holds} == {"bake", "incident_expiry"}
    assert [known.alert for known in done.facts.incidents] == ["traffic version-1=70,version-2=30"]


@pytest.mark.parametrize("written", [True, False])
def test_all_of_it_back_at_the_champion_ends_the_rollout_without_a_write(written):
    done = after_meeting("version-1=100", written=written)
    assert done.facts.rollout is None
    assert "rolled_back_by_hand" in codes(done)
    assert "RollBackTraffic" not in kinds(done)


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (met("blue=100", written=False), "blue=100"),
        (Failed(retryable=False, reason="refused"), ""),
        (Skipped(reason="stale"), ""),
        (Succeeded(data={"by_hand": "blue=100"}), ""),
    ],
)
def test_only_a_failure_that_holds_it_has_met_somebody_elses_traffic(outcome: Failed | Skipped | Succeeded, found: str):
    assert met_by_hand(outcome) == found
