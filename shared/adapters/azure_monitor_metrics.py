"""Azure Monitor's metrics of an online endpoint behind the port ``TrafficMeter``: by minute, deployment and status.

Owns the metrics, their dimensions and the address of a region. What follows from a minute is ``telemetry.minutes``'s.
Names and dimensions: learn.microsoft.com/azure/azure-monitor/reference/supported-metrics (workspaces/onlineEndpoints); wire
format: learn.microsoft.com/rest/api/monitor/metrics-batch. ``RequestsPerMinute`` is told as an average only: at the grain of a
minute, that is how many there were.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_monitor import UnreadableAnswerError, answered, client_options
from shared.adapters.thread_credential import NewCredential
from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Failed
from shared.parsing.diagnostic_records import CALLER_STATUS_CODES
from shared.ports_measuring import Stretch
from shared.telemetry.minutes import MinuteServed, sample_of_minutes

if TYPE_CHECKING:
    from azure.monitor.querymetrics import MetricsClient

NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
REQUESTS, P50, P95 = "RequestsPerMinute", "RequestLatency_P50", "RequestLatency_P95"
DEPLOYMENT, STATUS = "deployment", "statusCode"
GRAIN = timedelta(minutes=1)
SERIES_MAX = 500  # an endpoint has at most 20 deployments; Azure tells ten series unless more are asked for
ROLE = "'Monitoring Reader' on the subscription"

Series = tuple[dict[str, str], dict[datetime, float]]  # the dimensions in small letters, and the average of each minute


class AzureMonitorMetrics:
    """The port ``TrafficMeter`` over real Azure, or over anything that speaks its wire protocol.

    ``url`` is where a region answers, with ``{region}`` for its name. ``answer_seconds`` bounds the whole wait.
    """

    name = "Azure Monitor metrics"

    def __init__(self, url: str, new_credential: NewCredential, answer_seconds: float) -> None:
        self._url, self._new_credential, self._answer_seconds = url, new_credential, answer_seconds
        self._lock = threading.Lock()
        self._clients: dict[str, MetricsClient] = {}

    async def served(self, stretch: Stretch) -> Mapping[str, TrafficSample] | Failed:
        """What the deployments served, errors by count and latency by minutes. Raises nothing: every failure is a ``Failed``."""
        return await answered(lambda: self._served(stretch), self._answer_seconds, ROLE)

    def _served(self, stretch: Stretch) -> Mapping[str, TrafficSample]:
        client = self._client(stretch.production.region)
        # Latency has no status, and so cannot be asked for together with the requests.
        requests = _asked(client, stretch, (REQUESTS,), (DEPLOYMENT, STATUS))
        latency = _asked(client, stretch, (P50, P95), (DEPLOYMENT,))
        return {
            name: sample_of_minutes(
                _minutes(_of(requests[REQUESTS], name), _of(latency[P50], name), _of(latency[P95], name))
            )
            for name in stretch.deployments
        }

    def _client(self, region: str) -> "MetricsClient":
        from azure.monitor.querymetrics import MetricsClient  # noqa: PLC0415 - only where a policy asks for metrics

        with self._lock:
            if region not in self._clients:
                self._clients[region] = MetricsClient(
                    self._url.replace("{region}", region),
                    self._new_credential(),
                    audience=self._url.replace("{region}.", ""),
                    **client_options(self._answer_seconds),
                )
            return self._clients[region]


def _asked(
    client: "MetricsClient", stretch: Stretch, metrics: tuple[str, ...], dimensions: tuple[str, ...]
) -> dict[str, list[Series]]:
    """The series of each metric. Raises UnreadableAnswerError unless all of them are there, by the minute."""
    production, told = stretch.production, list[Any]()
    results = client.query_resources(
        resource_ids=[f"{production.workspace.rstrip('/')}/onlineEndpoints/{production.endpoint}"],
        metric_namespace=NAMESPACE,
        metric_names=metrics,
        timespan=(stretch.since, stretch.until),
        granularity=GRAIN,
        aggregations=["Average"],
        max_results=SERIES_MAX,
        # All of them, and picked by us: then no name of a deployment has to be written into a filter.
        filter=" and ".join(f"{name} eq '*'" for name in dimensions),
        raw_response_hook=lambda response: told.append(response.http_response.json()),
    )
    _refuse_errors(told)
    if len(results) != 1 or results[0].granularity != GRAIN:
        grains = [str(result.granularity) for result in results]
        raise UnreadableAnswerError(f"one endpoint by the minute was asked for, and the answer has {grains}")
    found = {metric.name.lower(): metric for metric in results[0].metrics}
    missing = [name for name in metrics if name.lower() not in found]
    if missing:
        raise UnreadableAnswerError(f"it says nothing of {', '.join(missing)}")
    return {name: list(_series(found[name.lower()].timeseries, stretch)) for name in metrics}


def _refuse_errors(told: Iterable[Any]) -> None:
    """The client leaves out what Azure says of a metric that it could not read: without it, an outage would be no traffic."""
    for metric in (one for answer in told for result in answer["values"] for one in result.get("value") or ()):
        code = metric.get("errorCode") or "Success"
        if code != "Success":
            name = (metric.get("name") or {}).get("value")
            raise UnreadableAnswerError(f"{name} could not be read: {code} {metric.get('errorMessage') or ''}".rstrip())


def _series(elements: list[Any], stretch: Stretch) -> Iterator[Series]:
    if len(elements) >= SERIES_MAX:
        raise UnreadableAnswerError(f"it has {len(elements)} series, and may have been cut there")
    for element in elements:
        dimensions = {name.lower(): str(value) for name, value in element.metadata_values.items()}
        points = {point.timestamp: point.average for point in element.data if point.average is not None}
        for average in points.values():
            if not 0.0 <= average < math.inf:
                raise UnreadableAnswerError(f"a minute has the value {average}")
        yield dimensions, {at: value for at, value in points.items() if stretch.since <= at < stretch.until}


def _of(series: list[Series], deployment: str) -> list[Series]:
    return [one for one in series if one[0].get(DEPLOYMENT.lower(), "").lower() == deployment.lower()]


def _minutes(requests: list[Series], p50: list[Series], p95: list[Series]) -> list[MinuteServed]:
    """The minutes in which anything was served, with the percentiles that were told of them."""
    minutes: defaultdict[datetime, MinuteServed] = defaultdict(MinuteServed)
    for dimensions, points in requests:
        bad = _is_failure(dimensions.get(STATUS.lower(), ""))
        for at, count in points.items():
            known = minutes[at]
            minutes[at] = replace(known, requests=known.requests + count, failed=known.failed + count * bad)
    medians, tails = _merged(p50), _merged(p95)
    return [replace(one, p50_ms=medians.get(at), p95_ms=tails.get(at)) for at, one in minutes.items()]


def _merged(series: list[Series]) -> dict[datetime, float]:
    return {at: value for _, points in series for at, value in points.items()}


def _is_failure(status: str) -> bool:
    """As our own windows count: no good answer, and not by the caller's fault. A status that is no number is none."""
    code = int(status) if status.isascii() and status.isdigit() else 500
    return code >= 400 and code not in CALLER_STATUS_CODES
