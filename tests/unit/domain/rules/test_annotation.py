from shared.domain.evaluate import evaluate
from tests.unit.domain.builders import drift_rule, kinds, known, ordered, policy_with, serving, situation, window


def decide(facts, task="vision", **rule):
    policy = policy_with(task=task, monitoring=[drift_rule(then="annotate", **{"for": "1 of 1"}, **rule)])
    return evaluate(situation(window(3, drifted=2), facts, policy=policy))


def test_degradation_of_a_vision_model_asks_for_an_annotation_task():
    told = ordered(decide(serving("1")), "Notify")
    assert told.title == "flight-delay: open an annotation task"
    assert told.persona == "ml_engineers"
    assert told.facts["sampled inputs"] == (
        "azureml://datastores/workspaceblobstore/paths/modelDataCollector/flight-delay/version-1/model_inputs"
    )
    assert "labelling project" in told.facts["do this"]


def test_the_rule_may_say_where_the_inputs_lie():
    done = decide(serving("1"), samples="azureml:crops@latest")
    assert ordered(done, "Notify").facts["sampled inputs"] == "azureml:crops@latest"


def test_inputs_that_we_sampled_ourselves_are_named_by_the_command_that_shows_them():
    telemetry = {"samples": {"columns": ["distance"]}}
    policy = policy_with(
        task="vision", monitoring=[drift_rule(then="annotate", **{"for": "1 of 1"})], telemetry=telemetry
    )
    done = evaluate(situation(window(3, drifted=2), serving("1"), policy=policy))
    assert ordered(done, "Notify").facts["sampled inputs"] == "outerloop samples flight-delay/version-1"


def test_language_is_treated_like_vision_and_nothing_is_retrained():
    assert kinds(decide(serving("1"), task="language")) == ["Notify"]


def test_a_version_that_does_not_serve_opens_no_task():
    assert kinds(decide(known())) == []
