"""Whatever the platform says through an Event Hub is stored before the handler returns, and one bad message harms no other."""

import json

import pytest

from handlers.platform_events import on_platform_events
from shared.ports import StoreUnavailableError
from tests.unit.handlers.test_event_hubs import batch
from tests.unit.parsing.alert_bodies import common
from tests.unit.parsing.test_activity_log_records import RECORD
from tests.unit.parsing.test_security import ALERT
from tests.unit.services.signals import DEVELOPMENT
from tests.unit.services.telemetry_messages import traffic

METRIC = common(alertTargetIDs=[DEVELOPMENT])
DEFENDER = ALERT | {"ResourceIdentifiers": [{"Type": "AzureResource", "AzureResourceId": DEVELOPMENT}]}
WRITTEN = {"records": [RECORD | {"resourceId": f"{DEVELOPMENT}/onlineEndpoints/e/deployments/d"}]}
REGISTERED = {
    "id": "1",
    "topic": DEVELOPMENT,
    "subject": "models/flight-delay:7",
    "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
    "eventTime": "2026-03-02T12:00:00Z",
    "data": {"modelName": "flight-delay", "modelVersion": "7"},
}


def messages(*bodies):
    """A batch with one message for each body."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return batch(*range(len(texts)), bodies=texts)


async def heard(app):
    return sorted(decision.cause_kind for decision in await app.store.decisions(None, 10))


async def rejected(app):
    return sorted((row.channel, row.reason) for row in await app.store.rejected(10))


async def test_each_message_is_told_from_its_content(app):
    await on_platform_events(messages(METRIC, [DEFENDER], WRITTEN, [REGISTERED]))
    assert await heard(app) == ["AlertFired", "ModelDeployed", "ModelRegistered", "SecurityAlertRaised"]
    assert await rejected(app) == []


async def test_a_batch_that_comes_again_counts_once(app):
    for _ in range(2):
        await on_platform_events(messages(METRIC, "{broken"))
    assert await heard(app) == ["AlertFired"]
    assert len(await app.store.rejected(10)) == 1


async def test_a_bad_message_is_kept_and_its_neighbours_are_decided(app):
    await on_platform_events(messages("{broken", METRIC, "", {"schemaId": "Another"}))
    assert await heard(app) == ["AlertFired"]
    assert await rejected(app) == [
        ("event_grid", "malformed_json"),
        ("event_grid", "not_actionable"),
        ("monitor_alerts", "unknown_schema"),
    ]


async def test_telemetry_in_the_wrong_hub_is_not_lost_without_a_word(app):
    await on_platform_events(messages(traffic().decode()))
    (row,) = await app.store.rejected(10)
    assert (row.reason, "send them to the other hub" in row.detail) == ("not_actionable", True)


async def test_with_the_store_down_it_raises_so_that_the_batch_comes_again(app):
    await app.store.close()
    with pytest.raises(StoreUnavailableError):
        await on_platform_events(messages(METRIC))
    await app.store.open()
    await on_platform_events(messages(METRIC))
    assert await heard(app) == ["AlertFired"]
