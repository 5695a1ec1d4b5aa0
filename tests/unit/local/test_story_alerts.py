"""What the story posts is what Azure documents: every key of the documented samples, with ids and times of its own."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.story import alerts
from local.story.world import PRODUCTION
from shared.domain.platform_signals import AlertFired, AlertResolved, BudgetCrossed
from shared.parsing import parse

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 11, 23, 14, 5, 6, 789000, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


def sample(name):
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))


def shape(value):
    """The keys of a document, with the kinds of their values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (alerts.latency_alert("version-2", NOW), "alert-common-metric-online-endpoint-latency.json"),
        (alerts.latency_alert("version-2", NOW, LATER), "alert-common-metric-online-endpoint-latency-resolved.json"),
        (alerts.budget_alert("$2,031.40", NOW), "alert-common-budget.json"),
    ],
    ids=["fired", "resolved", "budget"],
)
def test_an_alert_has_the_shape_of_the_documented_sample(body, name):
    assert shape(body) == shape(sample(name))


def test_a_judgement_of_azure_policy_has_the_data_of_the_documented_sample():
    (event,) = sample("eventgrid-policyinsights-policystatechanged.json")
    order = alerts.policy_state("NonCompliant", NOW)
    assert shape(order["data"]) == shape(event["data"])
    assert order["event_type"] == event["eventType"]
    assert order["subject"] == PRODUCTION


def heard(body):
    (signal,) = parse(json.dumps(body).encode(), "monitor_alerts")
    return signal


def test_an_alert_tells_of_the_deployment_and_the_moment_that_it_fired():
    fired, resolved = (
        heard(alerts.latency_alert("version-2", NOW)),
        heard(alerts.latency_alert("version-2", NOW, LATER)),
    )
    assert isinstance(fired, AlertFired)
    assert (fired.occurred_at, fired.targets) == (NOW, (f"{PRODUCTION}/onlineEndpoints/flight-delay".lower(),))
    assert fired.criteria[0].dimensions == {"deployment": "version-2"}
    assert isinstance(resolved, AlertResolved)
    assert (resolved.rule, resolved.fired_at, resolved.occurred_at) == (fired.rule, NOW, LATER)


def test_each_firing_is_another_alert_of_one_rule():
    one, other = heard(alerts.latency_alert("version-2", NOW)), heard(alerts.latency_alert("version-4", LATER))
    assert one.rule == other.rule
    assert one.alert_id != other.alert_id
    assert one.dedup_key != other.dedup_key


def test_a_budget_alert_tells_the_share_that_is_spent():
    crossed = heard(alerts.budget_alert("$2,031.40", NOW))
    assert isinstance(crossed, BudgetCrossed)
    assert crossed.ratio == pytest.approx(1.0157)
    assert crossed.forecast is False
