import pytest

from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import (
    after,
    breached,
    codes,
    drift_rule,
    held,
    incident,
    kinds,
    policy_with,
    retried,
    serving,
    situation,
)


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


@pytest.mark.parametrize("state", ["remedying", "verifying"])
def test_a_monitors_event_is_counted_into_the_incident_that_is_open(state):
    done = decide(breached(), serving("1", incidents=(incident(state),)))
    assert (codes(done), kinds(done)) == (["monitor", "incident_open"], [])
    assert done.facts.incidents[0].repeats == 1


def test_a_monitors_event_opens_an_incident_like_a_window_does():
    done = decide(breached(), serving("1"))
    assert (kinds(done), done.facts.incidents[0].kind) == (["Retrain", "Notify"], "data_drift")
    assert "carrier psi 0.4" in done.facts.incidents[0].detail


def test_a_monitor_that_no_rule_names_does_nothing():
    assert codes(decide(breached(monitor_signal="other"), serving("1"))) == ["unknown_monitor"]


def test_a_rule_without_a_monitors_name_means_none_of_them():
    policy = policy_with(monitoring=[drift_rule(azure_ml_signals=None)])
    assert codes(decide(breached(monitor_signal=""), serving("1"), policy=policy)) == ["unknown_monitor"]


def test_an_incident_that_waits_is_counted_and_its_hold_left_alone():
    waiting = serving("1", incidents=(incident("open"),), held={"h": held("k", "incident incident")})
    done = decide(breached(), waiting)
    assert (codes(done), done.facts.incidents[0].repeats) == (["monitor", "incident_open"], 1)


def test_an_incident_that_nobody_waits_for_any_more_is_taken_up_again():
    done = decide(breached(), serving("1", incidents=(incident("open"),)))
    assert (kinds(done), [one.state for one in done.facts.incidents]) == (["Retrain", "Notify"], ["remedying"])


def test_the_signal_that_waited_is_acted_on_when_nothing_holds_it_any_more():
    facts = serving("1", incidents=(incident("open"),))
    done = evaluate(retried(breached(), facts, "incident incident", now=after("1h")))
    assert (kinds(done), done.facts.held) == (["Retrain", "Notify"], {})
