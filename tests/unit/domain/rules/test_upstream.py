"""An origin of shared features, by its rulings; whole stories are in ``tests/scenarios/test_upstream.py``."""

from datetime import timedelta

import pytest

from shared.domain.evaluate_shared import evaluate_upstream
from shared.domain.facts import Facts
from shared.domain.policy import Policy
from shared.domain.routing import UNMATCHED, out_of_scope, route
from shared.domain.situation import Setting
from shared.domain.telemetry_signals import FeatureScore
from shared.domain.values import replace
from shared.parsing.policy_file import policy_digest
from tests.unit.domain.builders import (
    NOW,
    SUBJECT,
    asked,
    breached,
    changed,
    codes,
    elapsed,
    finished,
    kinds,
    ordered,
    raw_policy,
    window,
)

ORIGIN = "upstream/dist*"
RULE = {"features": "dist*", "models_min": 2, "to": "ml_engineers"}


def policy_of(*rules):
    """The example and a workload beside it, with these origins."""
    raw = raw_policy(upstream=list(rules))
    own = {place: {"endpoint": f"flight-cancel-{place}"} for place in ("staging", "production")}
    second = changed(raw["workloads"][0], {"name": "flight-cancel", "model": "flight-cancel*", "environments": own})
    raw["workloads"].append(second)
    raw["workloads"][0]["model"] = "flight-delay*"
    return Policy.model_validate(raw)


POLICY = policy_of(RULE)
OTHER = window(3, drifted=1, endpoint="flight-cancel-production", dedup_key="other")


def decide(signal, facts=None, policy=POLICY, now=NOW):
    setting = Setting(
        policy=policy,
        policy_digest=policy_digest(policy),
        subject=ORIGIN,
        signal=signal,
        facts=facts or Facts(),
        now=now,
    )
    return evaluate_upstream(setting)


def opened():
    return decide(OTHER, decide(window(3, drifted=1)).facts)


def test_a_window_with_drift_on_a_shared_feature_concerns_its_origin_first():
    assert route(POLICY, window(3, drifted=1)) == (ORIGIN, SUBJECT)


@pytest.mark.parametrize(
    "calm",
    [
        window(3),
        window(3, drifted=1, rows=10),
        window(3, drifted=1, window="1d"),
        window(3, drifted=1, fault="the profile is gone"),
        window(3, scores=(FeatureScore(feature="carrier", score=0.9),)),
    ],
)
def test_a_window_without_it_concerns_the_workload_alone(calm):
    assert route(POLICY, calm) == (SUBJECT,)


def test_a_window_of_nobody_concerns_nobody():
    assert route(POLICY, window(3, drifted=1, endpoint="unknown")) == (UNMATCHED,)


def test_a_thousand_features_of_one_origin_are_one_subject():
    wide = tuple(FeatureScore(feature=f"distance {n}", score=0.9) for n in range(1_000))
    assert route(POLICY, window(3, scores=wide)) == (ORIGIN, SUBJECT)


def test_the_first_origin_that_names_a_feature_answers_for_it():
    narrow = policy_of(RULE | {"features": "distance"}, RULE)
    assert route(narrow, window(3, drifted=1)) == ("upstream/distance", SUBJECT)


def test_one_model_is_not_enough():
    first = decide(window(3, drifted=1))
    assert (codes(first), kinds(first)) == (["drifts", "few_models"], [])
    assert (first.decision.reasons[1].observed, first.decision.reasons[1].limit) == (1, 2)


def test_the_same_model_counts_once():
    again = decide(window(3, drifted=1, dedup_key="again"), decide(window(3, drifted=1)).facts)
    assert codes(again) == ["drifts", "few_models"]


def test_enough_models_open_one_incident_that_names_them():
    done = opened()
    assert (codes(done), kinds(done)) == (["drifts", "incident_opened"], ["Notify"])
    (incident,) = done.facts.incidents
    assert (incident.kind, incident.state) == ("upstream", "open")
    assert incident.detail == "distance drift in 2 models: flight-delay, flight-cancel"
    assert ordered(done, "Notify").persona == "ml_engineers"


def test_it_is_over_two_windows_and_a_half_after_the_last_such_window():
    (expiry,) = opened().holds
    assert (expiry.signal.purpose, expiry.due) == ("incident_expiry", NOW + 2.5 * timedelta(days=28))
    done = decide(expiry.signal, opened().facts, now=expiry.due)
    assert (codes(done), kinds(done)) == (["recovery"], ["Notify"])
    assert done.facts.incidents[0].closed_as == "recovered"
    assert done.facts.upstream.models == ()
    assert len(done.facts.upstream.windows) == 1


def test_an_end_that_is_about_another_incident_is_stale():
    done = decide(elapsed("incident_expiry", "another", subject=ORIGIN), opened().facts)
    assert (codes(done), done.facts) == (["stale"], opened().facts)


def test_a_person_can_ask_for_nothing_but_its_end():
    wish = asked("close", workload=ORIGIN)
    assert (out_of_scope(POLICY, wish), route(POLICY, wish)) == (None, (ORIGIN,))
    assert decide(wish, opened().facts).facts.incidents[0].closed_as == "done"
    assert codes(decide(asked("retrain", workload=ORIGIN), opened().facts)) == ["asked", "none_open"]
    assert codes(decide(wish)) == ["asked", "none_open"]


def test_an_origin_that_the_policy_does_not_have_is_nobodys():
    assert out_of_scope(POLICY, asked("close", workload="upstream/rain")).reason == "out_of_scope"


def test_an_origin_that_was_taken_out_of_the_policy_is_closed_without_a_word():
    without = policy_of(RULE | {"features": "carrier"})
    assert codes(decide(window(3, drifted=1), policy=without)) == ["stale"]
    closed = decide(asked("close", workload=ORIGIN), opened().facts, policy=without)
    assert (kinds(closed), closed.facts.incidents[0].state) == ([], "closed")


def test_what_its_own_commands_come_to_is_recorded():
    told = replace(finished("c", "Notify"), subject=ORIGIN, workload="")
    assert route(POLICY, told) == (ORIGIN,)
    assert decide(told).decision.rule == "operator"


def test_other_signals_are_recorded_and_nothing_else():
    assert decide(breached()).decision.verdict == "no_match"
