import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from shared.cli import app
from shared.cli.policy_reference import policy_markdown, policy_schema
from shared.domain.durations import parse_duration
from shared.domain.limits import parse_limit
from shared.rendering.cloud_events import events_schema

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "flight_delays"
POLICY = EXAMPLE / "policy.yaml"


def outerloop(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def changed(tmp_path):
    """Writes the example with one text in the place of another."""

    def write(old, new):
        text = POLICY.read_text(encoding="utf-8")
        assert old in text
        file = tmp_path / "policy.yaml"
        file.write_text(text.replace(old, new), encoding="utf-8")
        return file

    return write


def test_a_valid_policy_ends_with_0_and_lists_its_workloads():
    result = outerloop("validate", POLICY)
    assert result.exit_code == 0
    assert "The policy is valid." in result.stdout
    assert "flight-delay" in result.stdout


def test_a_valid_policy_as_json_has_its_digest():
    answer = json.loads(outerloop("validate", "--json", POLICY).stdout)
    assert (answer["valid"], answer["workloads"]) == (True, ["flight-delay", "handwritten-digits", "scanned-forms"])
    assert len(answer["digest"]) == 64


def test_an_overlay_is_validated_with_the_policy():
    plain = json.loads(outerloop("validate", "--json", POLICY).stdout)
    fast = json.loads(outerloop("validate", "--json", POLICY, "--overlay", EXAMPLE / "fast.yaml").stdout)
    assert fast["valid"]
    assert fast["digest"] != plain["digest"]


def test_a_fault_is_told_with_file_line_and_key(changed):
    file = changed("quorum: 1", "quorum: 9")
    result = outerloop("validate", file)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"outerloop: {file}:")
    assert "promotion.approval.quorum" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_faults_as_json_can_be_pointed_at(changed):
    result = outerloop("validate", "--json", changed("quorum: 1", "quorum: 9"))
    assert result.exit_code == 1
    (fault,) = json.loads(result.stdout)["faults"]
    assert fault.keys() == {"file", "line", "key", "text"}
    assert fault["line"] > 1


def test_a_file_that_is_no_text_is_told_in_one_line(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    result = outerloop("validate", file)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"outerloop: {file}:1: this is no UTF-8 text")


def test_a_file_that_is_no_text_is_a_fault_for_machines_too(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"version: 1\npersonas: \xe4")
    (fault,) = json.loads(outerloop("validate", "--json", file).stdout)["faults"]
    assert (fault["file"], fault["line"]) == (str(file), 2)


def test_the_version_is_told():
    result = outerloop("--version")
    assert (result.exit_code, result.stdout) == (0, f"outerloop {version('outerloop')}\n")


def test_a_missing_policy_is_wrong_usage():
    assert outerloop("validate", "no-such-policy.yaml").exit_code == 2


def test_the_published_schema_is_in_step():
    published = (ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8")
    assert published == outerloop("schema").stdout, "run: outerloop schema > docs/policy.schema.json"


def test_the_published_reference_is_in_step():
    published = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert published == outerloop("schema", "--markdown").stdout, "run: outerloop schema --markdown > docs/policy.md"


def test_the_published_schema_of_announcements_is_in_step():
    published = (ROOT / "docs" / "events.schema.json").read_text(encoding="utf-8")
    assert published == outerloop("schema", "--events").stdout, "run: make schema"


def test_the_published_page_of_announcements_is_in_step():
    published = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert published == outerloop("schema", "--events", "--markdown").stdout, "run: make schema"


def test_what_the_guide_shows_of_an_announcement_keeps_the_schema():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    (shown,) = [block for block in re.findall(r"```json\n(.*?)```", guide, re.DOTALL) if "specversion" in block]
    jsonschema.Draft202012Validator(events_schema()).validate(json.loads(shown))


def policy_as_data():
    return yaml.safe_load(POLICY.read_text(encoding="utf-8"))


def test_the_schema_is_itself_valid_and_takes_the_example():
    jsonschema.Draft202012Validator.check_schema(policy_schema())
    jsonschema.validate(policy_as_data(), policy_schema())


@pytest.mark.parametrize(
    ("place", "value"), [("bake", "half an hour"), ("bake", 30), ("steps", "all"), ("bakee", "30m")]
)
def test_the_schema_refuses_what_the_loader_refuses(place, value):
    policy = policy_as_data()
    policy["workloads"][0]["promotion"]["rollout"][place] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(policy, policy_schema())


@pytest.mark.parametrize("text", ["30m", "1h30m", "1.5h", "250ms", "1w"])
def test_the_schema_knows_the_durations_that_the_loader_knows(text):
    parse_duration(text)
    jsonschema.validate(text, policy_schema()["$defs"]["Rollout"]["properties"]["bake"])


@pytest.mark.parametrize("text", ["2/1d", "10/1h30m"])
def test_the_schema_knows_the_limits_that_the_loader_knows(text):
    parse_limit(text)
    jsonschema.validate(text, policy_schema()["$defs"]["Limit"])


def test_defaults_are_written_as_a_person_would_write_them():
    rollout = policy_schema()["$defs"]["Rollout"]["properties"]
    assert (rollout["bake"]["default"], rollout["warm_standby"]["default"]) == ("30m", "3d")


def test_every_key_is_in_the_reference():
    reference = policy_markdown()
    for section in policy_schema()["$defs"].values():
        for key in section.get("properties", {}):
            assert f"| `{key}` |" in reference


COMMANDS = ["validate", "parse", "decide", "status", "explain", "approvals", "ask", "schema", "rejected"]


def test_help_lists_every_command():
    text = outerloop("--help").stdout
    assert [command for command in COMMANDS if f"\n  {command} " not in text] == []


@pytest.mark.parametrize("command", [[c] for c in COMMANDS if c != "rejected"] + [["rejected", "list"]])
def test_every_command_teaches_with_an_example(command):
    text = outerloop(*command, "--help").stdout
    assert f"    outerloop {' '.join(command)}" in text


def test_asking_for_help_imports_nothing_heavy():
    heavy = "('numpy', 'azure', 'jinja2', 'sqlite3', 'httpx', 'rich.table')"
    code = f"import sys, shared.cli; sys.exit(', '.join(name for name in {heavy} if name in sys.modules) or 0)"
    found = subprocess.run(
        [sys.executable, "-c", code], check=False, timeout=60, capture_output=True, cwd=ROOT, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_a_bug_ends_in_one_line_that_says_where():
    code = (
        "import typer, shared.cli as cli\n"
        "@cli.app.command('broken')\n"
        "def broken():\n    raise LookupError('no such thing')\n"
        "import sys; sys.argv = ['outerloop', 'broken']; cli.main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=False, timeout=60, capture_output=True, cwd=ROOT, text=True
    )
    assert found.returncode == 1
    assert found.stderr.startswith(
        "outerloop: this is a bug, please report it: LookupError: no such thing (__main__, line"
    )
    assert len(found.stderr.splitlines()) == 1
