"""Retrainings that no degradation asked for: by the calendar, and by data that arrive. NOW is Monday, 2 March 2026, noon UTC."""

from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import DataDeleted
from shared.parsing.policy_file import PolicyError, read_policy
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    DATA_RULE,
    NOW,
    POLICY_TEXT,
    WEEKLY,
    arrived,
    asked,
    breached,
    budgeted,
    crossed,
    drift_rule,
    failure,
    policy_with,
    requiring,
    serving,
    silenced,
)

DAILY = {"when": "schedule", "cron": "0 18 * * *"}  # six hours after NOW, and each day


def scheduled(*rules, **workload):
    return Timeline(policy_with(monitoring=[drift_rule(), *rules], **workload), serving("1"))


def watched(*rules, **requires):
    return Timeline(requiring(*(rules or (DATA_RULE,)), **requires), serving("1"))


def ordered_at(story):
    """When each retraining was ordered, in hours after NOW."""
    return [(moment - NOW).total_seconds() / 3600 for moment in story.facts.retrained_at]


def kinds(story):
    return [(known.kind, known.closed_as or known.state) for known in story.facts.incidents]


def told(story, code):
    """The newest reason of that code in the ledger."""
    return next(reason for decision in story.ledger[::-1] for reason in decision.reasons if reason.code == code)


def train_in_vain(story):
    """The training that was ordered last failed."""
    return story.finish(story.commands("Retrain")[-1], failure("no quota"))


# --- schedules


@pytest.mark.rule("schedule")
def test_a_schedule_retrains_when_it_is_due_and_not_before():
    story = scheduled(DAILY).at("5h59m")
    assert story.commands("Retrain") == []
    story.at("6h").expect_ordered("Retrain").expect_reason("schedule_due")
    assert kinds(story) == [("scheduled_retrain", "remedying")]


def test_a_schedule_waits_for_the_end_of_the_cooldown():
    story = scheduled(DAILY).push(asked("retrain"))
    train_in_vain(story).at("6h").expect_reason("cooldown")
    assert ordered_at(story) == [0]
    story.at("11h59m")
    assert ordered_at(story) == [0]
    story.at("12h").expect_ordered("Retrain")
    assert ordered_at(story) == [0, 12]


def test_a_schedule_that_falls_due_while_a_retraining_is_under_way_is_over():
    story = scheduled(DAILY).push(breached()).at("6h").expect_reason("remedy_under_way")
    story.at("23h")
    assert ordered_at(story) == [0]
    assert kinds(story) == [("data_drift", "remedying")]


@pytest.mark.rule("repeats")
def test_a_schedule_that_waits_is_counted_and_is_one_retraining_in_the_end():
    policy = policy_with(monitoring=[drift_rule(), DAILY])
    story = Timeline(policy, serving("1")).push(asked("pause")).at("55h").expect_reason("incident_open")
    assert [known.repeats for known in story.facts.incidents] == [2]
    story.push(asked("resume")).at("55h10m")
    assert len(story.commands("Retrain")) == 1


def test_a_schedule_that_waited_is_dropped_when_drift_was_faster():
    story = scheduled(DAILY).push(silenced("schedule", "20h")).at("6h").expect_reason("silenced")
    story.push(breached()).expect_ordered("Retrain").at("21h").expect_reason("overtaken")
    assert ordered_at(story) == [6]
    assert kinds(story) == [("data_drift", "remedying"), ("scheduled_retrain", "overtaken")]


def test_the_times_missed_in_an_outage_are_one_retraining_that_says_how_many_they_were():
    story = scheduled(DAILY).down_until("80h").expect_ordered("Retrain")
    due = told(story, "schedule_due")
    assert due.observed == 3
    assert "2026-03-05 18:00 UTC, and 3 times before it that nobody heard of" in due.text


def test_a_limit_holds_a_schedule_too():
    story = scheduled(
        {"when": "schedule", "cron": "0 * * * *"}, limits={"retrains": ["1/1d"]}, retrain={"cooldown": "1m"}
    )
    story.at("1h").expect_ordered("Retrain")
    train_in_vain(story).at("2h").expect_reason("limit").at("24h59m")
    assert ordered_at(story) == [1]
    story.at("25h").expect_ordered("Retrain")


def test_a_frozen_budget_holds_a_schedule():
    story = Timeline(budgeted({"monitoring": [drift_rule(), DAILY]}), serving("1"))
    story.push(crossed(1.0)).at("6h").expect_reason("budget_freeze")
    assert story.commands("Retrain") == []


def test_a_schedule_keeps_to_the_clock_of_its_place_when_summer_time_begins():
    story = scheduled(WEEKLY, retrain={"give_up_after": 9})
    for week in range(1, 6):
        train_in_vain(story.at(f"{week * 7}d"))
    # Berlin is an hour ahead of UTC until Sunday, 29 March, and two from then on.
    assert [moment.strftime("%d %H:%M") for moment in story.facts.retrained_at] == [
        "09 05:00",
        "16 05:00",
        "23 05:00",
        "30 04:00",
        "06 04:00",
    ]


def test_a_time_of_day_that_summer_time_skips_is_not_lost():
    story = scheduled({**WEEKLY, "cron": "30 2 29 3 *"}).at("28d")
    assert story.facts.retrained_at == (datetime(2026, 3, 29, 1, tzinfo=UTC),)


def test_a_schedule_of_a_vision_model_needs_a_reason():
    raw = POLICY_TEXT.replace("task: classical", "task: vision").replace("then: retrain", "then: annotate")
    rule = "      - {when: schedule, cron: 0 6 * * 1}\n"
    with pytest.raises(PolicyError, match=r"a vision model is not retrained automatically.*override_reason"):
        read_policy("policy.yaml", raw.replace("    telemetry:", f"{rule}    telemetry:"))
    rule = "      - {when: schedule, cron: 0 6 * * 1, override_reason: labels are made each week}\n"
    policy = read_policy("policy.yaml", raw.replace("    telemetry:", f"{rule}    telemetry:"))
    Timeline(policy, serving("1")).at("7d").expect_ordered("Retrain").expect_reason("override")


# --- data


@pytest.mark.rule("data_arrival")
def test_data_that_arrive_retrain():
    story = watched().push(arrived()).expect_ordered("Retrain").expect_reason("data_arrived")
    assert kinds(story) == [("data_arrival", "remedying")]


def test_data_elsewhere_are_none_of_our_business():
    story = watched().push(arrived(path="2014/01.csv"), arrived(source="/subscriptions/other"))
    assert story.ledger == []


@pytest.mark.rule("data_arrival")
def test_data_wait_until_there_are_enough_of_them_and_then_no_longer():
    story = watched(new_files_min=3).push(arrived("01.csv")).expect_reason("new_files")
    story.at("1m").push(arrived("02.csv")).expect_reason("incident_open")
    story.at("2m").push(arrived("03.csv")).at("2m").expect_ordered("Retrain")
    assert kinds(story) == [("data_arrival", "remedying")]
    assert story.facts.arrivals.count == 0


def test_a_file_that_is_told_of_twice_counts_once():
    story = watched(new_files_min=2)
    story.push(arrived(), arrived(dedup_key="by another subscription")).expect_reason("file_known")
    story.push(arrived(sequencer="0000000000000002"))  # written anew
    assert story.facts.arrivals.count == 1
    story.at("1m")
    assert story.commands("Retrain") == []


def test_a_file_that_was_deleted_counts_no_longer_in_whatever_order_we_hear_of_it():
    came, gone = arrived(sequencer="1"), arrived(kind=DataDeleted, sequencer="2")
    for story in (watched(new_files_min=2).push(came, gone), watched(new_files_min=2).push(gone, came)):
        assert story.facts.arrivals.count == 0
        story.push(arrived("02.csv")).at("1m")
        assert story.commands("Retrain") == []


def test_new_data_start_the_next_count_at_the_retraining():
    story = watched(new_files_min=2).push(arrived("01.csv"), arrived("02.csv")).at("1m")
    train_in_vain(story)
    story.push(arrived("03.csv")).expect_reason("new_files").at("30h")
    assert len(story.commands("Retrain")) == 1
    story.push(arrived("04.csv")).at("30h")
    assert len(story.commands("Retrain")) == 2


def test_data_that_arrive_during_a_retraining_are_not_forgotten():
    story = watched().push(arrived("01.csv")).at("1h").push(arrived("02.csv")).expect_reason("remedy_under_way")
    assert len(story.commands("Retrain")) == 1
    story.at("2h")
    train_in_vain(story)
    story.at("12h")
    assert ordered_at(story) == [0, 12]  # the cooldown


def test_data_that_a_retraining_for_another_reason_used_need_none_of_their_own():
    story = watched().push(silenced("data_arrival", "3h"), arrived()).expect_reason("silenced")
    story.at("1h").push(breached()).expect_ordered("Retrain")
    train_in_vain(story).at("4h").expect_reason("overtaken").at("24h")
    assert ordered_at(story) == [1]


def test_data_that_are_only_counted_retrain_nothing_and_release_drift():
    story = watched({**DATA_RULE, "then": "count"}, new_files_min=2).push(breached()).expect_reason("new_files")
    story.push(arrived("01.csv")).expect_reason("counted").push(arrived("02.csv")).at("0s").expect_ordered("Retrain")
    assert kinds(story) == [("data_drift", "remedying")]


# --- labelled rows


def test_drift_waits_for_labelled_rows_and_looks_again_each_hour():
    story = watched(new_labelled_rows_min=5000)
    story.azure.labelled_rows = 4000
    story.push(breached()).expect_reason("new_labelled_rows")
    story.azure.labelled_rows = 5000
    story.at("59m")
    assert story.commands("Retrain") == []
    story.at("1h").expect_ordered("Retrain")
    assert story.facts.labelled_rows == 5000


def test_only_rows_since_the_last_retraining_are_new():
    story = watched(new_labelled_rows_min=5000)
    story.azure.labelled_rows = 20_000
    story.push(breached("r1")).expect_ordered("Retrain")
    story.azure.labelled_rows = 24_000
    train_in_vain(story).at("1d").push(breached("r2")).expect_reason("new_labelled_rows")
    reason = told(story, "new_labelled_rows")
    assert (reason.observed, reason.limit) == (4000, 5000)
    assert "at least 25,000 rows" in reason.release


def test_a_file_that_comes_with_its_labels_wakes_what_waits_for_them_at_once():
    story = watched(new_labelled_rows_min=5000)
    story.azure.labelled_rows = 100
    story.push(arrived("01.csv")).expect_reason("new_labelled_rows")
    story.azure.labelled_rows = 5100
    story.at("10m").push(arrived("02.csv")).at("10m").expect_ordered("Retrain")


def test_rows_that_nobody_counts_hold_and_say_how_that_is_mended():
    story = watched(new_labelled_rows_min=5000).push(breached()).expect_reason("labelled_rows_unknown")
    reason = told(story, "labelled_rows_unknown")
    assert "rows=N" in reason.release


@pytest.mark.parametrize("task", ["vision", "language"])
def test_new_data_of_a_vision_or_language_model_need_a_reason_to_retrain_it(task):
    rules = [drift_rule(then="annotate"), DATA_RULE]
    with pytest.raises(ValueError, match="override_reason"):
        policy_with(task=task, monitoring=rules)
    rules[1] = {**DATA_RULE, "override_reason": "each file is labelled by two people"}
    story = Timeline(policy_with(task=task, monitoring=rules), serving("1"))
    story.push(arrived()).expect_ordered("Retrain").expect_reason("override")
