"""What is ordered to train a candidate anew, and what is made of its end, decision by decision."""

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.outcomes import Refusal, Skipped
from shared.domain.rules.staging_training import TEXT_MAX, awaited, counted, order
from tests.unit.domain.builders import (
    NOW,
    POLICY,
    after,
    codes,
    failure,
    finished,
    kinds,
    known,
    policy_with,
    registered,
    retried,
    serving,
    situation,
    version,
)

TRAINING = {"component": "azureml:flight_train@latest", "data": "azureml:flights-in-production@latest"}
RETRAINING = policy_with(promotion={"staging": {"retrain": TRAINING}})
IN_TRAINING = known(version("1"), version("2", "staging", awaiting=("training",)), retrained_in_staging_at=(NOW,))
REFUSAL = Refusal(code="budget_reserved", text="no room", observed=90.0, limit="100 EUR", until=after("5h"))
REFUSED = Skipped(reason="limit: no room", until=after("5h"), refusals=(REFUSAL,))


def ended(outcome=None, facts=IN_TRAINING, policy=RETRAINING, **data):
    return evaluate(situation(finished("training", "Retrain", outcome, **data), facts, policy=policy))


def test_nothing_is_ordered_when_the_policy_asks_for_nothing():
    assert order(situation(registered("2"), policy=POLICY), version("2")) is None


def test_the_same_decision_orders_the_same_training():
    here = situation(registered("2"), policy=RETRAINING)
    assert order(here, version("2")) == order(here, version("2"))


def test_a_training_is_a_candidates_only_while_that_waits_for_it():
    assert awaited(IN_TRAINING, "training")
    assert not awaited(IN_TRAINING, "a remedy")


def test_only_the_newest_trainings_are_kept_for_the_limits():
    facts = serving("1", retrained_in_staging_at=tuple(after(f"{hour}h") for hour in range(80)))
    kept = counted(situation(registered("2"), facts), facts).retrained_in_staging_at
    assert (len(kept), kept[-1]) == (50, NOW)


def test_the_environment_that_is_shared_beside_it_is_waited_for_still():
    facts = known(version("1"), version("2", "staging", awaiting=("environment", "training")))
    done = ended(facts=facts, model_version="2")
    assert kinds(done) == ["ShareModel", "RecordReference"]
    assert done.facts.versions["2"].awaiting[0] == "environment"
    assert "training" not in done.facts.versions["2"].awaiting


def test_a_failure_is_told_with_its_reason_and_takes_no_traffic():
    done = ended(failure("out of memory"))
    assert (codes(done), kinds(done)) == (["staging_training_failed"], ["Notify"])
    assert "out of memory" in done.decision.reasons[0].text


def test_what_is_kept_of_a_long_reason_is_short():
    lenient = policy_with(promotion={"staging": {"retrain": {**TRAINING, "otherwise": "as_registered"}}})
    done = ended(failure("no " * 1000), policy=lenient)
    kept = done.facts.versions["2"]
    assert len(kept.retraining) == TEXT_MAX
    assert (kept.retrained_as, kept.served_model) == ("", "flight-delay")
    assert kept.retraining.endswith("it goes on as it was registered")


def test_a_refused_training_counts_towards_no_limit_and_waits():
    done = ended(REFUSED)
    assert (done.decision.verdict, codes(done)) == ("hold", ["budget_reserved"])
    assert done.facts.retrained_in_staging_at == ()
    (hold,) = done.holds
    assert hold.due == after("5h")


@pytest.mark.parametrize(
    ("facts", "code"), [({"retrained_at": (after("5h"), after("5h"))}, "limit"), ({}, "limit_waited")]
)
def test_when_there_is_room_again_the_workloads_own_limits_are_asked_before_it_is_ordered_anew(facts, code):
    waiting = known(version("1"), version("2", "staging", awaiting=("training",)), **facts)
    here = retried(finished("training", "Retrain", REFUSED), waiting, "version 2", now=after("5h"), policy=RETRAINING)
    done = evaluate(here)
    assert codes(done) == [code]
    assert kinds(done) == (["Retrain"] if code == "limit_waited" else [])
    assert (done.facts.retrained_in_staging_at == (after("5h"),)) == (code == "limit_waited")


def test_an_end_that_no_candidate_waits_for_is_no_news():
    done = ended(facts=known(version("1"), version("2", "rejected")), model_version="2")
    assert codes(done) == ["stale"]
