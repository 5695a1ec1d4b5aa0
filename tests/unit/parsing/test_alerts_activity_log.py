"""Alerts on the activity log become what they are about: something done, a judgement, a threat, or Azure's own health."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import (
    AlertFired,
    AlertResolved,
    ComplianceChanged,
    PlatformHealthChanged,
    SecurityAlertRaised,
)
from shared.domain.signals import ModelDeployed, Rejected, kind_of
from shared.parsing import parse
from tests.unit.parsing.alert_bodies import (
    ENDPOINT,
    EVENT,
    POLICY,
    activity,
    common,
    older_activity,
    read,
    read_one,
    without,
)

SUBSCRIPTION = "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e"
MACHINE = f"{SUBSCRIPTION}/resourcegroups/test-rg/providers/microsoft.compute/virtualmachines/test-vm"
SAMPLES = {
    "alert-common-activity-log.json": (
        "AlertFired",
        {
            "rule": "test-activityLogAlertRule",
            "category": "activity_log",
            "stateful": False,
            "operation": "Microsoft.Compute/virtualMachines/restart/action",
            "targets": (MACHINE,),
            "source": f"{SUBSCRIPTION}/resourcegroups/test-rg/providers/microsoft.insights/activitylogalerts/test_alert",
        },
    ),
    "alert-service-health.json": (
        "PlatformHealthChanged",
        {
            "scope": "service",
            "status": "Resolved",
            "title": "TestActionGroup-TestServiceHealthAlert",
            "targets": (SUBSCRIPTION,),
            "services": ("AzureServiceName",),
            "regions": ("Global",),
            "tracking_id": "TEST-TTT",
        },
    ),
    "alert-context-service-health-maintenance.json": (
        "PlatformHealthChanged",
        {
            "scope": "maintenance",
            "status": "Active",
            "title": "Azure Synapse Analytics Scheduled Maintenance Pending",
            "source": "microsoft.servicehealth",
            "services": ("Azure Synapse Analytics",),
            "regions": ("East US",),
            "occurred_at": datetime(2019, 6, 24, 11, 31, 19, 31269, tzinfo=UTC),
        },
    ),
    "alert-resource-health.json": (
        "PlatformHealthChanged",
        {
            "scope": "resource",
            "status": "Unavailable",
            "title": "Rebooted by user",
            "cause": "UserInitiated",
            "targets": (MACHINE,),
        },
    ),
    "alert-noncommon-activity-log-resource-health.json": (
        "PlatformHealthChanged",
        {
            "scope": "resource",
            "status": "Unavailable",
            "title": "Virtual Machine health status changed to unavailable",
            "cause": "PlatformInitiated",
            "occurred_at": datetime(2018, 9, 4, 23, 9, 3, 343000, tzinfo=UTC),
        },
    ),
    "alert-noncommon-activity-log-administrative.json": (
        "AlertFired",
        {
            "rule": "Microsoft.Insights/actionGroups/write",
            "operation": "Microsoft.Insights/actionGroups/write",
            "alert_id": "8195a56a-85de-4663-943e-1a2bf401ad94",
            "category": "activity_log",
            "stateful": False,
            "targets": (
                (
                    "/subscriptions/a0a0a0a0-bbbb-cccc-dddd-e1e1e1e1e1e1/resourcegroups/contoso-test/providers/"
                    "microsoft.insights/actiongroups/incidentactions"
                ),
            ),
        },
    ),
    "alert-context-activity-log-policy.json": (
        "ComplianceChanged",
        {
            "resource_id": "/subscriptions/<guid>",
            "compliant": False,
            "assignment_id": "/subscriptions/<guid>/providers/microsoft.authorization/policyassignments/securitycenterbuiltin",
            "definition_id": "/providers/microsoft.authorization/policydefinitions/<guid>",
            "occurred_at": datetime(2019, 8, 25, 11, 11, 34, 226909, tzinfo=UTC),
        },
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_documented_alert_is_its_signal(payload, name):
    kind, fields = SAMPLES[name]
    (signal,) = parse(payload(name))
    assert kind_of(signal) == kind
    assert {field: getattr(signal, field) for field in fields} == fields


# Something was done


ADMINISTRATIVE = "Activity Log - Administrative"


def test_what_was_done_by_whom_and_how_it_ended_is_told():
    signal = read_one(activity(ADMINISTRATIVE, properties={"message": "m", "n": 1}))
    assert isinstance(signal, AlertFired)
    assert signal.operation == EVENT["operationName"]
    assert (signal.rule, signal.severity, signal.stateful) == ("Slow answers", "Sev2", False)
    assert signal.properties == {"status": "Succeeded", "caller": "eve@contoso.com", "message": "m", "n": "1"}


def test_the_operation_may_be_told_by_its_authorization():
    signal = read_one(activity(ADMINISTRATIVE, operationName=None, authorization={"action": "a/write", "scope": "/s"}))
    assert signal.operation == "a/write"


@pytest.mark.parametrize(
    "named",
    [
        {"resourceId": ENDPOINT},
        {"authorization": {"scope": ENDPOINT, "action": "x"}},
        {"properties": {"entity": ENDPOINT}},
        {"properties": {"resourceName": ENDPOINT}},
        {"resourceId": ENDPOINT, "authorization": {"scope": "/other"}},
    ],
)
def test_without_targets_the_event_names_its_resource(named):
    told = activity(ADMINISTRATIVE, {"alertTargetIDs": None}, **named)
    assert read_one(told).targets == read_one(older_activity(**named)).targets == (ENDPOINT.lower(),)


@pytest.mark.parametrize("subscription", ["S1", "/subscriptions/S1/"])
def test_else_its_subscription_is_its_target(subscription):
    assert read_one(older_activity(subscriptionId=subscription)).targets == ("/subscriptions/s1",)


def test_an_event_that_names_no_resource_is_refused():
    rejected = read_one(older_activity())
    assert (rejected.reason, "resourceId" in rejected.detail) == ("missing_field", True)


def test_the_events_own_description_serves_when_the_rule_has_none():
    event = {"Activity Log Event Description": "what happened"}
    assert read_one(activity(ADMINISTRATIVE, {"description": ""}, **event)).description == "what happened"
    assert read_one(activity(ADMINISTRATIVE, **event)).description == "what the rule's author wrote"


@pytest.mark.parametrize("service", ["Autoscale", "Recommendation", "Something New"])
def test_other_categories_are_alerts_too(service):
    assert isinstance(read_one(activity(f"Activity Log - {service}", eventSource=service)), AlertFired)


def test_a_resolved_activity_log_alert_is_resolved():
    assert isinstance(read_one(activity(ADMINISTRATIVE, {"monitorCondition": "Resolved"})), AlertResolved)


# Which kind it is is told by the service, the source or the operation


HEALTH = {"title": "t", "currentHealthStatus": "Unavailable"}
OPERATIONS = {
    "Microsoft.ServiceHealth/incident/action": "service",
    "Microsoft.ServiceHealth/maintenance/action": "maintenance",
    "Microsoft.Resourcehealth/healthevent/Activated/action": "resource",
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("source", [2, None, "ServiceHealth", "ResourceHealth"])
def test_the_health_of_azure_is_told_by_the_operation_when_the_source_is_a_number(operation, source):
    of_resource = OPERATIONS[operation] == "resource"
    if isinstance(source, str) and of_resource != (source == "ResourceHealth"):
        return
    event = {"operationName": operation, "eventSource": source, "properties": HEALTH, "resourceId": ENDPOINT}
    signal = read_one(older_activity(**event))
    assert isinstance(signal, PlatformHealthChanged)
    assert signal.scope == OPERATIONS[operation]


@pytest.mark.parametrize(
    "service", ["ServiceHealth", "Service Health", "servicehealth", "Activity Log - Service Health"]
)
def test_a_service_is_known_with_and_without_blanks(service):
    assert read_one(activity(service, eventSource=1, properties=HEALTH)).scope == "service"


@pytest.mark.parametrize("service", ["ResourceHealth", "Resource Health"])
@pytest.mark.parametrize("signal_type", ["Activity Log", "ActivityLog", None])
def test_resource_health_is_known_in_every_spelling(service, signal_type):
    assert read_one(activity(service, {"signalType": signal_type}, properties=HEALTH)).scope == "resource"


def test_an_administrative_act_on_health_alerts_is_no_health():
    event = {"operationName": "Microsoft.Security/pricings/write", "resourceId": ENDPOINT}
    assert isinstance(read_one(older_activity(**event)), AlertFired)


# Health


IMPACTED = [
    {
        "ImpactedRegions": [{"RegionName": "East US"}, {"RegionName": "West US"}],
        "ServiceName": "Azure Machine Learning",
    },
    {"ImpactedRegions": [{"RegionName": "East US"}], "ServiceName": "Storage"},
]


@pytest.mark.parametrize("impacted", [IMPACTED, json.dumps(IMPACTED)])
def test_impacted_services_come_as_a_list_or_as_its_text(impacted):
    signal = read_one(activity("ServiceHealth", properties=HEALTH | {"impactedServices": impacted}))
    assert signal.services == ("Azure Machine Learning", "Storage")
    assert signal.regions == ("East US", "West US")


@pytest.mark.parametrize("impacted", [None, "", "{broken", 5, [], [5], {}, "[[]]"])
def test_without_impacted_services_the_single_one_is_told(impacted):
    details = HEALTH | {"impactedServices": impacted, "service": "Storage", "region": "East US"}
    signal = read_one(activity("ServiceHealth", properties=details))
    assert (signal.services, signal.regions) == (("Storage",), ("East US",))


@pytest.mark.parametrize(
    ("details", "operation", "scope"),
    [
        ({"incidentType": "Incident"}, "Microsoft.ServiceHealth/incident/action", "service"),
        ({"incidentType": "Informational"}, "Microsoft.ServiceHealth/information/action", "service"),
        ({"incidentType": "Maintenance"}, "Microsoft.ServiceHealth/event/action", "maintenance"),
        ({}, "Microsoft.ServiceHealth/maintenance/action", "maintenance"),
    ],
)
def test_maintenance_is_told_by_type_or_operation(details, operation, scope):
    assert read_one(activity("ServiceHealth", properties=HEALTH | details, operationName=operation)).scope == scope


def test_the_long_texts_of_a_communication_are_left_out():
    details = HEALTH | {
        "communication": "<p>",
        "DefaultLanguageContent": "<p>",
        "impactedServicesTableRows": "<tr>",
        "stage": "x",
    }
    assert read_one(activity("ServiceHealth", properties=details)).properties == HEALTH | {"stage": "x"}


def test_the_status_may_be_told_by_the_stage_and_must_be_told():
    assert (
        read_one(activity("ServiceHealth", status=None, properties=HEALTH | {"stage": "Planned"})).status == "Planned"
    )
    rejected = read_one(activity("ServiceHealth", status=None, properties=HEALTH))
    assert (rejected.reason, "status" in rejected.detail) == ("missing_field", True)


def test_service_health_needs_no_target():
    assert read_one(activity("ServiceHealth", {"alertTargetIDs": None}, properties=HEALTH)).targets == ()


def test_the_health_of_a_resource_needs_its_status_and_the_resource():
    unknown = read_one(activity("Resource Health", properties={"title": "t"}))
    nowhere = read_one(activity("Resource Health", {"alertTargetIDs": []}, properties=HEALTH))
    assert (unknown.reason, "currentHealthStatus" in unknown.detail) == ("missing_field", True)
    assert (nowhere.reason, "resourceId" in nowhere.detail) == ("missing_field", True)


def test_health_is_ordered_by_the_events_time_and_keyed_by_the_alerts():
    signal = read_one(activity("Resource Health", properties=HEALTH))
    assert signal.occurred_at == datetime(2025, 4, 15, 18, 16, tzinfo=UTC)
    later = read_one(activity("Resource Health", {"firedDateTime": "2025-04-15T19:00:00Z"}, properties=HEALTH))
    assert later.occurred_at == signal.occurred_at
    assert later.dedup_key != signal.dedup_key


# Policy


def judged(effect, *policies, service="Activity Log - Policy", **changes):
    operation = f"Microsoft.Authorization/policies/{effect}/action"
    details = {"isComplianceCheck": "True", "policies": json.dumps(policies)}
    return activity(service, **{"eventSource": "Policy", "operationName": operation, "properties": details} | changes)


@pytest.mark.parametrize("effect", ["audit", "AuditIfNotExists"])
def test_an_audit_says_that_a_resource_does_not_comply(effect):
    signal = read_one(judged(effect, POLICY))
    assert isinstance(signal, ComplianceChanged)
    assert (signal.resource_id, signal.compliant) == (ENDPOINT.lower(), False)
    assert signal.assignment_id == "/subscriptions/s1/providers/microsoft.authorization/policyassignments/p1"
    assert signal.definition_id == "/providers/microsoft.authorization/policydefinitions/d1"
    assert signal.occurred_at == datetime(2025, 4, 15, 18, 16, tzinfo=UTC)


def test_several_policies_are_several_judgements_with_keys_of_their_own():
    alert = judged(
        "audit", POLICY, POLICY | {"policyAssignmentId": "/p2"}, POLICY | {"policyDefinitionReferenceId": "r"}
    )
    signals = read(alert)
    assert {type(signal) for signal in signals} == {ComplianceChanged}
    assert len({signal.dedup_key for signal in signals}) == 3
    assert signals == read(alert)


def test_policies_may_come_as_a_list():
    assert isinstance(read_one(judged("audit", properties={"policies": [POLICY]})), ComplianceChanged)


@pytest.mark.parametrize("effect", ["deny", "append", "modify", "deployIfNotExists"])
def test_an_effect_that_judges_nothing_is_an_alert(effect):
    signal = read_one(judged(effect, POLICY))
    assert isinstance(signal, AlertFired)
    assert signal.operation.endswith(f"/{effect}/action")


@pytest.mark.parametrize("policies", [None, "", "{broken", "[]", [], [{"policyDefinitionId": "/d"}], 5])
def test_an_audit_that_names_no_assignment_is_an_alert(policies):
    assert isinstance(read_one(judged("audit", properties={"policies": policies})), AlertFired)


def test_policy_is_told_by_its_operation_alone():
    assert isinstance(read_one(judged("audit", POLICY, service=None, eventSource=7)), ComplianceChanged)


# Security


THREAT = {
    "eventSource": "Security",
    "operationName": "Microsoft.Security/locations/alerts/activate/action",
    "status": "Active",
    "properties": {
        "threatStatus": "Quarantined",
        "category": "Virus",
        "protectionType": "Windows Defender",
        "severity": "Low",
        "compromisedEntity": "testVM",
    },
}


def test_a_threat_in_the_common_schema_is_a_security_alert():
    signal = read_one(activity("Activity Log - Security", **THREAT))
    assert isinstance(signal, SecurityAlertRaised)
    assert (signal.alert_type, signal.severity, signal.status) == ("Virus", "Low", "Active")
    assert (signal.targets, signal.product) == ((ENDPOINT.lower(),), "Windows Defender")
    assert signal.title == "what the rule's author wrote"


def test_a_threat_in_the_older_schema_concerns_the_group_of_its_event():
    resource = "/subscriptions/S/resourceGroups/Contoso/providers/Microsoft.Security/locations/centralus/alerts/Sec-1"
    signal = read_one(older_activity(**THREAT, resourceId=resource, description="Failed SSH brute force attack."))
    assert signal.title == signal.description == "Failed SSH brute force attack."
    assert signal.targets == ("/subscriptions/s/resourcegroups/contoso",)


def test_a_compromised_entity_that_is_a_resource_comes_first():
    details = THREAT["properties"] | {"compromisedEntity": "/subscriptions/S/x"}
    signal = read_one(older_activity(**THREAT | {"properties": details}, resourceId="/subscriptions/S/y"))
    assert signal.targets == ("/subscriptions/s/x", "/subscriptions/s/y")


def test_a_security_context_alone_is_read():
    signal = read_one({"alertContext": EVENT | THREAT})
    assert isinstance(signal, SecurityAlertRaised)
    assert (signal.source, signal.title, signal.targets) == ("microsoft.security", "Virus", ())


# Contexts alone and the older schema


def test_a_context_alone_and_the_older_schema_say_the_same():
    assert read_one({"alertContext": EVENT | {"resourceId": ENDPOINT}}) == read_one(older_activity(resourceId=ENDPOINT))


@pytest.mark.parametrize("name", ["operationName", "eventTimestamp"])
def test_an_event_alone_needs_its_operation_and_time(name):
    rejected = read_one(older_activity(resourceId=ENDPOINT, **{name: None}))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, name in rejected.detail) == ("missing_field", True)


def test_an_event_alone_needs_an_id():
    rejected = read_one(older_activity(resourceId=ENDPOINT, eventDataId=None))
    assert (rejected.reason, "eventDataId (or operationId, correlationId)" in rejected.detail) == (
        "missing_field",
        True,
    )


def test_an_activity_log_alert_without_its_context_is_an_alert():
    told = common(signalType="Activity Log", monitoringService=ADMINISTRATIVE)
    told["data"] = without(told["data"], "alertContext")
    assert read_one(told).operation == ""


def test_the_older_schema_may_name_the_rule():
    alert = older_activity(resourceId=ENDPOINT)
    alert["data"]["context"]["name"] = "Somebody wrote"
    assert (read_one(alert).rule, read_one(alert).operation) == ("Somebody wrote", EVENT["operationName"])


def test_service_health_in_the_older_schema_concerns_its_subscription():
    details = HEALTH | {"incidentType": "Incident", "trackingId": "0NIH-U2O", "impactedServices": json.dumps(IMPACTED)}
    operation = "Microsoft.ServiceHealth/incident/action"
    event = {"eventSource": "ServiceHealth", "operationName": operation, "status": "Active", "subscriptionId": "S1"}
    signal = read_one(older_activity(**event, properties=details))
    assert (signal.scope, signal.status, signal.tracking_id) == ("service", "Active", "0NIH-U2O")
    assert signal.targets == ("/subscriptions/s1",)


# Deployments that were written

DEPLOYMENT = f"{ENDPOINT}/deployments/Blue"
BOTH = pytest.mark.parametrize(
    "alert",
    [
        lambda **event: activity("Activity Log - Administrative", {"alertTargetIDs": [DEPLOYMENT]}, **event),
        lambda **event: older_activity(resourceId=DEPLOYMENT, **event),
    ],
    ids=["common", "older"],
)


@BOTH
@pytest.mark.parametrize("status", ["Succeeded", "success"])
@pytest.mark.parametrize("kind", ["onlineEndpoints", "batchEndpoints", "ONLINEENDPOINTS"])
def test_a_deployment_that_was_written_is_a_model_deployed_and_says_by_whom(alert, status, kind):
    operation = f"Microsoft.MachineLearningServices/workspaces/{kind}/deployments/write"
    signal = read_one(alert(operationName=operation, status=status))
    assert isinstance(signal, ModelDeployed)
    assert (signal.service_name, signal.by) == ("ep/blue", "eve@contoso.com")
    assert signal.workspace == ENDPOINT.lower().partition("/onlineendpoints")[0]
    assert signal.occurred_at == datetime(2025, 4, 15, 18, 16, tzinfo=UTC)


@BOTH
@pytest.mark.parametrize("status", ["Started", "Accepted", "Running"])
def test_a_write_that_has_only_begun_is_not_acted_on(alert, status):
    rejected = read_one(alert(status=status))
    assert (rejected.reason, status in rejected.detail) == ("not_actionable", True)


@BOTH
@pytest.mark.parametrize("status", ["Failed", "Canceled", ""])
def test_a_write_that_failed_or_whose_end_nobody_tells_stays_an_alert(alert, status):
    assert isinstance(read_one(alert(status=status)), AlertFired)


@BOTH
@pytest.mark.parametrize("operation", ["onlineEndpoints/write", "onlineEndpoints/deployments/delete", "models/write"])
def test_other_operations_stay_alerts(alert, operation):
    name = f"Microsoft.MachineLearningServices/workspaces/{operation}"
    assert isinstance(read_one(alert(operationName=name, status="Started")), AlertFired)


def test_two_alert_rules_about_one_write_tell_one_deployment():
    one = activity(
        "Activity Log - Administrative", {"alertTargetIDs": [DEPLOYMENT]}, correlationId="C-1", resourceId=DEPLOYMENT
    )
    other = older_activity(resourceId=DEPLOYMENT, correlationId="c-1", eventDataId="another")
    assert read_one(one).dedup_key == read_one(other).dedup_key
    later = older_activity(resourceId=DEPLOYMENT, correlationId="C-2")
    assert read_one(later).dedup_key != read_one(one).dedup_key
