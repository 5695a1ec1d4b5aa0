import json
from datetime import UTC, datetime

from shared.domain.commands import SetTraffic
from shared.domain.decisions import Reason
from shared.domain.facts import Facts
from shared.rendering.plain import plain
from shared.rendering.shown import Dashboard

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_command_carries_its_kind_and_every_field():
    command = SetTraffic(id="c", workload="w", reason="r", workspace="ws", endpoint="e", traffic={"blue": 100})
    assert plain(command) == {
        "kind": "SetTraffic",
        "id": "c",
        "workload": "w",
        "reason": "r",
        "workspace": "ws",
        "endpoint": "e",
        "endpoint_kind": "managed_online",
        "traffic": {"blue": 100},
        "mirror": {},
        "expected": [],
    }


def test_defaults_are_there_so_that_every_object_has_the_same_keys():
    assert plain(Reason(code="c", text="t")) == {
        "code": "c",
        "text": "t",
        "observed": None,
        "limit": None,
        "until": None,
        "release": "",
    }


def test_a_value_with_a_name_of_its_own_goes_by_that_name():
    assert plain(Facts())["kind"] == "WorkloadFacts"


def test_times_are_iso_8601_in_utc_inside_dataclasses_too():
    assert plain(Dashboard(NOON, (), (), ())) == {
        "at": "2026-03-01T12:00:00Z",
        "workloads": [],
        "ledger": [],
        "rejected": [],
        "publishing": [],
        "overdue": [],
        "origins": [],
        "aside": [],
    }


def test_bytes_that_are_no_text_still_become_json():
    assert json.dumps(plain({1: b"\xff{"})) == '{"1": "\\ufffd{"}'
