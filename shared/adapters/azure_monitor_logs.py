"""The traffic log of an online endpoint in Log Analytics behind the port ``TrafficMeter``: one query for all deployments.

Owns the query. Log Analytics counts by latency bin, in the bins of our own windows, so that percentiles and their bounds are
computed as there (``telemetry.traffic``). Columns: learn.microsoft.com/azure/azure-monitor/reference/tables/
amlonlineendpointtrafficlog; wire format: learn.microsoft.com/azure/azure-monitor/logs/api/overview.
"""

import math
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError

from shared.adapters.azure_monitor import UnreadableAnswerError, answered, client_options
from shared.adapters.thread_credential import NewCredential
from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Failed
from shared.parsing.diagnostic_records import CALLER_STATUS_CODES
from shared.ports_measuring import Stretch
from shared.telemetry.latency import BINS, LATENCY_MS_MAX
from shared.telemetry.traffic import sample_of_bins

if TYPE_CHECKING:
    from azure.monitor.query import LogsQueryClient

ROLE = "'Log Analytics Reader' on the Log Analytics workspace"
COLUMNS = ("Deployment", "Bin", "Requests", "Failed")
SERVER_SHARE = 0.8  # of the time that we wait: the server gives up first, and says so
BINS_PER_E = BINS / math.log(LATENCY_MS_MAX)  # the first bin begins at 1 ms
# Bins are longs throughout, as literals are: whether ``min_of`` and ``iff`` take two types is not for us to try. ``ResponseCode`` is a number by the table's reference, and text in the examples of the service's own documentation.
QUERY = """AmlOnlineEndpointTrafficLog
| where TimeGenerated >= datetime({since}) and TimeGenerated < datetime({until})
| where _ResourceId =~ {workspace} or _ResourceId startswith {inside}
| where EndpointName =~ {endpoint} and DeploymentName in~ ({deployments})
| extend Status = toint(tostring(ResponseCode)), Ms = todouble(TotalDurationMs)
| where isnotnull(Status)
| extend Bin = iff(Ms >= 0.0, min_of({last_bin}, tolong(floor(log(max_of(Ms, 1.0)) * {bins_per_e}, 1))), long(null))
| summarize Requests = count(), Failed = countif(Status >= 400 and Status !in ({callers})) by Deployment = tolower(DeploymentName), Bin
"""


class AzureMonitorLogs:
    """The port ``TrafficMeter`` over real Azure, or over anything that speaks its wire protocol.

    ``url`` is where Log Analytics answers. ``answer_seconds`` bounds the whole wait; the server is told to take less.
    """

    name = "Log Analytics"

    def __init__(self, url: str, new_credential: NewCredential, answer_seconds: float) -> None:
        self._url, self._new_credential, self._answer_seconds = url, new_credential, answer_seconds
        self._lock = threading.Lock()
        self._client: LogsQueryClient | None = None

    async def served(self, stretch: Stretch) -> Mapping[str, TrafficSample] | Failed:
        """What the deployments served, with bounds of their latency. Raises nothing: every failure is a ``Failed``."""
        return await answered(lambda: self._served(stretch), self._answer_seconds, ROLE)

    def _served(self, stretch: Stretch) -> Mapping[str, TrafficSample]:
        from azure.monitor.query import LogsQueryResult  # noqa: PLC0415 - only where a policy asks for logs

        try:
            answer = self._connected().query_workspace(
                stretch.production.log_analytics,
                query_of(stretch),
                timespan=(stretch.since, stretch.until),
                server_timeout=max(1, int(self._answer_seconds * SERVER_SHARE)),
            )
        except HttpResponseError as problem:
            raise _told_plainly(problem) from problem
        if not isinstance(answer, LogsQueryResult):
            error = answer.partial_error
            why = f"{error.code}: {error.message}" if error else "it does not say why"
            raise UnreadableAnswerError(f"it holds only a part of what was asked for ({why})")
        return _samples(answer.tables, stretch)

    def _connected(self) -> "LogsQueryClient":
        from azure.monitor.query import LogsQueryClient  # noqa: PLC0415 - only where a policy asks for logs

        with self._lock:
            if self._client is None:
                options = client_options(self._answer_seconds)
                self._client = LogsQueryClient(self._new_credential(), endpoint=self._url, **options)
            return self._client


def query_of(stretch: Stretch) -> str:
    """The query for a stretch of minutes. Names stand in it as literals, whatever they hold. Raises ValueError for a control character."""
    workspace = stretch.production.workspace.rstrip("/")
    return QUERY.format(
        since=_moment(stretch.since),
        until=_moment(stretch.until),
        workspace=literal(workspace),
        inside=literal(f"{workspace}/"),
        endpoint=literal(stretch.production.endpoint),
        deployments=", ".join(literal(name) for name in stretch.deployments),
        last_bin=BINS - 1,
        bins_per_e=f"{BINS_PER_E:.12f}",
        callers=", ".join(str(code) for code in sorted(CALLER_STATUS_CODES)),
    )


def literal(text: str) -> str:
    """A text as a string literal of the Kusto Query Language, which nothing in it can end. Raises ValueError for a control character."""
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a character that no name of Azure has")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _samples(tables: list[Any], stretch: Stretch) -> Mapping[str, TrafficSample]:
    if len(tables) != 1 or tuple(tables[0].columns) != COLUMNS:
        raise UnreadableAnswerError(f"one table with {', '.join(COLUMNS)} was asked for, and it has {len(tables)}")
    try:
        rows = [_row(row) for row in tables[0].rows]
        return {name: sample_of_bins(_bins(rows, name), stretch.chance) for name in stretch.deployments}
    except (TypeError, ValueError) as problem:
        raise UnreadableAnswerError(f"a row cannot be: {problem}") from problem


Row = tuple[str, int | None, int, int]


def _row(row: Any) -> Row:
    deployment, number, requests, failed = row
    return str(deployment), None if number is None else int(number), int(requests), int(failed)


def _bins(rows: list[Row], deployment: str) -> Iterator[tuple[int | None, int, int]]:
    return ((number, requests, failed) for name, number, requests, failed in rows if name == deployment.lower())


def _told_plainly(problem: HttpResponseError) -> HttpResponseError | UnreadableAnswerError:
    """A query that Log Analytics refuses, with its innermost reason; the outer ones only say that something is invalid."""
    if problem.status_code != 400 or problem.response is None:
        return problem
    try:
        error = problem.response.json()["error"]  # type: ignore[attr-defined]  # of azure.core.rest, whose clients we use
        while isinstance(error.get("innererror"), dict):
            error = error["innererror"]
        why = f"{error.get('code', 'error')}: {error.get('message', '')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return problem
    hint = "; does the endpoint have a diagnostic setting that sends AmlOnlineEndpointTrafficLog to this workspace?"
    return UnreadableAnswerError(f"the query was refused ({why[:400]}){hint}")
