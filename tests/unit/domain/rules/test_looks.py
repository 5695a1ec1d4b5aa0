import pytest

from shared.domain.facts import Rollout
from shared.domain.rules.analysis import Judgement
from shared.domain.rules.looks import bake_is_over, count, count_early, count_paused, limit_reached
from tests.unit.domain.builders import NOW, WORKLOAD, after

LIMITS = WORKLOAD.promotion.rollout.analysis
BEGUN = Rollout(version="2", champion="1", percent=10, baked_at=after("30m"))
VERDICTS = ["pass", "fail", "inconclusive", "no_data", "provider_error"]


def counts(rollout):
    return (rollout.failures, rollout.inconclusive, rollout.no_data, rollout.errors)


@pytest.mark.parametrize(
    ("verdict", "counted"),
    [
        ("fail", (1, 0, 0, 0)),
        ("inconclusive", (0, 1, 0, 0)),
        ("no_data", (0, 0, 1, 0)),
        ("provider_error", (0, 0, 0, 1)),
    ],
)
def test_each_verdict_has_its_own_count(verdict, counted):
    seen = count(BEGUN, Judgement(verdict, ()), after("1h"))
    assert counts(seen) == counted
    assert (seen.looks, seen.bakes, seen.baked_at, seen.waits) == (1, 1, after("1h"), False)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_before_the_bake_is_over_and_under_a_pause_only_harm_counts(verdict):
    harm = (int(verdict == "fail"), 0, 0, 0)
    early, paused = count_early(BEGUN, Judgement(verdict, ())), count_paused(BEGUN, Judgement(verdict, ()))
    assert (counts(early), early.looks, early.bakes, early.waits) == (harm, 1, 0, False)
    assert (counts(paused), paused.looks, paused.bakes, paused.waits) == (harm, 1, 0, True)


@pytest.mark.parametrize(("now", "over"), [(NOW, False), (after("29m"), False), (after("30m"), True)])
def test_a_bake_is_over_when_its_whole_time_is(now, over):
    assert bake_is_over(BEGUN, now) is over


def test_a_bake_that_an_earlier_release_began_is_over_at_its_look():
    assert bake_is_over(Rollout(version="2", champion="1", percent=10), NOW)


@pytest.mark.parametrize(
    ("field", "limit", "code"),
    [
        ("failures", LIMITS.failure_limit, "failure_limit"),
        ("inconclusive", LIMITS.inconclusive_limit, "inconclusive_limit"),
        ("no_data", LIMITS.no_data_limit, "no_data_limit"),
        ("errors", LIMITS.error_limit, "error_limit"),
        ("bakes", LIMITS.bakes_max - 1, "step_deadline"),
    ],
)
def test_a_rollout_ends_when_one_count_is_beyond_its_limit(field, limit, code):
    assert limit_reached(BEGUN, LIMITS) is None
    assert limit_reached(Rollout(version="2", **{field: limit}), LIMITS) is None
    reason = limit_reached(Rollout(version="2", **{field: limit + 1}), LIMITS)
    assert (reason.code, reason.observed, reason.limit) == (code, limit + 1, limit)
