"""The composition root of the local Azure: builds every part, starts them in order, stops them in reverse.

Owns who gets what. It knows no protocol. ``azure.json`` in the state folder is written when everything answers, and
holds every address and secret that a client needs.
"""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from local.azure.alerts import Alerts
from local.azure.arm import Arm, Routed
from local.azure.asset_api import AssetApi
from local.azure.assets import Assets
from local.azure.autoscale_api import AutoscaleApi
from local.azure.batch_api import BatchApi
from local.azure.batch_invocations import BatchInvocations
from local.azure.certificates import issue_certificates
from local.azure.control import Behind, Control
from local.azure.datastores import Datastores
from local.azure.deployment_api import DeploymentApi
from local.azure.deployments import Deployments
from local.azure.effects import Effects
from local.azure.endpoint_api import EndpointApi
from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.event_grid import EventGrid
from local.azure.event_hubs import EventHubsServer
from local.azure.exchanges import Answering, Exchanges
from local.azure.identity import ManagedIdentity
from local.azure.job_api import JobApi
from local.azure.job_runner import Connection, JobRunner
from local.azure.jobs import Jobs
from local.azure.journal import Journal
from local.azure.listeners import Listener, bind_loopback, port_of
from local.azure.logs_api import LogsApi
from local.azure.metrics_api import MetricsApi
from local.azure.mlflow_api import MlflowApi
from local.azure.operations import Operations
from local.azure.pace import Paced
from local.azure.quota_api import QuotaApi
from local.azure.references import parse_scope
from local.azure.registry import RegistryApi
from local.azure.router import ScoringRouter
from local.azure.seed import Planter, Seed, registry_scope
from local.azure.served import ServedTraffic
from local.azure.sinks import SmtpSink, TeamsSink
from local.azure.topic import Topic
from local.azure.tracking import Tracking
from local.azure.traffic_log import TrafficLog
from local.azure.workspace import WorkspaceApi

_METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE"]
_PARTITIONS = 2
_TOKEN_SECONDS = 7 * 86_400
# What a job or a scoring process may see of our own environment: enough to run Python, nothing that identifies us.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


class LocalAzure:
    """One local Azure in one event loop. ``start`` composes and serves; ``stop`` leaves no process behind."""

    def __init__(self, state: Path, seed: Seed, environment: Mapping[str, str] = os.environ) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._state = state.resolve()
        self._seed = seed
        self._inherited = {name: environment[name] for name in _INHERITED if name in environment}
        self._https, self._http = bind_loopback(), bind_loopback()
        self._listeners: list[Listener] = []
        self._worker: asyncio.Task[None] | None = None
        self._compose()

    @property
    def arm_url(self) -> str:
        """The address of the local Azure Resource Manager."""
        return f"https://127.0.0.1:{port_of(self._https)}"

    @property
    def control_url(self) -> str:
        """The address of the control interface."""
        return f"http://127.0.0.1:{port_of(self._http)}"

    def _compose(self) -> None:
        self._certificates = issue_certificates(self._state)
        self._journal = Journal(self._state / "journal.jsonl")
        self._event_grid = EventGrid(deliveries=2, seed=0)
        self._event_hubs = EventHubsServer(dict.fromkeys(self._seed.hubs, _PARTITIONS), secrets.token_urlsafe(32))
        self._serving_environment = dict(self._inherited)
        self._deployments = Deployments(self._state, self._serving_environment)
        ids = [secrets.token_hex(16) for _ in range(4)]
        self._identity = ManagedIdentity(*ids)
        self._teams = TeamsSink(self._journal, self._seed.channels)
        self._smtp = SmtpSink(self._journal)
        self._topic = Topic()
        self._alerts = Alerts()
        self._endpoints, self._jobs, self._operations = Endpoints(), Jobs(), Operations()
        self._batch_endpoints = Endpoints()
        self._compose_assets()
        self._compose_scoring()

    def _compose_assets(self) -> None:
        workspaces = [parse_scope(text) for text in self._seed.workspaces]
        registries = [registry_scope(name) for name in self._seed.registries]
        assets = Assets()
        self._scopes = {scope.key: scope for scope in [*workspaces, *registries]}
        for scope in self._scopes.values():
            assets.know(scope)
        self._datastores = Datastores(self._state / "storage", assets)
        self._planter = Planter(self._datastores, workspaces)
        self._planter.plant(self._seed)
        for each in self._seed.endpoints:
            owner = next(one for one in workspaces if each.workspace.lower() in {one.key, one.name.lower()})
            key = secrets.token_urlsafe(24)
            document = {
                "location": self._seed.location,
                "tags": {},
                "kind": "Managed",
                "properties": {"authMode": "Key"},
            }
            deployments = {name: Deployment(name, {"properties": {}}, "Succeeded") for name in each.traffic}
            self._endpoints.add(
                Endpoint(owner.key, each.name, key, document, dict(each.traffic), deployments, "Succeeded")
            )

    def _compose_scoring(self) -> None:
        hub = self._seed.hubs[0]
        self._traffic_log = TrafficLog(lambda body, key: self._event_hubs.publish(hub, body, key))
        self._served = ServedTraffic()
        self._router = ScoringRouter(self._endpoints, self._deployments, self._log, self._seed.location)

    def _log(self, record: dict[str, Any]) -> None:
        """One request: the diagnostic setting sends it to the hub, and Azure Monitor keeps it."""
        self._traffic_log.emit(record)
        self._served.emit(record)

    def _arm(self) -> Arm:
        effects, tracking = Effects(self._journal, self._event_grid), Tracking()
        registries = {scope.name.lower(): scope for scope in self._scopes.values() if scope.kind == "registries"}
        registered = AssetApi(self._datastores, effects)
        self._runner = JobRunner(self._state, self._inherited, self._connection(), self._datastores)
        jobs = JobApi(self._jobs, self._datastores, tracking, self._runner, effects)
        self._worker = asyncio.create_task(self._runner.work(registered, effects))
        operations, serving = self._operations, self._deployments
        parts: list[Routed] = [
            MlflowApi(tracking),
            WorkspaceApi(self._scopes, self._seed.computes, self._seed.location, operations, effects),
            registered,
            jobs,
            EndpointApi(self._endpoints, operations, serving, effects, self._seed.computes),
            DeploymentApi(self._endpoints, self._datastores, operations, serving, effects),
            BatchApi(self._batch_endpoints, self._datastores, self._seed.computes, operations, effects),
            BatchInvocations(self._batch_endpoints, self._jobs, self._datastores, tracking, self._runner),
            QuotaApi(self._endpoints),
            AutoscaleApi(),
            MetricsApi(self._served),
            LogsApi(self._served),
            RegistryApi(registries, self._datastores, operations, effects),
            self._alerts,
            operations,
        ]
        return Arm(self._scopes, self.arm_url, [route for part in parts for route in part.routes()])

    def _answering(self, arm: Arm) -> Answering:
        return (
            Exchanges(arm.__call__, self._state / "exchanges.jsonl").__call__ if self._seed.exchanges else arm.__call__
        )

    def _connection(self) -> Connection:
        token = self._identity.token(self.arm_url, int(time.time()) + _TOKEN_SECONDS)
        return Connection(self.arm_url, self._certificates.ca_file, token)

    async def start(self) -> None:
        """Serve everything, then write ``azure.json``."""
        await self._event_hubs.start()
        # What a team would set on its deployments: where the emitter of a scoring script sends what it records.
        self._serving_environment["OUTERLOOP_TELEMETRY_CONNECTION"] = self._event_hubs.connection_string
        self._serving_environment["OUTERLOOP_TELEMETRY_HUB"] = self._seed.hubs[0]
        smtp_port = await self._smtp.start()
        arm = self._arm()
        everything = Route("/{path:path}", self._answering(arm), methods=_METHODS)
        outside = Starlette(routes=[*self._router.routes, *self._teams.routes, *self._topic.routes, everything])
        behind = Behind(
            *(self._journal, self._event_grid, self._endpoints, self._jobs),
            *(self._runner, self._planter, self._teams, self._smtp),
            topic=self._topic,
            alerts=self._alerts,
            arm=arm,
        )
        inside = Starlette(routes=[*self._identity.routes, *Control(behind).routes()])
        files = self._certificates
        self._listeners = [
            Listener(Paced(outside, self._seed.answer_seconds), self._https, files.chain_file, files.key_file),
            Listener(inside, self._http),
        ]
        await asyncio.gather(*(listener.start() for listener in self._listeners))
        self._announce(smtp_port)

    def _announce(self, smtp_port: int) -> None:
        found = self.connections(smtp_port)
        draft = self._state / "azure.json.new"
        draft.write_text(json.dumps(found, indent=2), encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(self._state / "azure.json")

    def connections(self, smtp_port: int) -> dict[str, Any]:
        """What ``azure.json`` says."""
        return {
            "arm_url": self.arm_url,
            "ca_file": str(self._certificates.ca_file),
            "identity_endpoint": f"{self.control_url}{self._identity.path}",
            "identity_header": self._identity.header,
            "event_hubs_connection_string": self._event_hubs.connection_string,
            "hub": self._seed.hubs[0],
            "hubs": self._seed.hubs,
            "topic_url": f"{self.arm_url}{self._topic.path}",
            "topic_key": self._topic.key,
            "teams_urls": self._teams.urls(self.arm_url),
            "smtp_host": "127.0.0.1",
            "smtp_port": smtp_port,
            "control_url": self.control_url,
            "journal": str(self._journal.path),
            "workspaces": [scope.id for scope in self._scopes.values() if scope.kind == "workspaces"],
        }

    async def stop(self) -> None:
        """Stop taking requests, then the jobs, the deployments, and everything that delivers."""
        (self._state / "azure.json").unlink(missing_ok=True)
        if self._worker:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        await self._operations.stop()
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
        await self._deployments.stop_all()
        self._traffic_log.flush()
        await self._router.close()
        await self._event_grid.close()
        await self._event_hubs.stop()
        await self._smtp.stop()
