"""An alert that is read back says what its message said, under the same key."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.azure.alerts import listed_document
from shared.domain.platform_signals import AlertFired, AlertResolved
from shared.parsing.alerts import parse_alerts
from shared.parsing.alerts_listed import listed_alerts, modified_at

EVENTS = Path(__file__).parents[2] / "events"
GROUP = "/subscriptions/9e261de7-c804-4b9d-9ebf-6f50fe350a9a"
# After the sample of Azure's published definition of the API (2019-05-05-preview), with the id of a rule.
SAMPLE = {
    "properties": {
        "essentials": {
            "severity": "Sev3",
            "signalType": "Metric",
            "alertState": "Acknowledged",
            "monitorCondition": "Fired",
            "monitorService": "Platform",
            "targetResource": f"{GROUP}/resourcegroups/Desk/providers/microsoft.insights/components/desk",
            "targetResourceName": "desk",
            "sourceCreatedId": "6cd6b2ce-8c54-468f-aff0-9d12aebb7e49",
            "alertRule": f"{GROUP}/resourceGroups/desk/providers/microsoft.insights/metricAlerts/Slow desk",
            "startDateTime": "2018-09-13T15:51:02Z",
            "lastModifiedDateTime": "2018-09-13T15:55:02Z",
            "lastModifiedUserName": "System",
            "monitorConditionResolvedDateTime": "2018-09-13T15:54:02Z",
            "description": "description of the alert",
        },
        "egressConfig": {},
        "context": {},
    },
    "id": f"{GROUP}/providers/Microsoft.AlertsManagement/alerts/66114d64-d9d9-478b-95c9-b789d6502100",
    "type": "Microsoft.AlertsManagement/alerts",
    "name": "Slow desk",
}


def sample(**essentials):
    document = copy.deepcopy(SAMPLE)
    told = document["properties"]["essentials"]
    told.update(essentials)
    document["properties"]["essentials"] = {name: value for name, value in told.items() if value is not None}
    return document


def test_an_alert_that_fires_is_an_alert():
    (fired,) = listed_alerts(sample())
    assert isinstance(fired, AlertFired)
    assert (fired.rule, fired.severity, fired.category) == ("Slow desk", "Sev3", "metric")
    assert fired.targets == (f"{GROUP}/resourcegroups/desk/providers/microsoft.insights/components/desk",)
    assert fired.occurred_at == datetime(2018, 9, 13, 15, 51, 2, tzinfo=UTC)


def test_one_that_is_over_ended_when_azure_says():
    (resolved,) = listed_alerts(sample(monitorCondition="Resolved"))
    assert isinstance(resolved, AlertResolved)
    assert resolved.occurred_at == datetime(2018, 9, 13, 15, 54, 2, tzinfo=UTC)
    assert resolved.fired_at == datetime(2018, 9, 13, 15, 51, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "alert-common-metric-static",
        "alert-common-metric-online-endpoint-latency",
        "alert-common-metric-online-endpoint-latency-resolved",
        "alert-common-log-v2",
        "alert-common-log-v1-number-of-results",
    ],
)
def test_what_was_heard_by_its_message_is_the_same_signal_when_it_is_read_back(name):
    message = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    (heard,) = parse_alerts(json.dumps(message).encode())
    (read,) = listed_alerts(listed_document(message["data"]["essentials"], message["data"]["alertContext"]))
    assert (read.dedup_key, read.rule, read.targets, read.criteria) == (
        heard.dedup_key,
        heard.rule,
        heard.targets,
        heard.criteria,
    )


def test_an_alert_without_the_context_of_a_message_is_told_by_its_essentials():
    document = sample()
    document["properties"]["context"] = {"condition": ["not", "what", "it", "was"]}
    (fired,) = listed_alerts(document)
    assert fired.criteria == ()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"properties": {}},
        {"properties": None},
        sample(targetResource=None),
        sample(startDateTime="yesterday"),
        sample(monitorCondition="Unknown"),
        sample(alertRule=None),
    ],
)
def test_what_cannot_be_read_is_left_out(document):
    assert listed_alerts(document) == ()


def test_when_it_changed_is_read_from_the_alert():
    assert modified_at(sample()) == datetime(2018, 9, 13, 15, 55, 2, tzinfo=UTC)
    assert modified_at(sample(lastModifiedDateTime=None)) == datetime(2018, 9, 13, 15, 51, 2, tzinfo=UTC)
    assert modified_at({}) is None
