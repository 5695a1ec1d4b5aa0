"""Every payload file is read as the tables say: what it becomes, and why something becomes nothing."""

from datetime import UTC, datetime

import pytest

from shared.domain.signals import Rejected, kind_of
from shared.parsing import detect, parse, read_message
from tests.unit.parsing.conftest import EVENTS

DRIFT = "credit_card_fraud_monitor_data_drift"
STATUS = {
    "experiment": "automl-local-regression",
    "run_id": "AutoML_ad912b2d-6467-4f32-a616-dbe4af6dd8fc_5",
    "run_type": "",
}
MODEL = {
    "model_name": "sklearn_regression_model",
    "model_version": "20",
    "tags": {"area": "diabetes", "type": "regression"},
}
SERVICE = {
    "service_name": "my-sklearn-service",
    "compute_type": "ACI",
    "models": ("sklearn_regression_model:1", "sklearn_regression_model:2"),
}

SIGNALS = {
    "eventgrid-ml-model-registered": ("ModelRegistered", MODEL | {"subject": "models/sklearn_regression_model:20"}),
    "eventgrid-ml-model-deployed": ("ModelDeployed", SERVICE | {"subject": "endpoints/my-sklearn-service"}),
    "eventgrid-ml-run-completed": ("JobStatusChanged", STATUS | {"status": "Completed"}),
    "eventgrid-ml-run-status-changed": ("JobStatusChanged", STATUS | {"status": "Failed"}),
    "eventgrid-ml-run-status-changed-monitor-breached": ("MonitorBreached", {"monitor_signal": DRIFT, "legacy": False}),
    "eventgrid-ml-dataset-drift-detected": ("MonitorBreached", {"monitor_signal": "myDriftMonitor", "legacy": True}),
}

TELEMETRY = {
    "aml-data-collector-cloudevent.jsonl": ({"model_inputs": 4}, 0),
    "aml-data-collector-cloudevent-dataref-only.jsonl": ({}, 0, 3),
    "aml-data-collector-docs.jsonl": ({"request": 1, "response": 2, "inputs": 3, "model_inputs": 2}, 0, 1),
    "eventhub-diagnostic-AmlOnlineEndpointTrafficLog.json": ({"AmlOnlineEndpointTrafficLog": 2}, 0),
    "eventhub-diagnostic-AmlOnlineEndpointConsoleLog.json": ({"AmlOnlineEndpointConsoleLog": 1}, 0),
    "eventhub-diagnostic-AmlOnlineEndpointEventLog.json": ({"AmlOnlineEndpointEventLog": 3}, 0),
    "eventhub-diagnostic-docs-sample.json": ({"AuditEvent": 1}, 0),
    "eventhub-metrics-AllMetrics.json": ({"AllMetrics": 9}, 0),
}

IMAGE = "sha256:213bbc182920ab41e18edc2001e06abcca6735d87782d9cef68abd83941cf0e5"
RESOURCE = "<resourcegroup>/providers/<providernamespace>/<resourcetype>/<resourcename>"
BLOB = {"account": "my-storage-account", "container": "testcontainer"}
ARRIVED = BLOB | {"path": "new-file.txt", "api": "PutBlockList", "size_bytes": 524288}
PUSHED = {"registry": "demo.azurecr.io", "repository": "aci-helloworld", "tag": "v1", "digest": IMAGE}
COMPLIANCE = {
    "compliant": False,
    "change": "changed",
    "reason_code": "",
    "resource_id": f"/subscriptions/<subscriptionid>/resourcegroups/{RESOURCE}",
    "assignment_id": "<policy-assignment-scope>/providers/microsoft.authorization/policyassignments/<policy-assignment-name>",
    "occurred_at": datetime(2021, 3, 27, 18, 37, 42, 449695, tzinfo=UTC),
}
MACHINE = (
    "/subscriptions/{subscription-id}/resourcegroups/{rg-name}/providers/microsoft.compute/virtualmachines/{vm-name}"
)
HEALTH = {"scope": "resource", "status": "Available", "targets": (MACHINE,)}
ATTACKED = (
    "/subscriptions/86057c9f-3cdd-484e-83b1-7bf1c17a9ff8/resourcegroups/backend-srv/providers/microsoft.compute/websrv1"
)

# Event Grid of other services, registry web hooks, Defender for Cloud: the kind and its fields.
PLATFORM = {
    "acr-webhook-quarantine.json": (
        "ImageQuarantined",
        {"repository": "helloworld", "tag": "1", "digest": "sha256:91ef6", "registry": "[registry].azurecr.io"},
    ),
    "defender-alert-continuous-export.json": (
        "SecurityAlertRaised",
        {"alert_type": "SUSPECT_SVCHOST", "severity": "High", "status": "New", "targets": (ATTACKED,)},
    ),
    "eventgrid-acr-imagedeleted.json": ("ImageDeleted", PUSHED | {"tag": ""}),
    "eventgrid-acr-imagepushed.cloudevent.json": ("ImagePushed", PUSHED),
    "eventgrid-acr-imagepushed.json": ("ImagePushed", PUSHED),
    "eventgrid-deadletter.json": (
        "DataArrived",
        {"account": "myegteststgfoo", "path": "myBlobFile.txt", "size_bytes": 0},
    ),
    "eventgrid-policyinsights-policystatechanged.cloudevent.json": ("ComplianceChanged", COMPLIANCE),
    "eventgrid-policyinsights-policystatechanged.json": ("ComplianceChanged", COMPLIANCE),
    "eventgrid-resourcenotifications-health-availabilitystatuschanged.cloudevent.json": (
        "PlatformHealthChanged",
        HEALTH,
    ),
    "eventgrid-resourcenotifications-health-availabilitystatuschanged.json": ("PlatformHealthChanged", HEALTH),
    "eventgrid-resourcenotifications-resources-createdorupdated.json": (
        "ResourceChanged",
        {"change": "created_or_updated", "resource_type": "microsoft.storage/storageaccounts", "status": "Succeeded"},
    ),
    "eventgrid-storage-blobcreated.cloudevent.json": ("DataArrived", ARRIVED),
    "eventgrid-storage-blobcreated.json": ("DataArrived", ARRIVED),
    "eventgrid-storage-blobdeleted.json": ("DataDeleted", BLOB | {"path": "file-to-delete.txt", "size_bytes": 0}),
    "eventgrid-subscription-validation.json": ("SubscriptionValidation", {"subject": ""}),
}

# Alerts and budgets of Azure Monitor; their fields are in the tests of their parsers. The Prometheus sample is only the inner
# part of an alert, and does not say which rule or resource it is about.
ALERTS = {
    "alert-classic-budget-aip.json": ["BudgetCrossed"],
    "alert-common-activity-log.json": ["AlertFired"],
    "alert-common-budget.json": ["BudgetCrossed"],
    "alert-common-log-v1-number-of-results.json": ["AlertFired"],
    "alert-common-log-v2.json": ["AlertFired"],
    "alert-common-metric-online-endpoint-latency-resolved.json": ["AlertResolved"],
    "alert-common-metric-online-endpoint-latency.json": ["AlertFired"],
    "alert-common-metric-static.json": ["AlertFired"],
    "alert-context-activity-log-policy.json": ["ComplianceChanged"],
    "alert-context-prometheus.json": ["Rejected"],
    "alert-context-service-health-maintenance.json": ["PlatformHealthChanged"],
    "alert-noncommon-activity-log-administrative.json": ["AlertFired"],
    "alert-noncommon-activity-log-resource-health.json": ["PlatformHealthChanged"],
    "alert-noncommon-metric-classic-v1-properties-object.json": ["AlertFired"],
    "alert-noncommon-metric-classic-v1.json": ["AlertFired"],
    "alert-noncommon-metric-v2-activated.json": ["AlertFired"],
    "alert-resource-health.json": ["PlatformHealthChanged"],
    "alert-service-health.json": ["PlatformHealthChanged"],
    "alert-smart-detection.json": ["AlertFired"],
}

# What is not said to us, or says nothing yet: the reason, and a word of its detail.
REJECTED = {
    "acr-quarantine-release.request.json": ("unknown_schema", "quarantinestate"),
    "aml-data-collector-dataref-target.json": ("unknown_schema", "sepal_length"),
    "defender-recommendation.schema.json": ("unknown_schema", "JSON schema"),
    "defender-securityalert.schema.json": ("unknown_schema", "JSON schema"),
    "eventgrid-cloudevents-options-validation.http.json": ("not_actionable", "without a body"),
    "eventgrid-storage-blobcreated-adls-gen2.cloudevent.json": ("not_actionable", "CreateFile"),
    "eventgrid-storage-blobcreated-adls-gen2.json": ("not_actionable", "CreateFile"),
    "eventgrid-subscription-validation.http.json": ("not_actionable", "eventgrid-subscription-validation.json"),
    "eventgrid-subscription-validation.response.json": ("unknown_schema", "validationresponse"),
    "outbound-acs-email-send.request.json": ("unknown_schema", "recipients"),
    "outbound-ado-run-pipeline.request.json": ("unknown_schema", "templateparameters"),
    "outbound-batch-endpoint-invoke.request.json": ("unknown_schema", "properties"),
    "outbound-github-repository-dispatch.request.json": ("unknown_schema", "client_payload"),
    "outbound-github-workflow-dispatch.request.json": ("unknown_schema", "inputs"),
    "outbound-online-endpoint-traffic.patch.json": ("unknown_schema", "properties"),
    "outbound-teams-workflow-adaptive-card.json": ("unknown_schema", "attachments"),
}


def test_every_payload_file_is_in_a_table():
    azure_ml = {f"{name}{envelope}" for name in SIGNALS for envelope in (".json", ".cloudevent.json")}
    listed = azure_ml | TELEMETRY.keys() | PLATFORM.keys() | REJECTED.keys() | ALERTS.keys()
    assert {path.name for path in EVENTS.iterdir()} == listed


@pytest.mark.parametrize("envelope", [".json", ".cloudevent.json"])
@pytest.mark.parametrize("name", SIGNALS)
def test_an_event_of_azure_ml_is_its_signal_in_both_envelopes(payload, name, envelope):
    body = payload(name + envelope)
    kind, fields = SIGNALS[name]
    (signal,) = parse(body)
    assert detect(body) == "event_grid"
    assert kind_of(signal) == kind
    assert {field: getattr(signal, field) for field in fields} == fields
    assert signal.workspace == signal.source == signal.source.lower()
    assert "/workspaces/" in signal.workspace


@pytest.mark.parametrize("name", SIGNALS)
def test_both_envelopes_of_an_event_have_the_same_key(payload, name):
    (event,), (cloud_event,) = parse(payload(f"{name}.json")), parse(payload(f"{name}.cloudevent.json"))
    assert event == cloud_event


@pytest.mark.parametrize("name", TELEMETRY)
def test_a_message_is_one_signal_with_its_rows_counted(payload, name):
    body = payload(name)
    rows, rejected, *elsewhere = TELEMETRY[name]
    (signal,) = parse(body)
    assert detect(body) == "event_hubs"
    assert kind_of(signal) == "TelemetryReceived"
    assert (signal.rows_by_category, signal.rejected_rows) == (rows, rejected)
    assert signal.events_elsewhere == sum(elsewhere)


@pytest.mark.parametrize("name", PLATFORM)
def test_what_the_platform_says_is_its_signal(payload, name):
    kind, fields = PLATFORM[name]
    (signal,) = parse(payload(name))
    assert kind_of(signal) == kind
    assert {field: getattr(signal, field) for field in fields} == fields
    assert signal.source == signal.source.lower()


@pytest.mark.parametrize("name", [name for name in PLATFORM if name.endswith(".cloudevent.json")])
def test_both_envelopes_of_a_platform_event_are_one_signal(payload, name):
    (cloud_event,), (event,) = parse(payload(name)), parse(payload(name.replace(".cloudevent", "")))
    assert cloud_event == event


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_not_said_to_us_is_rejected_with_its_reason(payload, name):
    parsed = parse(payload(name))
    reason, word = REJECTED[name]
    assert parsed
    assert {(type(one), one.reason) for one in parsed} == {(Rejected, reason)}
    assert all(word in one.detail for one in parsed)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_or_budget_is_its_signal(payload, name):
    assert [kind_of(one) for one in parse(payload(name))] == ALERTS[name]


def test_the_documented_breach_has_its_two_features(payload):
    (signal,) = parse(payload("eventgrid-ml-run-status-changed-monitor-breached.json"))
    assert [(one.metric, one.group, one.value, one.threshold) for one in signal.breaches] == [
        ("std_deviation", "TRANSACTIONAMOUNT", 44896.082, 2.0),
        ("std_deviation", "LOCALHOUR", 3.983, 2.0),
    ]


def test_the_documented_handshake_has_its_code(payload):
    (signal,) = parse(payload("eventgrid-subscription-validation.json"))
    assert signal.validation_code == "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
    assert signal.validation_url.startswith("https://rp-eastus2.eventgrid.azure.net:553/")


def test_the_documented_traffic_log_has_one_failure_of_the_model(payload):
    served, failed = read_message(payload("eventhub-diagnostic-AmlOnlineEndpointTrafficLog.json")).requests
    assert (served.status_code, served.duration_ms, served.failed) == (200, 87.0, False)
    assert (failed.status_code, failed.model_status_code, failed.duration_ms, failed.failed) == (424, 500, 1540.0, True)
    assert (served.deployment.endpoint, served.deployment.deployment) == ("test-endpoint", "green")


def test_the_documented_rows_keep_their_names_and_values(payload):
    telemetry = read_message(payload("aml-data-collector-cloudevent.jsonl"))
    assert [len(event.rows) for event in telemetry.rows] == [1, 2, 1]
    assert telemetry.rows[0].rows[0] == {"sepal_length": 1, "sepal_width": 2.3, "petal_length": 2, "petal_width": 1.3}
    assert telemetry.rows[0].correlation_id == "7f16d5b1-76f9-4b3e-b82d-fc21d29356a5"
