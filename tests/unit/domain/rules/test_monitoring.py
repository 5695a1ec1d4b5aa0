from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import WINDOWS_KEPT_MAX
from shared.domain.signals import Breach
from shared.domain.telemetry_signals import FeatureScore
from shared.domain.values import encode
from tests.unit.domain.builders import (
    breached,
    codes,
    drift_rule,
    incident,
    kinds,
    known,
    ordered,
    policy_with,
    seen,
    serving,
    situation,
    version,
    window,
)


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def drifted(*months, **fields):
    return serving("1", windows={"1": tuple(seen(month) for month in months)}, **fields)


@pytest.mark.parametrize(
    ("before", "acted"),
    [((), False), ((3,), False), ((3, 4), True), ((1, 2), True)],
)
def test_drift_has_to_persist(before, acted):
    done = decide(window(5, drifted=2), drifted(*before))
    assert ("Retrain" in kinds(done)) is acted


def test_m_of_the_last_n_may_be_interrupted_but_not_by_more():
    three_of_four = serving("1", windows={"1": (seen(1), seen(2), seen(3, "pass"))})
    assert "Retrain" in kinds(decide(window(4, drifted=2), three_of_four))
    too_long_ago = serving("1", windows={"1": (seen(1), seen(2), seen(3, "pass"), seen(4, "pass"))})
    assert "Retrain" not in kinds(decide(window(5, drifted=2), too_long_ago))


def test_suspicion_alone_does_not_act():
    facts = serving("1", windows={"1": (seen(1, "suspected"), seen(2, "suspected"), seen(3))})
    assert kinds(decide(window(4, drifted=2), facts)) == []


def test_a_window_that_is_reported_again_replaces_what_it_said():
    facts = drifted(3, 4)
    again = decide(window(4, drifted=0), facts)
    assert [one.verdict for one in again.facts.windows["1"]] == ["detected", "pass"]


def test_windows_are_kept_in_the_order_of_their_time_and_only_so_many():
    facts = serving("1")
    for number in reversed(range(20)):
        start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=31 * number)
        facts = decide(window(3, start=start, dedup_key=f"{number}"), facts).facts
    starts = [one.start for one in facts.windows["1"]]
    assert starts == sorted(starts)
    assert len(starts) == WINDOWS_KEPT_MAX


def test_only_the_champions_drift_acts():
    facts = known(version("1", "standby"), version("2"), windows={"1": (seen(3), seen(4))})
    done = decide(window(5, drifted=2, number="1"), facts)
    assert (done.decision.verdict, kinds(done)) == ("suppress", [])
    assert len(done.facts.windows["1"]) == 3


def test_windows_of_versions_that_are_forgotten_are_forgotten():
    facts = serving("1", windows={"gone": (seen(1),)})
    assert set(decide(window(3), facts).facts.windows) == {"1"}


def test_windows_of_versions_that_never_serve_again_are_forgotten():
    every = [version("1"), version("2", "standby"), version("3", "retired"), version("4", "rolled_back")]
    facts = known(*every, windows={one.version: (seen(1),) for one in every})
    assert set(decide(window(3), facts).facts.windows) == {"1", "2"}


@pytest.mark.parametrize("unknown", [{"deployment": "blue"}, {"window": "1d"}])
def test_a_window_that_no_rule_watches_is_said_to_be_so(unknown):
    done = decide(window(3, **unknown), serving("1"))
    assert (codes(done), done.facts) == (["unknown_deployment"], serving("1"))


def test_the_reason_has_the_numbers_and_names_the_worst_features_first():
    text = decide(window(3, drifted=1), serving("1")).decision.reasons[0].text
    assert "10000 rows, 1 of 4 features above psi 0.2 (distance 0.50)" in text


def test_a_model_of_thousands_of_features_keeps_its_facts_small():
    wide = tuple(FeatureScore(feature=f"a feature with a long name, number {n}", score=0.5) for n in range(5_000))
    done = decide(window(5, scores=wide), drifted(3, 4))
    assert "and 4988 more" in done.decision.reasons[0].text
    assert len(encode(done.facts)) < 4_000
    many = tuple(Breach(metric="psi", value=0.4, threshold=0.2, group=f"feature {n}") for n in range(5_000))
    assert len(encode(decide(breached(breaches=many), serving("1")).facts)) < 4_000


def test_drift_opens_an_incident_on_the_champion():
    (opened,) = decide(window(5, drifted=2), drifted(3, 4)).facts.incidents
    assert (opened.kind, opened.state, opened.version) == ("data_drift", "remedying", "1")


def test_drift_may_only_notify():
    policy = policy_with(monitoring=[drift_rule(then="notify", **{"for": "1 of 1"})])
    done = decide(window(5, drifted=2), serving("1"), policy=policy)
    assert (kinds(done), [one.kind for one in done.facts.incidents]) == (["Notify"], ["data_drift"])
    assert ordered(done, "Notify").persona == "ml_engineers"


def test_windows_of_another_length_neither_count_nor_take_the_place():
    daily = drift_rule(window="1d", then="notify", azure_ml_signals=None, **{"for": "1 of 1"})
    policy = policy_with(monitoring=[drift_rule(), daily])
    facts = serving("1", windows={"1": (seen(1), seen(2))})
    day = evaluate(situation(window(2, drifted=0, window="1d", dedup_key="day"), facts, policy=policy))
    assert {known.window: known.verdict for known in day.facts.windows["1"]} == {"1mo": "detected", "1d": "pass"}
    month = evaluate(situation(window(3, drifted=4, dedup_key="month"), day.facts, policy=policy))
    assert kinds(month) == ["Retrain", "Notify"]


@pytest.mark.parametrize("kind", ["manual_retrain", "scheduled_retrain", "data_arrival"])
def test_drift_during_a_retraining_that_something_else_asked_for_is_counted_into_it(kind):
    facts = drifted(3, 4, incidents=(incident("remedying", kind=kind, remedy="training"),))
    done = decide(window(5, drifted=2), facts)
    assert (done.decision.verdict, kinds(done)) == ("suppress", [])
    assert [(known.kind, known.repeats) for known in done.facts.incidents] == [(kind, 1)]


def test_drift_after_such_a_retraining_is_acted_on():
    facts = drifted(3, 4, incidents=(incident("verifying", kind="manual_retrain", remedy="training"),))
    assert "Retrain" in kinds(decide(window(5, drifted=2), facts))
