"""Events and alerts of the documented schemas in few words, and the check of a table of them."""

import json

from shared.domain.signals import Rejected, kind_of
from shared.parsing import parse

SUBSCRIPTION = "/subscriptions/S1"
GROUP = f"{SUBSCRIPTION}/resourceGroups/RG"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/Ws"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/Ep"
DEPLOYMENT = f"{ENDPOINT}/deployments/Green"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/acct"
REGISTRY = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/Reg"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks1"

ESSENTIALS = {
    "alertId": f"{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts/A-1",
    "alertRule": "rule-1",
    "severity": "Sev2",
    "signalType": "Metric",
    "monitorCondition": "Fired",
    "monitoringService": "Platform",
    "alertTargetIDs": [ENDPOINT],
    "configurationItems": ["Ep"],
    "originAlertId": "O-1",
    "firedDateTime": "2025-04-15T18:17:12.851Z",
    "description": "what the author wrote",
    "essentialsVersion": "1.0",
    "alertContextVersion": "1.0",
}


def event_grid(event_type, data, **changes):
    """An event in Event Grid's own schema."""
    return {
        "topic": WORKSPACE,
        "subject": "s/1",
        "eventType": event_type,
        "eventTime": "2024-03-05T18:16:25.1234567Z",
        "id": "e-1",
        "data": data,
        "dataVersion": "",
        "metadataVersion": "1",
    } | changes


def cloud_event(event_type, data, **changes):
    """An event in CloudEvents 1.0."""
    return {
        "specversion": "1.0",
        "source": WORKSPACE,
        "subject": "s/1",
        "type": event_type,
        "time": "2024-03-05T18:16:25.123456789Z",
        "id": "e-1",
        "data": data,
    } | changes


def alert(context, /, essentials=None, **data):
    """An alert in the common schema."""
    told = {"essentials": ESSENTIALS | (essentials or {}), "alertContext": context}
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": told | data}


def without(fields, *names):
    """The fields without some of them."""
    return {name: value for name, value in fields.items() if name not in names}


def read(body):
    """What any way in makes of a body."""
    return parse(body if isinstance(body, bytes) else json.dumps(body).encode())


def check(body, expected):
    """That each signal of a body is of the kind, and has the fields, that are expected; of a rejection, that a detail has a word."""
    parsed = read(body)
    wanted = expected if isinstance(expected, list) else [expected]
    assert [kind_of(one) for one in parsed] == [kind for kind, _ in wanted], parsed
    for one, (_, fields) in zip(parsed, wanted, strict=True):
        if isinstance(one, Rejected):
            reason, word = fields
            assert (one.reason, word in one.detail) == (reason, True), one
        else:
            assert {name: getattr(one, name) for name in fields} == fields
