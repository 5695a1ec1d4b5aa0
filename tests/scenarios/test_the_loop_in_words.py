"""The loop from outside, in the words of those who live with it: what is heard when, and who hears of it then.

NOW is Monday, 2 March 2026, noon. The example bakes each step for 30 minutes, needs 3 of 4 drifted months, and retrains at most
twice a day.
"""

import pytest

from shared.domain.outcomes import Succeeded
from shared.domain.platform_signals import DataArrived, DataDeleted, ImageDeleted, ImagePushed, ImageQuarantined
from shared.domain.signals import JobStatusChanged
from tests.scenarios.expected import Asked, Held, Nothing, Notified, Ordered, Said, between
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    BROKEN,
    DEVELOPMENT,
    NOW,
    after,
    asked,
    budgeted,
    crossed,
    drift_rule,
    policy_with,
    raw_policy,
    registered,
    serving,
    window,
)
from tests.unit.domain.platform_builders import STAGING, fired, judged, listening, resolved

MADE_2 = Succeeded(data={"model_version": "2"})
HEARD = {"source": "azure", "dedup_key": "k", "occurred_at": NOW}
IMAGE = {"registry": "contoso.azurecr.io", "repository": "flight-score", "digest": "sha256:1", "tag": "1"}
BLOB = {"account": "contoso", "container": "flights", "path": "2026/03.parquet"}


def story_of_version_1(policy=None):
    """Version 1 serves since noon."""
    story = Timeline(policy or policy_with(), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story


def drifted_months(story, *months):
    return story.push(*(window(month, drifted=2) for month in months))


@pytest.mark.rule("promotion")
@pytest.mark.rule("rollout")
def test_a_version_is_asked_about_at_once_and_takes_over_step_by_step_after_the_yes():
    story = story_of_version_1().at("1h").push(registered("2"))
    story.expect(between("1h", "1h"), Asked("2"), Nothing("SetTraffic"))
    story.at("3h").approve("2").at("6h")
    story.expect(between("1h1m", "2h59m"), Nothing("DeployModel"), Nothing("SetTraffic"))
    story.expect(between("3h", "3h1m"), Ordered("SetTraffic"))
    story.expect(between("3h30m", "3h31m"), Ordered("SetTraffic"))
    story.expect(between("4h", "4h1m"), Ordered("SetTraffic"))
    story.expect(between("4h2m", "6h"), Nothing("SetTraffic"), champion="2", standby="1")


@pytest.mark.rule("analysis")
@pytest.mark.rule("rollback")
def test_a_version_that_does_harm_is_taken_back_within_its_first_step_and_its_owner_hears_why():
    story = story_of_version_1().push(registered("2")).approve("2")
    story.azure.serves("2", BROKEN)
    story.at("1h").expect(
        between("5m", "6m"), Ordered("RollBackTraffic"), Notified("ml_engineers", "version 2 was rolled back")
    )
    story.expect(champion="1", traffic={"version-1": 100, "version-2": 0})


@pytest.mark.rule("infrastructure")
def test_an_alert_at_two_is_told_to_the_infrastructure_team_at_two_and_its_end_at_three():
    story = story_of_version_1(listening()).at("2h").push(fired(occurred_at=after("2h")))
    story.at("3h").push(resolved(occurred_at=after("3h"))).at("4h")
    story.expect(between("2h", "2h1m"), Notified("infrastructure", "High latency"), Nothing("RollBackTraffic"))
    story.expect(between("3h", "3h1m"), Notified("infrastructure", "is resolved"))
    story.expect(between("3h2m", "4h"), Nothing())


@pytest.mark.rule("budget")
def test_a_budget_that_is_used_up_is_told_now_and_holds_the_next_retraining_until_the_month_ends():
    story = story_of_version_1(budgeted()).at("1h").push(crossed(1.0, occurred_at=after("1h")))
    drifted_months(story.at("2h"), 3, 4, 5).at("31d")
    story.expect(between("1h", "1h1m"), Notified("project_owner", "retraining is frozen"))
    story.expect(between("2h", "2h1m"), Held("budget_freeze"), Nothing("Retrain"))
    story.expect(between("2h2m", "29d"), Nothing("Retrain"))
    story.expect(between("29d12h", "29d13h"), Ordered("Retrain"))


@pytest.mark.rule("compliance")
@pytest.mark.rule("promotion")
def test_a_candidate_waits_for_a_workspace_to_be_mended_and_goes_on_when_it_is():
    story = story_of_version_1().push(judged(STAGING)).at("1h").push(registered("2")).at("5h")
    story.push(judged(STAGING, compliant=True, occurred_at=after("5h"))).at("6h")
    story.expect(between("1h", "1h1m"), Held("noncompliant"), Nothing("DeployModel"))
    story.expect(between("5h", "5h1m"), Said("mended"), Asked("2"))


@pytest.mark.parametrize("task", ["classical", "vision", "language"])
@pytest.mark.rule("checks")
def test_a_candidate_is_evaluated_as_it_was_registered_whatever_the_task(task):
    story = story_of_version_1(policy_with(task=task, monitoring=[drift_rule(then="notify")]))
    story.push(registered("2")).expect(between("0s", "1s"), Ordered("RunEvaluation"), Asked("2"), Nothing("Retrain"))


CHECKS = {
    "data quality": {"missing_share_max": 0.01},
    "unit tests": {"tests_failed_max": 0},
    "responsible AI": {"selection_rate_difference_max": 0.1},
}


def policy_that_checks(*metrics):
    """The example, with one more evaluation job for each of these."""
    checks = raw_policy()["workloads"][0]["promotion"]["staging"]["checks"]
    job = next(check for check in checks if check["kind"] == "job")
    return policy_with(promotion={"staging": {"checks": [checks[0], *(job | {"metrics": one} for one in metrics)]}})


@pytest.mark.parametrize("failing", CHECKS)
@pytest.mark.rule("checks")
def test_any_staging_check_that_fails_keeps_the_candidate_from_being_asked_about(failing):
    story = story_of_version_1(policy_that_checks(*CHECKS.values()))
    bad = {name.removesuffix("_max"): limit + 1 for name, limit in CHECKS[failing].items()}
    good = {name.removesuffix("_max"): limit for one in CHECKS.values() for name, limit in one.items()}
    story.azure.always("RunEvaluation", Succeeded(data={**good, **bad}))
    story.push(registered("2")).expect(
        between("0s", "1s"), Nothing("RequestApproval"), versions={"1": "serving", "2": "rejected"}
    )
    story.azure.always("RunEvaluation", Succeeded(data=good))
    story.at("1h").push(registered("3")).expect(between("1h", "1h"), Asked("3"))


@pytest.mark.parametrize(
    "signal",
    [
        JobStatusChanged(**HEARD, workspace=DEVELOPMENT, run_id="r", status="Completed"),
        ImagePushed(**HEARD, **IMAGE),
        ImageDeleted(**HEARD, **IMAGE),
        ImageQuarantined(**HEARD, **IMAGE),
        DataArrived(**HEARD, **BLOB),
        DataDeleted(**HEARD, **BLOB),
    ],
    ids=lambda signal: type(signal).__name__,
)
def test_what_the_policy_says_nothing_about_is_heard_and_brings_nothing_about(signal):
    story = story_of_version_1()
    before = story.facts
    story.push(signal).at("10d").expect(between("0s", "10d"), Nothing())
    assert story.facts == before


@pytest.mark.rule("operator")
def test_a_pause_holds_what_is_new_until_somebody_resumes():
    story = (
        story_of_version_1().push(asked("pause")).at("1h").push(registered("2")).at("1d").push(asked("resume")).at("2d")
    )
    story.expect(between("1h", "1h"), Held("paused"))
    story.expect(between("1h", "23h59m"), Nothing("DeployModel"))
    story.expect(between("1d", "1d1m"), Asked("2"))


@pytest.mark.rule("remedy")
@pytest.mark.rule("monitoring")
def test_drift_brings_about_one_retraining_and_its_effect_is_measured_on_later_rows():
    story = story_of_version_1()
    story.azure.always("Retrain", MADE_2)
    drifted_months(story, 3, 4, 5).expect(between("0s", "1s"), Ordered("Retrain"))
    story.at("1h").push(registered("2")).approve("2").at("1d").push(window(6, number="2"))
    story.expect(between("1d", "1d1m"), Ordered("RunEvaluation"), Said("measured"), incidents=["helped"])
    story.at("40d").expect(between("1s", "40d"), Nothing("Retrain"))


@pytest.mark.parametrize(
    "wrong", [Notified("nobody"), Ordered("Retrain"), Held("paused"), Said("measured"), Asked("9")]
)
def test_a_story_that_expects_what_did_not_happen_fails(wrong):
    story = story_of_version_1().push(registered("2"))
    with pytest.raises(AssertionError, match="did not happen between 0s and 1h"):
        story.expect(between("0s", "1h"), wrong)
    with pytest.raises(AssertionError, match="Nothing"):
        story.expect(between("0s", "1h"), Nothing())
    with pytest.raises(AssertionError, match="Asked"):
        story.expect(between("1h", "2h"), Asked("2"))
