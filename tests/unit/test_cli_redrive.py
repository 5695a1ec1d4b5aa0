"""By the command line a person sees what could not be taken and what is stuck, and sends it again."""

import asyncio
import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from shared.cli import app
from shared.domain.outcomes import Failed
from shared.domain.records import RejectedRow
from tests.unit.filled_store import POLICY, START, SUBJECT, FilledStore, opened

EVENT = {
    "subject": "models/flight-delay:7",
    "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
    "eventTime": "2026-03-01T11:00:00Z",
    "id": "e-7",
    "data": {"modelName": "flight-delay", "modelVersion": "7"},
}


@pytest.fixture
def settings(tmp_path):
    return {
        "OUTERLOOP_POLICY": str(POLICY),
        "OUTERLOOP_POLICY_OVERLAY": "",
        "OUTERLOOP_STORE": str(tmp_path / "store.db"),
        "OUTERLOOP_SIGNING_KEY": "a-key-of-this-test",
        "COLUMNS": "200",
    }


@pytest.fixture
def outerloop(settings):
    return lambda *arguments: CliRunner().invoke(app, list(arguments), env=settings)


@pytest.fixture
def filled(settings):
    async def happen(steps):
        store = await opened(settings["OUTERLOOP_STORE"])
        try:
            return await steps(FilledStore(store))
        finally:
            await store.close()

    return lambda steps: asyncio.run(happen(steps))


def rejected(row_id="r", body=b'{"pin": 1}', minute=0, **changes):
    known = {"channel": "event_grid", "reason": "out_of_scope", "detail": "a workspace that the policy does not name"}
    return RejectedRow(id=row_id, received_at=START + timedelta(minutes=minute), body=body, **(known | changes))


def keeping(*rows):
    async def keep(loop):
        for row in rows:
            await loop.store.add_rejected(row)

    return keep


async def an_event_of_before(loop):
    """An event that was rejected before the policy named its workspace."""
    topic = (await loop.environments()).development.workspace
    await loop.store.add_rejected(rejected(body=json.dumps([EVENT | {"topic": topic}]).encode()))


# Rejections


def test_the_list_names_the_ids_and_what_to_do_with_them(outerloop, filled):
    filled(keeping(rejected("beef")))
    text = outerloop("rejected", "list").stdout
    assert "beef" in text
    assert "outerloop rejected redrive ID" in text


def test_the_list_is_narrowed_by_reason_channel_and_time(outerloop, filled):
    filled(keeping(rejected("a"), rejected("b", reason="missing_field", minute=5), rejected("c", channel="security")))

    def ids(*arguments):
        return [row["id"] for row in json.loads(outerloop("rejected", "list", "--json", *arguments).stdout)]

    assert ids("--reason", "missing_field") == ["b"]
    assert ids("--channel", "security") == ["c"]
    assert ids("--since", "2026-03-01T12:01") == ["b"]
    assert ids("--since", "1d") == []
    assert ids("--limit", "1") == ["b"]


def test_a_time_that_is_none_is_told_with_what_is_allowed(outerloop, filled):
    filled(keeping())
    result = outerloop("rejected", "list", "--since", "yesterday")
    assert (result.exit_code, "2026-03-01T12:00" in result.stderr) == (1, True)


def test_a_body_is_shown_with_what_would_write_into_the_terminal_escaped(outerloop, filled):
    filled(keeping(rejected(body=b'\x1b[31m{"pin":\n\xff 1}')))
    text = outerloop("rejected", "show", "r").stdout
    assert "out_of_scope: a workspace that the policy does not name" in text
    assert "\\x1b[31m" in text
    assert "\\xff" in text
    assert "\x1b" not in text


def test_of_a_long_body_the_beginning_is_shown_and_where_the_rest_is(outerloop, filled):
    filled(keeping(rejected(body=b"x" * 20_000)))
    text = outerloop("rejected", "show", "r").stdout
    assert len(text) < 17_000
    assert "3616 more bytes: --raw FILE" in text


@pytest.mark.parametrize("body", [b"\x00\xff\x1b\r\n", b""])
def test_the_body_is_handed_over_as_it_came(outerloop, filled, tmp_path, body):
    filled(keeping(rejected(body=body)))
    assert outerloop("rejected", "show", "r", "--raw", "-").stdout_bytes == body
    target = tmp_path / "body"
    assert outerloop("rejected", "show", "r", "--raw", str(target)).exit_code == 0
    assert target.read_bytes() == body


def test_no_file_is_overwritten_with_a_body(outerloop, filled, tmp_path):
    filled(keeping(rejected()))
    target = tmp_path / "mine"
    target.write_text("mine", encoding="utf-8")
    result = outerloop("rejected", "show", "r", "--raw", str(target))
    assert (result.exit_code, target.read_text(encoding="utf-8")) == (1, "mine")


@pytest.mark.parametrize("command", ["show", "redrive"])
def test_an_id_that_nothing_has_is_said(outerloop, filled, command):
    filled(keeping())
    result = outerloop("rejected", command, "beef")
    assert (result.exit_code, "no rejection has the id beef" in result.stderr) == (1, True)


def test_what_can_be_taken_now_is_taken_decided_and_off_the_list(outerloop, filled):
    filled(an_event_of_before)
    result = outerloop("rejected", "redrive", "r")
    assert result.exit_code == 0
    assert "r (out_of_scope): taken" in result.stdout
    assert "element 0: accepted: ModelRegistered" in result.stdout
    assert "Nothing was rejected." in outerloop("rejected", "list").stdout
    assert "7" in filled(lambda loop: loop.facts()).versions
    assert "taken after all" in outerloop("rejected", "show", "r").stdout


def test_to_redrive_twice_does_no_harm(outerloop, filled):
    filled(an_event_of_before)
    outerloop("rejected", "redrive", "r")
    again = json.loads(outerloop("rejected", "redrive", "r", "--json").stdout)
    assert [element["became"] for element in again[0]["elements"]] == ["repeated"]
    assert len(filled(lambda loop: loop.store.decisions(SUBJECT, 9))) == 1


def test_what_stays_rejected_ends_with_3_and_says_why(outerloop, filled):
    filled(keeping(rejected(body=b"{broken")))
    result = outerloop("rejected", "redrive", "--all")
    assert result.exit_code == 3
    assert "malformed_json" in result.stdout
    assert "1 still rejected" in result.stdout
    assert "out_of_scope" in outerloop("rejected", "list").stdout


def test_only_those_that_are_named_are_tried(outerloop, filled):
    filled(keeping(rejected("a"), rejected("b", reason="missing_field"), rejected("c", minute=9)))
    tried = json.loads(outerloop("rejected", "redrive", "--reason", "out_of_scope", "--json").stdout)
    assert [one["id"] for one in tried] == ["a", "c"]
    assert "There was nothing to try." in outerloop("rejected", "redrive", "--reason", "oversized").stdout


@pytest.mark.parametrize("arguments", [(), ("r", "--all"), ("r", "--reason", "x")])
def test_which_ones_has_to_be_said_and_only_once(outerloop, filled, arguments):
    filled(keeping())
    result = outerloop("rejected", "redrive", *arguments)
    assert (result.exit_code, "--all" in result.stderr) == (2, True)


# The outbox


async def ordered(loop):
    await loop.register("1")


async def failed(loop):
    await loop.register("1")
    await loop.finish("Notify", outcome=Failed(retryable=False, reason="teams refused"))
    await loop.finish("ShareModel", outcome=Failed(retryable=False, reason="403"))


def commands(outerloop, *arguments):
    shown = json.loads(outerloop("outbox", *arguments, "--json").stdout)
    return {each["row"]["command"]["kind"]: each for each in shown}


def test_what_is_ordered_is_shown_and_told_to_be_overdue_by_and_by(outerloop, filled):
    filled(ordered)
    text = outerloop("outbox").stdout
    assert "ShareModel" in text
    assert "pending, OVERDUE" in text  # it was ordered in March 2026
    assert "overdue: is the app running?" in text
    assert "commands are overdue: outerloop outbox" in outerloop("status").stdout
    assert commands(outerloop)["ShareModel"]["overdue"]


def test_of_another_workload_nothing_is_shown(outerloop, filled):
    filled(ordered)
    assert "Nothing waits" in outerloop("outbox", "--workload", "another").stdout


def test_an_empty_outbox_says_so(outerloop, filled):
    filled(keeping())
    assert "Nothing waits: every command has its outcome." in outerloop("outbox").stdout
    assert "No command failed lately." in outerloop("outbox", "--failed").stdout
    assert "overdue" not in outerloop("status").stdout


def test_what_failed_is_shown_apart_with_its_reason(outerloop, filled):
    filled(failed)
    assert "Failed: 403" in outerloop("outbox", "--failed").stdout
    assert "ShareModel" not in commands(outerloop)


def test_a_stuck_command_is_queued_again(outerloop, filled):
    filled(ordered)
    name = commands(outerloop)["ShareModel"]["row"]["command"]["id"]
    result = outerloop("outbox", "redrive", name)
    assert (result.exit_code, f"ShareModel {name} of {SUBJECT} is queued again" in result.stdout) == (0, True)
    assert filled(lambda loop: loop.store.command(SUBJECT, name)).sent


def test_a_command_that_failed_and_was_acted_on_is_not(outerloop, filled):
    filled(failed)
    name = commands(outerloop, "--failed")["ShareModel"]["row"]["command"]["id"]
    result = outerloop("outbox", "redrive", name)
    assert (result.exit_code, "outerloop ask" in result.stderr) == (1, True)


def test_a_command_that_nothing_knows_is_said(outerloop, filled):
    filled(keeping())
    result = outerloop("outbox", "redrive", "beef")
    assert (result.exit_code, "has the id beef" in result.stderr) == (1, True)
