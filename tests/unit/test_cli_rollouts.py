"""``outerloop rollout plan``: what people and machines read before a rollout begins."""

import asyncio
import json
from datetime import timedelta

import pytest
import yaml
from typer.testing import CliRunner

from shared.adapters.system_clock import SystemClock
from shared.cli import app
from shared.domain.observations import RequestServed
from shared.ports import Stored
from shared.services.aggregate import deployment_ref
from shared.telemetry.fold import WindowState, encode_window
from shared.telemetry.traffic import count_requests
from tests.unit.domain.batch_builders import WORKLOAD as WORKLOAD_CHANGES
from tests.unit.domain.builders import raw_policy
from tests.unit.filled_store import POLICY, WORKLOAD, FilledStore, opened


@pytest.fixture
def settings(tmp_path):
    return {
        "OUTERLOOP_POLICY": str(POLICY),
        "OUTERLOOP_POLICY_OVERLAY": "",
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": "a-key-of-this-test",
        "OUTERLOOP_PUBLIC_URL": "https://outerloop.example",
    }


@pytest.fixture
def outerloop(settings):
    return lambda *arguments: CliRunner().invoke(
        app, ["rollout", "plan", *arguments], env=settings | {"COLUMNS": "160"}
    )


def by_file(*arguments):
    return CliRunner().invoke(app, ["rollout", "plan", *arguments, "--policy", str(POLICY)], env={"COLUMNS": "160"})


async def with_traffic(path, requests):
    """A store that knows a champion which served so many requests within the last hour."""
    store = await opened(path)
    try:
        loop = FilledStore(store)
        await loop.until_serving("1")
        ref = deployment_ref((await loop.policy()).workload(WORKLOAD).environments.production, "1")
        start = SystemClock().now().replace(second=0, microsecond=0) - timedelta(minutes=30)
        served = [
            RequestServed(
                deployment=ref, at=start, status_code=200, model_status_code=None, duration_ms=20.0, failed=False
            )
        ] * requests
        window = WindowState(partial=count_requests(ref, start, "1m", served))
        name = f"traffic/{ref.key}/{start.isoformat()}/1m/"
        await store.save_fold({name: Stored(encode_window(window), "")}, [])
    finally:
        await store.close()


def test_people_read_steps_times_requests_and_cost():
    done = by_file(WORKLOAD, "--requests-per-hour", "1000")
    assert done.exit_code == 0, done.output
    assert "at 1000 requests an hour" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if " %" in line]
    assert [row[:4] for row in rows] == [["1", "10", "%", "12"], ["2", "50", "%", "12"], ["3", "100", "%", "12"]]
    assert "in all: 1h30m when every step passes as soon as it can" in done.stdout
    assert "set deployment: {price_per_hour: ...}" in done.stdout


def test_machines_read_the_same():
    made = json.loads(by_file(WORKLOAD, "--requests-per-hour", "1000", "--json").stdout)
    assert (made["workload"], made["requests_an_hour"]) == (WORKLOAD, 1000.0)
    assert [(step["percent"], step["requests_needed"], step["bakes"]) for step in made["steps"]] == [
        (10, 12, 1),
        (50, 12, 1),
        (100, 12, 1),
    ]


def test_a_step_that_would_never_pass_is_shouted():
    done = by_file(WORKLOAD, "--requests-per-hour", "1")
    assert "GIVES UP" in done.stdout


def test_without_telemetry_it_says_what_to_give():
    done = by_file(WORKLOAD)
    assert done.exit_code == 0
    assert "give --requests-per-hour" in done.stdout


def test_todays_traffic_is_that_of_our_own_windows(outerloop, settings):
    asyncio.run(with_traffic(settings["OUTERLOOP_STORE"], 480))
    done = outerloop(WORKLOAD, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["requests_an_hour"] == 20.0, "480 in a day"


def test_a_champion_that_served_nothing_leaves_the_traffic_unknown(outerloop, settings):
    asyncio.run(with_traffic(settings["OUTERLOOP_STORE"], 0))
    assert json.loads(outerloop(WORKLOAD, "--json").stdout)["requests_an_hour"] is None


def test_a_workload_that_the_policy_does_not_have_is_named_with_those_it_has():
    done = by_file("flight-dealy")
    assert done.exit_code == 1
    assert "flight-delay" in done.stderr


def test_its_help_teaches():
    text = CliRunner().invoke(app, ["rollout", "plan", "--help"]).stdout
    assert "min_requests" in text
    assert "outerloop rollout plan flight-delay --requests-per-hour 1200" in text


@pytest.fixture
def batch_file(tmp_path):
    """The example's policy, with batch endpoints."""
    place = tmp_path / "policy.yaml"
    place.write_text(yaml.safe_dump(raw_policy(WORKLOAD_CHANGES)), encoding="utf-8")
    return place


def of_batch(place, *arguments):
    return CliRunner().invoke(
        app, ["rollout", "plan", WORKLOAD, "--policy", str(place), *arguments], env={"COLUMNS": "160"}
    )


def test_of_a_batch_workload_people_read_the_comparison_and_no_steps(batch_file):
    done = of_batch(batch_file)
    assert done.exit_code == 0, done.output
    assert "becomes the default of the batch endpoint flight-delay" in done.stdout
    assert "the champion scores the input" in done.stdout
    assert "given up after 4 comparison(s), 24h45m at the latest" in done.stdout
    assert "it costs nothing while nobody invokes it" in done.stdout
    assert " %" not in done.stdout


def test_of_a_batch_workload_machines_read_the_same(batch_file):
    made = json.loads(of_batch(batch_file, "--json").stdout)
    assert (made["endpoint"], made["champion"], len(made["stages"])) == ("flight-delay", None, 5)


def test_a_batch_workload_has_no_requests_to_plan_by(batch_file):
    done = of_batch(batch_file, "--requests-per-hour", "5")
    assert done.exit_code == 1
    assert "leave --requests-per-hour out" in done.stderr


def test_a_plan_says_who_will_say_what_was_served(tmp_path):
    ours = by_file("flight-delay", "--requests-per-hour", "1200")
    assert "judged by: windows, our own telemetry" in ours.stdout
    text = POLICY.read_text(encoding="utf-8")
    theirs = tmp_path / "policy.yaml"
    policy = yaml.safe_load(text)
    workload = next(one for one in policy["workloads"] if one["name"] == "flight-delay")
    workload["promotion"]["rollout"]["analysis"]["source"] = "metrics"
    workload["environments"]["production"]["region"] = "westeurope"
    theirs.write_text(yaml.safe_dump(policy), encoding="utf-8")
    arguments = ["rollout", "plan", "flight-delay", "--policy", str(theirs)]
    told = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert "judged by: metrics, Azure Monitor's metrics, 5m after it happened" in told.stdout
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (shown["source"], shown["late_by"]) == ("metrics", "PT300S")
