"""The journal of effects."""

import json
from threading import Thread

import pytest

from local.azure.journal import Journal


def test_an_effect_is_on_disk_as_one_json_line_when_record_returns(tmp_path):
    journal = Journal(tmp_path / "state" / "journal.jsonl")
    journal.record("traffic_set", "/endpoints/e", traffic={"blue": 100}, changed=False)
    (line,) = journal.path.read_text().splitlines()
    entry = json.loads(line)
    assert entry["effect"] == "traffic_set"
    assert entry["target"] == "/endpoints/e"
    assert entry["detail"] == {"traffic": {"blue": 100}, "changed": False}
    assert entry["at"].endswith("+00:00")


def test_effects_are_numbered_from_one_in_the_order_they_happened(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for effect in ("job_started", "job_finished"):
        journal.record(effect, "job")
    assert [(entry.seq, entry.effect) for entry in journal.entries()] == [(1, "job_started"), (2, "job_finished")]


def test_a_reopened_journal_goes_on_counting(tmp_path):
    Journal(tmp_path / "journal.jsonl").record("job_started", "job")
    reopened = Journal(tmp_path / "journal.jsonl")
    reopened.record("job_finished", "job")
    assert [entry.seq for entry in reopened.entries()] == [1, 2]
    assert Journal(tmp_path / "journal.jsonl").entries() == reopened.entries()


def test_a_detail_that_is_not_json_is_refused_and_nothing_is_written(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(TypeError):
        journal.record("job_started", "job", when=object())
    assert journal.entries() == []
    assert not journal.path.exists()


def test_threads_never_share_a_number(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    threads = [Thread(target=lambda: [journal.record("job_started", "job") for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line)["seq"] for line in journal.path.read_text().splitlines()]
    assert lines == list(range(1, 101))


def test_entries_handed_out_do_not_change_the_journal(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.entries().append("not an entry")
    assert journal.entries() == []
