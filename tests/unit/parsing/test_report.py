"""A line of ``outerloop parse --json`` has the shape that tools rely on."""

import json
from datetime import UTC, datetime

from shared.domain.signals import Breach, ModelRegistered, MonitorBreached, Rejected
from shared.parsing import parse, report_line

HEARD = {"source": "s", "dedup_key": "k", "occurred_at": datetime(2024, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)}


def test_a_signal_shows_every_field_also_those_at_their_default():
    signal = ModelRegistered(**HEARD, workspace="w", model_name="m", model_version="1")
    assert report_line("f.json", 3, signal) == {
        "file": "f.json",
        "index": 3,
        "kind": "ModelRegistered",
        "source": "s",
        "dedup_key": "k",
        "occurred_at": "2024-01-02T03:04:05.678900Z",
        "subject": "",
        "depth": 0,
        "workspace": "w",
        "model_name": "m",
        "model_version": "1",
        "tags": {},
        "properties": {},
    }


def test_a_line_begins_with_file_index_and_kind():
    signal = ModelRegistered(**HEARD, workspace="w", model_name="m", model_version="1")
    assert list(report_line("f", 0, signal))[:7] == [
        "file",
        "index",
        "kind",
        "source",
        "dedup_key",
        "occurred_at",
        "subject",
    ]


def test_a_breach_is_shown_whole():
    breach = Breach(metric="psi", value=1.0, threshold=0.2)
    signal = MonitorBreached(**HEARD, workspace="w", run_id="r", monitor_signal="x", breaches=(breach,))
    assert report_line("f", 0, signal)["breaches"] == [{"metric": "psi", "value": 1.0, "threshold": 0.2, "group": ""}]


def test_a_rejection_shows_its_reason_and_detail_and_nothing_else():
    line = report_line("f", 2, Rejected(reason="missing_field", detail="d", index=7))
    assert line == {"file": "f", "index": 2, "kind": "Rejected", "reason": "missing_field", "detail": "d"}


def test_every_line_is_json(payload):
    for name in ("eventgrid-ml-run-status-changed-monitor-breached.json", "eventhub-metrics-AllMetrics.json"):
        for index, parsed in enumerate(parse(payload(name))):
            line = report_line(name, index, parsed)
            assert json.loads(json.dumps(line)) == line
