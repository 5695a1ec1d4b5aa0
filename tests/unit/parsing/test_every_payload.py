"""Every payload file of Azure ML, Event Grid and Event Hubs is read as the table says."""

import pytest

from shared.domain.signals import Rejected, kind_of
from shared.parsing import detect, parse, read_message

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
    "aml-data-collector-cloudevent-dataref-only.jsonl": ({}, 3),
    "aml-data-collector-docs.jsonl": ({"request": 1, "response": 2, "inputs": 3, "model_inputs": 2}, 1),
    "eventhub-diagnostic-AmlOnlineEndpointTrafficLog.json": ({"AmlOnlineEndpointTrafficLog": 2}, 0),
    "eventhub-diagnostic-AmlOnlineEndpointConsoleLog.json": ({"AmlOnlineEndpointConsoleLog": 1}, 0),
    "eventhub-diagnostic-AmlOnlineEndpointEventLog.json": ({"AmlOnlineEndpointEventLog": 3}, 0),
    "eventhub-diagnostic-docs-sample.json": ({"AuditEvent": 1}, 0),
    "eventhub-metrics-AllMetrics.json": ({"AllMetrics": 9}, 0),
}

REJECTED = {
    "aml-data-collector-dataref-target.json": "unknown_schema",
    "acr-webhook-quarantine.json": "unknown_schema",
    "alert-common-metric-static.json": "unknown_schema",
    "alert-common-budget.json": "unknown_schema",
    "defender-alert-continuous-export.json": "unknown_schema",
    "eventgrid-subscription-validation.response.json": "unknown_schema",
    "eventgrid-subscription-validation.http.json": "not_actionable",
    "eventgrid-cloudevents-options-validation.http.json": "not_actionable",
    "eventgrid-deadletter.json": "unknown_event_type",
    "eventgrid-acr-imagepushed.json": "unknown_event_type",
    "eventgrid-acr-imagedeleted.json": "unknown_event_type",
    "eventgrid-storage-blobcreated.cloudevent.json": "unknown_event_type",
    "eventgrid-policyinsights-policystatechanged.json": "unknown_event_type",
    "eventgrid-resourcenotifications-resources-createdorupdated.json": "unknown_event_type",
}


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
    rows, rejected = TELEMETRY[name]
    (signal,) = parse(body)
    assert detect(body) == "event_hubs"
    assert kind_of(signal) == "TelemetryReceived"
    assert (signal.rows_by_category, signal.rejected_rows) == (rows, rejected)


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_not_read_yet_is_rejected_with_its_reason(payload, name):
    parsed = parse(payload(name))
    assert parsed
    assert {(type(one), one.reason) for one in parsed} == {(Rejected, REJECTED[name])}


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
