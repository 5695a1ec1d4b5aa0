"""What other automation hears of whole stories, in order, and always as the published contract says."""

import json
from pathlib import Path

import jsonschema
import pytest

from shared.domain.announcements import MEANINGS
from shared.domain.outcomes import Succeeded
from shared.rendering.cloud_events import cloud_event
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    BROKEN,
    SCARCE,
    after,
    asked,
    breached,
    budgeted,
    crossed,
    expired,
    failure,
    known,
    policy_with,
    registered,
    serving,
    silenced,
    version,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text(encoding="utf-8"))
NOT_NEWS = {"DecisionMade", "PersonTold", "CommandSucceeded"}


def names(story):
    """What was said but for the base, in order."""
    every = [one.type.removeprefix("Outerloop.") for one in story.announced]
    return [name for name in every if name not in NOT_NEWS]


def promoted(number="2", policy=None):
    story = Timeline(policy or policy_with(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story.push(registered(number)).approve(number)


def rejected_by_a_check():
    story = Timeline(policy_with(), serving("1"))
    story.azure.next("RunEvaluation", failure())
    return story.push(registered("2"))


def nobody_answers():
    story = Timeline(policy_with(), serving("1"))
    story.push(registered("2"))
    return story.at("3d")


def refused():
    story = Timeline(policy_with(), serving("1"))
    return story.push(registered("2")).approve("2", answer="reject")


def rolled_back():
    story = Timeline(policy_with(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    story.azure.serves("2", BROKEN)
    return story.push(registered("2")).approve("2").at("30m")


def too_few_requests():
    story = promoted()
    story.azure.serves("2", SCARCE)
    return story.at("30m")


def frozen():
    story = Timeline(budgeted(), serving("1")).push(crossed(1.0)).push(asked("retrain"))
    return story.push(asked("lift_freeze"))


def retrained():
    story = Timeline(policy_with(), serving("1")).push(asked("retrain"))
    return story.finish(story.commands("Retrain")[-1], Succeeded(data={"model_version": "2"}))


def paused():
    story = Timeline(policy_with(), serving("1")).push(asked("pause")).push(registered("2"))
    return story.push(asked("resume"))


def test_a_version_that_takes_over_is_followed_from_its_candidacy_to_the_end_of_its_rollout():
    story = promoted().at("90m")
    assert names(story) == [
        "PromotionStarted",
        "ApprovalRequested",
        "ApprovalGranted",
        "RolloutStarted",
        "RolloutAdvanced",
        "RolloutAdvanced",
        "RolloutCompleted",
    ]
    assert [one.data.percent for one in story.said("RolloutAdvanced")] == [50, 100]
    assert {one.data.version for one in story.said("RolloutStarted", "RolloutCompleted")} == {"2"}


def test_a_rollback_is_heard_with_its_reasons_and_so_is_its_end():
    story = rolled_back()
    assert names(story)[-4:] == ["RolloutStarted", "IncidentOpened", "IncidentClosed", "RolledBack"]
    (back,) = story.said("RolledBack")
    assert back.data.version == "2"
    assert "error_rate" in [reason.code for reason in back.data.reasons]
    (ordered,) = [command for command in back.data.commands if command.kind == "RollBackTraffic"]
    assert ordered in [one.data.outcome.command for one in story.said("CommandSucceeded")]
    assert {one.data.incident.kind for one in story.said("IncidentOpened", "IncidentClosed")} == {"rollout_failed"}


@pytest.mark.parametrize(
    ("story", "heard"),
    [
        (rejected_by_a_check, ["PromotionStarted", "CommandFailed", "VersionRejected"]),
        (refused, ["PromotionStarted", "ApprovalRequested", "ApprovalRefused", "VersionRejected"]),
        (nobody_answers, ["PromotionStarted", "ApprovalRequested", "ApprovalExpired", "VersionRejected"]),
        (
            too_few_requests,
            ["PromotionStarted", "ApprovalRequested", "ApprovalGranted", "RolloutStarted", "RolloutHeld"],
        ),
        (paused, ["Paused", "PromotionHeld", "Resumed"]),
    ],
)
def test_every_end_of_a_candidate_is_heard(story, heard):
    assert names(story()) == heard


def test_a_promotion_that_is_held_says_which_version_waits():
    (held,) = paused().said("PromotionHeld")
    assert (held.data.version, [reason.code for reason in held.data.reasons]) == ("2", ["paused"])


def asked_first(*signals):
    """A story under ``mode: propose``, whose owner was asked."""
    return Timeline(policy_with(mode="propose"), serving("1")).push(*signals)


@pytest.mark.parametrize("about", [breached(), registered("2")], ids=["retraining", "promotion"])
@pytest.mark.parametrize(
    ("answered", "heard"),
    [
        (lambda story: story.say("approve"), "ApprovalGranted"),
        (lambda story: story.say("reject"), "ApprovalRefused"),
        (lambda story: story.at("49h"), "ApprovalExpired"),
    ],
    ids=["yes", "no", "nobody"],
)
def test_what_comes_of_a_question_whether_to_begin_is_heard_once(about, answered, heard):
    story = asked_first(about)
    (asking,) = story.said("ApprovalRequested")
    (answer,) = answered(story).said("ApprovalGranted", "ApprovalRefused", "ApprovalExpired")[:1]
    assert answer.type == f"Outerloop.{heard}"
    assert answer.data.approval == asking.data.approval
    assert answer.data.version == getattr(about, "model_version", "")
    assert [one.data.approval for one in story.said(heard)].count(asking.data.approval) == 1


def test_a_question_that_a_rollback_has_ended_was_not_answered():
    story = Timeline(policy_with(mode="propose"), known(version("1"), version("2", "standby"))).push(breached())
    story.push(asked("rollback"))
    assert story.said("ApprovalGranted", "ApprovalRefused", "ApprovalExpired") == []


def silenced_for_a_while():
    story = Timeline(policy_with(), serving("1")).push(silenced())
    return story.push(expired(story.facts.silences[0].id))


def test_a_silence_is_heard_when_it_begins_and_when_a_person_ends_it():
    story = silenced_for_a_while()
    assert names(story) == ["SilenceBegun", "SilenceEnded"]
    (begun,) = story.said("SilenceBegun")
    assert begun.data.reasons[0].until == after("2d")
    assert names(Timeline(policy_with(), serving("1")).push(expired("unknown"))) == []


def test_a_freeze_holds_a_retraining_until_it_is_lifted():
    story = frozen()
    heard = ["BudgetCrossed", "RetrainingFrozen", "IncidentOpened", "RetrainHeld", "FreezeLifted"]
    assert names(story) == heard
    (held,) = story.said("RetrainHeld")
    assert "budget_freeze" in [reason.code for reason in held.data.reasons]
    assert [command.kind for command in held.data.planned] == ["Retrain"]
    assert names(story.at("1m")) == [*heard, "RetrainOrdered"]


def test_a_retraining_is_an_incident_with_a_remedy():
    assert names(retrained()) == ["IncidentOpened", "RetrainOrdered"]


STORIES = [
    promoted,
    rolled_back,
    rejected_by_a_check,
    nobody_answers,
    refused,
    too_few_requests,
    frozen,
    retrained,
    paused,
    silenced_for_a_while,
]


@pytest.mark.parametrize("story", STORIES)
def test_whatever_is_said_keeps_the_published_contract(story):
    checker = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    for one in story().announced:
        checker.validate(cloud_event(one, "https://outerloop.example"))


@pytest.mark.parametrize("story", STORIES)
def test_every_decision_is_announced_exactly_once_and_no_id_twice(story):
    played = story()
    assert [one.data.decision for one in played.said("DecisionMade")] == [row.id for row in played.ledger]
    assert len({one.id for one in played.announced}) == len(played.announced)


def test_a_type_that_no_story_brings_about_would_be_missed():
    heard = {one.type for story in STORIES for one in story().at("5d").announced}
    only_elsewhere = {"Outerloop.CommandSkipped", "Outerloop.PersonNeeded"}  # tests/unit/domain/test_announcing.py
    assert set(MEANINGS) - heard - only_elsewhere == set()
