import pytest

from shared.domain.facts import Rollout
from shared.domain.rules.analysis import Judgement
from shared.domain.rules.looks import beyond_limit, count, count_paused
from tests.unit.domain.builders import WORKLOAD

LIMITS = WORKLOAD.promotion.rollout.analysis
BEGUN = Rollout(version="2", champion="1", percent=10)


@pytest.mark.parametrize(
    ("verdict", "counted"),
    [("pass", (0, 0, 0)), ("fail", (1, 0, 0)), ("inconclusive", (0, 1, 0)), ("no_data", (0, 0, 1))],
)
def test_each_verdict_has_its_own_count(verdict, counted):
    after = count(BEGUN, Judgement(verdict, ()))
    assert (after.failures, after.inconclusive, after.no_data) == counted
    assert (after.looks, after.waits) == (1, False)


@pytest.mark.parametrize(("verdict", "failures"), [("pass", 0), ("fail", 1), ("inconclusive", 0), ("no_data", 0)])
def test_under_a_pause_only_harm_counts_and_the_step_waits(verdict, failures):
    after = count_paused(BEGUN, Judgement(verdict, ()))
    assert (after.failures, after.inconclusive, after.no_data) == (failures, 0, 0)
    assert (after.looks, after.waits) == (1, True)


def test_a_rollout_ends_when_one_count_is_beyond_its_limit():
    assert not beyond_limit(BEGUN, LIMITS)
    for name in ("failure", "inconclusive", "no_data"):
        limit = getattr(LIMITS, f"{name}_limit")
        field = "failures" if name == "failure" else name
        assert not beyond_limit(Rollout(version="2", **{field: limit}), LIMITS)
        assert beyond_limit(Rollout(version="2", **{field: limit + 1}), LIMITS)
