from importlib import import_module
from pkgutil import iter_modules

import pytest

from shared.domain import rules
from shared.domain.evaluate import evaluate
from shared.domain.rules.silencing import KEPT_MAX, NAMES
from tests.unit.domain.builders import (
    NOW,
    after,
    asked,
    breached,
    codes,
    drift_rule,
    expired,
    failure,
    finished,
    held,
    incident,
    kinds,
    policy_with,
    rolling,
    serving,
    silenced,
    situation,
)


def decide(signal, facts=None, **fields):
    return evaluate(situation(signal, facts or serving("1"), **fields))


def quiet(what="data_drift", until="2d"):
    """The facts of a champion, with something silenced."""
    return decide(silenced(what, until)).facts


def test_a_silence_is_kept_with_who_why_and_until_when():
    done = decide(silenced())
    (silence,) = done.facts.silences
    assert (silence.what, silence.by, silence.comment, silence.until) == (
        "data_drift",
        "grace@contoso.com",
        "holiday traffic",
        after("2d"),
    )
    assert done.decision.reasons[0].text.startswith("grace@contoso.com silenced data_drift until 2026-03-04 12:00 UTC")


def test_a_silence_of_the_past_is_none():
    done = decide(silenced(until="1h"), now=after("1h"))
    assert (codes(done), done.facts.silences) == (["asked", "over"], ())


def test_silences_that_are_over_make_room_and_there_is_a_limit():
    facts = quiet()
    for number in range(KEPT_MAX - 1):
        facts = decide(silenced("*" * (number + 2)), facts).facts
    assert codes(decide(silenced("data_drift"), facts)) == ["asked", "too_many"]
    done = decide(silenced("data_drift", "9d"), facts, now=after("3d"))
    assert [silence.what for silence in done.facts.silences] == ["data_drift"]


@pytest.mark.parametrize("what", [*NAMES, "*", "data_*", "*_retrain"])
def test_every_rule_and_every_kind_of_incident_can_be_named(what):
    assert codes(decide(silenced(what))) == ["asked"]


@pytest.mark.parametrize("what", ["data_drfit", "Data_Drift", "flight-delay", "budget"])
def test_a_silence_that_would_cover_nothing_is_refused_with_the_names_that_there_are(what):
    done = decide(silenced(what))
    assert (codes(done), done.decision.verdict, done.facts.silences) == (["asked", "covers_nothing"], "suppress", ())
    assert f"is called {what!r}; there are annotation, approval," in done.decision.reasons[1].text


def test_no_rule_that_tells_people_of_a_workload_is_missing():
    """What has nothing to tell of a workload, or must not be silenced, is named here."""
    modules = [import_module(f"shared.domain.rules.{known.name}") for known in iter_modules(rules.__path__)]
    every = {module.RULE for module in modules if hasattr(module, "RULE")}
    assert every - set(NAMES) == {"batch", "budget", "collected_files", "operator", "referenced_rows", "silence"}


def test_a_person_ends_a_silence_and_what_it_held_is_evaluated_at_once():
    facts = decide(silenced(), serving("1", held={"h": held("k", "incident i")})).facts
    done = decide(expired(facts.silences[0].id, why="it is over"), facts)
    assert done.facts.silences == ()
    assert [(hold.signal.about, hold.due) for hold in done.holds] == [("incident i", NOW)]


def test_a_silence_that_is_not_in_force_cannot_be_ended():
    assert codes(decide(expired("unknown"), quiet())) == ["asked", "no_silence"]
    facts = quiet(until="1h")
    assert codes(decide(expired(facts.silences[0].id), facts, now=after("2h"))) == ["asked", "no_silence"]


@pytest.mark.parametrize(
    ("then", "task"), [("notify", "classical"), ("investigate", "classical"), ("annotate", "vision")]
)
def test_what_a_rule_would_tell_waits_until_the_silence_ends(then, task):
    policy = policy_with(task=task, monitoring=[drift_rule(then=then)])
    done = decide(breached(), quiet(), policy=policy)
    assert (done.decision.verdict, kinds(done), codes(done)[-1]) == ("hold", [], "silenced")
    assert [hold.due for hold in done.holds] == [after("2d")]
    assert done.facts.incidents == ()


def test_a_retraining_waits_until_the_silence_ends():
    done = decide(breached(), quiet())
    assert (done.decision.verdict, codes(done)[-1], done.holds[0].due) == ("hold", "silenced", after("2d"))


def test_a_silence_of_something_else_holds_nothing():
    assert kinds(decide(breached(), quiet("annotation"))) == ["Retrain", "Notify"]


def test_what_is_said_of_a_silenced_incident_is_kept_and_not_sent():
    facts = decide(silenced(), serving("1", incidents=(incident(remedy="r"),))).facts
    done = decide(finished("r", "Retrain", failure()), facts)
    assert kinds(done) == []
    assert [type(command).__name__ for command in done.decision.planned] == ["Notify"]
    assert codes(done)[-1] == "silenced"
    assert done.facts.incidents[0].closed_as == "failed"


def test_a_rollback_and_what_is_said_with_it_are_never_silenced():
    facts = decide(silenced("*"), rolling("2")).facts
    assert kinds(decide(asked("rollback"), facts)) == ["RollBackTraffic", "Notify"]


def test_a_rollback_that_failed_is_never_silenced():
    assert kinds(decide(finished("c", "RollBackTraffic", failure()), quiet("*"))) == ["Notify"]
