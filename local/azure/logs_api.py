"""Log Analytics with one table, AmlOnlineEndpointTrafficLog, filled from what the endpoints served.

Owns the shape of an answer and of a refusal (learn.microsoft.com/azure/azure-monitor/logs/api/response-format), and of the query
language only what one query of ours needs: these stages, in this order. Any other query is refused as Azure refuses one that it
does not understand. That the query is right is not shown by this, but by Microsoft's own parser (docs/wire.md).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.served import Logged, ServedTraffic

_TEXT = r'"(?:[^"\\]|\\.)*"'
_STAGES = (
    r"AmlOnlineEndpointTrafficLog",
    r"where TimeGenerated >= datetime\((?P<since>[\dTZ:-]+)\) and TimeGenerated < datetime\((?P<until>[\dTZ:-]+)\)",
    rf"where _ResourceId =~ (?P<workspace>{_TEXT}) or _ResourceId startswith (?P<inside>{_TEXT})",
    rf"where EndpointName =~ (?P<endpoint>{_TEXT}) and DeploymentName in~ \((?P<names>{_TEXT}(?:, {_TEXT})*)\)",
    r"extend Status = toint\(tostring\(ResponseCode\)\), Ms = todouble\(TotalDurationMs\)",
    r"where isnotnull\(Status\)",
    r"extend Bin = iff\(Ms >= 0\.0, min_of\((?P<last>\d+), tolong\(floor\(log\(max_of\(Ms, 1\.0\)\) \* (?P<per_e>[\d.]+), 1\)\)\), long\(null\)\)",
    (
        r"summarize Requests = count\(\), Failed = countif\(Status >= 400 and Status !in \((?P<callers>[\d, ]+)\)\) "
        r"by Deployment = tolower\(DeploymentName\), Bin"
    ),
)
_QUERY = re.compile(r"\n\| ".join(_STAGES) + r"\n?")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COLUMNS = (("Deployment", "string"), ("Bin", "int"), ("Requests", "long"), ("Failed", "long"))


class LogsApi:
    """The query route. Every Log Analytics workspace holds the same table."""

    def __init__(self, served: ServedTraffic) -> None:
        self._served = served

    def routes(self) -> list[ArmRoute]:
        """Queries of a workspace."""
        return [ArmRoute("POST", "/v1/workspaces/{workspace}/query", self._query)]

    async def _query(self, request: ArmRequest) -> ArmAnswer:
        asked = _QUERY.fullmatch(str(request.body.get("query", "")))
        if not _GUID.fullmatch(request.names["workspace"]):
            return _refusal(404, "PathNotFoundError", "The requested path does not exist")
        if asked is None:
            inner = {"code": "SyntaxError", "message": "A recognition error occurred in the query."}
            return _refusal(400, "BadArgumentError", "The request had some invalid properties", inner)
        since, until = (datetime.fromisoformat(asked[name]) for name in ("since", "until"))
        rows = summarized(self._served.between(since, until), asked.groupdict())
        columns = [{"name": name, "type": kind} for name, kind in _COLUMNS]
        return ArmAnswer({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]})


def summarized(rows: Iterable[Logged], asked: Mapping[str, str]) -> list[list[Any]]:
    """What the stages make of the table, with the literals of the query."""
    workspace, inside, endpoint = (json.loads(asked[name]).lower() for name in ("workspace", "inside", "endpoint"))
    names = {json.loads(text).lower() for text in re.findall(_TEXT, asked["names"])}
    callers = {int(code) for code in asked["callers"].split(", ")}
    requests, failed = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for row in rows:
        in_workspace = row.resource == workspace or row.resource.startswith(inside)
        if not in_workspace or row.endpoint.lower() != endpoint or row.deployment.lower() not in names:
            continue
        number = math.floor(math.log(max(row.duration_ms, 1.0)) * float(asked["per_e"]))
        key = row.deployment.lower(), min(int(asked["last"]), number)
        requests[key] += 1
        failed[key] += row.status >= 400 and row.status not in callers
    return [[*key, count, failed[key]] for key, count in sorted(requests.items())]


def _refusal(status: int, code: str, message: str, inner: dict[str, str] | None = None) -> ArmAnswer:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner:
        error["innererror"] = inner
    return ArmAnswer({"error": error}, status)
