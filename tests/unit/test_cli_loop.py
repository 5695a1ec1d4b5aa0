import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.cli import app
from shared.domain.facts import Facts
from shared.domain.records import RejectedRow
from shared.domain.values import encode
from shared.signing import ApprovalLinks, Question
from tests.unit.filled_store import POLICY, START, SUBJECT, WORKLOAD, FilledStore, asking_first, opened

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-of-this-test"


@pytest.fixture
def settings(tmp_path):
    return {
        "OUTERLOOP_POLICY": str(POLICY),
        "OUTERLOOP_POLICY_OVERLAY": "",
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": KEY,
        "OUTERLOOP_PUBLIC_URL": "https://outerloop.example",
    }


@pytest.fixture
def outerloop(settings):
    def run(*arguments, **changes):
        return CliRunner().invoke(app, list(arguments), env=settings | changes)

    return run


@pytest.fixture
def filled(settings):
    """Lets something happen on the store that the command line will look at, and returns what came of it."""

    async def happen(steps):
        store = await opened(settings["OUTERLOOP_STORE"])
        try:
            return await steps(FilledStore(store))
        finally:
            await store.close()

    return lambda steps: asyncio.run(happen(steps))


async def nothing(loop):
    pass


async def a_paused_candidate(loop):
    await loop.ask("pause", "migration")
    return await loop.register("1")


def test_without_settings_the_first_missing_one_is_named(outerloop):
    result = outerloop("status", OUTERLOOP_POLICY="")
    assert result.exit_code == 1
    assert "set OUTERLOOP_POLICY" in result.stderr
    assert ". .state/run/settings.env" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_store_that_does_not_exist_is_said_and_not_created(outerloop, settings):
    result = outerloop("status")
    assert result.exit_code == 1
    assert "start the app first" in result.stderr
    assert not Path(settings["OUTERLOOP_STORE"]).exists()


def test_a_file_that_is_no_store_is_told_in_one_line(outerloop, settings):
    Path(settings["OUTERLOOP_STORE"]).write_text("no database " * 100, encoding="utf-8")
    result = outerloop("status")
    assert result.exit_code == 1
    assert "cannot be used" in result.stderr
    assert "Traceback" not in result.output


def test_status_tells_what_waits_and_every_reason(outerloop, filled):
    filled(a_paused_candidate)
    text = outerloop("status").stdout
    assert "flight-delay (act, PAUSED)" in text
    assert "waits: version 1; at 2026-03-01 13:00:00 UTC it is evaluated again" in text
    assert (
        "because the workload is paused; release: outerloop ask resume flight-delay --by YOU --why WHY [paused]" in text
    )
    assert "hold on ModelRegistered" in text


async def a_rollout(loop):
    await loop.until_serving("1")
    await loop.until_serving("2")


@pytest.mark.parametrize(
    ("happened", "about"),
    [(a_rollout, "version 2, step 1"), (FilledStore.until_approval, "the question about version 1;")],
)
def test_status_names_in_words_what_a_wait_is_about(outerloop, filled, happened, about):
    filled(happened)
    assert f"waits: {about}" in outerloop("status").stdout


def test_status_of_a_new_store_is_quiet(outerloop, filled):
    filled(nothing)
    assert "champion: none yet" in outerloop("status").stdout


PUBLISHING = {"OUTERLOOP_PUBLISH_TOPIC": "https://127.0.0.1:9/api/events", "OUTERLOOP_PUBLISH_TOPIC_KEY": "key"}


def test_status_tells_of_a_target_that_takes_nothing(outerloop, filled):
    async def failing(loop):
        standing = {"failures": 3, "since": START, "retry_at": START, "reason": "HTTP 503", "given_up": 2}
        await loop.store.save_document("publishing/topic", encode(standing), "")

    filled(failing)
    lines = [line.strip() for line in outerloop("status", **PUBLISHING).stdout.splitlines()]
    assert "publishing to the topic: 0 announcements wait" in lines
    assert "FAILING since 2026-03-01 12:00:00 UTC, tried again at 2026-03-01 12:00:00 UTC: HTTP 503" in lines
    assert "2 announcements were given up" in lines


def test_status_says_nothing_of_publishing_where_nothing_is_published(outerloop, filled):
    filled(nothing)
    assert "publishing" not in outerloop("status").stdout


def test_what_a_person_asks_for_is_owed_to_the_targets_and_said_by_the_app(outerloop, filled):
    filled(nothing)
    assert outerloop("pause", WORKLOAD, "--by", "ada", "--why", "a test", **PUBLISHING).exit_code == 0
    (shown,) = json.loads(outerloop("status", "--json", **PUBLISHING).stdout)["publishing"]
    assert (shown["name"], shown["waiting"], shown["failing_since"]) == ("topic", 2, None)


def test_status_as_json_holds_everything_that_the_page_shows(outerloop, filled):
    filled(lambda loop: loop.until_serving("1"))
    view = json.loads(outerloop("status", "--json").stdout)
    workload, other, _ = view["workloads"]
    assert (other["name"], other["champion"]) == ("handwritten-digits", "")
    assert (workload["name"], workload["champion"], workload["traffic"]) == (WORKLOAD, "1", {"1": 100})
    assert workload["versions"][0]["state"] == "serving"
    assert view["ledger"][0]["decision"]["subject"] == SUBJECT
    assert {"kind", "id"} <= view["ledger"][-1]["commands"][0]["command"].keys()


def test_explain_tells_a_held_decision_in_full(outerloop, filled):
    signal = filled(a_paused_candidate)
    text = outerloop("explain", signal.dedup_key).stdout
    assert "heard ModelRegistered" in text
    assert "model_version: 1" in text
    assert (
        "because the workload is paused; release: outerloop ask resume flight-delay --by YOU --why WHY [paused]" in text
    )
    assert "would order ShareModel" in text
    assert "waits until 2026-03-01 13:00:00 UTC" in text
    assert "version 1: registered since" in text


def test_explain_an_incident_with_its_remedy(outerloop, filled):
    async def drifting(loop):
        await loop.until_serving("1")
        await loop.drift()
        return (await loop.facts()).incidents[0].id

    incident = filled(drifting)
    text = outerloop("explain", incident).stdout
    assert f"incident {incident}" in text
    assert "data_drift, remedying" in text
    assert "ordered Retrain" in text
    assert "pending (attempts 0)" in text


def test_explain_as_json_carries_reasons_and_commands(outerloop, filled):
    signal = filled(a_paused_candidate)
    found = json.loads(outerloop("explain", "--json", signal.dedup_key).stdout)
    (explained,) = found["decisions"]
    assert found["about"] == "signal"
    assert explained["entry"]["decision"]["verdict"] == "hold"
    assert (
        explained["entry"]["decision"]["reasons"][0]["release"]
        == "outerloop ask resume flight-delay --by YOU --why WHY"
    )
    assert explained["hold"]["due"] == "2026-03-01T13:00:00Z"


def test_explain_an_id_that_nothing_has(outerloop, filled):
    filled(nothing)
    result = outerloop("explain", "beef")
    assert result.exit_code == 1
    assert "nothing has the id beef" in result.stderr


def test_approvals_lists_links_that_the_app_itself_would_send(outerloop, filled):
    asked = filled(lambda loop: loop.until_approval("1"))
    (question,) = json.loads(outerloop("approvals", "--json").stdout)
    address, _, token = question["link"].rpartition("/")
    assert address == "https://outerloop.example/api/approvals"
    assert ApprovalLinks(KEY, "").question(token) == Question(WORKLOAD, asked.id)
    text = outerloop("approvals").stdout
    assert question["link"] in text
    assert "approve version 1 until 2026-03-03 12:00:30 UTC" in text


def test_approvals_and_status_name_what_would_be_begun(outerloop, settings, tmp_path):
    policy = asking_first(tmp_path)

    async def registered():
        store = await opened(settings["OUTERLOOP_STORE"])
        await FilledStore(store, policy).register("1")
        await store.close()

    asyncio.run(registered())
    text = outerloop("approvals", OUTERLOOP_POLICY=str(policy)).stdout
    assert "flight-delay: promote version 1 until 2026-03-03 12:00:00 UTC" in text
    assert "said yes: nobody; 1 needed" in text
    text = outerloop("status", OUTERLOOP_POLICY=str(policy)).stdout
    assert "promote version 1 waits for approval until 2026-03-03 12:00:00 UTC: https://" in text
    assert "flight-delay (propose)" in text


def test_approvals_says_when_there_are_none(outerloop, filled):
    filled(nothing)
    assert "No question waits" in outerloop("approvals").stdout
    assert json.loads(outerloop("approvals", "--json").stdout) == []


def test_rejected_list_shows_bodies_only_to_machines(outerloop, filled):
    row = RejectedRow(
        id="r", channel="event_grid", reason="malformed_json", detail="a comma", received_at=START, body=b'{"pin": 1}'
    )
    filled(lambda loop: loop.store.add_rejected(row))
    text = outerloop("rejected", "list", COLUMNS="120").stdout
    assert "malformed_json" in text
    assert "pin" not in text
    (found,) = json.loads(outerloop("rejected", "list", "--json").stdout)
    assert (found["body"], found["times"]) == ('{"pin": 1}', 1)


def test_rejected_list_says_when_there_are_none(outerloop, filled):
    filled(nothing)
    assert "Nothing was rejected." in outerloop("rejected", "list").stdout


def ask(outerloop, action, *more):
    return outerloop("ask", action, WORKLOAD, "--by", "ada", "--why", "a test", *more)


def test_a_pause_is_decided_at_once_and_told(outerloop, filled):
    filled(nothing)
    result = ask(outerloop, "pause")
    assert result.exit_code == 0
    assert "because ada paused it: a test [asked]" in result.stdout
    assert filled(lambda loop: loop.facts()).paused
    assert ask(outerloop, "resume").exit_code == 0
    assert not filled(lambda loop: loop.facts()).paused


def values_in(text):
    """One value as it is printed for one workload, or one on each line for several."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("which", [WORKLOAD, "--all"])
def test_a_pause_has_a_command_of_its_own_for_one_workload_or_for_all(outerloop, filled, which):
    filled(nothing)
    paused = outerloop("pause", which, "--by", "ada", "--why", "a test")
    assert paused.exit_code == 0
    assert "flight-delay: act" in paused.stdout
    assert filled(lambda loop: loop.facts()).paused
    resumed = outerloop("resume", which, "--by", "ada", "--why", "x", "--json").stdout
    assert {line["subject"]: line["verdict"] for line in values_in(resumed)}[SUBJECT] == "act"
    assert not filled(lambda loop: loop.facts()).paused


@pytest.mark.parametrize("arguments", [(), (WORKLOAD, "--all")], ids=["neither", "both"])
def test_a_pause_of_nothing_or_of_both_one_and_all_is_wrong_usage(outerloop, filled, arguments):
    filled(nothing)
    result = outerloop("pause", *arguments, "--by", "ada", "--why", "x")
    assert result.exit_code == 2
    assert "name one workload, or give --all" in result.stderr


def test_a_silence_is_added_listed_and_ended(outerloop, filled):
    filled(nothing)
    assert "Nothing is silenced." in outerloop("silence", "list").stdout
    added = outerloop("silence", "add", WORKLOAD, "data_drift", "--for", "2h", "--by", "ada", "--comment", "holidays")
    assert added.exit_code == 0
    assert "ada silenced data_drift" in added.stdout
    (listed,) = json.loads(outerloop("silence", "list", "--json").stdout)
    assert (listed["workload"], listed["silence"]["comment"]) == (WORKLOAD, "holidays")
    assert "data_drift" in outerloop("silence", "list").stdout
    ended = outerloop("silence", "expire", WORKLOAD, listed["silence"]["id"], "--by", "ada", "--why", "over")
    assert ended.exit_code == 0
    assert outerloop("silence", "expire", WORKLOAD, "unknown", "--by", "ada", "--why", "over").exit_code == 3
    assert json.loads(outerloop("silence", "list", "--json").stdout) == []


def test_a_silence_needs_a_duration_and_a_workload_that_there_is(outerloop, filled):
    filled(nothing)
    wrong = outerloop("silence", "add", WORKLOAD, "x", "--for", "a while", "--by", "ada", "--comment", "c")
    assert (wrong.exit_code, "is no duration" in wrong.stderr) == (2, True)
    strange = outerloop("silence", "add", "fligth-delay", "x", "--for", "2h", "--by", "ada", "--comment", "c")
    assert (strange.exit_code, "it has flight-delay" in strange.stderr) == (1, True)


def test_a_freeze_that_is_not_there_cannot_be_lifted(outerloop, filled):
    filled(nothing)
    result = ask(outerloop, "lift-freeze")
    assert result.exit_code == 3
    assert "no freeze is in force" in result.stdout


def test_an_origin_is_closed_by_its_name_and_only_closed(outerloop, filled, tmp_path):
    filled(nothing)
    policy = tmp_path / "policy.yaml"
    upstream = '\nupstream:\n  - {features: "weather_*", to: infrastructure}\n'
    policy.write_text(POLICY.read_text(encoding="utf-8") + upstream, encoding="utf-8")

    def wish(action, name):
        asked = ("ask", action, name, "--by", "ada", "--why", "the feed is right")
        return outerloop(*asked, OUTERLOOP_POLICY=str(policy))

    result = wish("close", "upstream/weather_*")
    assert (result.exit_code, "no incident of this origin is open" in result.stdout) == (3, True)
    assert result.stdout.startswith("upstream/weather_*: suppress")
    for unknown in (wish("close", "upstream/rain"), wish("retrain", "upstream/weather_*")):
        assert "the policy has no workload" in unknown.stderr + unknown.stdout


def test_a_wish_that_is_refused_ends_with_3_and_says_why(outerloop, filled):
    filled(nothing)
    result = ask(outerloop, "rollback")
    assert result.exit_code == 3
    assert "no warm standby to go back to" in result.stdout


def test_a_retraining_that_is_asked_for_orders_it_and_can_be_explained(outerloop, filled):
    filled(lambda loop: loop.until_serving("1"))
    decision = json.loads(ask(outerloop, "retrain", "--json").stdout)
    assert decision["verdict"] == "act"
    assert [command["kind"] for command in decision["commands"]] == ["Retrain", "Notify"]
    assert "ordered Retrain" in outerloop("explain", decision["id"]).stdout


def test_the_same_wish_a_second_time_is_a_wish_of_its_own(outerloop, filled):
    filled(nothing)
    ids = {json.loads(ask(outerloop, "pause", "--json").stdout)["id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize(("by", "why"), [(" ", "x"), ("ada", "")], ids=["nobody", "no reason"])
@pytest.mark.parametrize(
    "wish",
    [
        ("ask", "pause", WORKLOAD),
        ("pause", WORKLOAD),
        ("resume", "--all"),
        ("silence", "add", WORKLOAD, "data_drift", "--for", "2h"),
        ("silence", "expire", WORKLOAD, "an-id"),
    ],
    ids=" ".join,
)
def test_a_wish_of_nobody_or_for_no_reason_is_wrong_usage(outerloop, filled, wish, by, why):
    filled(nothing)
    result = outerloop(*wish, "--by", by, "--comment" if "add" in wish else "--why", why)
    assert result.exit_code == 2
    assert "is empty" in result.stderr
    assert filled(lambda loop: loop.facts()) == Facts()


def test_a_silence_about_nothing_is_wrong_usage(outerloop, filled):
    filled(nothing)
    result = outerloop("silence", "add", WORKLOAD, "", "--for", "2h", "--by", "ada", "--comment", "holidays")
    assert (result.exit_code, "is empty" in result.stderr) == (2, True)


def test_a_wish_about_an_unknown_workload_is_refused_before_it_is_stored(outerloop, filled):
    filled(nothing)
    result = outerloop("ask", "pause", "fligth-delay", "--by", "ada", "--why", "x")
    assert result.exit_code == 1
    assert "it has flight-delay" in result.stderr
    assert filled(lambda loop: loop.store.rejected(10)) == []


@pytest.mark.parametrize("arguments", [("ask", "explode", WORKLOAD), ("ask", "pause", WORKLOAD), ("nonsense",)])
def test_wrong_usage_ends_with_2(outerloop, arguments):
    result = outerloop(*arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr


REQUESTS = """
import asyncio, azure.functions as func
from handlers import dashboard
async def main():
    for name in ("dashboard", "status"):
        function = getattr(dashboard, name)._function
        request = func.HttpRequest("GET", f"/api/{name}", body=b"", headers={})
        answer = await function.get_user_function()(request)
        print(answer.status_code, answer.mimetype, answer.get_body().decode().replace(chr(10), " "))
asyncio.run(main())
import os; os._exit(0)
"""


def requested(settings, **changes):
    """The answers of the dashboard's two routes, from a process of their own."""
    found = subprocess.run(
        [sys.executable, "-u", "-c", REQUESTS],
        check=True,
        timeout=60,
        capture_output=True,
        cwd=ROOT,
        text=True,
        env=settings | changes,
    )
    return found.stdout.splitlines()


def test_the_dashboard_shows_itself_where_it_is_open(settings, filled):
    filled(a_paused_candidate)
    page, status = requested(settings, OUTERLOOP_DASHBOARD="open")
    assert page.startswith("200 text/html <!doctype html>")
    assert "the workload is paused" in page
    assert json.loads(status.removeprefix("200 application/json "))["workloads"][0]["paused"]


def test_the_dashboard_is_closed_to_whoever_is_not_signed_in(settings, filled):
    filled(nothing)
    page, _ = requested(settings)
    assert page.startswith("403 text/html")
    assert "flight-delay" not in page
