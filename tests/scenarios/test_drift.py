"""The data drifts away, a retraining mends it (or not), as timelines. The example needs 3 of 4 drifted months."""

import pytest

from shared.domain.outcomes import Failed, Succeeded
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    NOW,
    PRODUCTION,
    after,
    asked,
    breached,
    drift_rule,
    policy_with,
    recovered,
    registered,
    serving,
    window,
)

MADE_2 = Succeeded(data={"model_version": "2"})


def drifted_months(story, *months, number="1"):
    return story.push(*(window(month, drifted=2, number=number) for month in months))


def story_of_drift(policy=None):
    """Version 1 serves, three months drift, and the training makes version 2."""
    story = Timeline(policy or policy_with(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.always("Retrain", MADE_2)
    return drifted_months(story, 3, 4, 5)


def mended(story):
    """Version 2 is registered, approved and takes over within two hours."""
    return story.push(registered("2")).approve("2").at("2h").expect(champion="2")


@pytest.mark.rule("remedy")
@pytest.mark.rule("monitoring")
def test_drift_leads_to_a_retraining_that_is_shown_to_have_helped():
    story = story_of_drift().expect(incidents=["remedying"])
    assert len(story.commands("Retrain")) == 1
    mended(story).expect(incidents=["verifying"])
    story.push(window(6, number="2")).expect(incidents=["helped"]).expect_reason("measured")
    measured = story.commands("RunEvaluation")[-1]
    assert (measured.on, measured.model_ref, measured.champion_ref) == (
        "later",
        "azureml:flight-delay:2",
        "azureml:flight-delay:1",
    )
    story.at("30d").expect(incidents=["helped"])
    assert story.facts.fruitless == 0


def test_two_drifted_months_are_not_enough():
    story = Timeline(facts=serving("1"))
    drifted_months(story, 3, 4).expect(incidents=[])
    story.push(window(5)).expect(incidents=[])
    drifted_months(story, 6).expect(incidents=["remedying"])


def test_more_drift_during_the_remedy_is_counted_and_not_acted_on():
    story = story_of_drift()
    drifted_months(story, 6, 7).expect_reason("incident_open")
    assert len(story.commands("Retrain")) == 1
    assert story.facts.incidents[0].repeats == 2


@pytest.mark.rule("monitoring")
def test_azures_own_monitor_and_our_window_make_one_incident():
    story = story_of_drift().push(breached("run-1"), breached("run-2")).expect(incidents=["remedying"])
    assert len(story.commands("Retrain")) == 1
    assert story.facts.incidents[0].repeats == 2


def test_without_later_labelled_rows_each_window_asks_again():
    story = mended(story_of_drift())
    story.azure.next("RunEvaluation", Succeeded(data={}))
    story.push(window(6, number="2")).expect(incidents=["verifying"]).expect_reason("not_measured")
    story.push(window(7, number="2")).expect(incidents=["helped"])


def test_an_effect_that_nobody_can_measure_in_time_counts_as_none():
    story = mended(story_of_drift()).at("169h").expect(incidents=["verifying"])
    story.at("171h").expect(incidents=["no_effect"]).expect_reason("verify_deadline")
    assert story.facts.fruitless == 1


def test_a_remedy_that_made_it_worse_says_so():
    story = mended(story_of_drift())
    story.azure.next("RunEvaluation", Succeeded(data={"auc": 0.60, "auc_champion": 0.66}))
    story.push(window(6, number="2")).expect(incidents=["worse"])


def test_a_remedy_whose_version_is_refused_has_failed():
    story = story_of_drift().push(registered("2")).approve("2", answer="reject")
    story.expect(incidents=["failed"], champion="1")
    assert story.facts.fruitless == 1


def test_a_training_that_fails_closes_the_incident():
    story = Timeline(facts=serving("1"))
    story.azure.next("Retrain", Failed(retryable=False, reason="the data asset is gone"))
    drifted_months(story, 3, 4, 5).expect(incidents=["failed"]).expect_reason("retrain_failed")


def test_a_training_that_registers_nothing_closes_the_incident():
    story = Timeline()
    story.azure.next("Retrain", Succeeded())
    story.push(asked("retrain")).expect(incidents=["failed"]).expect_reason("no_model")


def test_the_version_may_be_registered_before_the_training_is_known_to_have_ended():
    story = Timeline(facts=serving("1"))
    drifted_months(story, 3, 4, 5)
    (training,) = story.commands("Retrain")
    story.push(registered("2")).finish(training, MADE_2).approve("2").at("2h").expect(incidents=["verifying"])


def test_the_training_may_be_known_to_have_ended_after_its_version_took_over():
    story = Timeline(facts=serving("1"))
    drifted_months(story, 3, 4, 5)
    (training,) = story.commands("Retrain")
    story.push(registered("2")).approve("2").at("2h").expect(champion="2", incidents=["remedying"])
    story.finish(training, MADE_2).expect(incidents=["verifying"])


def test_the_cooldown_holds_the_next_retraining_and_then_lets_it_go():
    story = Timeline(facts=serving("1"))
    story.azure.always("Retrain", Failed(retryable=False, reason="no quota"))
    drifted_months(story, 3, 4, 5).expect(incidents=["failed"])
    story.at("1h")
    drifted_months(story, 6).expect(incidents=["failed", "open"]).expect_reason("cooldown")
    story.at("11h").expect(incidents=["failed", "open"])
    story.at("12h").expect(incidents=["failed", "failed"])
    assert len(story.commands("Retrain")) == 2


@pytest.mark.rule("remedy")
def test_three_fruitless_retrainings_are_enough_until_a_person_resumes():
    story = Timeline(policy_with(limits={"retrains": ["50/1d"]}), serving("1"))
    story.azure.always("Retrain", Failed(retryable=False, reason="no quota"))
    for number in range(3):
        story.at(f"{number * 13}h").push(breached(f"run-{number}"))
    story.at("60h").push(breached("run-4")).expect_reason("give_up")
    assert len(story.commands("Retrain")) == 3
    story.at("100h").push(asked("resume")).at("100h").expect(incidents=["failed"] * 4)
    assert len(story.commands("Retrain")) == 4


def test_a_held_remedy_waits_out_a_long_weekend():
    story = Timeline(facts=serving("1")).push(asked("pause"))
    drifted_months(story, 3, 4, 5).expect(incidents=["open"]).expect_reason("paused")
    story.at("100h").expect(incidents=["open"]).push(asked("resume")).at("100h").expect(incidents=["remedying"])


def test_drift_of_a_new_champion_is_acted_on_although_an_old_incident_never_was():
    story = Timeline(facts=serving("1", retrained_at=(NOW,))).push(registered("2"))
    drifted_months(story, 3, 4, 5).expect(incidents=["open"]).expect_reason("cooldown")
    story.approve("2").at("2h").expect(champion="2", incidents=["promoted"]).at("13h").expect(incidents=["promoted"])
    drifted_months(story, 6, 7, 8, number="2").expect(incidents=["promoted", "remedying"])
    assert story.facts.incidents[1].version == "2"


def test_a_rollback_of_the_remedy_closes_the_incident_as_failed():
    mended(story_of_drift()).push(asked("rollback")).expect(champion="1", incidents=["failed"])


def test_a_remedy_that_was_overtaken_by_a_newer_champion_has_failed():
    story = story_of_drift()
    story.push(registered("3"), registered("2")).expect(incidents=["remedying"])
    story.at("1m").approve("3").at("4h").expect(champion="3", incidents=["failed"])


def monitored(then="annotate"):
    """The example as a vision workload whose drift Azure ML's own monitor finds."""
    return policy_with(task="vision", monitoring=[drift_rule(then=then, to="ml_engineers")])


@pytest.mark.parametrize("then", ["annotate", "investigate"])
def test_a_monitor_that_recovers_is_noted_with_its_incident_and_closes_nothing(then):
    story = Timeline(monitored(then), serving("1")).push(breached()).expect(incidents=["open"]).at("24h")
    story.push(recovered(occurred_at=after("24h"))).expect(incidents=["open"]).expect_reason("recovery_noted")
    (incident,) = story.facts.incidents
    assert (incident.monitor, incident.recovered_at) == ("flight_delay_drift", after("24h"))
    assert len(story.commands("Notify")) == 1


def test_a_recovery_with_nothing_open_is_recorded():
    story = Timeline(facts=serving("1")).push(recovered()).expect(incidents=[]).expect_reason("recovered")
    assert [decision.verdict for decision in story.ledger] == ["suppress"]


def test_a_recovery_says_nothing_about_drift_that_our_own_windows_found():
    story = Timeline(facts=serving("1")).push(*(window(month, drifted=2) for month in range(3, 6)))
    story.push(recovered(occurred_at=after("1h")))
    assert [incident.recovered_at for incident in story.facts.incidents] == [None]


def test_a_recovery_that_is_older_than_the_breach_is_not_noted():
    story = Timeline(monitored(), serving("1")).push(breached(occurred_at=after("1h")), recovered())
    assert [incident.recovered_at for incident in story.facts.incidents] == [None]


def test_a_recovery_elsewhere_is_not_heard():
    elsewhere = PRODUCTION.replace("flights-prod", "somebody-elses")
    assert Timeline(facts=serving("1")).push(recovered(workspace=elsewhere)).ledger == []
    deaf = policy_with(monitoring=[drift_rule(azure_ml_signals=None)])
    assert Timeline(deaf, serving("1")).push(recovered()).ledger == []
