import pytest

from shared.domain.evaluate import evaluate
from shared.domain.values import replace
from tests.unit.domain.builders import (
    BROKEN,
    HEALTHY,
    SCARCE,
    after,
    codes,
    elapsed,
    failure,
    finished,
    incident,
    kinds,
    known,
    ordered,
    policy_with,
    rolling,
    serving,
    situation,
    version,
)

BOTH_HEALTHY = {"version-1": HEALTHY, "version-2": HEALTHY}
GOOD = {"latency_p95_ms": 40.0, "error_rate": 0.0}
LIMITS = policy_with().workloads[0].promotion.rollout.analysis


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


def test_a_first_version_takes_everything_at_once():
    done = decide(finished("c", "CheckEndpoint", **GOOD), known(version("2", "probing", awaiting=("c",))))
    write = ordered(done, "SetTraffic")
    assert write.traffic == {"version-2": 100}
    done = decide(finished(write.id, "SetTraffic"), done.facts)
    assert (done.facts.champion, done.facts.standby, done.facts.rollout) == ("2", "", None)
    assert codes(done) == ["first_version"]
    assert done.holds == ()


def test_a_step_bakes_from_the_moment_that_its_traffic_is_in_force():
    facts = rolling(pending="write", step_started_at=None)
    done = decide(finished("write", "SetTraffic"), facts, now=after("5m"))
    assert done.facts.rollout.step_started_at == after("5m")
    (hold,) = done.holds
    assert (hold.signal.purpose, hold.signal.about, hold.due) == ("bake", "2/0/0", after("10m")), "a look"
    assert done.facts.rollout.baked_at == after("35m")


@pytest.mark.parametrize(("percent", "onward"), [(10, 50), (50, 100)])
def test_a_step_that_passes_leads_to_the_next(percent, onward):
    done = baked(rolling(percent=percent))
    assert ordered(done, "SetTraffic").traffic == {"version-2": onward, "version-1": 100 - onward}
    assert done.facts.rollout.pending == ordered(done, "SetTraffic").id
    assert (done.facts.champion, done.facts.rollout.step_started_at) == ("1", None)


def test_the_last_step_makes_it_the_champion_and_keeps_the_old_one_warm():
    done = baked(rolling(percent=100, step=2))
    facts = done.facts
    assert (facts.champion, facts.standby, facts.rollout) == ("2", "1", None)
    assert facts.standby_until == after("30m").replace(day=5)
    assert {v.version: v.state for v in facts.versions.values()} == {"1": "standby", "2": "serving"}
    assert [hold.signal.purpose for hold in done.holds] == ["standby_expiry"]
    assert kinds(done) == ["Notify"]


def test_the_version_that_mends_an_incident_is_verified_from_now_on():
    facts = replace(rolling(percent=100), incidents=(incident(remedy_version="2"),))
    done = baked(facts)
    assert done.facts.incidents[0].state == "verifying"
    assert [hold.signal.purpose for hold in done.holds] == ["standby_expiry", "verify_deadline"]


def test_an_inconclusive_step_holds_and_bakes_again():
    done = baked(rolling(), version_1=HEALTHY, version_2=SCARCE)
    assert (done.decision.verdict, codes(done), kinds(done)) == ("hold", ["sample"], [])
    assert (done.facts.rollout.inconclusive, done.facts.rollout.percent) == (1, 10)
    assert done.holds[0].signal.about == "2/0/1"


@pytest.mark.parametrize(
    ("counter", "limit", "traffic"),
    [
        ("inconclusive", LIMITS.inconclusive_limit, {"version_1": HEALTHY, "version_2": SCARCE}),
        ("no_data", LIMITS.no_data_limit, {"version_1": HEALTHY}),
    ],
)
def test_what_stays_unknown_is_held_up_to_its_own_limit_and_then_given_up(counter, limit, traffic):
    facts = rolling(**{counter: limit - 1})
    assert baked(facts, **traffic).decision.verdict == "hold"
    done = baked(rolling(**{counter: limit}), **traffic)
    assert ordered(done, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}
    assert done.facts.versions["2"].state == "rolled_back"


def test_a_limit_of_failures_allows_that_many():
    policy = policy_with(promotion={"rollout": {"analysis": {"failure_limit": 1}}})
    traffic = {"version-1": HEALTHY, "version-2": BROKEN}
    first = decide(elapsed("bake", "2/0/0"), rolling(), policy=policy, traffic=traffic)
    assert (first.decision.verdict, first.facts.rollout.failures) == ("hold", 1)
    second = decide(elapsed("bake", "2/0/1"), first.facts, policy=policy, traffic=traffic)
    assert "RollBackTraffic" in kinds(second)


def test_traffic_that_cannot_be_set_is_given_up():
    facts = rolling(pending="write", step_started_at=None)
    done = decide(finished("write", "SetTraffic", failure()), facts)
    assert (codes(done), kinds(done)) == (["traffic_not_set"], ["RollBackTraffic", "Notify"])


@pytest.mark.parametrize("about", ["2/1/0", "2/0/1", "3/0/0", "nonsense", ""])
def test_the_end_of_another_bake_changes_nothing(about):
    facts = rolling()
    done = decide(elapsed("bake", about), facts, traffic=BOTH_HEALTHY)
    assert (codes(done), done.facts) == (["stale"], facts)


def test_a_bake_that_ends_while_traffic_is_being_set_changes_nothing():
    facts = rolling(pending="write")
    assert baked(facts).facts == facts


def test_a_traffic_write_of_a_step_that_is_over_changes_nothing():
    for facts in (rolling(pending="newer"), serving("1")):
        done = decide(finished("older", "SetTraffic"), facts)
        assert (codes(done), done.facts) == (["stale"], facts)


def test_a_paused_rollout_takes_no_further_step():
    done = baked(replace(rolling(), paused=True))
    assert (done.decision.verdict, kinds(done), codes(done)[-1]) == ("hold", [], "paused")
    assert (done.facts.rollout.percent, done.holds[0].signal.about) == (10, "2/0/1")
    assert (done.facts.rollout.inconclusive, done.facts.rollout.no_data) == (0, 0)


def test_a_paused_rollout_that_fails_goes_back_all_the_same():
    done = baked(replace(rolling(), paused=True), version_1=HEALTHY, version_2=BROKEN)
    assert "RollBackTraffic" in kinds(done)
