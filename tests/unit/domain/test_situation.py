from datetime import timedelta

import pytest

from shared.domain.commands import Notify, Retrain, ShareModel
from shared.domain.facts import ApprovalAsked, Facts, Proposal
from shared.domain.situation import Ruling, because, evaluation, ignore, unmatched
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    SUBJECT,
    after,
    asked,
    codes,
    elapsed,
    held,
    registered,
    retried,
    serving,
    situation,
    window,
)


def share(here, target="flight-delay:1", ordinal=0):
    return here.order(
        ShareModel, target, "why", ordinal, workspace="ws", registry="r", model="flight-delay", version="1"
    )


def ruling(facts=None, **fields):
    return Ruling("act", "promotion", (because("registered", "it was"),), facts or Facts(), **fields)


def test_the_same_signal_orders_the_same_command():
    assert share(situation(registered())).id == share(situation(registered(), now=after("9h"))).id


@pytest.mark.parametrize("other", [{"target": "flight-delay:2"}, {"ordinal": 1}])
def test_another_target_or_ordinal_is_another_command(other):
    here = situation(registered())
    assert share(here).id != share(here, **other).id


def test_a_message_reaches_the_channels_of_its_persona():
    told = situation(registered()).tell("ml_engineers", "title", {"why": "because"})
    assert isinstance(told, Notify)
    assert told.channels == ("teams:mlops", "email:mlops@contoso.com")


def test_what_is_judged_is_the_signal_that_waited():
    here = retried(window(3), serving("1"), "incident i")
    assert here.heard == window(3)
    assert situation(registered()).heard == registered()


def test_a_hold_of_the_same_purpose_and_matter_replaces_the_older_one():
    here = situation(registered())
    assert here.wake("bake", "2/0/0", after("1h")).id == here.wake("bake", "2/0/0", after("2h")).id
    assert here.wake("bake", "2/0/0", NOW).id != here.wake("bake", "2/0/1", NOW).id
    assert here.wake("bake", "2", NOW).id != here.wake("standby_expiry", "2", NOW).id


def test_a_hold_that_is_renewed_wakes_with_a_signal_of_its_own():
    here = situation(registered())
    first, later = here.wake("retry", "version 1", after("1h")), here.wake("retry", "version 1", after("2h"))
    assert first.signal.dedup_key != later.signal.dedup_key


def test_two_decisions_that_wake_at_the_same_moment_are_both_heard():
    first, other = situation(asked("pause")), situation(asked("resume"))
    assert first.wake("retry", "v", NOW).signal.dedup_key != other.wake("retry", "v", NOW).signal.dedup_key


def test_a_wait_remembers_which_signal_to_judge_again():
    here = situation(registered("2"))
    hold, facts = here.wait("version 2", after("1h"), Facts())
    assert hold.retries == registered("2").dedup_key
    assert facts.held == {hold.id: held(registered("2").dedup_key, "version 2")}
    assert (hold.signal.purpose, hold.signal.subject, hold.signal.hold_id) == ("retry", SUBJECT, hold.id)


def test_waiting_again_and_again_is_no_deeper_than_waiting_once():
    here = situation(registered("2", depth=3))
    for _ in range(100):
        hold, facts = here.wait("version 2", after("1h"), Facts())
        here = situation(hold.signal, facts, original=registered("2", depth=3))
    assert hold.signal.depth == 4


def test_what_a_person_woke_stays_as_near_to_that_person_however_long_it_waits():
    woken = situation(asked("resume")).wake("retry", "version 2", NOW, "registered-2").signal
    here = situation(woken, original=registered("2", depth=60))
    assert here.wake("retry", "version 2", NOW).signal.depth == woken.depth == 1


def proposal(about="version 2", **fields):
    question = ApprovalAsked(id=f"about {about}", evidence_digest="d", asked_at=NOW, expires_at=after("2d"))
    return Proposal(**{"what": "promotion", "about": about, "title": "promote", "asked": question, **fields})


def test_a_question_is_closed_with_its_expiry_when_what_it_is_about_waits_no_more():
    here = retried(registered("2"), serving(proposals={"version 2": proposal()}), "version 2")
    begun = evaluation(here, ruling(here.facts))
    assert (begun.facts.held, begun.facts.proposals) == ({}, {})
    assert set(begun.released) == {here.signal.hold_id, here.wake("approval_expiry", "about version 2", NOW).id}


def test_a_question_stands_while_what_it_is_about_is_held_again():
    here = retried(registered("2"), serving(proposals={"version 2": proposal()}), "version 2")
    hold, facts = here.wait("version 2", after("1h"), here.facts)
    again = evaluation(here, ruling(facts, holds=(hold,)))
    assert again.facts.proposals == here.facts.proposals
    assert again.released == ()


def test_the_expiry_of_a_question_that_was_replaced_is_released():
    here = retried(registered("2"), serving(proposals={"version 2": proposal()}), "version 2")
    hold, facts = here.wait("version 2", after("1h"), here.facts)
    newer = replace(proposal(), asked=replace(proposal().asked, id="newer"))
    again = evaluation(here, ruling(replace(facts, proposals={"version 2": newer}), holds=(hold,)))
    assert again.facts.proposals == {"version 2": newer}
    assert again.released == (here.wake("approval_expiry", "about version 2", NOW).id,)


def test_what_our_own_holds_bring_about_is_one_deeper():
    assert situation(elapsed("bake", "2/0/0", depth=7)).wake("standby_expiry", "1", NOW).signal.depth == 8


def test_a_look_that_leads_to_the_next_one_is_no_deeper():
    assert situation(elapsed("bake", "2/0/0", depth=7)).wake("bake", "2/0/1", NOW).signal.depth == 7


def test_a_decision_records_its_cause_its_rule_and_its_policy():
    here = situation(registered(depth=2))
    decision = evaluation(here, ruling(commands=(share(here),))).decision
    assert (decision.cause, decision.cause_kind) == ("registered-1", "ModelRegistered")
    assert (decision.verdict, decision.rule, decision.depth) == ("act", "promotion", 2)
    assert decision.policy_digest == here.policy_digest
    assert decision.decided_at == NOW
    assert [command.id for command in decision.commands] == [share(here).id]


def test_the_end_of_a_hold_releases_it():
    here = retried(registered("2"), Facts(), "version 2")
    done = evaluation(here, ruling(here.facts))
    assert done.released == (here.signal.hold_id,)
    assert done.facts.held == {}


def test_the_end_of_a_hold_that_is_renewed_keeps_it():
    here = retried(registered("2"), Facts(), "version 2")
    hold, facts = here.wait("version 2", NOW + timedelta(hours=1), here.facts)
    done = evaluation(here, ruling(facts, holds=(hold,)))
    assert (done.released, list(done.facts.held)) == ((), [hold.id])


def test_released_holds_are_forgotten_by_the_facts():
    facts = Facts(held={"h1": held("k1", "a"), "h2": held("k2", "b")})
    done = evaluation(situation(registered()), ruling(facts, released=("h1", "gone")))
    assert list(done.facts.held) == ["h2"]
    assert done.released == ("gone", "h1")


def test_to_ignore_is_to_suppress_with_a_reason_and_to_change_nothing():
    ignored = ignore(situation(registered(), serving("1")), "promotion", because("stale", "over"))
    assert (ignored.verdict, ignored.facts, ignored.commands) == ("suppress", serving("1"), ())


def test_what_no_workload_cares_for_is_recorded_all_the_same():
    done = unmatched(registered(), "unmatched", Facts(), "digest", NOW)
    assert (done.decision.verdict, codes(done)) == ("no_match", ["no_workload"])
    assert done.facts == Facts()


def test_an_order_names_its_workload_and_its_reason():
    command = situation(registered()).order(
        Retrain, "t", "drift", workspace="ws", component="c", data="d", experiment="e", model="m"
    )
    assert (command.workload, command.reason) == ("flight-delay", "drift")
