"""Serving on one machine: real processes with a tiny scoring script behind the router, telemetry into a real hub."""

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
from starlette.applications import Starlette

from local.azure.deployments import DeploymentFailed, DeploymentKey, Deployments
from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.event_hubs.server import EventHubsServer
from local.azure.router import IN_FLIGHT_MAX, ScoringRouter, workspace_id
from shared.parsing.event_hubs import read_message

CHECKOUT = Path(__file__).parents[2]
WORKSPACE = workspace_id("S-1", "Group", "Ws")
SCORE_PATH = "/score/S-1/Group/Ws/flights"
SCRIPT = """
import json, os, pathlib, threading, time

def init():
    global name, busy, collector
    name = pathlib.Path(os.environ["AZUREML_MODEL_DIR"], "name.txt").read_text()
    busy = threading.Lock()
    from outerloop_emitter import Collector
    collector = Collector.from_environment()

def run(raw):
    asked = json.loads(raw)
    if asked.get("raise"):
        raise RuntimeError(asked["raise"])
    if asked.get("die"):
        os._exit(7)
    if not busy.acquire(blocking=False):
        raise AssertionError("run was called twice at once")
    try:
        time.sleep(asked.get("sleep", 0))
    finally:
        busy.release()
    rows = asked.get("rows", [])
    collector.collect(rows, [0.5] * len(rows), correlation_id="c")
    return {"name": name, "pid": os.getpid(), "rows": len(rows), "threads": os.environ["OMP_NUM_THREADS"]}
"""


def scripted(folder, script=SCRIPT, name="blue"):
    code, model = folder / "code", folder / f"model-{name}"
    code.mkdir(exist_ok=True)
    model.mkdir(exist_ok=True)
    (code / "score.py").write_text(script)
    (model / "name.txt").write_text(name)
    return code, model


def key_of(deployment):
    return DeploymentKey(WORKSPACE, "flights", deployment)


@asynccontextmanager
async def serving(folder, *names, environment=None):
    """An endpoint with some deployments behind a router, and a way to ask it."""
    deployments, records = Deployments(folder / "state", {}), []
    endpoint = Endpoint(WORKSPACE, "flights", "the-key", {})
    endpoints = Endpoints()
    endpoints.add(endpoint)
    endpoint.deployments = {name: Deployment(name, {}) for name in names}
    router = ScoringRouter(endpoints, deployments, records.append)
    app = Starlette(routes=router.routes)
    try:
        for name in names:
            await deployments.start(key_of(name), *arguments(folder, name), environment or {})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://local") as client:

            async def ask(body=None, path=SCORE_PATH, **headers):
                named = {"authorization": "Bearer the-key"} | {name.replace("_", "-"): v for name, v in headers.items()}
                content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
                return await client.post(path, content=content, headers=named)

            yield SimpleNamespace(
                ask=ask, endpoint=endpoint, deployments=deployments, records=records, quiet=router.quiet
            )
    finally:
        await router.close()
        await deployments.stop_all()


def arguments(folder, name, script=SCRIPT):
    code, model = scripted(folder, script, name)
    return code, "score.py", model


def codes(record):
    properties = record["properties"]
    return properties["DeploymentName"], properties["ResponseCode"], properties["ModelStatusCode"]


async def test_a_hundred_requests_are_split_exactly_ninety_to_ten(tmp_path):
    async with serving(tmp_path, "blue", "green") as served:
        served.endpoint.traffic = {"blue": 90, "green": 10}
        answers = [await served.ask() for _ in range(100)]
        assert Counter(answer.json()["name"] for answer in answers) == {"blue": 90, "green": 10}
        assert all(answer.headers["azureml-model-deployment"] == answer.json()["name"] for answer in answers)
        assert Counter(map(codes, served.records)) == {("blue", "200", "200"): 90, ("green", "200", "200"): 10}

        for _ in range(5):  # a named deployment bypasses the split
            assert (await served.ask(azureml_model_deployment="green")).json()["name"] == "green"
        assert (await served.ask(azureml_model_deployment="red")).status_code == 404

        served.endpoint.traffic = {"blue": 0, "green": 0}
        assert (await served.ask()).status_code == 503
        assert (await served.ask(azureml_model_deployment="blue")).status_code == 200


async def test_a_shadow_gets_copies_whose_answers_nobody_sees(tmp_path):
    async with serving(tmp_path, "blue", "green") as served:
        served.endpoint.traffic, served.endpoint.mirror = {"blue": 100}, {"green": 20}
        answers = [await served.ask({"rows": [1]}) for _ in range(50)]
        assert {answer.json()["name"] for answer in answers} == {"blue"}
        await served.quiet()
        assert Counter(map(codes, served.records)) == {("blue", "200", "200"): 50, ("green", "200", "200"): 10}

        for _ in range(10):  # what names a deployment is not mirrored
            await served.ask(azureml_model_deployment="blue")
        await served.quiet()
        assert Counter(codes(record)[0] for record in served.records) == {"blue": 60, "green": 10}

        served.endpoint.mirror = {"green": 50}
        failing = [await served.ask({"raise": "both"}) for _ in range(2)]
        assert [answer.status_code for answer in failing] == [424, 424]
        await served.quiet()
        assert ("green", "424", "500") in map(codes, served.records)


async def test_nobody_logs_the_requests_of_an_endpoint_on_kubernetes(tmp_path):
    async with serving(tmp_path, "blue") as served:
        served.endpoint.document, served.endpoint.traffic = {"properties": {"compute": "k8s-edge"}}, {"blue": 100}
        assert (await served.ask({"rows": [1]})).json()["rows"] == 1
        assert served.records == []


async def test_what_the_endpoint_refuses_and_what_the_model_fails_is_told_and_logged(tmp_path):
    async with serving(tmp_path, "blue") as served:
        served.endpoint.traffic = {"blue": 100}

        assert (await served.ask(authorization="Bearer wrong")).status_code == 401
        assert (await served.ask(authorization="the-key")).status_code == 401
        assert (await served.ask(b"x" * (5 * 1024 * 1024 + 1))).status_code == 413
        assert [codes(record) for record in served.records] == [("", "401", "")] * 2 + [("", "413", "")]
        assert (await served.ask(path="/score/S-1/Group/Ws/unknown")).status_code == 404
        assert len(served.records) == 3

        failed = await served.ask({"raise": "no such carrier"}, x_request_id="r-7", x_ms_client_request_id="c-7")
        assert failed.status_code == 424
        assert failed.headers["ms-azureml-model-error-statuscode"] == "500"
        assert "no such carrier" in failed.text
        assert failed.headers["x-request-id"] == "r-7"
        properties = served.records[-1]["properties"]
        assert codes(served.records[-1]) == ("blue", "424", "500")
        assert (properties["XRequestId"], properties["XMSClientRequestId"]) == ("r-7", "c-7")
        assert "no such carrier" in served.deployments.log_text(key_of("blue"))

        assert (await served.ask(b"\xff\xfe")).headers["ms-azureml-model-error-statuscode"] == "400"
        assert (await served.ask()).status_code == 200  # a failed request does not harm the next one


async def test_names_are_found_in_any_case_and_logged_as_created(tmp_path):
    async with serving(tmp_path, "blue") as served:
        served.endpoint.traffic = {"blue": 100}
        answer = await served.ask(path="/score/s-1/GROUP/ws/Flights")
        assert answer.json()["threads"] == "1"
        assert served.records[0]["properties"]["EndpointName"] == "flights"
        assert served.records[0]["resourceId"] == f"{WORKSPACE}/onlineEndpoints/flights".upper()


async def test_concurrent_requests_are_all_answered_one_run_at_a_time_up_to_the_limit(tmp_path):
    async with serving(tmp_path, "blue") as served:
        served.endpoint.traffic = {"blue": 100}
        many = IN_FLIGHT_MAX + 20
        answers = await asyncio.gather(*(served.ask({"sleep": 0.01}) for _ in range(many)))
        assert Counter(answer.status_code for answer in answers) == {200: IN_FLIGHT_MAX, 429: many - IN_FLIGHT_MAX}
        assert (await served.ask()).status_code == 200


async def test_a_dead_deployment_is_bad_gateway_then_unavailable(tmp_path):
    async with serving(tmp_path, "blue") as served:
        served.endpoint.traffic = {"blue": 100}
        assert (await served.ask({"die": True})).status_code == 502
        async with asyncio.timeout(5):
            while served.deployments.url(key_of("blue")) is not None:  # noqa: ASYNC110 -- a process ends when it ends
                await asyncio.sleep(0.02)
        assert (await served.ask()).status_code == 503


async def test_fifty_rows_cost_a_few_milliseconds_on_top_of_run(tmp_path):
    rows = [{f"feature_{number}": 1.0 for number in range(12)} for _ in range(50)]
    async with serving(tmp_path, "blue") as served:
        served.endpoint.traffic = {"blue": 100}
        took_ms = []
        for _ in range(60):
            started = time.perf_counter()
            await served.ask({"rows": rows})
            took_ms.append((time.perf_counter() - started) * 1000)
        assert statistics.median(took_ms) < 20  # about 2 when nobody else uses the machine


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("def init():\n    raise ValueError('no model here')\n", "ValueError: no model here"),
        ("import nothing_like_it\n", "No module named 'nothing_like_it'"),
        ("raise SystemExit(4)\n", "exit 4"),
        ("def init(): pass\n", "no attribute 'run'"),
    ],
)
async def test_a_script_that_does_not_start_fails_the_deployment_with_its_log(tmp_path, script, told):
    deployments = Deployments(tmp_path / "state", {})
    with pytest.raises(DeploymentFailed) as failure:
        await deployments.start(key_of("blue"), *arguments(tmp_path, "blue", script), {})
    assert told in str(failure.value)
    assert deployments.url(key_of("blue")) is None


async def test_an_update_replaces_the_process_only_when_its_successor_is_ready(tmp_path):
    async with serving(tmp_path, "blue") as served:
        served.endpoint.traffic = {"blue": 100}
        first = (await served.ask()).json()["pid"]
        with pytest.raises(DeploymentFailed):
            await served.deployments.start(key_of("blue"), *arguments(tmp_path, "blue", "1 / 0"), {})
        assert (await served.ask()).json()["pid"] == first
        await served.deployments.start(key_of("blue"), *arguments(tmp_path, "blue"), {})
        assert (await served.ask()).json()["pid"] != first
        assert not psutil.pid_exists(first)
        await served.deployments.stop(key_of("blue"))
        assert served.deployments.url(key_of("blue")) is None
        await served.deployments.stop(key_of("blue"))


@asynccontextmanager
async def listening():
    """A hub, and the variables by which a deployment finds it."""
    hubs = EventHubsServer({"telemetry": 2}, "a2V5")
    await hubs.start()
    try:
        yield (
            hubs,
            {
                "OUTERLOOP_TELEMETRY_CONNECTION": hubs.connection_string,
                "OUTERLOOP_TELEMETRY_HUB": "telemetry",
            },
        )
    finally:
        await hubs.stop()


async def test_what_a_deployment_scored_arrives_in_the_hub_also_when_it_is_stopped_at_once(tmp_path):
    async with listening() as (hubs, environment):
        async with serving(tmp_path, "blue", environment=environment) as served:
            served.endpoint.traffic = {"blue": 100}
            await served.ask({"rows": [{"distance": 1.0}, {"distance": 2.0}]})
        assert sum(len(hubs.events("telemetry", partition)) for partition in (0, 1)) == 1


TELLING = """
from outerloop_emitter import Collector

def init():
    global collector
    collector = Collector.from_environment()

def run(raw):
    with collector.request():
        return {"half": 1 / int(raw)}
"""


async def test_a_script_on_kubernetes_tells_of_its_requests_where_no_log_does(tmp_path):
    async with listening() as (hubs, environment):
        variables = {**environment, "OUTERLOOP_TELLS_REQUESTS": "1"}
        async with serving(tmp_path) as served:
            served.endpoint.document = {"properties": {"compute": "k8s-edge"}}
            served.endpoint.deployments = {"blue": Deployment("blue", {})}
            served.endpoint.traffic = {"blue": 100}
            await served.deployments.start(key_of("blue"), *arguments(tmp_path, "blue", TELLING), variables)
            assert [(await served.ask(body)).status_code for body in (b"2", b"0")] == [200, 424]
        bodies = [entry.body for partition in (0, 1) for entry in hubs.events("telemetry", partition)]
    told = [one for body in bodies for one in read_message(body).requests]
    seen = [(one.deployment.deployment, one.status_code, one.failed) for one in told]
    assert seen == [("blue", 200, False), ("blue", 500, True)]
    assert served.records == []


PARENT = """
import asyncio, sys
from pathlib import Path
from local.azure.deployments import Deployments, DeploymentKey

async def main(folder):
    deployments = Deployments(folder / "state", {})
    await deployments.start(DeploymentKey("/w", "e", "d"), folder / "code", "score.py", folder / "model-blue", {})
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_deployment_dies_with_its_parent_even_when_the_parent_is_killed(tmp_path):
    scripted(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as parent:
        assert parent.stdout.readline() == "ready\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        child.wait(5)
        assert not child.is_running()
