"""The endpoint's callers: a traffic log through an event hub whose batches come late, twice, and in pieces.

Owns what was sent, so that it can be compared with what was counted.
"""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.scheduler import START
from tests.unit.domain.builders import PRODUCTION

if TYPE_CHECKING:
    from tests.simulation.world import Instance, World

LAST_CALL = START + timedelta(hours=17)
PARTITION = "telemetry/0"
EVERY_SECONDS = 60.0
REQUESTS = 15  # of each deployment with traffic in each message
ENDPOINT = f"{PRODUCTION}/onlineEndpoints/flight-delay"


class Callers:
    """Sends the log of one minute's requests at a time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.sent_requests = 0
        self._messages: list[bytes] = []
        self._through = 0  # how many of the messages the app has answered for

    def begin(self) -> None:
        """Call and deliver from now on."""
        self._call()
        self._deliver()

    def _call(self) -> None:
        scheduler = self._world.scheduler
        endpoint = self._world.target.endpoints.get(f"{PRODUCTION}/flight-delay")
        serving = sorted(endpoint.traffic) if endpoint else []
        if serving and scheduler.now < LAST_CALL:
            at = scheduler.now.isoformat()
            records = [_record(at, name) for name in serving for _ in range(REQUESTS)]
            self._messages.append(json.dumps({"records": records}).encode())
            self.sent_requests += len(records)
        scheduler.after(EVERY_SECONDS, self._call)

    def _deliver(self) -> None:
        world = self._world
        back = world.random.randint(0, min(5, self._through)) if world.faults.strike("batch delivered again", 5) else 0
        first = self._through - back
        batch = list(enumerate(self._messages[first : first + world.random.randint(1, 20)], first))
        if batch:
            instance = world.any_instance()
            world.start(instance.name, self._take(instance, batch))
        world.scheduler.after(world.random.uniform(20, 180), self._deliver)

    async def _take(self, instance: "Instance", batch: list[tuple[int, bytes]]) -> None:
        await instance.aggregator.take(PARTITION, batch)
        self._through = max(self._through, batch[-1][0] + 1)


def _record(at: str, deployment: str) -> dict[str, Any]:
    properties = {
        "DeploymentName": deployment,
        "ResponseCode": "200",
        "ModelStatusCode": "200",
        "TotalDurationMs": "20",
    }
    return {"time": at, "resourceId": ENDPOINT, "category": "AmlOnlineEndpointTrafficLog", "properties": properties}
