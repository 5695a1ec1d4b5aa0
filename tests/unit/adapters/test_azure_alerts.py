"""Alerts are read back page by page, no further than was asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.azure_alerts import AzureAlerts
from shared.adapters.azure_ml_client import AzureMlClients
from shared.domain.outcomes import Failed
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

GROUP = "/subscriptions/9e261de7-c804-4b9d-9ebf-6f50fe350a9a/resourcegroups/desk"
PATH = "/providers/Microsoft.AlertsManagement/alerts"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alert(name, changed):
    essentials = {
        "severity": "Sev3",
        "signalType": "Metric",
        "monitorCondition": "Fired",
        "monitorService": "Platform",
        "targetResource": f"{GROUP}/providers/microsoft.insights/components/desk",
        "sourceCreatedId": name,
        "alertRule": name,
        "startDateTime": changed.isoformat(),
        "lastModifiedDateTime": changed.isoformat(),
    }
    return {"id": f"{GROUP}{PATH}/{name}", "properties": {"essentials": essentials, "context": {}}}


def page(*alerts, following=""):
    return Answer(body={"value": list(alerts), **({"nextLink": following} if following else {})})


@pytest.fixture
def alerts(azure):
    return AzureAlerts(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 30.0)


async def rules(alerts):
    return [found.rule for found in await alerts.changed(GROUP, NOON - HOUR, NOON)]


async def test_the_changes_of_that_time_are_told_with_the_oldest_first(azure, alerts):
    newest, older, before = (NOON + timedelta(seconds=1), NOON - HOUR / 2, NOON - HOUR)
    azure.on("GET", PATH, page(alert("new", newest), alert("b", NOON), alert("a", older), alert("old", before)))
    assert await rules(alerts) == ["a", "b"]
    (asked,) = azure.asked
    assert asked.path == f"{GROUP}{PATH}"
    assert asked.query["api-version"] == "2019-03-01"
    assert (asked.query["sortBy"], asked.query["sortOrder"]) == ("lastModifiedDateTime", "desc")


async def test_a_list_is_read_on_only_while_it_is_new_enough(azure, alerts):
    second = f"{azure.url}{GROUP}{PATH}/second?api-version=2019-03-01&ctoken=x"
    azure.on("GET", PATH, page(alert("b", NOON), following=second))
    azure.on(
        "GET", f"{PATH}/second", page(alert("a", NOON - HOUR / 2), alert("old", NOON - 2 * HOUR), following=second)
    )
    assert await rules(alerts) == ["a", "b"]
    assert len(azure.asked) == 2


async def test_what_is_no_alert_does_not_hide_its_neighbours(azure, alerts):
    azure.on("GET", PATH, page({"id": "x"}, alert("a", NOON)))
    assert await rules(alerts) == ["a"]


@pytest.mark.parametrize(
    ("answer", "retryable", "says"),
    [
        (refusal(403, "AuthorizationFailed", "no role"), False, "Monitoring Reader on the resource group"),
        (refusal(404, "ResourceGroupNotFound", "gone"), False, "not found"),
        (refusal(429, "TooManyRequests", "slow down"), True, "throttled"),
        (refusal(500, "InternalError", "oh"), True, "HTTP 500"),
    ],
    ids=["403", "404", "429", "500"],
)
async def test_a_refusal_is_a_failure_that_says_what_to_check(azure, alerts, answer, retryable, says):
    azure.on("GET", PATH, answer)
    failed = await alerts.changed(GROUP, NOON - HOUR, NOON)
    assert isinstance(failed, Failed)
    assert (failed.retryable, says in failed.reason) == (retryable, True), failed.reason


async def test_an_answer_that_takes_too_long_is_not_waited_for(azure):
    azure.on("GET", PATH, Answer(body={"value": []}, delay_seconds=2.0))
    hasty = AzureAlerts(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 0.2)
    assert isinstance(await hasty.changed(GROUP, NOON - HOUR, NOON), Failed)
