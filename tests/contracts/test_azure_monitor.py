"""Both meters with the real SDK clients over https, against a local Azure that served the requests which they are asked about.

One endpoint answers through the scoring router, which writes the traffic log; metrics and log are read back from it. Every
fault of the wire is a measurement that could not be read, and never an endpoint without traffic.
"""

import itertools
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import jsonschema
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.azure.arm import Arm
from local.azure.certificates import issue_certificates
from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.listeners import Listener, bind_loopback, port_of
from local.azure.logs_api import LogsApi
from local.azure.metrics_api import MetricsApi
from local.azure.router import ScoringRouter
from local.azure.served import ServedTraffic
from shared.adapters.azure_monitor_logs import AzureMonitorLogs
from shared.adapters.azure_monitor_metrics import AzureMonitorMetrics
from shared.domain.outcomes import Failed
from shared.domain.policy_environments import Production
from shared.ports_measuring import Stretch
from tests.contracts.fault_readings import REFUSALS, Reading, play
from tests.contracts.faulty_wire import Fault, Request, wired
from tests.unit.adapters.scripted_azure import StaticCredential

WORKSPACE = "/subscriptions/s-1/resourceGroups/Mlops/providers/Microsoft.MachineLearningServices/workspaces/Prod"
SCORE = "/score/s-1/mlops/prod"
GUID = "00000000-0000-0000-0000-0000000000aa"
DEFINITIONS = Path(__file__).parent / "openapi" / "monitor.json"
NUMBERS = itertools.count(1)
BATCH, QUERY = Request("POST", r"/metrics:getBatch"), Request("POST", r"/v1/workspaces/.+/query")
pytestmark = pytest.mark.asyncio(loop_scope="module")
METERS = [pytest.param(AzureMonitorMetrics, BATCH, id="metrics"), pytest.param(AzureMonitorLogs, QUERY, id="logs")]


class Addresses:
    """Every deployment answers at one address, by its name."""

    def __init__(self, url):
        self.url_of = url

    def url(self, key):
        return f"{self.url_of}/{key.deployment}"


async def scored(request):
    """Version 2 fails every third request, version 1 none."""
    body = await request.json()
    bad = request.path_params["deployment"] == "version-2" and body["number"] % 3 == 0
    return JSONResponse({}, 500 if bad else 200)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory):
    """Endpoints behind a scoring router, and what Azure Monitor makes of their traffic, behind a wire where things go wrong."""
    files, bound, models = issue_certificates(tmp_path_factory.mktemp("tls")), bind_loopback(), bind_loopback()
    endpoints, served = Endpoints(), ServedTraffic()
    router = ScoringRouter(endpoints, Addresses(f"http://127.0.0.1:{port_of(models)}"), served.emit)
    url = f"https://127.0.0.1:{port_of(bound)}"
    arm = Arm({}, "https://monitor.example", [*MetricsApi(served).routes(), *LogsApi(served).routes()])
    outside = Starlette(routes=[*router.routes, Route("/{path:path}", arm.__call__, methods=["POST"])])
    listeners = [
        Listener(Starlette(routes=[Route("/{deployment}/score", scored, methods=["POST"])]), models),
        Listener(outside, bound, files.chain_file, files.key_file),
    ]
    for listener in listeners:
        await listener.start()
    with wired(url, str(files.ca_file)) as line:
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=files.ca_file)) as client:
            yield SimpleNamespace(
                line=line, client=client, url=url, served=served, endpoints=endpoints, ca=files.ca_file
            )
    await router.close()
    for listener in listeners:
        await listener.stop()


@pytest.fixture
def azure(cloud, monkeypatch):
    """An endpoint of the test's own with two versions, on a wire on which nothing is left to go wrong."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca))
    endpoint = f"flights-{next(NUMBERS)}"
    both = {name: Deployment(name, {}) for name in ("version-1", "version-2")}
    cloud.endpoints.add(Endpoint(WORKSPACE.lower(), endpoint, "the-key", {}, deployments=both))
    cloud.line.play()
    cloud.line.asked.clear()

    async def ask(number, version, key="the-key"):
        headers = {"authorization": f"Bearer {key}", "azureml-model-deployment": f"version-{version}"}
        await cloud.client.post(f"{cloud.url}{SCORE}/{endpoint}", json={"number": number}, headers=headers)

    production = Production(workspace=WORKSPACE, endpoint=endpoint, region="westeurope", log_analytics=GUID)
    return SimpleNamespace(line=cloud.line, ask=ask, served=cloud.served, production=production)


class MonitorCredential(StaticCredential):
    """Tokens for Azure Monitor, which the wire passes on as they are."""

    def get_token(self, *_scopes, **_):
        return super().get_token("https://monitor.example/.default")


def meter_of(kind, azure):
    return kind(azure.line.url, MonitorCredential, 10.0)


def stretch(azure, later=0):
    """Two minutes from the present one on, or so many minutes later."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)  # noqa: TID251 - the local Azure logs by the real time
    since = now + timedelta(minutes=later)
    return Stretch(azure.production, ("version-1", "version-2"), since, since + timedelta(minutes=2), 0.01)


@pytest.mark.parametrize(("kind", "path"), METERS)
async def test_what_was_served_is_read_back_with_its_failures_by_version(azure, kind, path):
    wanted = stretch(azure)
    for number in range(90):
        await azure.ask(number, 1)
        await azure.ask(number, 2)
    await azure.ask(0, 1, key="wrong")  # by nobody's version: the endpoint refuses it
    served = await meter_of(kind, azure).served(wanted)
    assert (served["version-1"].requests, served["version-1"].failed) == (90, 0)
    assert (served["version-2"].requests, served["version-2"].failed) == (90, 30)
    slowest = max(row.duration_ms for row in azure.served.between(wanted.since, wanted.until))
    for sample in served.values():
        assert 0 < sample.latency_p95_ms <= slowest * 1.05
    assert any(path.matches(*asked.split(" ")) for asked in azure.line.asked)


async def test_a_metric_is_told_in_the_form_that_azure_defines(azure):
    """Azure defines it for one resource; the batch endpoint tells the same of each of its resources."""
    told = []
    await azure.ask(1, 1)
    azure.line.play(Fault(BATCH, change=lambda document: told.append(document) or document))
    await meter_of(AzureMonitorMetrics, azure).served(stretch(azure))
    metrics = [metric for result in told[0]["values"] for metric in result["value"]]
    assert metrics
    definitions = json.loads(DEFINITIONS.read_text(encoding="utf-8"))["definitions"]
    for metric in metrics:
        jsonschema.validate(metric, {"$ref": "#/definitions/Metric", "definitions": definitions})
    assert all(metric["timeseries"] for metric in metrics)


async def test_only_logs_bound_the_latency(azure):
    wanted = stretch(azure)
    for number in range(200):
        await azure.ask(number, 1)
    logs = (await meter_of(AzureMonitorLogs, azure).served(wanted))["version-1"]
    assert logs.latency_bounded
    assert 0 < logs.latency_p95_ms_lower <= logs.latency_p95_ms <= logs.latency_p95_ms_upper
    assert not (await meter_of(AzureMonitorMetrics, azure).served(wanted))["version-1"].latency_bounded


@pytest.mark.parametrize(("kind", "_path"), METERS)
async def test_a_version_without_a_request_is_there_with_none(azure, kind, _path):
    await azure.ask(1, 1)
    served = await meter_of(kind, azure).served(stretch(azure))
    assert (served["version-1"].requests, served["version-2"].requests) == (1, 0)


@pytest.mark.parametrize(("kind", "_path"), METERS)
async def test_nothing_of_other_minutes_is_counted(azure, kind, _path):
    await azure.ask(1, 1)
    assert (await meter_of(kind, azure).served(stretch(azure, later=5)))["version-1"].requests == 0


@pytest.mark.parametrize(("kind", "path"), METERS)
@pytest.mark.parametrize("how", REFUSALS)
async def test_no_fault_of_the_wire_is_a_measurement(azure, kind, path, how):
    await azure.ask(1, 1)
    meter, wanted = meter_of(kind, azure), stretch(azure)
    requests = await play(Reading(wire=azure.line, ask=lambda: meter.served(wanted), on=path), how)
    assert requests == (1 if kind is AzureMonitorLogs else 2)  # metrics: requests, and how long they took


@pytest.mark.parametrize(("kind", "path"), METERS)
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 429}, "throttled"),
        ({"status": 529}, "HTTP 529"),
        ({"status": 504}, "HTTP 504"),
        ({"status": 302, "headers": {"location": "https://elsewhere.example/"}}, "HTTP 302"),
        ({"change": lambda _: {"strange": True}}, "Azure's answer"),
        ({"change": lambda _: []}, "Azure's answer"),
    ],
    ids=["throttled", "overloaded", "too slow", "redirected", "strange", "a list"],
)
async def test_whatever_the_wire_does_is_no_measurement_and_is_asked_once(azure, kind, path, fault, says):
    await azure.ask(1, 1)
    azure.line.play(Fault(path, **fault))
    failed = await meter_of(kind, azure).served(stretch(azure))
    assert isinstance(failed, Failed)
    assert says in failed.reason
    assert azure.line.is_played()
    assert len([asked for asked in azure.line.asked if path.matches(*asked.split(" "))]) == 1
    assert not isinstance(await meter_of(kind, azure).served(stretch(azure)), Failed)


def partial(document):
    return {**document, "error": {"code": "PartialError", "message": "some of the data was not read"}}


def unread(document):
    document["values"][0]["value"][0] |= {"errorCode": "InternalError", "errorMessage": "no data now", "timeseries": []}
    return document


def coarser(document):
    document["values"][0]["interval"] = "PT5M"
    return document


def without_latency(document):
    document["values"][0]["value"] = []
    return document


def crowded(document):
    metric = document["values"][0]["value"][0]
    metric["timeseries"] = metric["timeseries"] * 500
    return document


def negative(document):
    document["values"][0]["value"][0]["timeseries"][0]["data"][0]["average"] = -1
    return document


def more_failures_than_requests(document):
    document["tables"][0]["rows"] = [["version-1", 3, 1, 2]]
    return document


def other_columns(document):
    document["tables"][0]["columns"][1]["name"] = "Bucket"
    return document


@pytest.mark.parametrize(
    ("kind", "path", "change", "says"),
    [
        (AzureMonitorLogs, QUERY, partial, "only a part of what was asked for (PartialError"),
        (AzureMonitorLogs, QUERY, more_failures_than_requests, "2 of them failed"),
        (AzureMonitorLogs, QUERY, other_columns, "one table with Deployment, Bin, Requests, Failed"),
        (AzureMonitorMetrics, BATCH, unread, "RequestsPerMinute could not be read: InternalError no data now"),
        (AzureMonitorMetrics, BATCH, coarser, "0:05:00"),
        (AzureMonitorMetrics, BATCH, without_latency, "says nothing of RequestsPerMinute"),
        (AzureMonitorMetrics, BATCH, crowded, "may have been cut"),
        (AzureMonitorMetrics, BATCH, negative, "the value -1"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_an_answer_that_is_partial_or_cannot_be_is_no_measurement(azure, kind, path, change, says):
    await azure.ask(1, 1)
    azure.line.play(Fault(path, change=change))
    failed = await meter_of(kind, azure).served(stretch(azure))
    assert isinstance(failed, Failed)
    assert says in failed.reason


@pytest.mark.parametrize(
    ("kind", "path", "role"),
    [(AzureMonitorMetrics, BATCH, "Monitoring Reader"), (AzureMonitorLogs, QUERY, "Log Analytics Reader")],
)
async def test_a_refusal_names_the_role_that_is_missing(azure, kind, path, role):
    azure.line.play(Fault(path, status=403))
    assert role in (await meter_of(kind, azure).served(stretch(azure))).reason


async def test_a_query_that_log_analytics_refuses_is_told_with_the_innermost_reason(azure):
    missing = {"code": "SemanticError", "message": "Failed to resolve table 'AmlOnlineEndpointTrafficLog'"}
    azure.line.play(
        Fault(QUERY, status=400, error={"code": "BadArgumentError", "message": "invalid", "innererror": missing})
    )
    failed = await meter_of(AzureMonitorLogs, azure).served(stretch(azure))
    assert "Failed to resolve table" in failed.reason
    assert "diagnostic setting" in failed.reason
