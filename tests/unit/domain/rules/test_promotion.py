import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import CheckResult, Facts
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.rules.promotion import WAITING_MAX
from shared.domain.values import replace
from tests.unit.domain.builders import (
    DEVELOPMENT,
    NOW,
    PRODUCTION,
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
    registered,
    retried,
    serving,
    situation,
    version,
)

ENDPOINT_GOOD = {"latency_p95_ms": 40.0, "error_rate": 0.0}
JOB_GOOD = {"auc": 0.7, "auc_vs_champion": 0.0}


def decide(signal, facts=None, **fields):
    return evaluate(situation(signal, facts, **fields))


def staged(*awaiting, **fields):
    return known(version("1"), version("2", "staging", awaiting=awaiting, **fields))


def in_testing(**passed):
    checks = [
        CheckResult(name="endpoint", command_id="probe", passed=passed.get("probe")),
        CheckResult(name="job", command_id="job", passed=passed.get("job")),
    ]
    open_ones = tuple(check.command_id for check in checks if check.passed is None)
    return known(version("1"), version("2", "testing", checks=tuple(checks), awaiting=open_ones))


def test_a_registration_starts_with_sharing_and_with_the_reference_profile():
    done = decide(registered("2"), serving("1"))
    assert kinds(done) == ["ShareModel", "RecordReference"]
    assert done.facts.versions["2"].state == "staging"
    assert set(done.facts.versions["2"].awaiting) == {command.id for command in done.decision.commands}
    assert ordered(done, "ShareModel").registry == "contoso-registry"


def test_a_version_knows_its_author_and_when_it_was_registered():
    born = decide(registered("2")).facts.versions["2"]
    assert (born.author, born.registered_at) == ("ada@contoso.com", registered("2").occurred_at)


@pytest.mark.parametrize("state", ["staging", "awaiting_approval", "serving", "rejected", "retired", "rolled_back"])
def test_a_version_that_is_known_does_not_start_again(state):
    facts = known(version("1"), version("2", state, approval=None), champion="1")
    done = decide(registered("2", dedup_key="told again"), facts)
    assert (codes(done), done.facts) == (["known_version"], facts)


def test_a_registration_outside_development_starts_nothing():
    assert codes(decide(registered("2", workspace=PRODUCTION))) == ["not_development"]


def test_an_older_version_than_the_champion_starts_nothing():
    done = decide(registered("0", occurred_at=version("1").registered_at.replace(year=2025)), serving("1"))
    assert (codes(done), "0" in done.facts.versions) == (["older_than_champion"], False)


def test_a_remedy_that_waited_until_it_was_too_old_has_failed():
    waiting = version("2", "registered", registered_at=NOW.replace(year=2025))
    facts = known(version("3"), waiting, incidents=(incident(remedy_version="2"),))
    done = decide(registered("2", occurred_at=NOW.replace(year=2025)), facts)
    assert done.facts.versions["2"].state == "retired"
    assert done.facts.incidents[0].closed_as == "failed"
    assert done.facts.fruitless == 1


def test_one_promotion_at_a_time_and_the_next_looks_again_after_a_bake():
    done = decide(registered("3"), staged("share"))
    assert (done.decision.verdict, codes(done)) == ("hold", ["promotion_under_way"])
    assert done.holds[0].due == after("30m")
    assert kinds(done.decision.planned) == ["ShareModel", "RecordReference"]
    assert done.facts.versions["3"].state == "registered"


def test_a_version_that_waited_starts_when_its_turn_comes():
    waiting = known(version("1"), version("2", "registered", registered_at=registered("2").occurred_at))
    done = evaluate(retried(registered("2"), waiting, "version 2"))
    assert (done.decision.verdict, done.facts.versions["2"].state, done.facts.held) == ("act", "staging", {})


def test_every_guard_that_holds_a_promotion_is_listed():
    facts = known(version("1"), version("2", "staging"), paused=True)
    done = decide(registered("3"), facts, policy=policy_with(mode="observe"))
    assert codes(done) == ["paused", "mode_observe", "promotion_under_way"]
    assert kinds(done) == []


@pytest.mark.parametrize("mode", ["act", "propose"])
def test_one_that_is_older_than_all_that_wait_is_superseded_at_once_and_nobody_is_asked_about_it(mode):
    facts = serving("1", paused=mode == "act")
    for number in range(3, 3 + WAITING_MAX):
        facts = decide(registered(str(number)), facts, policy=policy_with(mode=mode)).facts
    done = decide(registered("2"), facts, policy=policy_with(mode=mode))
    assert (done.decision.verdict, done.facts.versions["2"].state) == ("suppress", "retired")
    assert codes(done)[-1] == "superseded"
    assert (kinds(done), done.holds) == ([], ())
    assert len(done.facts.held) == WAITING_MAX


@pytest.mark.parametrize(("moved_to", "code"), [("elsewhere", "out_of_scope"), ("staging", "not_development")])
def test_what_waited_in_a_workspace_that_is_no_longer_development_does_not_begin(moved_to, code):
    """The guard of the scope holds what comes from nowhere of ours; another environment of ours is no development."""
    facts = decide(registered("2"), serving("1", paused=True)).facts
    (hold_id,) = facts.held
    elsewhere = policy_with(environments={"development": {"workspace": f"{DEVELOPMENT}-new"}})
    swapped = policy_with(
        environments={"development": {"workspace": f"{DEVELOPMENT}-new"}, "staging": {"workspace": DEVELOPMENT}}
    )
    policy = elsewhere if moved_to == "elsewhere" else swapped
    woken = elapsed("retry", "version 2", hold_id=hold_id)
    done = decide(woken, replace(facts, paused=False), original=registered("2"), policy=policy)
    assert codes(done) == [code]
    assert kinds(done) == []


def test_of_many_that_wait_the_oldest_are_superseded():
    facts = serving("1", paused=True)
    for number in range(2, 3 + WAITING_MAX):
        done = decide(registered(str(number)), facts)
        facts = done.facts
    waiting = [known.version for known in facts.versions.values() if known.state == "registered"]
    assert (len(waiting), facts.versions["2"].state) == (WAITING_MAX, "retired")
    assert len(done.released) == 1
    assert len(facts.held) == WAITING_MAX


def test_staging_waits_for_both_the_model_and_its_reference():
    done = decide(finished("share", "ShareModel"), staged("share", "reference"))
    assert (codes(done), kinds(done)) == (["waiting"], [])
    done = decide(finished("reference", "RecordReference"), done.facts)
    deployment = ordered(done, "DeployModel")
    assert (deployment.endpoint, deployment.deployment) == ("flight-delay-stg", "version-2")
    assert deployment.model_ref == "azureml://registries/contoso-registry/models/flight-delay/versions/2"


@pytest.mark.parametrize("kind", ["ShareModel", "RecordReference", "DeployModel"])
@pytest.mark.parametrize("outcome", [failure(), Skipped(reason="limit")])
def test_whatever_fails_in_staging_ends_the_candidate_and_tells_its_people(kind, outcome):
    done = decide(finished("c", kind, outcome), staged("c", "other"))
    assert (done.facts.versions["2"].state, done.facts.versions["2"].awaiting) == ("rejected", ())
    assert ordered(done, "Notify").title == "flight-delay: version 2 was not promoted (staging failed)"


def test_in_staging_every_check_of_the_policy_starts_at_once():
    done = decide(finished("deploy", "DeployModel"), staged("deploy"))
    assert kinds(done) == ["CheckEndpoint", "RunEvaluation"]
    testing = done.facts.versions["2"]
    assert testing.state == "testing"
    assert [check.command_id for check in testing.checks] == [command.id for command in done.decision.commands]
    assert ordered(done, "RunEvaluation").champion_ref == "azureml:flight-delay:1"
    assert ordered(done, "CheckEndpoint").payload == "sample_request.json"


def test_two_checks_by_the_same_component_are_two_commands():
    checks = [{"kind": "job", "component": "c", "data": data, "metrics": {"auc_min": 0.5}} for data in ("d1", "d2")]
    policy = policy_with(promotion={"staging": {"checks": checks}})
    done = decide(finished("deploy", "DeployModel"), staged("deploy"), policy=policy)
    assert len({command.id for command in done.decision.commands}) == 2


def test_a_check_that_passes_waits_for_the_others():
    done = decide(finished("probe", "CheckEndpoint", **ENDPOINT_GOOD), in_testing())
    assert (codes(done), done.facts.versions["2"].checks[0].passed) == (["waiting"], True)


def test_a_check_that_fails_waits_for_the_others_too_so_that_people_hear_all_of_it():
    done = decide(finished("probe", "CheckEndpoint", latency_p95_ms=1900.0, error_rate=0.0), in_testing())
    assert (codes(done), done.facts.versions["2"].state) == (["waiting"], "testing")
    done = decide(finished("job", "RunEvaluation", auc=0.5, auc_vs_champion=0.0), done.facts)
    assert codes(done) == ["check_failed", "check_failed"]
    assert done.facts.versions["2"].state == "rejected"


def test_when_every_check_passed_a_person_is_asked():
    done = decide(finished("job", "RunEvaluation", **JOB_GOOD), in_testing(probe=True))
    assert (done.facts.versions["2"].state, kinds(done)) == ("awaiting_approval", ["RequestApproval"])


@pytest.mark.parametrize("data", [{}, {"auc": 0.65, "auc_vs_champion": 0.1}, {"auc": 0.7, "auc_vs_champion": -0.1}])
def test_a_candidate_that_is_not_good_enough_is_rejected_and_cleaned_up(data):
    done = decide(finished("job", "RunEvaluation", Succeeded(data=data)), in_testing(probe=True))
    assert (done.facts.versions["2"].state, kinds(done)) == ("rejected", ["Notify", "RemoveDeployment"])
    assert ordered(done, "RemoveDeployment").endpoint == "flight-delay-stg"


def test_a_check_that_could_not_run_fails_with_its_reason():
    done = decide(finished("job", "RunEvaluation", failure("the cluster is gone")), in_testing(probe=True))
    assert "the cluster is gone" in done.decision.reasons[0].text


def test_a_first_version_is_not_compared_with_a_champion():
    first = known(*[v for v in in_testing(probe=True).versions.values() if v.version == "2"])
    assert decide(finished("job", "RunEvaluation", auc=0.7), first).facts.versions["2"].state == "awaiting_approval"


def test_the_refusal_of_a_remedy_is_a_fruitless_retraining():
    facts = replace(in_testing(probe=True), incidents=(incident(remedy_version="2"),))
    done = decide(finished("job", "RunEvaluation", auc=0.1, auc_vs_champion=0.0), facts)
    assert (done.facts.fruitless, done.facts.incidents[0].closed_as) == (1, "failed")


def test_nothing_is_known_before_the_first_registration():
    assert decide(registered("1"), Facts()).facts.champion == ""
