"""What is gone is no longer counted on, no write is ordered for it, and its people are told what to run."""

import pytest

from shared.domain.differences import Difference
from shared.domain.rules.deleted import on_gone
from tests.unit.domain.builders import asked, codes, kinds, known, ordered, rolling, serving, situation, version

BOTH = known(version("1", "standby"), version("2"))


def gone(facts, *roles, by=""):
    numbers = {"champion": facts.champion, "standby": facts.standby}
    numbers["candidate"] = facts.rollout.version if facts.rollout else ""
    found = tuple(
        Difference("gone", f"the {role} is gone", role, numbers[role], f"version-{numbers[role]}") for role in roles
    )
    signal = asked("pause")
    return on_gone(situation(signal, facts), signal, found, by)


def test_a_standby_that_is_gone_is_retired_and_its_end_is_awaited_no_more():
    done = gone(BOTH, "standby")
    assert (done.verdict, done.facts.standby, done.facts.standby_until) == ("act", "", None)
    assert (done.facts.versions["1"].state, len(done.released)) == ("retired", 1)


@pytest.mark.parametrize(
    ("facts", "advice"),
    [
        (BOTH, "outerloop ask rollback flight-delay: version 1 takes all of the traffic"),
        (serving("2"), "deploy a version by hand, or register one, so that it is promoted"),
        (
            rolling(),
            'if version 2 is to serve: az ml online-endpoint update --name flight-delay --traffic "version-2=100"',
        ),
    ],
    ids=["standby", "alone", "rollout"],
)
def test_a_champion_that_is_gone_calls_a_person_with_the_exact_command(facts, advice):
    done = gone(facts, "champion")
    assert (done.verdict, done.facts.champion, done.facts.rollout) == ("escalate", "", None)
    assert ordered(done, "Notify").facts["do this now"].startswith(advice)
    assert "RollBackTraffic" not in kinds(done)
    assert done.facts.incidents[-1].alert == "deleted"


def test_a_candidate_that_is_gone_ends_its_rollout_and_the_champion_stays():
    done = gone(rolling(), "candidate")
    assert (done.verdict, done.facts.champion, done.facts.rollout) == ("escalate", "1", None)
    assert done.facts.versions["2"].state == "rolled_back"
    assert "no traffic was written" in ordered(done, "Notify").facts["what it means"]


def test_everything_at_once_is_one_message():
    done = gone(BOTH, "champion", "standby", by="eve@contoso.com")
    assert (codes(done), kinds(done)) == (["deleted_by_hand", "deleted_by_hand"], ["Notify"])
    assert "by eve@contoso.com" in done.reasons[0].text
    assert (done.facts.champion, done.facts.standby) == ("", "")
