import pytest

from shared.domain.evaluate import evaluate
from shared.domain.rules.steps import traffic_for
from tests.unit.domain.builders import (
    HEALTHY,
    after,
    elapsed,
    finished,
    known,
    ordered,
    rolling,
    situation,
    version,
)

BOTH_HEALTHY = {"version-1": HEALTHY, "version-2": HEALTHY}
GOOD = {"latency_p95_ms": 40.0, "error_rate": 0.0}


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def baked(facts, **traffic):
    """What is decided at the end of the bake of the step that is in force."""
    rollout = facts.rollout
    about = f"{rollout.version}/{rollout.step}/{rollout.looks}"
    samples = {name.replace("_", "-"): sample for name, sample in traffic.items()}
    return decide(elapsed("bake", about), facts, traffic=samples or BOTH_HEALTHY, now=after("30m"))


def deploying(state="deploying", **fields):
    return known(version("1"), version("2", state, awaiting=("c",)), **fields)


def test_a_later_version_begins_with_the_first_step():
    done = decide(finished("c", "CheckEndpoint", **GOOD), deploying("probing"))
    write = ordered(done, "SetTraffic")
    assert write.traffic == {"version-2": 10, "version-1": 90}
    rollout = done.facts.rollout
    assert (rollout.version, rollout.champion, rollout.percent, rollout.pending) == ("2", "1", 10, write.id)


@pytest.mark.parametrize(("over", "percent"), [("1", 10), ("1", 100), ("", 100)])
def test_a_traffic_map_is_always_the_whole(over, percent):
    assert sum(traffic_for(rolling("2", over).rollout, percent).values()) == 100


def test_counts_of_one_step_do_not_burden_the_next():
    done = baked(rolling(inconclusive=5, no_data=5, looks=10))
    rollout = done.facts.rollout
    assert (rollout.looks, rollout.failures, rollout.inconclusive, rollout.no_data) == (0, 0, 0, 0)
