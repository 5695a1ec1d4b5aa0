"""Schedules, new data and requirements in a policy file: what may be written, and what is said about the rest."""

import pytest
from pydantic import ValidationError

from shared.domain.policy_triggers import NewData, Requirements, Schedule
from shared.parsing.policy_file import PolicyError, read_policy
from tests.unit.domain.builders import DATA_RULE, POLICY_TEXT, STORAGE, WEEKLY, drift_rule, policy_with, requiring


def refused(rule="", requires=""):
    """What is said about the example with one more rule, or with requirements."""
    text = POLICY_TEXT.replace("    telemetry:", f"      - {rule}\n    telemetry:") if rule else POLICY_TEXT
    text = text.replace("      cooldown: 12h", f"      requires: {requires}\n      cooldown: 12h") if requires else text
    assert text != POLICY_TEXT
    with pytest.raises(PolicyError) as error:
        read_policy("policy.yaml", text)
    return str(error.value)


def test_a_schedule_is_in_utc_unless_it_says_otherwise():
    assert Schedule(when="schedule", cron="0 6 * * 1").timezone == "UTC"
    assert policy_with(monitoring=[WEEKLY]).workloads[0].schedules[0].timezone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('{when: schedule, cron: "0 0 6 * * 1"}', "has six fields"),
        ('{when: schedule, cron: "0 25 * * 1"}', "Bad hour"),
        ('{when: schedule, cron: "0 6 * * 1", timezone: Berlin}', "no time zone"),
        ('{when: schedule, cron: "0 6 * * 1", then: notify}', "retrain"),
        ('{when: schedule, cron: "0 6 * * 1", every: day}', "is no key here"),
    ],
)
def test_a_faulty_schedule_is_named_with_its_place(rule, says):
    text = refused(rule)
    assert "workloads[0].monitoring[1]." in text
    assert says in text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"storage": "flights"}, "storage"),
        ({"storage": STORAGE.replace("microsoft.storage/storageaccounts", "microsoft.web/sites")}, "storage"),
        ({"path": "labelled"}, "path"),
        ({"path": "/labelled/*"}, "path"),
        ({"then": "notify"}, "then"),
    ],
)
def test_faulty_rules_for_data_are_refused(change, says):
    with pytest.raises(ValidationError, match=says):
        NewData.model_validate({**DATA_RULE, **change})


def test_the_account_may_be_written_in_any_case():
    azure = "/subscriptions/S/resourceGroups/Data/providers/Microsoft.Storage/storageAccounts/flights"
    assert NewData.model_validate({**DATA_RULE, "storage": azure}).storage == azure


def test_requirements_ask_for_at_least_one_thing():
    assert "requires: asks for nothing" in refused(requires="{}")
    assert Requirements(new_files_min=3).new_labelled_rows_min is None


@pytest.mark.parametrize("key", ["new_files_min", "new_labelled_rows_min"])
def test_requirements_are_at_least_one(key):
    with pytest.raises(ValidationError, match=key):
        Requirements.model_validate({key: 0})


def test_files_that_nobody_counts_cannot_be_required():
    text = refused(requires="{new_files_min: 3}")
    assert "workloads[0].retrain.requires.new_files_min: new_files_min waits for files that no rule counts" in text
    assert requiring(DATA_RULE, new_files_min=3)


def test_rows_can_be_required_without_any_rule_for_data():
    assert requiring(new_labelled_rows_min=5000)


def test_the_same_schedule_twice_is_refused_and_another_time_zone_is_another_schedule():
    with pytest.raises(ValidationError, match="two rules have the same schedule"):
        policy_with(monitoring=[WEEKLY, {**WEEKLY, "cron": "0  6 * * 1"}])
    assert policy_with(monitoring=[WEEKLY, {**WEEKLY, "timezone": "UTC"}])


@pytest.mark.parametrize("rule", [WEEKLY, DATA_RULE], ids=["schedule", "data"])
def test_retraining_needs_its_section(rule):
    with pytest.raises(ValidationError, match="needs a retrain: section"):
        policy_with(monitoring=[drift_rule(then="notify"), rule], retrain=None)


@pytest.mark.parametrize("rule", [WEEKLY, DATA_RULE], ids=["schedule", "data"])
@pytest.mark.parametrize("task", ["vision", "language"])
def test_a_vision_or_language_model_is_retrained_only_with_a_reason(rule, task):
    rules = [drift_rule(then="annotate"), rule]
    with pytest.raises(ValidationError, match="say in override_reason: why it may be"):
        policy_with(task=task, monitoring=rules)
    assert policy_with(task=task, monitoring=[rules[0], {**rule, "override_reason": "labels are made each week"}])


def test_files_may_be_counted_for_any_kind_of_model():
    assert policy_with(task="vision", monitoring=[drift_rule(then="annotate"), {**DATA_RULE, "then": "count"}])
