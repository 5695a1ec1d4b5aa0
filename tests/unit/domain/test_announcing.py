"""What is said of one decision follows from what it changed, from what it ordered and from what a command came to."""

import msgspec
import pytest

from shared.domain.announcements import ANNOUNCEMENTS_MAX, LISTED_MAX, TEXT_MAX, Announcement
from shared.domain.announcing import announce
from shared.domain.commands import Notify, RequestApproval
from shared.domain.decisions import Decision, Evaluation, Reason
from shared.domain.facts import Facts
from shared.domain.outcomes import Skipped
from shared.domain.values import encode, replace
from tests.unit.domain.builders import (
    NOW,
    SUBJECT,
    after,
    asked,
    awaiting,
    elapsed,
    failure,
    finished,
    incident,
    known,
    registered,
    rolling,
    serving,
    version,
)

SECRET = "https://app.example/api/approvals/a-signed-token"
NOTE = Notify(
    id="note",
    workload="flight-delay",
    reason="they should know",
    persona="ml_engineers",
    channels=("teams:mlops",),
    title=SECRET,
    facts={"open": SECRET},
)
QUESTION = RequestApproval(
    id="question-command",
    workload="flight-delay",
    reason="asked",
    approval_id="question",
    persona="ml_engineers",
    channels=("email:ada@contoso.com",),
    title=SECRET,
    facts={},
    expires_at=NOW,
)


def decided(facts=None, verdict="act", rule="test", **fields):
    decision = Decision(
        **{
            "id": "decision",
            "cause": "cause",
            "cause_kind": "OperatorAsked",
            "subject": SUBJECT,
            "verdict": verdict,
            "rule": rule,
            "reasons": (Reason(code="asked", text="somebody asked"),),
            "decided_at": NOW,
            "policy_digest": "digest",
            **fields,
        }
    )
    return Evaluation(decision=decision, facts=facts or Facts())


def said(evaluation, signal=None, before=None):
    """What is announced beyond the decision itself, by type."""
    every = announce(evaluation, signal or asked("close"), before or Facts())
    assert every[0].type == "Outerloop.DecisionMade"
    assert len({one.id for one in every}) == len(every)
    return {one.type.removeprefix("Outerloop."): one.data for one in every[1:]}


@pytest.mark.parametrize("verdict", ["act", "hold", "suppress", "escalate", "no_match"])
def test_every_decision_is_announced_whatever_its_verdict(verdict):
    (first, *_) = announce(decided(verdict=verdict), asked("close"), Facts())
    assert first.type == "Outerloop.DecisionMade"
    assert (first.subject, first.time) == (SUBJECT, NOW)
    data = first.data
    assert (data.decision, data.workload, data.verdict, data.rule) == ("decision", "flight-delay", verdict, "test")
    assert (data.signal, data.signal_kind, data.policy_digest) == ("cause", "OperatorAsked", "digest")
    assert [reason.code for reason in data.reasons] == ["asked"]


def test_a_decision_that_changes_nothing_says_no_more():
    assert said(decided(serving("1"), "suppress"), before=serving("1")) == {}


def test_the_same_decision_says_the_same_under_the_same_ids():
    evaluation = decided(rolling("2"), commands=(NOTE,))
    twice = [announce(evaluation, asked("close"), serving("1")) for _ in range(2)]
    assert twice[0] == twice[1]
    other = replace(evaluation, decision=replace(evaluation.decision, id="another"))
    assert {one.id for one in announce(other, asked("close"), serving("1"))}.isdisjoint(one.id for one in twice[0])


@pytest.mark.parametrize(
    ("was", "now", "type_"),
    [
        ("registered", "staging", "PromotionStarted"),
        ("awaiting_approval", "deploying", "ApprovalGranted"),
        ("testing", "rejected", "VersionRejected"),
        ("standby", "retired", "VersionRetired"),
        ("probing", "rolling_out", "RolloutStarted"),
        ("rolling_out", "serving", "RolloutCompleted"),
    ],
)
def test_a_version_that_moves_on_is_news(was, now, type_):
    found = said(decided(known(version("2", now))), before=known(version("2", was)))
    assert list(found) == [type_]
    assert found[type_].version == "2"


@pytest.mark.parametrize(("was", "now"), [("staging", "testing"), ("standby", "serving"), ("deploying", "probing")])
def test_a_step_that_nobody_can_act_on_is_not(was, now):
    assert said(decided(known(version("2", now))), before=known(version("2", was))) == {}


@pytest.mark.parametrize(
    ("signal", "type_"),
    [(asked("close"), "ApprovalRefused"), (elapsed("approval_expiry", "question"), "ApprovalExpired")],
)
def test_a_question_that_ends_in_a_no_says_whose_it_was(signal, type_):
    rejected = awaiting("2").versions["2"]
    rejected = replace(rejected, state="rejected")
    found = said(decided(known(rejected)), signal, awaiting("2"))
    assert list(found) == [type_, "VersionRejected"]
    assert found[type_].approval == "question"


def test_a_rollout_that_goes_on_says_its_share():
    found = said(decided(rolling("2", percent=50)), before=rolling("2", percent=10))
    assert (found["RolloutAdvanced"].version, found["RolloutAdvanced"].percent) == ("2", 50)


def test_a_rollout_that_waits_says_so():
    found = said(decided(rolling("2", looks=1), "hold", "rollout"), before=rolling("2"))
    assert found["RolloutHeld"].percent == 10


def test_what_holds_a_promotion_is_among_the_reasons():
    reasons = (Reason(code="maintenance", text="a window is open", until=after("1h")), Reason(code="paused", text="p"))
    found = said(decided(verdict="hold", rule="promotion", reasons=reasons), registered("2"))
    assert [reason.code for reason in found["PromotionHeld"].reasons] == ["maintenance", "paused"]
    assert found["PromotionHeld"].reasons[0].until == after("1h")


def test_an_incident_is_opened_once_and_closed_once():
    opened = Facts(incidents=(incident("open"),))
    closed = Facts(incidents=(replace(incident("closed"), closed_as="helped"),))
    assert said(decided(opened))["IncidentOpened"].incident.kind == "data_drift"
    assert said(decided(opened), before=opened) == {}
    assert said(decided(closed), before=opened)["IncidentClosed"].incident.closed_as == "helped"
    assert said(decided(closed), before=closed) == {}


def test_an_incident_that_was_over_when_it_was_seen_is_opened_and_closed():
    closed = Facts(incidents=(replace(incident("closed"), closed_as="rolled_back"),))
    assert list(said(decided(closed))) == ["IncidentOpened", "IncidentClosed"]


def test_pauses_are_told_when_they_begin_and_end():
    assert list(said(decided(Facts(paused=True)))) == ["Paused"]
    assert list(said(decided(Facts()), before=Facts(paused=True))) == ["Resumed"]
    assert said(decided(Facts(paused=True)), before=Facts(paused=True)) == {}


@pytest.mark.parametrize(
    ("outcome", "type_", "reason"),
    [
        (None, "CommandSucceeded", ""),
        (failure("the quota is used up"), "CommandFailed", "the quota is used up"),
        (Skipped(reason="stale plan"), "CommandSkipped", "stale plan"),
    ],
)
def test_what_a_command_came_to_is_said_with_the_decision_about_it(outcome, type_, reason):
    found = said(decided(), finished("command-1", "SetTraffic", outcome))
    told = found[type_].outcome
    assert (told.command.id, told.command.kind, told.reason) == ("command-1", "SetTraffic", reason)
    assert told.status == type_.removeprefix("Command")


def test_who_has_to_look_is_called():
    assert "PersonNeeded" in said(decided(verdict="escalate"))


def test_messages_are_announced_without_what_they_say():
    every = announce(decided(commands=(NOTE, QUESTION)), asked("close"), Facts())
    assert [one.type for one in every[1:]] == ["Outerloop.PersonTold", "Outerloop.ApprovalRequested"]
    text = encode(every).decode()
    assert [one.kind for one in every[0].data.commands] == ["Notify", "RequestApproval"]
    assert not any(hidden in text for hidden in (SECRET, "teams:mlops", "ada@contoso.com", "they should know"))


def test_however_much_is_decided_what_is_said_stays_small():
    reasons = tuple(Reason(code="check_failed", text="x" * 5000, observed="y" * 5000) for _ in range(100))
    commands = tuple(replace(NOTE, id=f"note-{n}") for n in range(150))
    every = announce(decided(reasons=reasons, commands=commands), asked("close"), Facts())
    assert len(every) == ANNOUNCEMENTS_MAX
    assert all(len(one.data.reasons) == LISTED_MAX and len(one.data.commands) == LISTED_MAX for one in every)
    assert len(every[0].data.reasons[0].text) == TEXT_MAX
    assert max(len(encode(one)) for one in every) < 64 * 1024


def test_what_is_said_survives_being_stored():
    for one in announce(decided(rolling("2"), commands=(NOTE,)), finished("c", "Retrain"), serving("1")):
        assert msgspec.json.decode(encode(one), type=Announcement) == one
