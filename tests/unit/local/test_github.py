"""The local GitHub keeps to what GitHub documents: statuses, limits, and who may start what."""

import httpx
import pytest
from starlette.applications import Starlette

from local.azure.journal import Journal
from local.faults import Fault
from local.github.api import ROOT, GitHub
from local.github.workflows import Repositories, Workflow

MINE = Workflow("retrain.yml", run_name="Retrain ${{ inputs.mark }}", inputs=frozenset({"mark"}))
HEARS = Workflow("event.yml", run_name="${{ github.event.client_payload.mark }}", types=frozenset({"drift"}))
RUNS = f"{ROOT}/repos/contoso/flights/actions/runs"
DISPATCHES = f"{ROOT}/repos/contoso/flights/actions/workflows/retrain.yml/dispatches"
EVENTS = f"{ROOT}/repos/contoso/flights/dispatches"


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def github(journal):
    return GitHub(Repositories({"Contoso/flights": (MINE, HEARS)}), journal)


def client_of(github):
    headers = {"Authorization": f"Bearer {github.token}"}
    transport = httpx.ASGITransport(Starlette(routes=github.routes))
    return httpx.AsyncClient(transport=transport, base_url="https://github.example", headers=headers)


@pytest.fixture
def client(github):
    return client_of(github)


async def test_a_dispatch_says_nothing_unless_it_is_asked(client, github):
    silent = await client.post(DISPATCHES, json={"ref": "main"})
    told = await client.post(DISPATCHES, json={"ref": "main", "return_run_details": True})
    assert (silent.status_code, silent.content, told.status_code) == (204, b"", 200)
    assert told.json()["workflow_run_id"] == github.repositories.runs[1].id


async def test_a_run_is_called_as_the_workflow_says(client):
    await client.post(DISPATCHES, json={"ref": "main", "inputs": {"mark": "m1"}})
    await client.post(EVENTS, json={"event_type": "drift", "client_payload": {"mark": "m2"}})
    titles = [run["display_title"] for run in (await client.get(RUNS)).json()["workflow_runs"]]
    assert titles == ["m2", "Retrain m1"]


async def test_lists_are_of_a_workflow_or_an_event_and_since_a_moment(client):
    await client.post(DISPATCHES, json={"ref": "main"})
    await client.post(EVENTS, json={"event_type": "drift"})
    of_workflow = f"{ROOT}/repos/contoso/flights/actions/workflows/retrain.yml/runs"
    assert (await client.get(of_workflow)).json()["total_count"] == 1
    assert (await client.get(RUNS, params={"event": "repository_dispatch"})).json()["total_count"] == 1
    assert (await client.get(RUNS, params={"created": ">=2999-01-01T00:00:00Z"})).json()["total_count"] == 0
    second = (await client.get(RUNS, params={"per_page": "1", "page": "2"})).json()
    assert (second["total_count"], len(second["workflow_runs"])) == (2, 1)


async def test_an_event_that_nobody_hears_is_taken_too(client, github):
    assert (await client.post(EVENTS, json={"event_type": "unheard"})).status_code == 204
    assert github.repositories.runs == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (DISPATCHES, {"ref": "gone"}, 422),
        (DISPATCHES, {}, 422),
        (DISPATCHES, {"ref": "main", "inputs": {"other": "1"}}, 422),
        (DISPATCHES, {"ref": "main", "inputs": {f"i{n}": "1" for n in range(26)}}, 422),
        (DISPATCHES.replace("retrain.yml", "none.yml"), {"ref": "main"}, 404),
        (EVENTS, {}, 422),
        (EVENTS, {"event_type": "x" * 101}, 422),
        (EVENTS, {"event_type": "drift", "client_payload": {f"k{n}": 1 for n in range(11)}}, 422),
        (EVENTS, {"event_type": "drift", "client_payload": {"k": "x" * 65_536}}, 422),
        (EVENTS.replace("flights", "other"), {"event_type": "drift"}, 404),
        (EVENTS, ["no object"], 400),
    ],
)
async def test_what_github_refuses_is_refused_and_starts_nothing(client, github, path, body, status):
    answer = await client.post(path, json=body)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert github.repositories.runs == []


async def test_without_the_token_nothing_is_said(client):
    assert (await client.get(RUNS, headers={"Authorization": "Bearer wrong"})).json()["message"] == "Bad credentials"
    assert (await client.get(RUNS, headers={"Authorization": ""})).status_code == 401


async def test_a_fault_strikes_once_before_or_after_the_effect(client, github, journal):
    github.faults.extend([Fault("POST", 502), Fault("POST", 504, is_done=True)])
    statuses = [(await client.post(DISPATCHES, json={"ref": "main"})).status_code for _ in range(3)]
    assert statuses == [502, 504, 204]
    assert [entry.effect for entry in journal.entries()] == ["workflow_dispatched"] * 2


async def test_a_run_that_is_too_new_is_missing_from_lists_and_has_a_page_of_its_own(journal):
    github = GitHub(Repositories({"contoso/flights": (MINE,)}, lag=1), journal)
    client = client_of(github)
    await client.post(DISPATCHES, json={"ref": "main"})
    number = github.repositories.runs[0].id
    assert [(await client.get(RUNS)).json()["total_count"] for _ in range(2)] == [0, 1]
    assert (await client.get(f"{RUNS}/{number}")).json()["status"] == "queued"
    github.repositories.runs[0].end("success")
    assert (await client.get(f"{RUNS}/{number}")).json()["conclusion"] == "success"
