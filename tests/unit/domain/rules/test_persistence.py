"""What windows said, remembered: when trouble persists, and when it is over. Never both."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.evaluate import evaluate
from shared.domain.facts import WINDOWS_KEPT_MAX, WindowSeen
from shared.domain.policy_drift import PredictionDrift
from shared.domain.rules import persistence
from shared.domain.telemetry_signals import PREDICTION, FeatureScore
from tests.unit.domain.builders import NOW, codes, kinds, policy_with, serving, situation, steady, window

BASE = {"when": "prediction_drift", "above": 0.1, "suspected_above": 0.05}
VERDICTS = st.sampled_from(["pass", "suspected", "detected", "no_data", "error"])


def rule(**changes):
    return PredictionDrift.model_validate({**BASE, **changes})


def seen_as(*verdicts, label="prediction_drift", length="1d"):
    """Facts in which so many days were seen by a rule, each with this verdict."""
    days = tuple(
        WindowSeen(start=NOW + timedelta(days=n), window=length, rule=label, verdict=verdict, share=0.0, rows=1)
        for n, verdict in enumerate(verdicts)
    )
    return serving("1", windows={"1": days})


@pytest.mark.parametrize(
    ("verdicts", "over"),
    [
        (["detected", "pass", "pass"], True),
        (["detected", "pass"], False),
        (["detected", "pass", "suspected"], False),
        (["detected", "pass", "suspected", "pass", "pass"], True),
        (["detected", "pass", "no_data", "error", "pass"], True),
        (["detected", "no_data", "no_data"], False),
        ([], False),
    ],
)
def test_trouble_is_over_after_windows_in_a_row_that_pass(verdicts, over):
    assert persistence.recovered(seen_as(*verdicts), "1", rule()) is over


def test_what_still_persists_is_not_over():
    facts = seen_as("detected", "detected", "pass", "pass")
    patient = rule(**{"for": "2 of 4"})
    assert persistence.persists(facts, "1", patient)
    assert not persistence.recovered(facts, "1", patient)


@steady
@given(
    verdicts=st.lists(VERDICTS, max_size=WINDOWS_KEPT_MAX),
    needed=st.integers(1, 4),
    more=st.integers(0, 4),
    recovers_after=st.integers(1, 5),
)
def test_trouble_never_persists_and_is_over_at_once(verdicts, needed, more, recovers_after):
    known = rule(**{"for": f"{needed} of {needed + more}"}, recovers_after=recovers_after)
    facts = seen_as(*verdicts)
    assert not (persistence.persists(facts, "1", known) and persistence.recovered(facts, "1", known))


def day(number, far, **fields):
    """A day of telemetry whose predictions lie so far from the reference."""
    start = NOW + timedelta(days=number)
    scores = () if far is None else (FeatureScore(feature=PREDICTION, score=0.0, jensen_shannon=far),)
    fields = {"dedup_key": f"day-{number}-{far}", "start": start, "end": start + timedelta(days=1), **fields}
    return window(3, window="1d", scores=scores, **fields)


DAYS = st.lists(st.tuples(st.integers(0, 20), st.sampled_from([0.0, 0.07, 0.5, None])), max_size=25)


@steady
@given(days=DAYS, needed=st.integers(1, 3), more=st.integers(0, 3), recovers_after=st.integers(1, 3))
def test_no_window_in_whatever_order_both_opens_and_closes(days, needed, more, recovers_after):
    changes = {"for": f"{needed} of {needed + more}", "recovers_after": recovers_after}
    policy = policy_with(monitoring=[BASE | changes])
    facts = serving("1")
    for count, (number, far) in enumerate(days):
        before = {one.id: one.state for one in facts.incidents}
        done = evaluate(situation(day(number, far, dedup_key=f"day-{count}"), facts, policy=policy))
        facts = done.facts
        opened = [one for one in facts.incidents if one.id not in before]
        closed = [one for one in facts.incidents if one.state == "closed" and before.get(one.id) == "open"]
        assert all(one.state == "open" for one in opened)
        assert not (opened and closed)
        assert len([one for one in facts.incidents if one.state == "open"]) <= 1
        assert len(kinds(done)) <= 1


@pytest.mark.parametrize(
    ("days", "told"),
    [([0.5, None, None, None], [0, 3]), ([None] * 5, [2]), ([None, None, 0.0, None, None, None], [5])],
)
def test_so_many_windows_without_data_are_told_once(days, told):
    policy = policy_with(monitoring=[BASE | {"no_data_limit": 3}])
    facts, said = serving("1"), []
    for number, far in enumerate(days):
        done = evaluate(situation(day(number, far), facts, policy=policy))
        facts, said = done.facts, said + [number] * len(kinds(done))
    assert said == told


def test_windows_that_cannot_be_judged_have_a_limit_of_their_own():
    policy = policy_with(monitoring=[BASE])
    first = evaluate(situation(day(0, None, fault="the profile is gone"), serving("1"), policy=policy))
    assert (kinds(first), first.facts.windows["1"][0].verdict) == ([], "error")
    second = evaluate(situation(day(1, 0.5, fault="the profile is gone"), first.facts, policy=policy))
    assert (kinds(second), codes(second)[-1]) == (["Notify"], "error_limit")
    assert "the profile is gone" in second.decision.reasons[0].text


def test_a_window_that_is_reported_again_is_not_told_of_again():
    policy = policy_with(monitoring=[BASE | {"no_data_limit": 1}])
    first = evaluate(situation(day(0, None), serving("1"), policy=policy))
    again = evaluate(situation(day(0, None, dedup_key="again"), first.facts, policy=policy))
    assert (kinds(first), kinds(again)) == (["Notify"], [])


def test_what_windows_said_to_rules_that_are_gone_is_forgotten():
    facts = seen_as("detected", "pass", label="an older rule")
    assert persistence.forget_dropped(facts, (rule(),)).windows == {"1": ()}
    assert len(persistence.forget_dropped(facts, (rule(name="an-older-rule"),)).windows["1"]) == 0
    kept = seen_as("detected", "pass")
    assert persistence.forget_dropped(kept, (rule(),)) == kept


def test_a_row_of_an_earlier_release_is_of_the_drift_rule_of_its_length():
    assert WindowSeen(start=NOW, window="1mo", verdict="detected", share=0.5, rows=1).rule == "data_drift"
