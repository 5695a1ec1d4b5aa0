"""What the loop hands to people: annotation tasks for vision and language, investigations for classical models."""

import pytest

from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import asked, drift_rule, policy_with, registered, serving, window


def story_of(task, **rule):
    policy = policy_with(task=task, monitoring=[drift_rule(**rule)])
    story = Timeline(policy, serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story


def drifted_months(story, *months):
    return story.push(*(window(month, drifted=2) for month in months))


@pytest.mark.rule("annotation")
@pytest.mark.parametrize("task", ["vision", "language"])
def test_drifted_inputs_become_an_annotation_task_and_retrain_nothing(task):
    story = drifted_months(story_of(task, then="annotate"), 3, 4, 5)
    story.expect(incidents=["open"])
    (told,) = story.commands("Notify")
    assert told.title == "flight-delay: open an annotation task"
    assert told.facts["sampled inputs"].startswith("azureml://")
    assert story.commands("Retrain") == []


@pytest.mark.rule("work_item")
def test_the_task_is_told_once_and_stays_open_until_the_next_version_serves():
    story = drifted_months(story_of("vision", then="annotate"), 3, 4, 5)
    drifted_months(story, 6, 7).expect(incidents=["open"]).expect_ordered("Notify", 0).expect_reason("incident_open")
    story.at("60d").expect(incidents=["open"])
    story.push(registered("2")).approve("2").at("61d").expect(champion="2", incidents=["promoted"])
    assert story.facts.incidents[0].repeats == 2


def test_a_refused_version_leaves_the_task_open():
    story = drifted_months(story_of("vision", then="annotate"), 3, 4, 5)
    story.push(registered("2")).approve("2", answer="reject").expect(champion="1", incidents=["open"])


def test_an_override_with_its_reason_retrains_a_vision_model_and_says_why():
    story = story_of("vision", then="retrain", override_reason="labels arrive nightly from the scanner")
    drifted_months(story, 3, 4, 5).expect(incidents=["remedying"]).expect_reason("override")


@pytest.mark.rule("investigation")
def test_a_classical_model_may_be_looked_into_instead_of_retrained():
    story = drifted_months(story_of("classical", then="investigate", to="ml_engineers"), 3, 4, 5)
    story.expect(incidents=["open"])
    (told,) = story.commands("Notify")
    assert told.title == "flight-delay: investigate the degradation"
    assert told.facts["windows"].count("detected") == 3
    assert story.commands("Retrain") == []


@pytest.mark.rule("work_item")
def test_the_data_scientists_close_what_they_looked_into_and_later_drift_opens_anew():
    story = drifted_months(story_of("classical", then="investigate"), 3, 4, 5)
    story.push(asked("close", why="a sensor was changed; the model is right")).expect(incidents=["done"])
    drifted_months(story, 6).expect(incidents=["done", "open"]).expect_ordered("Notify", 1)
