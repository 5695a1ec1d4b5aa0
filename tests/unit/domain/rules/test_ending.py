import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.rules.ending import go_back
from shared.domain.situation import because
from shared.domain.values import replace
from tests.unit.domain.builders import (
    BROKEN,
    CHECKS,
    HEALTHY,
    NOW,
    after,
    asked,
    codes,
    elapsed,
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
BLOCKED = {"paused": True, "fruitless": 99, "retrained_at": (NOW,) * 9}


def decide(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def baked(facts, **traffic):
    """What is decided at the end of the bake of the step that is in force."""
    rollout = facts.rollout
    about = f"{rollout.version}/{rollout.step}/{rollout.looks}"
    samples = {name.replace("_", "-"): sample for name, sample in traffic.items()}
    return decide(elapsed("bake", about), facts, traffic=samples or BOTH_HEALTHY, now=after("30m"))


@pytest.mark.parametrize("percent", [10, 50, 100])
def test_a_failure_is_one_write_back_to_the_champion(percent):
    done = baked(rolling(percent=percent), version_1=HEALTHY, version_2=BROKEN)
    assert kinds(done) == ["RollBackTraffic", "Notify"]
    write = ordered(done, "RollBackTraffic")
    assert write.traffic == {"version-1": 100, "version-2": 0}
    assert sum(write.traffic.values()) == 100
    assert write.until == after("45m")
    assert (done.facts.champion, done.facts.rollout) == ("1", None)
    assert (done.facts.incidents[0].kind, done.facts.incidents[0].closed_as) == ("rollout_failed", "rolled_back")
    assert "error_rate" in ordered(done, "Notify").facts


def test_a_remedy_that_is_rolled_back_has_failed():
    facts = replace(rolling(), incidents=(incident(remedy_version="2"),))
    done = baked(facts, version_1=HEALTHY, version_2=BROKEN)
    assert [known.closed_as for known in done.facts.incidents] == ["failed", "rolled_back"]
    assert done.facts.fruitless == 1


def test_a_rollback_of_a_first_version_takes_all_traffic_away():
    done = decide(asked("rollback"), rolling("1", over="", pending="write"))
    assert ordered(done, "RollBackTraffic").traffic == {"version-1": 0}
    assert done.facts.champion == ""


@pytest.mark.parametrize("policy", [policy_with(), policy_with(mode="observe")], ids=["act", "observe"])
def test_a_rollback_during_a_rollout_is_held_by_nothing(policy):
    facts = Facts(**{field: getattr(rolling(), field) for field in ("versions", "champion", "rollout")}, **BLOCKED)
    done = decide(asked("rollback", depth=999), facts, policy=policy)
    assert (done.decision.verdict, kinds(done)) == ("act", ["RollBackTraffic", "Notify"])
    assert ordered(done, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}


@pytest.mark.parametrize("policy", [policy_with(), policy_with(mode="observe")], ids=["act", "observe"])
def test_a_rollback_to_the_warm_standby_is_held_by_nothing(policy):
    facts = known(version("1", "standby"), version("2"), **BLOCKED)
    done = decide(asked("rollback"), facts, policy=policy)
    assert ordered(done, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}
    assert (done.facts.champion, done.facts.standby, done.facts.standby_until) == ("1", "", None)
    assert {v.version: v.state for v in done.facts.versions.values()} == {"1": "serving", "2": "rolled_back"}
    assert done.released == (situation(asked("rollback"), facts).wake("standby_expiry", "1", NOW).id,)


def test_a_standby_is_warm_until_its_time_is_over():
    facts = known(version("1", "standby"), version("2"), standby_until=after("1h"))
    assert decide(asked("rollback"), facts, now=after("59m")).decision.verdict == "act"
    done = decide(asked("rollback"), facts, now=after("1h"))
    assert (codes(done), done.facts) == (["no_standby"], facts)


@pytest.mark.parametrize("facts", [Facts(), serving("1")], ids=["nothing serves", "nothing is warm"])
def test_a_rollback_to_nothing_is_refused_with_the_reason(facts):
    assert codes(decide(asked("rollback"), facts)) == ["no_standby"]


def test_a_version_that_is_rolled_back_leaves_nothing_behind_in_staging():
    tested = version("2", "rolling_out", checks=CHECKS)
    done = baked(rolling().with_version(tested), version_1=HEALTHY, version_2=BROKEN)
    assert kinds(done) == ["RollBackTraffic", "Notify", "RemoveDeployment"]
    removal = ordered(done, "RemoveDeployment")
    assert (removal.endpoint, removal.production) == ("flight-delay-stg", False)


@pytest.mark.parametrize("facts", [rolling(), known(version("1", "standby"), version("2"))])
def test_going_back_records_and_tells_whatever_reason_it_is_given(facts):
    ruling = go_back(situation(asked("rollback"), facts), because("alert", "the alert fired"))
    assert codes(ruling) == ["alert"]
    assert ordered(ruling, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}
    assert ordered(ruling, "Notify").facts == {"alert": "the alert fired"}
