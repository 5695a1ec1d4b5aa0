import asyncio
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.cli import app
from tests.unit.filled_store import POLICY, FilledStore, opened

EVENTS = Path(__file__).resolve().parents[1] / "events"
DEVELOPMENT = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mlops/providers"
    "/Microsoft.MachineLearningServices/workspaces/flights-dev"
)
REGISTERED = EVENTS / "eventgrid-ml-model-registered.json"


def outerloop(*arguments, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def event(tmp_path):
    """Writes a registration of a model in development to a file."""

    def write(version, workspace=DEVELOPMENT, name="flight-delay"):
        body = {
            "topic": workspace,
            "subject": f"models/{name}:{version}",
            "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
            "eventTime": "2026-03-01T18:41:00Z",
            "id": f"event-{version}",
            "data": {"ModelName": name, "ModelVersion": version, "ModelTags": {}, "ModelProperties": {}},
            "dataVersion": "2",
            "metadataVersion": "1",
        }
        file = tmp_path / f"registered-{version}.json"
        file.write_text(json.dumps([body]), encoding="utf-8")
        return file

    return write


def test_parse_prints_one_json_object_a_line():
    result = outerloop("parse", "--json", REGISTERED, EVENTS / "eventgrid-ml-run-completed.json")
    first, second = lines(result)
    assert result.exit_code == 0
    assert list(first)[:3] == ["file", "index", "kind"]
    assert (first["file"], first["index"], first["kind"]) == (str(REGISTERED), 0, "ModelRegistered")
    assert {"source", "dedup_key", "occurred_at", "subject", "model_name", "model_version"} <= first.keys()
    assert second["kind"] == "JobStatusChanged"


def test_parse_ends_with_3_when_something_was_rejected_and_still_shows_the_rest(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    result = outerloop("parse", "--json", broken, REGISTERED)
    assert result.exit_code == 3
    rejected, heard = lines(result)
    assert rejected.keys() == {"file", "index", "kind", "reason", "detail"}
    assert (rejected["kind"], rejected["reason"]) == ("Rejected", "malformed_json")
    assert heard["kind"] == "ModelRegistered"


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda event: json.dumps([event, event]),
        lambda event: f"{json.dumps(event)}\n{json.dumps(event)}\n",
        lambda event: json.dumps({"request": {"headers": {}, "body": [event, event]}}),
        lambda event: json.dumps({"value": [event, event]}),
        lambda event: json.dumps([{"deadLetterProperties": {}, "event": event}] * 2),
    ],
    ids=["array", "lines", "http", "list", "dead letters"],
)
def test_parse_counts_what_it_finds_in_a_file_however_it_is_wrapped(tmp_path, wrapped):
    file = tmp_path / "events.json"
    file.write_text(wrapped(json.loads(REGISTERED.read_text(encoding="utf-8"))[0]), encoding="utf-8")
    result = outerloop("parse", "--json", file)
    assert result.exit_code == 0
    assert [(line["index"], line["kind"]) for line in lines(result)] == [(0, "ModelRegistered"), (1, "ModelRegistered")]


def test_decide_answers_for_every_payload_and_never_fails():
    result = outerloop("decide", "--json", "--policy", POLICY, *sorted(EVENTS.iterdir()))
    answers = lines(result)
    assert result.exit_code == 3
    assert {answer["file"] for answer in answers} == {str(path) for path in EVENTS.iterdir()}
    assert all({"kind", "decision", "rule", "reasons", "commands"} <= answer.keys() for answer in answers)
    assert all(answer["reasons"][0]["text"] for answer in answers)


def test_parse_believes_the_channel_that_it_is_told():
    told = outerloop("parse", "--json", "--channel", "event_hubs", REGISTERED)
    assert lines(told)[0]["kind"] != "ModelRegistered"


def test_parse_shows_a_table_to_people():
    result = outerloop("parse", REGISTERED, env={"COLUMNS": "200"})
    assert "model_name=sklearn_regression_model" in result.stdout
    assert "1 ModelRegistered" in result.stdout


def test_parse_reads_standard_input():
    result = outerloop("parse", "--json", "-", input=REGISTERED.read_bytes())
    assert lines(result)[0]["kind"] == "ModelRegistered"


@pytest.mark.parametrize("command", [["parse"], ["decide", "--policy", str(POLICY)]])
def test_a_missing_file_is_wrong_usage_and_is_named(command):
    result = outerloop(*command, "no-such-file.json")
    assert result.exit_code == 2
    assert "no-such-file.json" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", [("parse",), ("decide", "--policy", str(POLICY))])
def test_a_folder_is_wrong_usage_and_is_called_one(command):
    result = outerloop(*command, EVENTS)
    assert result.exit_code == 2
    assert "is a folder" in result.stderr


def test_what_came_from_outside_cannot_steer_the_terminal(tmp_path):
    file = tmp_path / "e.json"
    file.write_text(REGISTERED.read_text(encoding="utf-8").replace("diabetes", "\\u001b[31mred"), encoding="utf-8")
    assert "\x1b[31m" not in outerloop("parse", file).stdout


def test_decide_says_what_would_be_ordered_and_why(event):
    result = outerloop("decide", "--json", "--policy", POLICY, event("1"))
    (answer,) = lines(result)
    assert result.exit_code == 0
    assert (answer["kind"], answer["decision"], answer["rule"]) == ("ModelRegistered", "act", "promotion")
    assert [reason["code"] for reason in answer["reasons"]] == ["registered"]
    assert [command["kind"] for command in answer["commands"]] == ["ShareModel", "RecordReference"]
    assert all(command["id"] for command in answer["commands"])


def test_decide_gives_the_same_ids_each_time(event):
    file = event("1")
    assert outerloop("decide", "--json", "--policy", POLICY, file).stdout == (
        outerloop("decide", "--json", "--policy", POLICY, file).stdout
    )


def test_decide_judges_each_event_on_the_same_facts(event):
    first, second = lines(outerloop("decide", "--json", "--policy", POLICY, event("1"), event("2")))
    assert (first["decision"], second["decision"]) == ("act", "act")


def test_decide_shows_what_is_planned_while_the_policy_only_observes(event, tmp_path):
    observing = tmp_path / "policy.yaml"
    observing.write_text(POLICY.read_text(encoding="utf-8").replace("mode: act", "mode: observe"), encoding="utf-8")
    (answer,) = lines(outerloop("decide", "--json", "--policy", observing, event("1")))
    assert (answer["decision"], answer["commands"]) == ("hold", [])
    assert [command["kind"] for command in answer["planned"]] == ["ShareModel", "RecordReference"]
    assert [reason["code"] for reason in answer["reasons"]] == ["mode_observe"]


def test_decide_answers_what_cannot_be_parsed_or_is_out_of_scope(event, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    foreign = event("1", workspace=DEVELOPMENT.replace("flights-dev", "somebody-elses"))
    result = outerloop("decide", "--json", "--policy", POLICY, broken, foreign)
    unreadable, elsewhere = lines(result)
    assert result.exit_code == 3
    assert (unreadable["kind"], unreadable["decision"], unreadable["rule"]) == ("Rejected", "rejected", "parsing")
    assert (elsewhere["kind"], elsewhere["decision"], elsewhere["rule"]) == ("ModelRegistered", "rejected", "scope")
    assert elsewhere["reasons"][0]["code"] == "out_of_scope"
    assert unreadable["commands"] == elsewhere["commands"] == []
    assert [(answer["file"], answer["index"]) for answer in (unreadable, elsewhere)] == [
        (str(broken), 0),
        (str(foreign), 0),
    ]


def test_decide_says_which_of_several_payloads_an_answer_is_about(event, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("garbage", encoding="utf-8")
    text = outerloop("decide", "--policy", POLICY, broken, event("1")).stdout
    assert f"{broken}:0: rejected (parsing)" in text
    assert "registered-1.json:0: ModelRegistered about workload/flight-delay: act (promotion)" in text


def test_decide_says_what_was_heard_from_outside_of_the_policy(event):
    foreign = event("1", workspace=DEVELOPMENT.replace("flights-dev", "somebody-elses"))
    result = outerloop("decide", "--policy", POLICY, foreign)
    assert result.exit_code == 3
    assert result.stdout.startswith("ModelRegistered: rejected (scope)")
    assert "add it to environments: or unsubscribe" in result.stdout


def test_decide_ends_with_0_when_everything_could_be_judged(event):
    assert outerloop("decide", "--policy", POLICY, event("1"), event("2", name="other-model")).exit_code == 0


def test_decide_says_when_no_workload_cares(event):
    (answer,) = lines(outerloop("decide", "--json", "--policy", POLICY, event("1", name="other-model")))
    assert (answer["decision"], answer["rule"], answer["subject"]) == ("no_match", "none", "unmatched")


def test_decide_says_that_telemetry_is_never_decided_on():
    file = EVENTS / "eventhub-diagnostic-AmlOnlineEndpointTrafficLog.json"
    (answer,) = lines(outerloop("decide", "--json", "--policy", POLICY, file))
    assert (answer["kind"], answer["decision"]) == ("TelemetryReceived", "no_match")
    assert answer["reasons"][0]["code"] == "not_decided"


def test_decide_reads_like_a_sentence(event):
    text = outerloop("decide", "--policy", POLICY, event("1")).stdout
    assert "ModelRegistered about workload/flight-delay: act (promotion)" in text
    assert "because version 1 of flight-delay was registered in development [registered]" in text
    assert "would order ShareModel" in text


async def test_decide_on_a_store_knows_its_facts_and_leaves_it_as_it_was(event, tmp_path):
    store = await opened(str(tmp_path / "store.db"))
    loop = FilledStore(store)
    await loop.register("1")
    await store.close()
    kept = tmp_path / "kept.db"
    shutil.copy(tmp_path / "store.db", kept)

    result = await run_aside(
        "decide", "--json", "--policy", POLICY, "--store", tmp_path / "store.db", event("1"), event("2")
    )

    known, waiting = lines(result)
    assert (known["decision"], known["reasons"][0]["code"]) == ("suppress", "known_version")
    assert [reason["code"] for reason in waiting["reasons"]] == ["promotion_under_way"]
    assert (tmp_path / "store.db").read_bytes() == kept.read_bytes()


async def test_decide_reads_a_store_in_a_folder_that_nobody_may_write(event, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    store = await opened(str(folder / "store.db"))
    await FilledStore(store).register("1")
    await store.close()
    folder.chmod(0o555)  # who is root may write all the same, and sees less here
    (known,) = lines(
        await run_aside("decide", "--json", "--policy", POLICY, "--store", folder / "store.db", event("1"))
    )
    folder.chmod(0o755)
    assert known["reasons"][0]["code"] == "known_version"


def test_decide_refuses_a_file_that_is_no_store(event, tmp_path):
    file = tmp_path / "not-a.db"
    file.write_text("no database " * 100, encoding="utf-8")
    result = outerloop("decide", "--policy", POLICY, "--store", file, event("1"))
    assert result.exit_code == 1
    assert "cannot be read as a store" in result.stderr


def test_decide_with_a_broken_policy_names_the_line(event, tmp_path):
    broken = tmp_path / "policy.yaml"
    broken.write_text(POLICY.read_text(encoding="utf-8").replace("mode: act", "mood: act"), encoding="utf-8")
    result = outerloop("decide", "--policy", broken, event("1"))
    assert result.exit_code == 1
    assert f"{broken}:" in result.stderr  # as it was given, so that an editor can jump there
    assert "did you mean mode?" in result.stderr
    assert "Traceback" not in result.output


def test_decide_with_a_policy_that_is_no_text_names_the_file(event, tmp_path):
    broken = tmp_path / "policy.yaml"
    broken.write_bytes(b"version: 1\n\xff")
    result = outerloop("decide", "--policy", broken, event("1"))
    assert result.exit_code == 1
    assert f"{broken}:2: this is no UTF-8 text" in result.stderr


async def run_aside(*arguments):
    """The command in a thread of its own: it brings its own event loop."""
    return await asyncio.to_thread(outerloop, *arguments)


STORED = EVENTS / "eventgrid-storage-blobcreated.json"
ACCOUNT = "/subscriptions/{subscription-id}/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/my-storage-account"


@pytest.fixture
def counting(tmp_path):
    """The example's policy with a rule for the files of Microsoft's sample."""

    def write(path="testcontainer/*", requires=""):
        rule = f'      - {{when: data_arrived, storage: "{ACCOUNT}", path: "{path}", then: retrain}}\n'
        text = POLICY.read_text(encoding="utf-8").replace("    telemetry:", f"{rule}    telemetry:", 1)
        file = tmp_path / "policy.yaml"
        file.write_text(text.replace("      cooldown: 12h", f"{requires}      cooldown: 12h"), encoding="utf-8")
        return file

    return write


def test_decide_says_what_a_file_that_arrived_would_bring_about(counting):
    result = outerloop("decide", "--json", "--policy", counting(), STORED)
    (answer,) = lines(result)
    assert result.exit_code == 0
    assert (answer["kind"], answer["decision"], answer["rule"]) == ("DataArrived", "act", "data_arrived")
    assert [command["kind"] for command in answer["commands"]] == ["Retrain", "Notify"]


def test_decide_says_how_many_files_are_missing(counting):
    policy = counting(requires="      requires: {new_files_min: 3}\n")
    (answer,) = lines(outerloop("decide", "--json", "--policy", policy, STORED))
    assert (answer["decision"], answer["reasons"][-1]["code"]) == ("hold", "new_files")
    assert answer["reasons"][-1]["release"] == "when 2 more arrive"


def test_decide_asks_azure_for_nothing_and_says_so(counting):
    policy = counting(requires="      requires: {new_labelled_rows_min: 5000}\n")
    (answer,) = lines(outerloop("decide", "--json", "--policy", policy, STORED))
    assert (answer["decision"], answer["reasons"][-1]["code"]) == ("hold", "labelled_rows_unknown")
    assert "a rehearsal reads nothing from Azure" in answer["reasons"][-1]["text"]


def test_decide_hears_of_a_deletion(counting):
    (answer,) = lines(
        outerloop("decide", "--json", "--policy", counting(), EVENTS / "eventgrid-storage-blobdeleted.json")
    )
    assert (answer["kind"], answer["decision"], answer["rule"]) == ("DataDeleted", "suppress", "data_arrived")


def test_decide_leaves_files_alone_that_no_rule_counts(counting):
    result = outerloop("decide", "--json", "--policy", counting("other/*"), STORED)
    (answer,) = lines(result)
    assert result.exit_code == 3
    assert (answer["kind"], answer["rule"], answer["reasons"][0]["code"]) == ("DataArrived", "scope", "out_of_scope")
