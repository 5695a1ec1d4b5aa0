import pytest

from shared.domain.evaluate import evaluate
from shared.domain.outcomes import Skipped
from shared.domain.values import replace
from tests.unit.domain.builders import (
    codes,
    failure,
    finished,
    kinds,
    known,
    ordered,
    situation,
    version,
)

GOOD = {"latency_p95_ms": 40.0, "error_rate": 0.0}


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def deploying(state="deploying", **fields):
    return known(version("1"), version("2", state, awaiting=("c",)), **fields)


def test_a_deployment_is_probed_before_it_takes_any_traffic():
    done = decide(finished("c", "DeployModel"), deploying())
    probe = ordered(done, "CheckEndpoint")
    assert (probe.endpoint, probe.deployment, probe.requests) == ("flight-delay", "version-2", 50)
    assert done.facts.versions["2"].state == "probing"
    assert done.facts.versions["2"].awaiting == (probe.id,)


@pytest.mark.parametrize("outcome", [failure(), Skipped(reason="stale plan")])
@pytest.mark.parametrize(("state", "kind"), [("deploying", "DeployModel"), ("probing", "CheckEndpoint")])
def test_a_candidate_that_fails_before_traffic_is_rejected_and_the_endpoint_left_alone(state, kind, outcome):
    done = decide(finished("c", kind, outcome), deploying(state))
    assert done.facts.versions["2"].state == "rejected"
    assert (done.facts.champion, done.facts.rollout) == ("1", None)
    assert "SetTraffic" not in kinds(done)


@pytest.mark.parametrize("data", [{}, {"latency_p95_ms": 3001.0, "error_rate": 0.0}, {**GOOD, "error_rate": 0.021}])
def test_a_probe_that_is_not_good_enough_rejects_the_candidate(data):
    done = decide(finished("c", "CheckEndpoint", **data), deploying("probing"))
    assert (codes(done), done.facts.versions["2"].state) == (["probe"], "rejected")


@pytest.mark.parametrize(
    ("others", "traffic"), [((version("1"),), {"version-2": 10, "version-1": 90}), ((), {"version-2": 100})]
)
def test_a_version_that_was_probed_while_paused_takes_its_first_traffic_once_resumed(others, traffic):
    facts = known(*others, version("2", "probing", awaiting=("c",)), paused=True)
    done = decide(finished("c", "CheckEndpoint", **GOOD), facts)
    assert (done.decision.verdict, kinds(done), codes(done)) == ("hold", [], ["probe", "paused"])
    (bake,) = done.holds
    still = decide(bake.signal, done.facts)
    assert (still.decision.verdict, kinds(still)) == ("hold", [])
    (bake,) = still.holds
    assert ordered(decide(bake.signal, replace(still.facts, paused=False)), "SetTraffic").traffic == traffic
