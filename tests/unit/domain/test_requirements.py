"""What holds a retraining until enough new data are there, and when it is worth while to look."""

from datetime import timedelta

import pytest

from shared.domain import guards
from shared.domain.arrivals import Arrivals
from shared.domain.proposals import Beginning
from shared.domain.requirements import NEXT_LOOK, asks_for_rows, described, may_be_met, unmet, used
from tests.unit.domain.builders import (
    COLLECTING,
    COLLECTOR,
    DATA_RULE,
    NOW,
    arrived,
    asked,
    breached,
    codes,
    collected,
    drift_rule,
    elapsed,
    incident,
    performed,
    policy_with,
    registered,
    requiring,
    retried,
    schedule_due,
    serving,
    situation,
    window,
)

BOTH = requiring(DATA_RULE, new_files_min=3, new_labelled_rows_min=5000)
ROWS = requiring(DATA_RULE, new_labelled_rows_min=5000)
FILES = requiring(DATA_RULE, new_files_min=3)


def files(count):
    return Arrivals(count=count, size_bytes=count * 1000, newest=NOW)


def reasons(policy, *, count=0, before=None, **fields):
    facts = serving("1", arrivals=files(count), labelled_rows=before)
    now = situation(breached(), facts, policy=policy, **fields)
    return unmet(now)


def test_a_policy_that_requires_nothing_holds_nothing():
    assert reasons(requiring()) == ()


@pytest.mark.parametrize(("count", "held"), [(0, True), (2, True), (3, False), (4, False)])
def test_files_are_counted_since_the_last_retraining(count, held):
    assert codes(reasons(FILES, count=count)) == (["new_files"] if held else [])


@pytest.mark.parametrize(
    ("before", "rows", "held"), [(None, 4999, True), (None, 5000, False), (9000, 13_999, True), (9000, 14_000, False)]
)
def test_rows_are_those_beyond_the_last_retraining(before, rows, held):
    assert codes(reasons(ROWS, before=before, labelled_rows=rows)) == (["new_labelled_rows"] if held else [])


def test_fewer_rows_than_before_are_not_enough():
    (reason,) = reasons(ROWS, before=9000, labelled_rows=100)
    assert (reason.observed, reason.limit) == (-8900, 5000)


def test_both_are_listed():
    assert codes(reasons(BOTH, count=1, labelled_rows=10)) == ["new_labelled_rows", "new_files"]


def test_each_reason_says_what_was_seen_what_is_needed_and_when_somebody_looks_again():
    rows, few = reasons(BOTH, count=1, before=1000, labelled_rows=1500)
    assert (rows.observed, rows.limit, rows.until) == (500, 5000, NOW + NEXT_LOOK)
    assert "at least 6,000 rows" in rows.release
    assert (few.observed, few.limit, few.until) == (1, 3, NOW + NEXT_LOOK)
    assert few.release == "when 2 more arrive"


def test_rows_without_a_tag_hold_and_say_which_tag_is_missing():
    (reason,) = reasons(ROWS)
    assert reason.code == "labelled_rows_unknown"
    assert "azureml:flights-labelled@latest has no tag rows" in reason.text
    assert "rows=N" in reason.release


def test_rows_that_could_not_be_read_hold_and_say_why():
    (reason,) = reasons(ROWS, rows_unknown="HTTP 403")
    assert (reason.code, reason.until) == ("labelled_rows_unknown", NOW + NEXT_LOOK)
    assert "HTTP 403" in reason.text


def test_the_guard_stands_behind_the_budget_and_before_giving_up():
    facts = serving("1", fruitless=3, retrained_at=(NOW,))
    held = guards.holding(situation(breached(), facts, policy=FILES), Beginning(what="retraining"))
    assert codes(held) == ["cooldown", "new_files", "give_up"]


def test_what_is_ordered_uses_up_what_arrived():
    facts = serving("1", arrivals=files(4), labelled_rows=10)
    after = used(situation(breached(), facts, policy=BOTH, labelled_rows=6000), facts)
    assert (after.arrivals, after.labelled_rows) == (Arrivals(), 6000)


def test_rows_that_were_not_counted_leave_the_last_count():
    facts = serving("1", labelled_rows=10)
    assert used(situation(breached(), facts), facts).labelled_rows == 10


def test_arrivals_are_described_in_words():
    assert described(Arrivals()) == "0 new files (0 bytes)"
    assert described(files(1)) == "1 new file (1,000 bytes, the newest at 2026-03-02 12:00 UTC)"


@pytest.mark.parametrize("signal", [breached(), window(3), performed(3), asked("retrain"), schedule_due(), arrived()])
def test_rows_are_asked_for_when_a_retraining_may_follow(signal):
    assert asks_for_rows(situation(signal, serving("1"), policy=ROWS))
    assert not asks_for_rows(situation(signal, serving("1"), policy=FILES))
    assert not asks_for_rows(situation(signal, serving("1")))


@pytest.mark.parametrize("signal", [registered("2"), asked("pause"), elapsed("bake", "2/0/0")])
def test_rows_are_not_asked_for_by_anything_else(signal):
    assert not asks_for_rows(situation(signal, serving("1"), policy=ROWS))


def test_what_waited_asks_again():
    assert asks_for_rows(retried(breached(), serving("1"), "incident x", policy=ROWS))


def test_of_a_thousand_files_only_the_first_asks():
    facts = serving("1", incidents=(incident("open", kind="data_arrival"),))
    assert not asks_for_rows(situation(arrived(), facts, policy=ROWS))
    assert asks_for_rows(retried(arrived(), facts, "incident x", policy=ROWS))


def test_files_that_are_only_counted_ask_for_nothing():
    policy = requiring({**DATA_RULE, "then": "count"}, new_labelled_rows_min=1)
    assert not asks_for_rows(situation(arrived(), serving("1"), policy=policy))


def test_files_of_a_collector_ask_for_nothing():
    everywhere = {**DATA_RULE, "storage": COLLECTOR["storage"], "path": "*/*"}
    requires = {"requires": {"new_labelled_rows_min": 1}}
    policy = policy_with(monitoring=[drift_rule(), everywhere], retrain=requires, **COLLECTING)
    assert asks_for_rows(situation(arrived(source=COLLECTOR["storage"]), serving("1"), policy=policy))
    assert not asks_for_rows(situation(collected(), serving("1"), policy=policy))


@pytest.mark.parametrize(
    ("policy", "before", "after", "may"),
    [
        (requiring(DATA_RULE), 0, 1, False),
        (FILES, 1, 2, False),
        (FILES, 2, 3, True),
        (FILES, 3, 4, False),
        (ROWS, 7, 8, True),
        (BOTH, 1, 2, False),
        (BOTH, 3, 4, True),
    ],
)
def test_what_waits_is_woken_when_new_data_may_release_it(policy, before, after, may):
    now = situation(arrived(), serving("1"), policy=policy)
    assert may_be_met(now, files(before), files(after)) is may


def test_the_next_look_is_within_the_hour():
    assert timedelta() < NEXT_LOOK <= timedelta(hours=1)
