import pytest

from shared.domain.evaluate import evaluate
from shared.domain.rules.security import TARGETS_MAX
from tests.unit.domain.builders import after, codes, kinds, ordered, serving, situation
from tests.unit.domain.platform_builders import ENDPOINT, PRODUCTION, STAGING, listening, security_alert, vulnerability

SECURITY = {"notify_from": "medium", "to": "guards"}


def after_hearing(*signals, **security):
    """The last evaluation, under the section about security."""
    policy, done = listening(security=SECURITY | security), None
    for signal in signals:
        done = evaluate(situation(signal, done.facts if done else serving("1"), policy=policy))
    return done


@pytest.mark.parametrize("make", [security_alert, vulnerability])
@pytest.mark.parametrize(
    ("severity", "told"),
    [("Informational", False), ("Low", False), ("medium", True), ("High", True), ("Critical", True), ("Odd", True)],
)
def test_people_are_told_from_the_severity_of_the_policy_on(make, severity, told):
    done = after_hearing(make(severity))
    assert kinds(done) == (["Notify"] if told else [])
    assert codes(done) == (["incident_opened"] if told else ["below_severity"])


def test_the_policy_may_want_to_hear_of_everything():
    assert kinds(after_hearing(security_alert("Informational"), notify_from="informational")) == ["Notify"]


def test_what_is_told_names_severity_targets_and_what_happened():
    notice = ordered(after_hearing(security_alert()), "Notify")
    assert (notice.persona, notice.title) == ("guards", "flight-delay: security: Suspicious access to the workspace")
    assert notice.facts == {"severity": "High", "target": ENDPOINT, "description": "somebody listed the keys"}


def test_the_owner_is_told_when_nobody_is_named():
    assert ordered(after_hearing(security_alert(), to=""), "Notify").persona == "ml_engineers"


def test_the_same_alert_on_the_same_target_is_one_incident():
    again = security_alert(dedup_key="again", occurred_at=after("1h"))
    done = after_hearing(security_alert(), again)
    assert (codes(done), kinds(done), done.facts.incidents[0].repeats) == (["incident_open"], [], 1)


def test_another_type_or_target_is_another_incident():
    done = after_hearing(
        security_alert(), security_alert(alert_type="other"), security_alert(targets=(STAGING,)), vulnerability()
    )
    assert [known.state for known in done.facts.incidents] == ["open"] * 4


def test_a_minor_repeat_is_counted_into_the_incident_that_is_open():
    done = after_hearing(security_alert("High"), security_alert("Low"))
    assert (codes(done), done.facts.incidents[0].repeats, done.facts.incidents[0].severity) == (
        ["below_severity"],
        1,
        "High",
    )


@pytest.mark.parametrize("status", ["Resolved", "dismissed"])
def test_an_alert_that_was_dealt_with_closes_its_incident_and_tells(status):
    done = after_hearing(security_alert(), security_alert(status=status, occurred_at=after("1h")))
    assert (codes(done), done.facts.incidents[0].closed_as) == (["resolved"], "resolved")
    assert "resolved:" in ordered(done, "Notify").title


def test_an_alert_in_progress_is_still_one():
    done = after_hearing(security_alert(), security_alert(status="InProgress", occurred_at=after("1h")))
    assert done.facts.incidents[0].state == "open"


def test_the_end_of_something_unknown_is_remembered_and_not_told():
    done = after_hearing(vulnerability(healthy=True, occurred_at=after("1h")))
    assert (codes(done), kinds(done)) == (["not_open"], [])
    late = after_hearing(vulnerability(healthy=True, occurred_at=after("1h")), vulnerability())
    assert (codes(late), kinds(late)) == (["already_resolved"], [])


def test_an_end_closes_even_what_is_minor_by_now():
    done = after_hearing(vulnerability(), vulnerability("Low", healthy=True, occurred_at=after("1h")))
    assert done.facts.incidents[0].closed_as == "resolved"


def test_an_assessment_without_a_name_goes_by_its_title():
    done = after_hearing(vulnerability(assessment=""))
    assert done.facts.incidents[0].alert == "workspaces should use private link"


def test_without_the_section_nothing_is_told():
    done = evaluate(situation(security_alert(), serving("1")))
    assert (done.decision.verdict, codes(done)) == ("no_match", ["no_rule"])


def test_very_many_targets_do_not_fill_the_facts():
    targets = tuple(f"{PRODUCTION}/computes/{number}" for number in range(50))
    assert len(after_hearing(security_alert(targets=targets)).facts.incidents) == TARGETS_MAX
