import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.outcomes import Skipped
from shared.domain.rules.rollout import go_back, traffic_for
from shared.domain.situation import because
from shared.domain.values import replace
from tests.unit.domain.builders import (
    BROKEN,
    CHECKS,
    HEALTHY,
    NOW,
    SCARCE,
    after,
    asked,
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


def test_a_later_version_begins_with_the_first_step():
    done = decide(finished("c", "CheckEndpoint", **GOOD), deploying("probing"))
    write = ordered(done, "SetTraffic")
    assert write.traffic == {"version-2": 10, "version-1": 90}
    rollout = done.facts.rollout
    assert (rollout.version, rollout.champion, rollout.percent, rollout.pending) == ("2", "1", 10, write.id)


def test_a_first_version_takes_everything_at_once():
    done = decide(finished("c", "CheckEndpoint", **GOOD), known(version("2", "probing", awaiting=("c",))))
    write = ordered(done, "SetTraffic")
    assert write.traffic == {"version-2": 100}
    done = decide(finished(write.id, "SetTraffic"), done.facts)
    assert (done.facts.champion, done.facts.standby, done.facts.rollout) == ("2", "", None)
    assert codes(done) == ["first_version"]
    assert done.holds == ()


@pytest.mark.parametrize(("over", "percent"), [("1", 10), ("1", 100), ("", 100)])
def test_a_traffic_map_is_always_the_whole(over, percent):
    assert sum(traffic_for(rolling("2", over).rollout, percent).values()) == 100


def test_a_step_bakes_from_the_moment_that_its_traffic_is_in_force():
    facts = rolling(pending="write", step_started_at=None)
    done = decide(finished("write", "SetTraffic"), facts, now=after("5m"))
    assert done.facts.rollout.step_started_at == after("5m")
    (hold,) = done.holds
    assert (hold.signal.purpose, hold.signal.about, hold.due) == ("bake", "2/0/0", after("35m"))


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


def test_counts_of_one_step_do_not_burden_the_next():
    done = baked(rolling(inconclusive=5, no_data=5, looks=10))
    rollout = done.facts.rollout
    assert (rollout.looks, rollout.failures, rollout.inconclusive, rollout.no_data) == (0, 0, 0, 0)


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


BLOCKED = {"paused": True, "fruitless": 99, "retrained_at": (NOW,) * 9}


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


def test_a_standby_ends_and_its_deployment_is_removed():
    facts = known(version("1", "standby"), version("2"))
    done = decide(elapsed("standby_expiry", "1"), facts)
    assert (done.facts.versions["1"].state, done.facts.standby) == ("retired", "")
    assert ordered(done, "RemoveDeployment").deployment == "version-1"


def test_a_standby_that_serves_again_is_not_removed():
    done = decide(elapsed("standby_expiry", "1"), serving("1"))
    assert (codes(done), kinds(done)) == (["stale"], [])


def test_an_older_standby_that_ends_does_not_take_the_newer_one_with_it():
    facts = known(version("1", "standby"), version("2", "standby"), version("3"), standby="2")
    done = decide(elapsed("standby_expiry", "1"), facts)
    assert (done.facts.standby, done.facts.standby_until) == ("2", facts.standby_until)


def test_no_deployment_is_removed_while_a_rollout_may_have_to_go_back():
    facts = replace(rolling("3", over="2"), standby="1", standby_until=NOW).with_version(version("1", "standby"))
    done = decide(elapsed("standby_expiry", "1"), facts)
    assert (done.decision.verdict, kinds(done), codes(done)) == ("hold", [], ["rollout_under_way"])
    assert done.facts.versions["1"].state == "standby"
    assert [(hold.signal.purpose, hold.due) for hold in done.holds] == [("standby_expiry", after("30m"))]


def test_a_paused_rollout_takes_no_further_step():
    done = baked(replace(rolling(), paused=True))
    assert (done.decision.verdict, kinds(done), codes(done)[-1]) == ("hold", [], "paused")
    assert (done.facts.rollout.percent, done.holds[0].signal.about) == (10, "2/0/1")
    assert (done.facts.rollout.inconclusive, done.facts.rollout.no_data) == (0, 0)


def test_a_paused_rollout_that_fails_goes_back_all_the_same():
    done = baked(replace(rolling(), paused=True), version_1=HEALTHY, version_2=BROKEN)
    assert "RollBackTraffic" in kinds(done)


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
