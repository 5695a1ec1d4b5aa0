"""The metrics of online endpoints as Azure Monitor's batch endpoint of a region tells them, counted from what was served.

Owns three of the metrics, their dimensions, and the shape (learn.microsoft.com/rest/api/monitor/metrics-batch, 2024-02-01): by the
minute, by average, and split by dimensions of which all values are asked for. What it does not know it refuses. Nothing is late.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.errors import ArmError
from local.azure.served import Logged, ServedTraffic

NAMESPACE = "microsoft.machinelearningservices/workspaces/onlineendpoints"
MINUTE = timedelta(minutes=1)
SERIES = 10  # as many as Azure tells unless ``top`` says otherwise
SHARES = {"requestlatency_p50": 0.50, "requestlatency_p95": 0.95}
REQUESTS = "requestsperminute"
NAMES = {one.lower(): one for one in ("RequestsPerMinute", "RequestLatency_P50", "RequestLatency_P95")}
DIMENSIONS = {REQUESTS: {"deployment", "statuscode", "statuscodeclass"}} | {key: {"deployment"} for key in SHARES}

Key = tuple[str, ...]


class MetricsApi:
    """The route of one region; every region is the same."""

    def __init__(self, served: ServedTraffic) -> None:
        self._served = served

    def routes(self) -> list[ArmRoute]:
        """The batch of a subscription."""
        return [ArmRoute("POST", "/subscriptions/{subscription}/metrics:getBatch", self._batch)]

    async def _batch(self, request: ArmRequest) -> ArmAnswer:
        query = {name.lower(): value for name, value in request.query.items()}
        if query.get("metricnamespace", "").lower() != NAMESPACE:
            raise ArmError(400, "BadRequest", f"No metrics of the namespace {query.get('metricnamespace')}.")
        if query.get("interval", "PT1M") != "PT1M" or query.get("aggregation", "").lower() != "average":
            raise ArmError(400, "BadRequest", "Only the grain PT1M and the aggregation average are told here.")
        since, until = (datetime.fromisoformat(query[name]) for name in ("starttime", "endtime"))
        resources = [str(one) for one in request.body["resourceids"]]
        found = [self._result(resource, query, since, until) for resource in resources]
        return ArmAnswer({"values": found})

    def _result(self, resource: str, query: Mapping[str, str], since: datetime, until: datetime) -> dict[str, Any]:
        rows = [row for row in self._served.between(since, until) if row.resource == resource.lower()]
        top, names = int(query.get("top", SERIES)), query["metricnames"].split(",")
        return {
            "starttime": query["starttime"],
            "endtime": query["endtime"],
            "interval": "PT1M",
            "namespace": query["metricnamespace"],
            "resourceregion": "local",
            "resourceid": resource,
            "value": [_metric(resource, name, _asked(name, query), rows, (since, until), top) for name in names],
        }


def _asked(name: str, query: Mapping[str, str]) -> Key:
    """The dimensions that a filter asks all values of."""
    text = query.get("filter", "")
    dimensions = tuple(re.findall(r"(\w+) eq '\*'", text))
    if " and ".join(f"{one} eq '*'" for one in dimensions) != text:
        raise ArmError(400, "BadRequest", f"The filter is not understood here: {text}")
    unknown = [one for one in dimensions if one.lower() not in DIMENSIONS.get(name.lower(), set())]
    if name.lower() not in NAMES or unknown:
        raise ArmError(400, "BadRequest", f"{name} is no metric here, or has no dimension {unknown}.")
    return dimensions


def _metric(
    resource: str, name: str, dimensions: Key, rows: Iterable[Logged], span: tuple[datetime, datetime], top: int
) -> dict[str, Any]:
    series: defaultdict[Key, defaultdict[datetime, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        key = tuple(_value(row, dimension) for dimension in dimensions)
        series[key][row.at.replace(second=0, microsecond=0)].append(row.duration_ms)
    usual = NAMES[name.lower()]
    return {
        "id": f"{resource}/providers/Microsoft.Insights/metrics/{usual}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": usual, "localizedValue": usual},
        "displayDescription": usual,
        "unit": "Count" if name.lower() == REQUESTS else "MilliSeconds",
        "timeseries": [
            {"metadatavalues": _metadata(dimensions, key), "data": _data(name, minutes, span)}
            for key, minutes in sorted(series.items())[:top]
        ],
        "errorCode": "Success",
    }


def _value(row: Logged, dimension: str) -> str:
    known = {
        "deployment": row.deployment,
        "statuscode": str(row.status),
        "statuscodeclass": f"{row.status // 100}xx",
    }
    return known[dimension.lower()]


def _metadata(dimensions: Key, key: Key) -> list[dict[str, Any]]:
    """Azure writes the names of dimensions in small letters, however they were asked for."""
    return [
        {"name": {"value": dimension.lower(), "localizedValue": dimension.lower()}, "value": value}
        for dimension, value in zip(dimensions, key, strict=True)
    ]


def _data(name: str, minutes: Mapping[datetime, list[float]], span: tuple[datetime, datetime]) -> list[dict[str, Any]]:
    """A point for every minute; one in which nothing was measured has a time and no value."""
    at, until = span[0].replace(second=0, microsecond=0), span[1]
    points = list[dict[str, Any]]()
    while at < until:
        point: dict[str, Any] = {"timeStamp": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if at in minutes:
            point["average"] = _average(name, minutes[at])
        points.append(point)
        at += MINUTE
    return points


def _average(name: str, durations: list[float]) -> float:
    share = SHARES.get(name.lower())
    if share is None:
        return float(len(durations))
    return sorted(durations)[math.ceil(share * len(durations)) - 1]
