"""The control interface: how a driver or a test looks behind the scenes, over plain http on loopback.

Owns nothing but the shapes of its answers. It is no part of Azure, and the app never calls it.
"""

import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.alerts import Alerts
from local.azure.arm import Arm
from local.azure.endpoints import Endpoints
from local.azure.event_grid import EventGrid, HandshakeFailed
from local.azure.jobs import Jobs
from local.azure.journal import Journal
from local.azure.seed import Planter
from local.azure.sinks import SmtpSink, TeamsSink
from local.azure.topic import Topic


class LogReader(Protocol):
    """Who has the logs of jobs."""

    def log(self, job: Any, /) -> str:
        """What a job printed so far."""
        ...


@dataclasses.dataclass(frozen=True)
class Behind:
    """Everything that can be looked at or prodded."""

    journal: Journal
    event_grid: EventGrid
    endpoints: Endpoints
    jobs: Jobs
    logs: LogReader
    planter: Planter
    teams: TeamsSink
    smtp: SmtpSink
    topic: Topic
    alerts: Alerts
    arm: Arm


class Control:
    """Routes of the control interface."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    def routes(self) -> list[Route]:
        """What to mount into a Starlette application."""
        behind = self._behind
        looks: dict[str, Callable[[], list[Any]]] = {
            "/journal": lambda: [dataclasses.asdict(entry) for entry in behind.journal.entries()],
            "/endpoints": self._endpoints,
            "/jobs": self._jobs,
            "/cards": lambda: [dataclasses.asdict(card) for card in behind.teams.cards],
            "/mails": lambda: [dataclasses.asdict(mail) for mail in behind.smtp.mails],
            "/published": lambda: list(behind.topic.received),
            "/routes": lambda: [list(each) for each in behind.arm.templates],
            "/dropped": lambda: [dataclasses.asdict(dropped) for dropped in behind.event_grid.dropped],
        }
        orders: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "/subscribe": self._subscribe,
            "/data-assets": self._add_data,
            "/events": self._raise_event,
            "/alerts": self._fire_alert,
        }
        return [
            *[Route(path, _look(look), methods=["GET"]) for path, look in looks.items()],
            *[Route(path, _order(order), methods=["POST"]) for path, order in orders.items()],
        ]

    def _endpoints(self) -> list[Any]:
        return [
            {
                "workspace": endpoint.workspace,
                "name": endpoint.name,
                "state": endpoint.state,
                "busy": endpoint.busy,
                "traffic": endpoint.traffic,
                "deployments": {
                    one.name: {"state": one.state, "error": one.error, "model": one.document["properties"].get("model")}
                    for one in endpoint.deployments.values()
                },
            }
            for endpoint in self._behind.endpoints
        ]

    def _jobs(self) -> list[Any]:
        return [
            {
                "id": job.id,
                "name": job.name,
                "status": job.status,
                "error": job.error,
                "registered": job.registered,
                "metrics": {metric.key: metric.value for metric in job.run.latest_metrics()},
                "tags": job.run.tags,
                "log": self._behind.logs.log(job)[-4000:],
            }
            for job in self._behind.jobs.everywhere()
        ]

    async def _subscribe(self, body: dict[str, Any]) -> Any:
        await self._behind.event_grid.subscribe(body["url"], body.get("schema") or "alternating")
        return {}

    async def _add_data(self, body: dict[str, Any]) -> Any:
        added = self._behind.planter.add_data(
            body.get("workspace"),
            body["name"],
            body.get("version"),
            Path(body["folder"]),
            {key: str(value) for key, value in (body.get("tags") or {}).items()},
        )
        return {"ids": [asset.id for asset in added]}

    async def _raise_event(self, body: dict[str, Any]) -> Any:
        self._behind.event_grid.raise_event(
            body["topic"], body["event_type"], body["subject"], body["data"], body.get("id")
        )
        return {}

    async def _fire_alert(self, body: dict[str, Any]) -> Any:
        self._behind.alerts.told(body)
        return {}


def _look(look: Callable[[], list[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return JSONResponse(look())

    return answer


def _order(order: Callable[[dict[str, Any]], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await order(json.loads(await request.body())))
        except (KeyError, ValueError, LookupError, OSError, HandshakeFailed) as error:
            return JSONResponse({"error": repr(error)}, 400)

    return answer
