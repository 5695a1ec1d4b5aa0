import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.plans import given_back, stale, waits
from shared.domain.rules import staging_training
from shared.domain.values import replace
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    asked,
    incident,
    known,
    ordered,
    policy_with,
    registered,
    rolling,
    serving,
    situation,
    version,
)
from tests.unit.services.signals import promote

WITH_TRAINING = {"staging": {"retrain": {"component": "azureml:train@latest", "data": "azureml:recent@latest"}}}


def decided(signal, facts, **fields):
    return evaluate(situation(signal, facts, **fields))


def whole_story():
    """A story in which every kind of command was ordered, and the facts at each decision."""
    story, moments = Timeline(facts=serving("1")), []
    carry_out = story.azure.carry_out
    story.azure.carry_out = lambda command: (moments.append((command, story.facts)), carry_out(command))[1]
    story.push(registered("2")).approve("2").at("31m").push(asked("rollback")).push(asked("retrain"))
    story.push(registered("3")).approve("3").at("80h")
    return moments


def test_what_was_just_ordered_is_wanted():
    for command, facts in whole_story():
        assert stale(command, facts) == "", type(command).__name__


def test_a_traffic_step_that_a_rollback_overtook_must_not_begin():
    steps = [(command, facts) for command, facts in whole_story() if type(command).__name__ == "SetTraffic"]
    rolled_back = decided(asked("rollback"), steps[0][1]).facts
    assert "is over" in stale(steps[0][0], rolled_back)


def test_a_rollback_is_never_stale():
    done = decided(asked("rollback"), rolling())
    assert stale(ordered(done, "RollBackTraffic"), serving("7")) == ""


@pytest.mark.parametrize(
    "kind", ["ShareModel", "RecordReference", "DeployModel", "CheckEndpoint", "RunEvaluation", "Retrain"]
)
def test_what_nobody_waits_for_any_more_must_not_begin(kind):
    command = next(command for command, _ in whole_story() if type(command).__name__ == kind)
    assert stale(command, serving("1"))


def test_an_environment_that_no_version_waits_for_is_not_shared():
    sharing = decided(registered("2"), serving("1"), policy=policy_with(deployment={"share_environment": True}))
    command = ordered(sharing, "ShareEnvironment")
    assert stale(command, sharing.facts) == ""
    assert stale(command, serving("1")) == "no version waits for this any more"


def test_a_pipeline_that_no_version_waits_for_is_not_started():
    order = promote()
    assert stale(order, known(version("2", "staging", awaiting=(order.id,)))) == ""
    assert stale(order, serving("1")) == "no version waits for this any more"


def test_a_question_that_was_answered_is_not_asked_again():
    command, facts = next(moment for moment in whole_story() if type(moment[0]).__name__ == "RequestApproval")
    assert stale(command, facts) == ""
    assert stale(command, serving("1")) == "the question is closed"


def test_a_training_whose_incident_was_closed_must_not_begin():
    done = decided(asked("retrain"), serving("1"))
    over = replace(done.facts, incidents=(incident("closed", remedy=ordered(done, "Retrain").id),))
    assert "wants it no more" in stale(ordered(done, "Retrain"), over)


def test_a_training_in_staging_begins_as_long_as_its_candidate_waits_for_it():
    order = staging_training.order(
        situation(registered("2"), policy=policy_with(promotion=WITH_TRAINING)), version("2")
    )
    assert stale(order, known(version("2", "staging", awaiting=(order.id,)))) == ""
    assert "wants it no more" in stale(order, known(version("2", "rejected")))


def test_a_deployment_that_came_back_into_use_is_not_removed_from_production():
    removals = [command for command, _ in whole_story() if type(command).__name__ == "RemoveDeployment"]
    standby = next(command for command in removals if command.production)
    number = standby.deployment.removeprefix("version-")
    assert "is in use" in stale(standby, known(version(number)))
    assert stale(standby, known(version("9"), version(number, "retired"))) == ""


def test_a_staging_deployment_may_go_although_its_version_serves_in_production():
    removals = [command for command, _ in whole_story() if type(command).__name__ == "RemoveDeployment"]
    staged = next(command for command in removals if not command.production)
    assert stale(staged, known(version(staged.deployment.removeprefix("version-")))) == ""


def test_a_pause_holds_every_command_but_rollbacks_and_messages():
    story = {type(command).__name__: command for command, _ in whole_story()}
    paused = Facts(paused=True)
    held = {kind for kind, command in story.items() if waits(command, paused) or given_back(command, paused)}
    assert set(story) - held == {"RollBackTraffic", "Notify", "RequestApproval"}
    assert [kind for kind, command in story.items() if waits(command, Facts())] == []


def test_a_step_does_not_wait_out_a_pause_since_nobody_would_look_at_the_one_in_force():
    step = next(command for command, _ in whole_story() if type(command).__name__ == "SetTraffic")
    assert not waits(step, Facts(paused=True))
    assert given_back(step, Facts(paused=True)) == "the workload is paused"
    assert given_back(step, Facts()) == ""


def test_a_batch_endpoints_new_default_waits_since_nothing_bakes_there():
    step = next(command for command, _ in whole_story() if type(command).__name__ == "SetTraffic")
    switch = replace(step, endpoint_kind="batch")
    assert waits(switch, Facts(paused=True))
    assert given_back(switch, Facts(paused=True)) == ""
