"""Variants of the documented event schemas (Event Grid, CloudEvents, registry web hooks, Defender), each as its signal."""

import base64
import json
from datetime import UTC, datetime

import pytest

from shared.domain.signals import Breach
from tests.unit.parsing.variants import (
    ACCOUNT,
    CLUSTER,
    DEPLOYMENT,
    ENDPOINT,
    REGISTRY,
    SUBSCRIPTION,
    WORKSPACE,
    check,
    cloud_event,
    event_grid,
    read,
    without,
)

ML = "Microsoft.MachineLearningServices."
MODEL = {"modelName": "m", "modelVersion": 3, "modelTags": {"Area": "x"}, "modelProperties": {}}
IS_MODEL = ("ModelRegistered", {"model_name": "m", "model_version": "3", "tags": {"Area": "x"}})
RUN = {
    "experimentId": "E",
    "experimentName": "exp",
    "runId": "R-1",
    "runType": None,
    "runTags": {},
    "runProperties": {},
}
BREACHED = (
    "The signal 'drift' in monitor 'fraud' has failed due to one or more features violating metric thresholds.\n"
    "The following rows violate:\n"
    '[\'{"metric_value":4.6,"metric_name":"psi","threshold_value":0.2,"group":"age"}\']'
)
TAG = {"azureml_modelmonitor_threshold_breached": BREACHED}
IS_BREACH = (
    "MonitorBreached",
    {
        "monitor_signal": "drift",
        "run_id": "R-1",
        "breaches": (Breach(metric="psi", value=4.6, threshold=0.2, group="age"),),
    },
)
DRIFT = {"dataDriftId": "D", "dataDriftName": "n", "runId": "R-1", "driftCoefficient": 0.83}
DEPLOYED = {"serviceName": "svc", "serviceComputeType": "ACI", "modelIds": "a:1, b:2"}

MACHINE_LEARNING = {
    "both schemas in one batch": (
        [event_grid(ML + "ModelRegistered", MODEL), cloud_event(ML + "ModelRegistered", MODEL)],
        [IS_MODEL, IS_MODEL],
    ),
    "lines, with the mark of a byte order and Windows' ends": (
        b"\xef\xbb\xbf"
        + b"\r\n".join(json.dumps(event_grid(ML + "ModelRegistered", MODEL)).encode() for _ in range(2)),
        [IS_MODEL, IS_MODEL],
    ),
    "a short type": (event_grid("ModelRegistered", MODEL), IS_MODEL),
    "a type without the company": (event_grid("MachineLearningServices.ModelRegistered", MODEL), IS_MODEL),
    "a type in capitals": (cloud_event((ML + "ModelRegistered").upper(), MODEL), IS_MODEL),
    "keys in Pascal case": (
        event_grid(ML + "ModelRegistered", {key[0].upper() + key[1:]: value for key, value in MODEL.items()}),
        IS_MODEL,
    ),
    "data as the text of JSON": (event_grid(ML + "ModelRegistered", json.dumps(MODEL)), IS_MODEL),
    "binary data of a CloudEvent": (
        without(cloud_event(ML + "ModelRegistered", None), "data")
        | {"data_base64": base64.b64encode(json.dumps(MODEL).encode()).decode()},
        IS_MODEL,
    ),
    "tags as the text of JSON": (
        event_grid(ML + "ModelRegistered", MODEL | {"modelTags": '{"Area": "x"}'}),
        IS_MODEL,
    ),
    "tags that are an empty text": (
        event_grid(ML + "ModelRegistered", MODEL | {"modelTags": "", "modelProperties": []}),
        ("ModelRegistered", {"tags": {}, "properties": {}}),
    ),
    "a version in text with zeros": (
        event_grid(ML + "ModelRegistered", MODEL | {"modelVersion": "007"}),
        ("ModelRegistered", {"model_version": "007"}),
    ),
    "a version that is a fraction only in JSON": (
        event_grid(ML + "ModelRegistered", MODEL | {"modelVersion": 3.0}),
        IS_MODEL,
    ),
    "a version that is yes": (
        event_grid(ML + "ModelRegistered", MODEL | {"modelVersion": True}),
        ("Rejected", ("malformed_field", "data.modelVersion")),
    ),
    "a time with an offset and nine digits": (
        event_grid(ML + "ModelRegistered", MODEL, eventTime="2024-03-05T20:16:25.123456789+02:00"),
        ("ModelRegistered", {"occurred_at": datetime(2024, 3, 5, 18, 16, 25, 123456, tzinfo=UTC)}),
    ),
    "a time among blanks": (
        event_grid(ML + "ModelRegistered", MODEL, eventTime=" 2024-03-05T18:16:25Z "),
        ("ModelRegistered", {"occurred_at": datetime(2024, 3, 5, 18, 16, 25, tzinfo=UTC)}),
    ),
    "a time without a zone": (
        event_grid(ML + "ModelRegistered", MODEL, eventTime="2024-03-05T18:16:25.1234567"),
        ("ModelRegistered", {"occurred_at": datetime(2024, 3, 5, 18, 16, 25, 123456, tzinfo=UTC)}),
    ),
    "a source that is no text is called so": (
        cloud_event(ML + "ModelRegistered", MODEL, source=[WORKSPACE]),
        ("Rejected", ("malformed_field", "source is a JSON array")),
    ),
    "no topic": (event_grid(ML + "ModelRegistered", MODEL, topic=None), ("Rejected", ("missing_field", "topic"))),
    "no data": (event_grid(ML + "ModelRegistered", None), ("Rejected", ("missing_field", "data is missing"))),
    "binary data that are none": (
        without(cloud_event(ML + "ModelRegistered", None), "data") | {"data_base64": "%%"},
        ("Rejected", ("malformed_field", "data_base64")),
    ),
    "a model deployed": (
        cloud_event(ML + "ModelDeployed", DEPLOYED),
        ("ModelDeployed", {"service_name": "svc", "compute_type": "ACI", "models": ("a:1", "b:2")}),
    ),
    "a service deployed without a model": (
        event_grid(ML + "ModelDeployed", DEPLOYED | {"modelIds": None, "serviceComputeType": None}),
        ("ModelDeployed", {"models": (), "compute_type": ""}),
    ),
    "a run completed": (
        event_grid(ML + "RunCompleted", RUN),
        ("JobStatusChanged", {"status": "Completed", "run_type": ""}),
    ),
    "a run that moves on": (
        event_grid(ML + "RunStatusChanged", RUN | {"runStatus": "Running", "runType": "automl"}),
        ("JobStatusChanged", {"status": "Running", "run_type": "automl"}),
    ),
    "a run cancelled in British": (
        event_grid(ML + "RunStatusChanged", RUN | {"runStatus": "cancelled"}),
        ("JobStatusChanged", {"status": "Canceled"}),
    ),
    "a run of no known state": (
        event_grid(ML + "RunStatusChanged", RUN | {"runStatus": "Dreaming"}),
        ("Rejected", ("malformed_field", "data.runStatus")),
    ),
    "a breach under runTags": (event_grid(ML + "RunStatusChanged", RUN | {"runTags": TAG}), IS_BREACH),
    "a breach under RunTags, beside an empty runTags": (
        event_grid(ML + "RunStatusChanged", RUN | {"runTags": {}, "RunTags": TAG}),
        IS_BREACH,
    ),
    "a breach in Pascal case": (
        event_grid(ML + "RunStatusChanged", {"RunId": "R-1", "RunTags": TAG, "RunStatus": "Completed"}),
        IS_BREACH,
    ),
    "a breach of a root run": (
        event_grid(
            ML + "RunStatusChanged", RUN | {"runTags": {"azureml.modelmonitor.threshold.breached.drift": BREACHED}}
        ),
        IS_BREACH,
    ),
    "drift of a dataset monitor, in text": (
        event_grid(ML + "DatasetDriftDetected", DRIFT | {"driftCoefficient": "0.83", "tarAsSystemEventDatasetId": "x"}),
        ("MonitorBreached", {"monitor_signal": "n", "legacy": True}),
    ),
    "a dead letter": (
        event_grid(ML + "ModelRegistered", MODEL, deadLetterReason="MaxDeliveryAttemptsExceeded", deliveryAttempts=1),
        IS_MODEL,
    ),
    "a dead-lettered CloudEvent, without version and time": (
        without(cloud_event(ML + "ModelRegistered", MODEL), "specversion", "time")
        | {"deadletterreason": "x", "dataversion": "1.0", "publishtime": "2020-08-13T21:21:36.4018726Z"},
        ("ModelRegistered", {"occurred_at": datetime(2020, 8, 13, 21, 21, 36, 401872, tzinfo=UTC)}),
    ),
    "a dead letter of another application": (
        {"id": "c", "source": "mysource", "type": "fooEventType", "data": {}, "deadletterreason": "x"},
        ("Rejected", ("unknown_event_type", "fooEventType")),
    ),
    "a dead letter of a namespace": (
        {"deadLetterProperties": {"deadLetterReason": "x"}, "event": cloud_event(ML + "ModelRegistered", MODEL)},
        IS_MODEL,
    ),
    "what a namespace delivers when it is asked": (
        {"value": [{"brokerProperties": {"lockToken": "t"}, "event": cloud_event(ML + "ModelRegistered", MODEL)}] * 2},
        [IS_MODEL, IS_MODEL],
    ),
    "a subscription that was deleted": (
        event_grid("Microsoft.EventGrid.SubscriptionDeletedEvent", {}),
        ("Rejected", ("unknown_event_type", "SubscriptionDeletedEvent")),
    ),
    "the handshake": (
        event_grid("Microsoft.EventGrid.SubscriptionValidationEvent", {"validationCode": "C"}),
        ("SubscriptionValidation", {"validation_code": "C", "validation_url": ""}),
    ),
}

URL = "https://acct.blob.core.windows.net/data/in/new%20file.csv?sig=x"
LAKE_URL = URL.replace(".blob.", ".dfs.")
BLOB = {"api": "PutBlob", "contentLength": 5, "url": URL, "sequencer": "0A", "eTag": '"0x8"'}
WRITTEN = {"account": "acct", "container": "data", "path": "in/new file.csv"}


def blob(name, **changes):
    """An event of a storage account."""
    return event_grid(f"Microsoft.Storage.{name}", BLOB | changes, topic=ACCOUNT)


STORAGE = {
    **{
        f"{api} at the blob endpoint": (blob("BlobCreated", api=api), ("DataArrived", WRITTEN | {"api": api}))
        for api in ("PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit", "AppendBlock")
    },
    **{
        f"{api} at the lake's endpoint": (
            blob("BlobCreated", api=api, url=LAKE_URL),
            ("DataArrived", WRITTEN | {"api": api}),
        )
        for api in ("FlushWithClose", "SftpCommit")
    },
    **{
        f"{api} at the lake's endpoint only begins": (
            blob("BlobCreated", api=api, url=LAKE_URL),
            ("Rejected", ("not_actionable", api)),
        )
        for api in ("CreateFile", "SftpCreate", "SftpWrite", "CopyBlob", "PutBlob")
    },
    **{
        f"{api} at the blob endpoint only begins": (blob("BlobCreated", api=api), ("Rejected", ("not_actionable", api)))
        for api in ("CreateFile", "SftpCreate", "SftpWrite")
    },
    **{
        f"{api} deletes": (blob("BlobDeleted", api=api), ("DataDeleted", WRITTEN | {"api": api}))
        for api in ("DeleteBlob", "DeleteFile", "SftpRemove")
    },
    **{
        f"{name} is not read": (blob(name), ("Rejected", ("unknown_event_type", name)))
        for name in (
            "BlobTierChanged",
            "DirectoryCreated",
            "DirectoryDeleted",
            "AsyncOperationInitiated",
        )
    },
    "a length in text": (blob("BlobCreated", contentLength="524288"), ("DataArrived", {"size_bytes": 524288})),
    "a deletion without a length": (
        event_grid("BlobDeleted", without(BLOB, "contentLength"), topic=ACCOUNT),
        ("DataDeleted", {"size_bytes": 0}),
    ),
}

IMAGE = {"mediaType": "m", "size": 1, "digest": "sha256:1", "repository": "repo", "tag": "v1"}
ASKED = {"id": "q", "host": "Reg.azurecr.io", "method": "PUT", "useragent": "docker"}
PUSHED = {"id": "p", "timestamp": "2018-04-25T21:39:47.276585742Z", "action": "push", "target": IMAGE, "request": ASKED}


def image(name, **changes):
    """An event of a container registry."""
    return event_grid(f"Microsoft.ContainerRegistry.{name}", PUSHED | changes, topic=REGISTRY)


CHART = {"repository": "repo", "tag": "chart-1.tgz", "name": "chart", "version": "1"}
REGISTRIES = {
    "a push": (
        image("ImagePushed"),
        ("ImagePushed", {"registry": "reg.azurecr.io", "repository": "repo", "tag": "v1"}),
    ),
    "a push without a request": (image("ImagePushed", request=None), ("ImagePushed", {"registry": "reg"})),
    "a push without a tag": (
        image("ImagePushed", target=without(IMAGE, "tag")),
        ("ImagePushed", {"tag": "", "digest": "sha256:1"}),
    ),
    "a push to a replica": (
        image("ImagePushed", location="westeurope", connectedRegistry={"name": "x"}),
        ("ImagePushed", {"tag": "v1"}),
    ),
    "a deletion by digest": (
        image("ImageDeleted", action="delete", target=without(IMAGE, "tag")),
        ("ImageDeleted", {"digest": "sha256:1"}),
    ),
    "a chart pushed": (image("ChartPushed", target=CHART), ("Rejected", ("unknown_event_type", "ChartPushed"))),
    "a chart deleted": (image("ChartDeleted", target=CHART), ("Rejected", ("unknown_event_type", "ChartDeleted"))),
    "a push by web hook": (PUSHED, ("ImagePushed", {"registry": "reg.azurecr.io", "tag": "v1"})),
    "a deletion by web hook": (PUSHED | {"action": "delete"}, ("ImageDeleted", {"digest": "sha256:1"})),
    "a quarantine by web hook": (PUSHED | {"action": "quarantine"}, ("ImageQuarantined", {"repository": "repo"})),
    "a ping by web hook": (
        {"id": "p", "timestamp": PUSHED["timestamp"], "action": "ping"},
        ("Rejected", ("not_actionable", "ping")),
    ),
    "a chart by web hook": (PUSHED | {"action": "chart_push"}, ("Rejected", ("unknown_event_type", "chart_push"))),
}

STATE = {
    "timestamp": "2021-03-27T18:37:42.4496956Z",
    "policyAssignmentId": "/A/providers/Microsoft.Authorization/policyAssignments/P",
    "policyDefinitionId": "/D",
    "policyDefinitionReferenceId": "",
    "complianceState": "NonCompliant",
    "complianceReasonCode": "",
}
JUDGED = {"subject": DEPLOYMENT, "topic": "/tenants/T/providers/Microsoft.Management/managementGroups/M"}
STATES = {
    "a first judgement, of a management group": (
        event_grid("Microsoft.PolicyInsights.PolicyStateCreated", STATE, **JUDGED),
        ("ComplianceChanged", {"compliant": False, "change": "created", "resource_id": DEPLOYMENT.lower()}),
    ),
    "a resource that complies": (
        event_grid("Microsoft.PolicyInsights.PolicyStateChanged", STATE | {"complianceState": "Compliant"}, **JUDGED),
        ("ComplianceChanged", {"compliant": True, "change": "changed"}),
    ),
    "an exempt resource": (
        event_grid("Microsoft.PolicyInsights.PolicyStateChanged", STATE | {"complianceState": "exempt"}, **JUDGED),
        ("ComplianceChanged", {"compliant": True}),
    ),
    "a judgement that is gone": (
        event_grid("Microsoft.PolicyInsights.PolicyStateDeleted", STATE, **JUDGED),
        ("ComplianceChanged", {"compliant": True, "change": "deleted"}),
    ),
    "a judgement that is still to come": (
        event_grid("Microsoft.PolicyInsights.PolicyStateCreated", STATE | {"complianceState": "Unknown"}, **JUDGED),
        ("Rejected", ("not_actionable", "complianceState")),
    ),
    "a judgement without its time": (
        event_grid("Microsoft.PolicyInsights.PolicyStateCreated", without(STATE, "timestamp"), **JUDGED),
        ("Rejected", ("missing_field", "data.timestamp")),
    ),
}

DONE = {
    "authorization": "{}",
    "claims": "{}",
    "correlationId": "c",
    "httpRequest": "",
    "resourceProvider": "Microsoft.MachineLearningServices",
    "resourceUri": DEPLOYMENT,
    "operationName": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
    "status": "Succeeded",
}
INFO = {
    "id": DEPLOYMENT,
    "name": "green",
    "type": "t",
    "location": "x",
    "tags": {},
    "properties": {"provisioningState": "Succeeded"},
}
HEALTH = {
    "targetResourceId": CLUSTER,
    "occurredTime": "2023-07-24T19:20:37.9245071Z",
    "previousAvailabilityState": "Available",
    "availabilityState": "Unavailable",
}
ANNOTATED = {
    "targetResourceId": CLUSTER,
    "annotationName": "VirtualMachineRebooted",
    "reason": "Rebooted",
    "summary": "It was.",
    "context": "Platform Initiated",
    "category": "Unplanned",
}
NOTES = "Microsoft.ResourceNotifications."
RESOURCES = {
    "a deployment written": (
        event_grid("Microsoft.Resources.ResourceWriteSuccess", DONE, topic=SUBSCRIPTION),
        ("ModelDeployed", {"workspace": WORKSPACE.lower(), "service_name": "ep/green"}),
    ),
    "an endpoint written": (
        cloud_event("Microsoft.Resources.ResourceWriteSuccess", DONE | {"resourceUri": ENDPOINT}),
        ("ResourceChanged", {"change": "created_or_updated", "status": "Succeeded"}),
    ),
    "a deployment deleted": (
        event_grid("Microsoft.Resources.ResourceDeleteSuccess", DONE | {"operationName": "x/delete"}),
        ("ResourceChanged", {"change": "deleted", "resource_id": DEPLOYMENT.lower()}),
    ),
    "a write that failed, whatever its status says": (
        event_grid("Microsoft.Resources.ResourceWriteFailure", DONE),
        ("ResourceChanged", {"change": "other", "status": "Failed"}),
    ),
    "a deletion that was cancelled": (
        event_grid("Microsoft.Resources.ResourceDeleteCancel", DONE),
        ("ResourceChanged", {"change": "other", "status": "Canceled"}),
    ),
    "an action": (
        event_grid("Microsoft.Resources.ResourceActionSuccess", DONE | {"operationName": "x/regenerateKeys/action"}),
        ("ResourceChanged", {"change": "other", "status": "Succeeded"}),
    ),
    "a resource notified as written": (
        cloud_event(NOTES + "Resources.CreatedOrUpdated", {"resourceInfo": INFO, "apiVersion": "x"}),
        ("ResourceChanged", {"change": "created_or_updated", "status": "Succeeded"}),
    ),
    "a resource notified as deleted": (
        event_grid(NOTES + "Resources.Deleted", {"resourceInfo": without(INFO, "properties", "tags")}),
        ("ResourceChanged", {"change": "deleted", "resource_id": DEPLOYMENT.lower(), "status": ""}),
    ),
    "a cluster that is unavailable": (
        cloud_event(NOTES + "HealthResources.AvailabilityStatusChanged", {"resourceInfo": {"properties": HEALTH}}),
        ("PlatformHealthChanged", {"scope": "resource", "status": "Unavailable", "targets": (CLUSTER.lower(),)}),
    ),
    "a cluster that was annotated": (
        event_grid(NOTES + "HealthResources.ResourceAnnotated", {"resourceInfo": {"properties": ANNOTATED}}),
        (
            "PlatformHealthChanged",
            {"status": "VirtualMachineRebooted", "cause": "Platform Initiated", "title": "Rebooted"},
        ),
    ),
    "a cluster's maintenance is not read": (
        event_grid(NOTES + "ContainerServiceEventResources.ScheduledEventEmitted", {}),
        ("Rejected", ("unknown_event_type", "ContainerServiceEventResources")),
    ),
}

THREAT = {
    "SystemAlertId": "s",
    "AlertType": "T",
    "AlertDisplayName": "N",
    "Severity": "High",
    "TimeGenerated": "2019-09-16T12:10:19.5673533Z",
    "ResourceIdentifiers": [{"Type": "AzureResource", "AzureResourceId": WORKSPACE}],
}
FOUND = {
    "type": "Microsoft.Security/assessments/subAssessments",
    "id": f"{WORKSPACE}/providers/Microsoft.Security/assessments/a/subassessments/b",
    "properties": {
        "displayName": "CVE",
        "status": {"code": "Unhealthy", "severity": "High"},
        "resourceDetails": {"id": WORKSPACE},
    },
}
IS_THREAT = ("SecurityAlertRaised", {"severity": "High", "targets": (WORKSPACE.lower(),)})
DEFENDER = {
    "an alert": (THREAT, IS_THREAT),
    "alerts in an array": (
        [THREAT, THREAT | {"Status": "Resolved"}],
        [IS_THREAT, ("SecurityAlertRaised", {"status": "Resolved"})],
    ),
    "alerts as Azure's API lists them": ({"value": [THREAT], "nextLink": None}, IS_THREAT),
    "alerts on lines": (b"\n".join([json.dumps(THREAT).encode()] * 2), [IS_THREAT, IS_THREAT]),
    "a finding of an image scan": (
        FOUND,
        ("VulnerabilityFound", {"healthy": False, "severity": "High", "title": "CVE"}),
    ),
}

VARIANTS = MACHINE_LEARNING | STORAGE | REGISTRIES | STATES | RESOURCES | DEFENDER


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_an_event_is_its_signal(name):
    check(*VARIANTS[name])


def test_of_several_status_events_a_breach_is_one_under_either_spelling_of_its_tags():
    both = [event_grid(ML + "RunStatusChanged", RUN | {key: TAG}, id=key) for key in ("runTags", "RunTags")]
    first, second = read(both)
    assert first.dedup_key == second.dedup_key


def test_an_event_whose_data_came_in_another_dress_has_the_same_key():
    plain, text = read([event_grid(ML + "ModelRegistered", data, id="") for data in (MODEL, json.dumps(MODEL))])
    assert plain.dedup_key == text.dedup_key
