import pytest

from shared.domain.evaluate import evaluate
from shared.domain.rules.work_item import overtaken
from tests.unit.domain.builders import (
    NOW,
    asked,
    breached,
    codes,
    drift_rule,
    incident,
    kinds,
    policy_with,
    seen,
    serving,
    situation,
    window,
)

TASK = incident("open", id="task", kind="annotation")
WORK = incident("open", id="work", kind="investigation")


def decide(signal, facts, then="investigate", task="classical", **rule):
    policy = policy_with(task=task, monitoring=[drift_rule(then=then, **{"for": "1 of 1"}, **rule)])
    return evaluate(situation(signal, facts, policy=policy))


@pytest.mark.parametrize(
    ("task", "then", "kind"), [("vision", "annotate", "annotation"), ("classical", "investigate", "investigation")]
)
def test_an_item_is_opened_and_told_once(task, then, kind):
    first = decide(window(3, drifted=2), serving("1"), then, task)
    assert (first.decision.verdict, first.decision.rule, kinds(first)) == ("act", kind, ["Notify"])
    (opened,) = first.facts.incidents
    assert (opened.kind, opened.state, opened.version) == (kind, "open", "1")
    again = decide(window(4, drifted=2), first.facts, then, task)
    assert (again.decision.verdict, kinds(again)) == ("suppress", [])
    assert codes(again)[-1] == "incident_open"
    assert again.facts.incidents[0].repeats == 1


def test_azures_own_monitor_opens_one_too_and_counts_into_the_same():
    first = decide(breached("r1"), serving("1"))
    assert first.facts.incidents[0].kind == "investigation"
    assert decide(window(3, drifted=2), first.facts).facts.incidents[0].repeats == 1


def test_the_evidence_tells_windows_champion_and_since_when():
    facts = serving("1", windows={"1": (seen(2, "suspected"),)})
    told = decide(window(3, drifted=2), facts).decision.commands[0].facts
    assert told["windows"] == "2026-02-01 suspected (0% of features); 2026-03-01 detected (50% of features)"
    assert told["champion"] == "version 1 since 2026-03-02 12:00 UTC"
    assert "distance 0.50" in told["window"]
    assert told["closes"].startswith("when a newer version serves")


def test_nothing_is_retrained_even_under_a_pause():
    done = decide(window(3, drifted=2), serving("1", paused=True))
    assert kinds(done) == ["Notify"]


def test_what_is_about_a_version_closes_when_a_newer_one_serves():
    drift, being_mended = incident("open"), incident("remedying", id="remedied")
    facts = serving("2", incidents=(TASK, WORK, drift, being_mended))
    states = {
        known.id: known.closed_as for known in overtaken(situation(asked("pause"), facts), facts, "promoted").incidents
    }
    assert states == {"task": "promoted", "work": "promoted", "incident": "promoted", "remedied": ""}


def test_an_item_about_the_version_that_still_serves_stays_open():
    facts = serving("1", incidents=(TASK,))
    assert overtaken(situation(asked("pause"), facts), facts, "promoted") == facts


def test_a_person_closes_what_is_done():
    done = decide(asked("close", why="labelled"), serving("1", incidents=(TASK, WORK, incident("remedying"))))
    assert done.decision.reasons[0].text == "grace@contoso.com closed it: labelled"
    assert {known.id: known.closed_as for known in done.facts.incidents} == {
        "task": "done",
        "work": "done",
        "incident": "",
    }
    assert all(known.closed_at == NOW for known in done.facts.incidents if known.closed_as)


def test_with_nothing_open_there_is_nothing_to_close():
    done = decide(asked("close"), serving("1", incidents=(incident("remedying"),)))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["asked", "none_open"])
