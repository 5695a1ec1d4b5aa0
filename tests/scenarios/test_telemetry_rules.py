"""Predictions, data quality, performance, fairness and silence, as timelines in users' words."""

from datetime import timedelta

import pytest

from shared.domain.silences import Silence
from shared.domain.telemetry_signals import PREDICTION, FeatureScore, GroupMeasured, TrafficMeasured
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    after,
    breached,
    drift_rule,
    fell_silent,
    performed,
    policy_with,
    registered,
    resumed,
    rolling,
    serving,
    window,
)

ANSWERS = {"when": "prediction_drift", "window": "1mo", "metric": "psi", "above": 0.2, "for": "2 of 3"}
NULLS = {"when": "data_quality", "window": "1mo", "nulls_above": 0.05}
AUC = {"when": "model_performance", "metric": "auc", "below": 0.66, "for": "2 of 3", "then": "investigate"}
FAIR = {"when": "fairness", "sensitive": "age_group", "metric": "selection_rate_difference", "above": 0.1}
SILENT = {"when": "telemetry_absent", "for": "2h"}


def watching(*rules, facts=None):
    """Version 1 serves, and these rules watch it."""
    return Timeline(policy_with(monitoring=list(rules)), facts or serving("1"))


def answered_like(month, far):
    return window(month, scores=(FeatureScore(feature=PREDICTION, score=far),))


def with_nulls(month, share, **fields):
    return window(month, scores=(FeatureScore(feature="carrier", score=0.0, nulls=share),), **fields)


def by_age(month, gap):
    groups = (GroupMeasured(group="under 30", rows=500), GroupMeasured(group="30 and over", rows=700))
    return performed(month, sensitive="age_group", groups=groups, disparities={"demographic_parity_difference": gap})


@pytest.mark.rule("drift")
@pytest.mark.rule("reaction")
def test_predictions_that_drift_twice_are_told_once_and_closed_when_they_are_back():
    story = watching(ANSWERS).push(answered_like(3, 0.5)).expect(incidents=[])
    story.push(answered_like(4, 0.5)).expect(incidents=["open"]).expect_ordered("Notify")
    story.push(answered_like(5, 0.5)).expect_ordered("Notify", 0).expect_reason("incident_open")
    story.push(answered_like(6, 0.01), answered_like(7, 0.15)).expect(incidents=["open"])
    story.push(answered_like(8, 0.01)).expect(incidents=["open"])
    story.push(answered_like(9, 0.01)).expect(incidents=["recovered"]).expect_reason("recovery")
    assert [said.data.incident.closed_as for said in story.said("IncidentClosed")] == ["recovered"]


@pytest.mark.rule("quality")
@pytest.mark.rule("verdicts")
def test_a_column_that_arrives_empty_is_told_with_its_share():
    story = watching(NULLS).push(with_nulls(3, 0.31)).expect(incidents=["open"])
    (told,) = story.commands("Notify")
    assert "carrier 31.0% nulls" in told.facts["window"]


@pytest.mark.rule("throttling")
def test_an_endpoint_that_refuses_requests_is_told_once_and_closed_when_it_has_room_again():
    def busy(month, refused):
        return window(month, traffic=TrafficMeasured(requests=1000, throttled=refused))

    crowded = {"when": "endpoint_throttled", "window": "1mo", "above": 0.01, "for": "2 of 3"}
    story = watching(crowded).push(busy(3, 200)).expect(incidents=[])
    story.push(busy(4, 300)).expect(incidents=["open"]).expect_ordered("Notify")
    story.push(busy(5, 250)).expect_ordered("Notify", 0).expect_reason("incident_open")
    story.push(busy(6, 0), window(7)).expect(incidents=["open"])
    story.push(busy(8, 0)).expect(incidents=["recovered"])
    told = story.commands("Notify")
    assert [each.title for each in told] == [
        "flight-delay: its endpoint refuses requests (429)",
        "flight-delay: its endpoint refuses requests (429): recovered",
    ]
    assert "300 of 1000 requests were refused (429)" in told[0].facts["window"]
    assert story.commands("StartTraining") == []


@pytest.mark.rule("persistence")
def test_months_without_enough_rows_close_nothing_and_are_told_of_in_the_end():
    story = watching(NULLS | {"no_data_limit": 3}).push(with_nulls(3, 0.3))
    story.push(*(with_nulls(month, 0.0, rows=10) for month in (4, 5))).expect(incidents=["open"])
    story.push(with_nulls(6, 0.0, rows=10)).expect_reason("no_data_limit").expect(incidents=["open"])
    story.push(with_nulls(7, 0.0), with_nulls(8, 0.0)).expect(incidents=["recovered"])
    assert [told.title for told in story.commands("Notify")] == [
        "flight-delay: the quality of the data",
        "flight-delay: the quality of the data is not known",
        "flight-delay: the quality of the data: recovered",
    ]


@pytest.mark.rule("performance")
@pytest.mark.rule("investigation")
def test_a_model_that_performs_badly_twice_is_investigated_until_a_newer_version_serves():
    story = watching(AUC).push(performed(3, 0.61)).expect(incidents=[])
    story.push(performed(4, 0.60)).expect(incidents=["open"]).expect_ordered("Notify")
    assert "auc 0.6000, at best 0.6200 where 0.66 is the limit" in story.commands("Notify")[0].facts["window"]
    story.push(registered("2")).approve("2").at("2h").expect(champion="2", incidents=["promoted"])


@pytest.mark.rule("performance")
def test_a_month_that_only_looks_bad_convicts_nobody():
    """0.65 is below the limit of 0.66; but with so few labels it may as well have been 0.67."""
    story = watching(AUC | {"for": "1 of 1"}).push(performed(3, 0.65), performed(4, 0.65))
    assert [seen.verdict for seen in story.facts.windows["1"]] == ["suspected", "suspected"]
    story.expect(incidents=[])


def test_performance_that_is_retrained_for_is_measured_before_it_is_closed():
    retrain = AUC | {"then": "retrain", "for": "1 of 1"}
    story = watching(retrain, ANSWERS).push(performed(3, 0.6)).expect(incidents=["remedying"])
    story.push(performed(4, 0.9), performed(5, 0.9)).expect(incidents=["remedying"])
    assert len(story.commands("Retrain")) == 1


@pytest.mark.rule("fairness")
def test_groups_that_are_treated_differently_are_told_of_with_their_sizes():
    story = watching(FAIR).push(by_age(3, 0.05)).expect(incidents=[])
    story.push(by_age(4, 0.2)).expect(incidents=["open"])
    assert "under 30 500 rows, 30 and over 700 rows" in story.commands("Notify")[0].facts["window"]
    story.push(by_age(5, 0.05), by_age(6, 0.05)).expect(incidents=["recovered"])


@pytest.mark.rule("absence")
def test_a_champion_that_falls_silent_is_told_of_and_again_when_it_speaks():
    story = watching(SILENT).at("2h").push(fell_silent()).expect(incidents=["open"]).expect_ordered("Notify")
    story.at("5h").push(resumed(occurred_at=after("5h"))).expect(incidents=["resolved"]).expect_ordered("Notify")
    assert "after 5h of silence" in story.commands("Notify")[1].facts["resumed"]


@pytest.mark.rule("absence")
def test_a_collector_that_breaks_while_requests_are_logged_is_told_as_that():
    story = watching(SILENT).at("2h").push(fell_silent(silent="rows")).expect(incidents=["open"])
    story.expect_ordered("Notify").expect_reason("rows_silent")
    (told,) = story.commands("Notify")
    assert told.title == "flight-delay: no rows from version-1"
    assert told.facts["silent"].startswith("requests to version-1 are logged, its rows are not")
    assert told.facts["look at"].startswith("the data collector")
    story.at("5h").push(resumed(silent="rows", occurred_at=after("5h"))).expect(incidents=["resolved"])
    assert story.commands("Notify")[1].title == "flight-delay: the rows are back"


@pytest.mark.rule("absence")
def test_when_requests_stop_too_that_is_a_second_incident_and_each_ends_by_itself():
    story = watching(SILENT).at("2h").push(fell_silent(silent="rows"))
    story.at("6h").push(fell_silent(since=after("4h"))).expect(incidents=["open", "open"]).expect_ordered("Notify")
    story.at("7h").push(resumed(since=after("4h"), occurred_at=after("7h"))).expect(incidents=["open", "resolved"])
    story.at("8h").push(resumed(silent="rows", occurred_at=after("8h"), dedup_key="rows resumed"))
    story.expect(incidents=["resolved", "resolved"])


def test_the_old_version_is_silent_while_a_rollout_has_all_of_its_traffic():
    facts = rolling(percent=100)
    watching(SILENT, facts=facts).push(fell_silent()).expect(incidents=[]).expect_reason("rollout_under_way")


def test_a_silence_of_a_version_that_is_replaced_is_over():
    story = watching(SILENT).push(fell_silent(), registered("2")).expect(incidents=["open"])
    story.approve("2").at("2h").expect(champion="2", incidents=["promoted"])


@pytest.mark.rule("quiet")
def test_what_is_silenced_waits_and_what_is_not_is_told():
    quiet = Silence(id="s", what="data_quality", by="ada", comment="a migration", until=after("5h"))
    story = watching(NULLS, facts=serving("1", silences=(quiet,))).push(with_nulls(3, 0.5))
    story.expect(incidents=[]).expect_reason("silenced").at("6h").expect(incidents=["open"])


@pytest.mark.rule("azure_monitor")
def test_a_monitor_of_azure_ml_means_the_same_as_our_own_windows():
    story = watching(drift_rule(then="investigate")).push(breached()).expect(incidents=["open"])
    story.push(*(window(month, start=after("1d") + timedelta(days=31 * month)) for month in range(3, 6)))
    story.expect(incidents=["open"])
