"""What Azure Policy judges, in the order in which it judged."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import ComplianceChanged
from shared.domain.signals import Rejected
from shared.parsing import parse

RESOURCE = "/subscriptions/S1/resourceGroups/RG/providers/Microsoft.MachineLearningServices/workspaces/Prod"
ASSIGNMENT = "/subscriptions/s1/providers/Microsoft.Authorization/policyAssignments/Deny-Public"
DATA = {
    "timestamp": "2021-03-27T18:37:42.4496956Z",
    "policyAssignmentId": ASSIGNMENT,
    "policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/D1",
    "policyDefinitionReferenceId": "",
    "complianceState": "NonCompliant",
    "subscriptionId": "S1",
    "complianceReasonCode": "",
}


@pytest.fixture
def read(event):
    """Reads one policy event."""

    def build(name="PolicyStateChanged", data=DATA, **changes):
        wrapped = event(
            f"Microsoft.PolicyInsights.{name}", data, **{"topic": "/subscriptions/S1", "subject": RESOURCE} | changes
        )
        (parsed,) = parse(json.dumps(wrapped).encode())
        return parsed

    return build


@pytest.mark.parametrize("change", ["created", "changed", "deleted"])
def test_a_judgement_says_what_was_judged_by_which_assignment(read, change):
    signal = read(f"PolicyState{change.title()}")
    assert isinstance(signal, ComplianceChanged)
    assert (signal.change, signal.resource_id, signal.assignment_id) == (change, RESOURCE.lower(), ASSIGNMENT.lower())
    assert signal.definition_id == "/providers/microsoft.authorization/policydefinitions/d1"
    assert (signal.source, signal.reason_code) == ("/subscriptions/s1", "")


def test_it_is_ordered_by_the_moment_of_the_judgement_and_not_of_the_event(read):
    assert read().occurred_at == datetime(2021, 3, 27, 18, 37, 42, 449695, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "compliant"),
    [
        ("Compliant", True),
        ("compliant", True),
        ("COMPLIANT", True),
        ("NonCompliant", False),
        ("noncompliant", False),
        ("NONCOMPLIANT", False),
        ("Non-compliant", False),
        ("Exempt", True),
        ("Conflict", False),
        ("Error", False),
    ],
)
def test_a_state_is_read_in_any_spelling(read, state, compliant):
    assert read(data=DATA | {"complianceState": state}).compliant is compliant


@pytest.mark.parametrize("state", ["NonCompliant", "Compliant", "Unknown", "", None])
def test_a_judgement_that_no_longer_stands_holds_nothing(read, state):
    signal = read("PolicyStateDeleted", DATA | {"complianceState": state})
    assert (signal.compliant, signal.change) == (True, "deleted")


@pytest.mark.parametrize("state", ["Unknown", "NotStarted"])
def test_no_judgement_is_nothing_to_act_on(read, state):
    assert read(data=DATA | {"complianceState": state}).reason == "not_actionable"


def test_an_unknown_state_is_refused_with_what_is_allowed(read):
    rejected = read(data=DATA | {"complianceState": "perhaps"})
    assert rejected.reason == "malformed_field"
    assert "'perhaps'" in rejected.detail
    assert "NonCompliant" in rejected.detail


@pytest.mark.parametrize("field", ["timestamp", "policyAssignmentId", "complianceState"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_needed_is_asked_for_by_name(read, field, value):
    rejected = read(data=DATA | {field: value})
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, f"data.{field}" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("subject", [None, ""])
def test_a_judgement_of_nothing_is_refused(read, subject):
    rejected = read(subject=subject)
    assert (rejected.reason, "subject" in rejected.detail) == ("missing_field", True)


def test_what_is_not_needed_may_be_missing(read):
    assert (
        read(data={key: DATA[key] for key in ("timestamp", "policyAssignmentId", "complianceState")}).definition_id
        == ""
    )


def test_an_event_of_a_management_group_speaks_of_the_resource(read):
    topic = "/tenants/T1/providers/Microsoft.Management/managementGroups/MG"
    signal = read(topic=topic)
    assert (signal.source, signal.resource_id) == (topic.lower(), RESOURCE.lower())


def test_two_judgements_under_one_event_id_are_both_heard(read):
    later = DATA | {"timestamp": "2021-03-27T19:00:00Z", "complianceState": "Compliant"}
    assert read().dedup_key != read(data=later).dedup_key
    assert read().dedup_key != read("PolicyStateDeleted").dedup_key
    assert read().dedup_key == read().dedup_key
