"""The diagnostic setting of an online endpoint: one AmlOnlineEndpointTrafficLog record per request, sent in batches.

Owns the shape of the record (azure-docs resource-logs-schema for the envelope, ai-docs endpoint-monitor-traffic-
reference for the properties; no public capture exists, so texts are used where numbers are equally plausible) and the
batching that Azure Monitor does before it writes to Event Hubs. It knows nothing of HTTP or of Event Hubs: it is told
what happened and whom to give the bytes to.
"""

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FLUSH_SECONDS = 0.2
RECORDS_MAX = 50
CATEGORY = "AmlOnlineEndpointTrafficLog"
USER_AGENT_CHARACTERS_MAX = 70


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as the endpoint saw them; sizes in bytes, durations in milliseconds."""

    at: datetime
    workspace: str
    endpoint: str
    deployment: str
    response_code: int
    model_status_code: int | None
    request_bytes: int
    response_bytes: int
    total_ms: float
    request_ms: float
    response_ms: float
    request_id: str
    client_request_id: str
    user_agent: str
    reason: str = ""


def traffic_record(exchange: Exchange, location: str) -> dict[str, Any]:
    """The diagnostic record of one exchange; resourceId in upper case as Azure sends it, time with seven digits."""
    return {
        "time": exchange.at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z",
        "resourceId": f"{exchange.workspace}/onlineEndpoints/{exchange.endpoint}".upper(),
        "category": CATEGORY,
        "operationName": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action",
        "level": "Informational" if exchange.response_code < 400 else "Warning",
        "location": location,
        "properties": _properties(exchange),
    }


def _properties(exchange: Exchange) -> dict[str, str]:
    return {
        "Method": "POST",
        "Path": "/score",
        "SubscriptionId": exchange.workspace.split("/")[2],
        "AzureMLWorkspaceId": str(uuid.uuid5(uuid.NAMESPACE_URL, exchange.workspace)),
        "AzureMLWorkspaceName": exchange.workspace.rsplit("/", 1)[-1],
        "EndpointName": exchange.endpoint,
        "DeploymentName": exchange.deployment,
        "Protocol": "HTTP/1.1",
        "ResponseCode": str(exchange.response_code),
        "ResponseCodeReason": exchange.reason,
        "ModelStatusCode": "" if exchange.model_status_code is None else str(exchange.model_status_code),
        "ModelStatusReason": "",
        "RequestPayloadSize": str(exchange.request_bytes),
        "ResponsePayloadSize": str(exchange.response_bytes),
        "UserAgent": exchange.user_agent[:USER_AGENT_CHARACTERS_MAX],
        "XRequestId": exchange.request_id,
        "XMSClientRequestId": exchange.client_request_id,
        "TotalDurationMs": f"{exchange.total_ms:.1f}",
        "RequestDurationMs": f"{exchange.request_ms:.1f}",
        "ResponseDurationMs": f"{exchange.response_ms:.1f}",
        "RequestThrottlingDelayMs": "0",
        "ResponseThrottlingDelayMs": "0",
    }


class TrafficLog:
    """Batches records by endpoint into `{"records": [...]}` messages; use within a running event loop.

    `publish(body, partition_key)` gets a batch 200 ms after its first record, or at once when it holds 50.
    The partition key is the endpoint's resource id, lower case.
    """

    def __init__(self, publish: Callable[[bytes, str], None]) -> None:
        self._publish = publish
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def emit(self, record: dict[str, Any]) -> None:
        """Take one diagnostic record; returns at once."""
        endpoint = record["resourceId"].lower()
        batch = self._waiting.setdefault(endpoint, [])
        batch.append(record)
        if len(batch) >= RECORDS_MAX:
            self._send(endpoint)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Send whatever waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for endpoint in list(self._waiting):
            self._send(endpoint)

    def _send(self, endpoint: str) -> None:
        self._publish(json.dumps({"records": self._waiting.pop(endpoint)}).encode(), endpoint)
