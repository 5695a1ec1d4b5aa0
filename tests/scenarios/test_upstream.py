"""Many models drift on a feature that they share: one incident where it comes from, and no storm of retrainings."""

import pytest

from shared.domain.policy import Policy
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import after, asked, changed, drift_rule, raw_policy, serving, window

WEATHER = {"features": "dist*", "models_min": 3, "to": "infrastructure", "group_wait": "10m"}
OTHERS = ("flight-cancel", "flight-price", "flight-divert", "flight-crew")
ORIGIN = "upstream/dist*"


def fleet(**rule):
    """The example and four workloads beside it, which have endpoints and models of their own and the same features."""
    monitoring = [drift_rule(**{"for": "1 of 1"})]
    personas = {"infrastructure": {"group": "g", "channels": ["teams:platform"]}}
    raw = raw_policy({"monitoring": monitoring}, personas=personas, upstream=[WEATHER | rule])
    first = raw["workloads"][0]
    for name in OTHERS:
        own = {place: {"endpoint": f"{name}-{place}"} for place in ("staging", "production")}
        raw["workloads"].append(changed(first, {"name": name, "model": f"{name}*", "environments": own}))
    return Policy.model_validate(raw)


def of_other(name, month=3, **fields):
    """A month in which the model of another workload drifted on ``distance``."""
    return window(month, drifted=1, endpoint=f"{name}-production", dedup_key=f"{name}-{month}-{fields}", **fields)


def fleet_serving(**rule):
    return Timeline(fleet(**rule), serving("1"))


def drift_of_three(story, month=3):
    """Two other models drift, and then the example's."""
    return story.push(*(of_other(name, month) for name in OTHERS[:2]), window(month, drifted=1))


def told(story):
    return [command.title for command in story.commands("Notify") if command.persona == "infrastructure"]


@pytest.mark.rule("upstream")
def test_three_models_that_drift_on_one_feature_are_one_incident_and_nothing_is_retrained():
    story = drift_of_three(fleet_serving())
    story.expect_reason("upstream").expect(incidents=["open"])
    assert told(story) == ["Upstream dist*: 3 models drift at once"]
    (message,) = story.commands("Notify")
    assert message.facts["models"] == "3: flight-cancel, flight-price, flight-delay"
    assert message.facts["features"] == "distance"
    story.at("30d").expect(incidents=["open"])
    assert story.commands("Retrain") == []


def test_the_first_model_waits_for_the_others_before_it_is_retrained():
    story = fleet_serving().push(window(3, drifted=1)).expect_reason("upstream_wait").expect(incidents=["open"])
    story.at("5m").push(of_other("flight-cancel"), of_other("flight-price")).at("11m").expect_reason("upstream")
    assert story.commands("Retrain") == []
    assert len(told(story)) == 1


def test_a_model_that_drifts_alone_is_retrained_after_the_wait():
    story = fleet_serving().push(window(3, drifted=1), of_other("flight-cancel")).at("9m").expect(incidents=["open"])
    story.at("10m").expect(incidents=["remedying"])
    assert told(story) == []


def test_drift_on_other_features_is_the_models_own():
    story = fleet_serving(features="carrier").push(of_other("flight-cancel"), of_other("flight-price"))
    story.push(window(3, drifted=1)).expect(incidents=["remedying"])


def test_an_origin_that_holds_nothing_only_tells():
    story = drift_of_three(fleet_serving(holds=False)).expect(incidents=["remedying"])
    assert told(story) == ["Upstream dist*: 3 models drift at once"]


def test_drift_in_different_windows_is_not_shared():
    story = fleet_serving().push(of_other("flight-cancel", 2), of_other("flight-price", 3), window(4, drifted=1))
    assert told(story) == []


def test_models_that_join_are_told_of_once_in_a_while():
    story = drift_of_three(fleet_serving())
    story.at("1h").push(of_other("flight-divert")).at("2h").push(of_other("flight-crew"))
    assert len(told(story)) == 1
    story.at("4h")
    assert told(story)[1:] == ["Upstream dist*: 5 models drift at once, more models"]
    assert story.commands("Notify")[-1].facts["models"].endswith("flight-divert, flight-crew")
    story.at("12h")
    assert len(told(story)) == 2


def test_a_model_that_drifts_on_is_counted_and_not_told_again():
    story = drift_of_three(fleet_serving()).at("5h").push(window(3, drifted=1, dedup_key="again"))
    assert len(told(story)) == 1


def test_when_windows_come_without_so_many_models_it_is_over_and_what_waited_goes_on():
    story = drift_of_three(fleet_serving()).at("28d")
    drift_of_three(story, month=4).at("97d").expect(incidents=["open"])
    story.at("99d").expect(incidents=["remedying"])
    assert told(story)[-1] == "Upstream dist*: closed"
    assert story.origins[ORIGIN].incidents[0].closed_as == "recovered"


def test_a_person_may_close_it_and_what_waited_goes_on_within_the_hour():
    story = drift_of_three(fleet_serving()).at("3h")
    story.push(asked("close", workload=ORIGIN, why="the feed is right")).expect(incidents=["open"])
    assert [one.closed_as for one in story.origins[ORIGIN].incidents] == ["done"]
    story.at("4h").expect(incidents=["remedying"])
    story.push(asked("close", workload=ORIGIN, dedup_key="again")).expect_reason("none_open")


def test_it_is_announced_when_it_begins_and_ends():
    story = drift_of_three(fleet_serving()).push(asked("close", workload=ORIGIN))
    said = [(one.type, one.data.incident.kind) for one in story.said("IncidentOpened", "IncidentClosed")]
    assert ("Outerloop.IncidentOpened", "upstream") in said
    assert ("Outerloop.IncidentClosed", "upstream") in said
    assert {one.subject for one in story.said("IncidentClosed")} == {ORIGIN}


def test_every_order_of_arrival_ends_in_one_incident():
    heard = [of_other("flight-cancel"), of_other("flight-price"), window(3, drifted=1)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)):
        story = fleet_serving().push(*(heard[place] for place in order)).at("1d").expect(incidents=["open"])
        assert len(told(story)) == 1
        assert set(story.origins[ORIGIN].upstream.models) == {"flight-cancel", "flight-price", "flight-delay"}


def test_a_retraining_by_hand_is_not_held():
    story = drift_of_three(fleet_serving()).at("1h").push(asked("retrain", occurred_at=after("1h")))
    assert len(story.commands("Retrain")) == 1
