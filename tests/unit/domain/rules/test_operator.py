import pytest

from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import (
    NOW,
    asked,
    codes,
    failure,
    finished,
    held,
    kinds,
    registered,
    serving,
    situation,
)


def decide(signal, facts=None, **fields):
    return evaluate(situation(signal, facts, **fields))


def test_a_pause_is_remembered_with_who_and_why():
    done = decide(asked("pause", why="holidays"), serving("1"))
    assert done.facts.paused
    assert done.decision.reasons[0].text == "grace@contoso.com paused it: holidays"


def test_a_pause_says_so_when_nobody_gave_a_reason():
    assert decide(asked("pause")).decision.reasons[0].text.endswith("without saying why")


def test_to_pause_twice_is_to_pause_once():
    once = decide(asked("pause"), serving("1")).facts
    assert decide(asked("pause", dedup_key="again"), once).facts == once


def test_to_resume_wakes_everything_that_was_held_at_once():
    facts = serving("1", paused=True, fruitless=4, held={"h1": held("k1", "version 2"), "h2": held("k2", "incident i")})
    done = decide(asked("resume"), facts)
    assert (done.facts.paused, done.facts.fruitless) == (False, 0)
    assert sorted((hold.signal.about, hold.retries, hold.due) for hold in done.holds) == [
        ("incident i", "k2", NOW),
        ("version 2", "k1", NOW),
    ]
    assert {hold.signal.purpose for hold in done.holds} == {"retry"}


def test_a_woken_hold_takes_the_place_of_the_one_that_waited():
    paused = decide(asked("pause")).facts
    waiting = decide(registered("1"), paused)
    resumed = decide(asked("resume"), waiting.facts)
    assert [hold.id for hold in resumed.holds] == [hold.id for hold in waiting.holds]
    assert set(resumed.facts.held) == {resumed.holds[0].id}
    done = decide(resumed.holds[0].signal, resumed.facts, original=registered("1"))
    assert (kinds(done), done.facts.held) == (["ShareModel", "RecordReference"], {})


def test_to_resume_what_was_not_paused_does_no_harm():
    done = decide(asked("resume"), serving("1"))
    assert (done.facts, done.holds) == (serving("1"), ())


@pytest.mark.parametrize("kind", ["Notify", "RemoveDeployment", "RequestApproval", "DeployModel"])
def test_a_command_that_nobody_waits_for_ends_quietly_when_it_worked(kind):
    done = decide(finished("c", kind), serving("1"))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["done"])


@pytest.mark.parametrize("kind", ["Notify", "RemoveDeployment", "RequestApproval"])
def test_a_command_that_nobody_waits_for_fails_loudly(kind):
    done = decide(finished("c", kind, failure("the channel is gone")), serving("1"))
    assert (done.decision.verdict, done.decision.reasons[0].text) == ("escalate", f"{kind}: the channel is gone")
    assert done.facts == serving("1")
