"""The whole app in the local host, with a hub of platform events: Defender's export and an alert become decisions."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from local.azure.event_hubs import EventHubsServer
from shared.adapters.sqlite_store import SqliteStore
from tests.contracts.host_under_test import eventually
from tests.unit.domain.platform_builders import ENDPOINT
from tests.unit.parsing.alert_bodies import common
from tests.unit.parsing.test_security import ALERT

ROOT = Path(__file__).parents[2]
DEFENDER = ALERT | {"ResourceIdentifiers": [{"Type": "AzureResource", "AzureResourceId": ENDPOINT}]}
METRIC = common(alertTargetIDs=[ENDPOINT])
STARTS_WITHIN_SECONDS = 60.0


class Stage:
    """A host with a hub, and the store that it writes."""

    def __init__(self, server: EventHubsServer, store: SqliteStore) -> None:
        self.server, self.store = server, store

    def say(self, *bodies: Any) -> None:
        for body in bodies:
            self.server.publish("platform", body if isinstance(body, bytes) else json.dumps(body).encode())

    async def heard(self) -> list[str]:
        return sorted(decision.cause_kind for decision in await self.store.decisions(None, 10))


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    server = EventHubsServer(hubs={"telemetry": 1, "platform": 2}, key="k")
    await server.start()
    settings = {
        "PYTHONPATH": str(ROOT),
        "AzureWebJobsStorage": "local",
        "OUTERLOOP_POLICY": str(ROOT / "examples" / "flight_delays" / "policy.yaml"),
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": "signs nothing that anybody sees",
        "OUTERLOOP_SWEEP_SCHEDULE": "0 0 0 1 1 *",
        "OUTERLOOP_TELEMETRY_HUB": "telemetry",
        "OUTERLOOP_TELEMETRY_CONNECTION": server.connection_string,
        "OUTERLOOP_PLATFORM_HUB": "platform",
        "OUTERLOOP_PLATFORM_CONNECTION": server.connection_string,
    }
    log = (tmp_path / "host.log").open("wb")
    command = [sys.executable, "-m", "local.host", "--state", str(tmp_path / "state")]
    environment = os.environ | settings  # noqa: TID251 - a process inherits one
    host = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    store = SqliteStore(str(tmp_path / "store.db"))
    try:
        await eventually((tmp_path / "state" / "app_host.json").exists, STARTS_WITHIN_SECONDS)
        await store.open()
        yield Stage(server, store)
    finally:
        await store.close()
        host.terminate()
        await asyncio.wait_for(host.wait(), 20)
        log.close()
        await server.stop()


async def test_defenders_export_and_an_alert_come_through_a_hub_of_their_own(stage: Stage) -> None:
    stage.say(DEFENDER, b"{broken", METRIC, METRIC)
    found: list[str] = []
    for _ in range(200):
        found = await stage.heard()
        if len(found) == 2 and await stage.store.rejected(10):
            break
        await asyncio.sleep(0.1)
    assert found == ["AlertFired", "SecurityAlertRaised"]
    assert [row.reason for row in await stage.store.rejected(10)] == ["malformed_json"]
