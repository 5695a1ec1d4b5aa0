"""Each event of an Azure ML workspace becomes its signal."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain import ids
from shared.domain.signals import (
    Breach,
    JobStatusChanged,
    ModelDeployed,
    ModelRegistered,
    MonitorBreached,
    MonitorRecovered,
    Rejected,
)
from shared.parsing import parse
from shared.parsing.azure_ml import RUN_STATES

WORKSPACE = "/subscriptions/s1/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws"
TAG = "azureml_modelmonitor_threshold_breached"
TEXT = 'The signal \'drift\' has failed ...\n[\'{"metric_value":3,"metric_name":"psi","threshold_value":2.0}\']\n'


def read(*events):
    return parse(json.dumps(list(events)).encode())


def read_one(event):
    (signal,) = read(event)
    return signal


def test_a_registered_model_carries_its_name_version_and_tags(event):
    data = {"modelName": "m", "modelVersion": 3, "modelTags": {"a": "b"}, "modelProperties": {"n": 1}}
    assert read_one(event("Microsoft.MachineLearningServices.ModelRegistered", data)) == ModelRegistered(
        source=WORKSPACE,
        dedup_key=ids.dedup_key(WORKSPACE, "e-1"),
        occurred_at=datetime(2024, 3, 5, 18, 16, 25, 123456, tzinfo=UTC),
        subject="some/subject",
        workspace=WORKSPACE,
        model_name="m",
        model_version="3",
        tags={"a": "b"},
        properties={"n": "1"},
    )


@pytest.mark.parametrize(
    "name", ["ModelRegistered", "MODELREGISTERED", "microsoft.machinelearningservices.modelregistered"]
)
def test_the_type_may_be_short_or_full_and_in_any_case(event, name):
    assert isinstance(read_one(event(name, {"ModelName": "m", "ModelVersion": "word"})), ModelRegistered)


@pytest.mark.parametrize("field", ["modelName", "modelVersion"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_model_without_name_or_version_is_refused_by_the_fields_name(event, field, value):
    rejected = read_one(event("ModelRegistered", {"modelName": "m", "modelVersion": 1} | {field: value}))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, field in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("models", ["a:1,b:2", " a:1 , b:2,", ["a:1", "b:2"]])
def test_a_deployment_lists_its_models(event, models):
    signal = read_one(event("ModelDeployed", {"ServiceName": "svc", "ServiceComputeType": "ACI", "ModelIds": models}))
    assert isinstance(signal, ModelDeployed)
    assert (signal.service_name, signal.compute_type, signal.models) == ("svc", "ACI", ("a:1", "b:2"))


def test_a_completed_run_has_the_status_of_its_type(event):
    data = {"experimentName": "x", "runId": "r", "runType": None, "RunTags": {"k": "v"}, "runProperties": {"i": 5}}
    signal = read_one(event("RunCompleted", data))
    assert isinstance(signal, JobStatusChanged)
    assert (signal.status, signal.run_id, signal.experiment, signal.run_type) == ("Completed", "r", "x", "")
    assert (signal.tags, signal.properties) == ({"k": "v"}, {"i": "5"})


@pytest.mark.parametrize("state", RUN_STATES)
def test_a_status_in_any_spelling_gets_its_usual_one(event, state):
    for written in (state, state.lower(), state.upper(), f" {state} "):
        assert read_one(event("RunStatusChanged", {"runId": "r", "runStatus": written})).status == state


@pytest.mark.parametrize(
    ("written", "state"),
    [("cancelled", "Canceled"), ("Not Started", "NotStarted"), ("not_responding", "NotResponding")],
)
def test_other_spellings_of_a_status_are_understood(event, written, state):
    assert read_one(event("RunStatusChanged", {"runId": "r", "runStatus": written})).status == state


def test_an_unknown_status_is_refused_with_the_states_that_exist(event):
    rejected = read_one(event("RunStatusChanged", {"runId": "r", "runStatus": "sleeping"}))
    assert rejected.reason == "malformed_field"
    assert "'sleeping'" in rejected.detail
    assert all(state in rejected.detail for state in RUN_STATES)


@pytest.mark.parametrize("field", ["runId", "runStatus"])
def test_a_run_without_id_or_status_is_refused(event, field):
    data = {"runId": "r", "runStatus": "Failed"}
    del data[field]
    rejected = read_one(event("RunStatusChanged", data))
    assert (rejected.reason, f"data.{field}" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("key", ["RunTags", "runTags", "runtags"])
@pytest.mark.parametrize("status", ["Running", "Completed", "Failed", None])
def test_a_monitors_tag_makes_a_breach_whatever_the_status(event, key, status):
    signal = read_one(event("RunStatusChanged", {"runId": "r", key: {TAG: TEXT}, "runStatus": status}))
    assert isinstance(signal, MonitorBreached)
    assert (signal.run_id, signal.monitor_signal, signal.legacy) == ("r", "drift", False)
    assert signal.breaches == (Breach(metric="psi", value=3.0, threshold=2.0),)


def test_several_status_events_of_one_run_are_one_breach(event):
    data = {"runId": "r", "runTags": {TAG: TEXT}, "runStatus": "Running"}
    later = data | {"runStatus": "Completed"}
    first, second = read(event("RunStatusChanged", data), event("RunStatusChanged", later, id="e-2"))
    assert first.dedup_key == second.dedup_key


def test_another_run_or_another_signal_is_another_breach(event):
    data = {"runId": "r", "runTags": {TAG: TEXT}, "runStatus": "Running"}
    keys = {
        read_one(event("RunStatusChanged", changed)).dedup_key
        for changed in (data, data | {"runId": "s"}, data | {"runTags": {TAG: TEXT.replace("drift", "quality")}})
    }
    assert len(keys) == 3


def test_a_root_run_with_two_signals_is_two_breaches(event):
    tags = {f"azureml.modelmonitor.threshold.breached.{name}": TEXT for name in ("a", "b")}
    first, second = read(event("RunStatusChanged", {"runId": "r", "runTags": tags, "runStatus": "Completed"}))
    assert (first.monitor_signal, second.monitor_signal) == ("a", "b")
    assert first.dedup_key != second.dedup_key


def test_drift_of_a_dataset_monitor_is_a_legacy_breach(event):
    data = {"DataDriftId": "i", "DataDriftName": "monitor", "RunId": "r", "DriftCoefficient": "0.83"}
    signal = read_one(event("DatasetDriftDetected", data))
    assert isinstance(signal, MonitorBreached)
    assert (signal.legacy, signal.monitor_signal, signal.run_id) == (True, "monitor", "r")
    assert [(breach.metric, breach.value) for breach in signal.breaches] == [("drift_coefficient", 0.83)]


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_an_event_whose_data_are_no_object_is_refused(event, data):
    rejected = read_one(event("ModelRegistered", data))
    assert isinstance(rejected, Rejected)
    assert rejected.detail.startswith("data is")


def test_one_bad_event_leaves_its_neighbours(event):
    good = event("ModelRegistered", {"modelName": "m", "modelVersion": 1})
    bad = event("ModelRegistered", {"modelName": "m"})
    first, second, third, fourth = read(good, bad, 7, good | {"id": "e-9"})
    assert isinstance(first, ModelRegistered)
    assert isinstance(fourth, ModelRegistered)
    assert (second.index, third.index) == (1, 2)


# Runs of model monitoring without a breach

COMPARED = {"azureml.moduleName": "model_monitor_evaluate_metrics_threshold", "azureml.runsource": "azureml.StepRun"}


def compared(event, status="Completed", properties=COMPARED, tags=None, **changes):
    data = {"runId": "r-1", "experimentName": "monitors", "runStatus": status, "runTags": tags or {}}
    return read_one(event("RunStatusChanged", data | {"runProperties": properties}, **changes))


def test_a_comparison_that_completed_without_a_breach_is_a_recovery(event):
    signal = compared(event)
    assert isinstance(signal, MonitorRecovered)
    assert (signal.workspace, signal.run_id, signal.experiment) == (WORKSPACE, "r-1", "monitors")


def test_a_recovery_that_is_told_twice_is_one(event):
    assert compared(event).dedup_key == compared(event, id="another").dedup_key


@pytest.mark.parametrize("status", ["Running", "Finalizing", "Failed", "Canceled"])
def test_a_comparison_that_did_not_complete_has_found_nothing(event, status):
    assert isinstance(compared(event, status), JobStatusChanged)


def test_a_comparison_with_the_tag_is_a_breach(event):
    assert isinstance(compared(event, tags={TAG: TEXT}), MonitorBreached)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"azureml.moduleName": "model_monitor_compute_histogram"},
        {"azureml.moduleName": "train"},
        {"name": "model_monitor_evaluate_metrics_threshold"},
        {"azureml.modelmonitor.gsq_thresholds": "[]"},
    ],
)
def test_what_is_not_certainly_a_comparison_is_a_run_like_any_other(event, properties):
    assert isinstance(compared(event, properties=properties), JobStatusChanged)


def test_the_name_of_the_property_may_be_in_any_case(event):
    shouted = {key.upper(): value for key, value in COMPARED.items()}
    assert isinstance(compared(event, properties=shouted), MonitorRecovered)


def test_a_completed_run_that_another_event_tells_is_no_recovery(event):
    data = {"runId": "r-1", "runProperties": COMPARED, "runTags": {}}
    assert isinstance(read_one(event("RunCompleted", data)), JobStatusChanged)
