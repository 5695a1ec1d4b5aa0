"""Delivery shape must not matter: whatever is heard twice, late or out of order, the end is the same."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.outcomes import Succeeded
from shared.domain.platform_signals import DataDeleted
from shared.domain.values import encode
from tests.scenarios.timeline import Timeline, told_in_order
from tests.unit.domain.builders import (
    DATA_RULE,
    NOW,
    PRODUCTION,
    arrived,
    asked,
    breached,
    finished,
    known,
    registered,
    requiring,
    serving,
    steady,
    version,
    window,
)

INDEPENDENT = (
    *(window(month, drifted=2 if month in {3, 7} else 0) for month in range(3, 9)),
    *(window(month, drifted=1, number="2") for month in range(3, 9)),
    window(3, number="7", dedup_key="a deployment that nobody knows"),
    registered("8", dedup_key="registered in production", workspace=PRODUCTION),
    registered("9", dedup_key="another model", model_name="house-prices"),
    registered("1", dedup_key="known for long", occurred_at=NOW - timedelta(days=9)),
    breached("another monitor", monitor_signal="house_prices_drift"),
    finished("nobody waits for it", "Notify"),
    asked("lift_freeze"),
)


def with_repeats(signals):
    """Any order of the signals, some of them delivered again."""
    again = st.lists(st.sampled_from(signals), max_size=len(signals))
    return again.flatmap(lambda more: st.permutations([*signals, *more]))


@given(with_repeats(INDEPENDENT))
@steady
def test_independent_signals_twice_and_in_any_order_end_in_the_same_facts(deliveries):
    start = known(version("1"), version("2", "standby"))
    reference = told_in_order(Timeline(facts=start), INDEPENDENT)
    assert encode(told_in_order(Timeline(facts=start), deliveries)) == encode(reference)


def candidate_in_pieces():
    """A candidate whose commands are answered when the test says so."""
    story = Timeline(facts=serving("1"))
    for kind in ("ShareModel", "RecordReference", "DeployModel", "CheckEndpoint", "RunEvaluation"):
        story.azure.next(kind, None)
    return story.push(registered("2"))


SHARED = Succeeded()
CHECKED = {
    "CheckEndpoint": Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.0}),
    "RunEvaluation": Succeeded(data={"auc": 0.7, "auc_vs_champion": 0.0}),
}


def deliver(story, kinds, outcomes):
    """The ends of the commands of these kinds, in this order, repeats included."""
    for kind in kinds:
        story.finish(story.commands(kind)[0], outcomes.get(kind, SHARED))


@given(with_repeats(("ShareModel", "RecordReference")), with_repeats(("CheckEndpoint", "RunEvaluation")))
@steady
def test_commands_that_end_twice_and_in_any_order_lead_to_one_question(shares, checks):
    story = candidate_in_pieces()
    deliver(story, shares, {})
    deliver(story, ["DeployModel"], {})
    deliver(story, checks, CHECKED)
    story.expect(versions={"1": "serving", "2": "awaiting_approval"})
    assert len(story.commands("DeployModel")) == len(story.commands("RequestApproval")) == 1


@given(st.permutations([*(window(month, drifted=2) for month in range(3, 7)), breached("run-1"), breached("run-2")]))
@steady
def test_drift_in_any_order_is_one_incident_with_one_remedy(signals):
    story = Timeline(facts=serving("1")).push(*signals, *signals)
    story.expect(incidents=["remedying"])
    assert len(story.commands("Retrain")) == 1


@given(st.permutations(["registered", "trained"]))
@steady
def test_the_end_of_the_training_and_its_registration_may_come_in_either_order(order):
    story = Timeline(facts=serving("1")).push(*(window(month, drifted=2) for month in (3, 4, 5)))
    (training,) = story.commands("Retrain")
    for news in order:
        if news == "registered":
            story.push(registered("2"))
        else:
            story.finish(training, Succeeded(data={"model_version": "2"}))
    story.approve("2").at("2h").push(window(6, number="2"))
    story.expect(champion="2", incidents=["helped"])


FILES = [arrived("01.csv", sequencer="1"), arrived("01.csv", sequencer="2"), arrived("02.csv"), arrived("03.csv")]
GONE = arrived("03.csv", DataDeleted, sequencer="2")


@given(with_repeats([*FILES, GONE]))
@steady
def test_files_twice_and_in_any_order_are_the_same_files(deliveries):
    story = Timeline(requiring(DATA_RULE, new_files_min=4), serving("1"))
    arrivals = told_in_order(story, deliveries).arrivals
    assert (arrivals.count, arrivals.size_bytes) == (2, 2000)
    assert story.commands("Retrain") == []


@given(with_repeats(FILES))
@steady
def test_enough_files_in_any_order_are_one_retraining(deliveries):
    story = Timeline(requiring(DATA_RULE, new_files_min=3), serving("1")).push(*deliveries).at("1d")
    assert len(story.commands("Retrain")) == 1
