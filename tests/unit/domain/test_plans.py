"""A command that waited too long must not begin when the world has moved on."""

from datetime import UTC, datetime

import pytest

from shared.domain.commands import (
    CheckEndpoint,
    Notify,
    RemoveDeployment,
    RequestApproval,
    Retrain,
    RollBackTraffic,
    RunEvaluation,
    SetTraffic,
)
from shared.domain.facts import ApprovalAsked, Facts, Incident, Rollout, Version
from shared.domain.plans import stale

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMMON = {"id": "c1", "workload": "flight-delay", "reason": "because"}
ENDPOINT = {**COMMON, "workspace": "/w", "endpoint": "flight-delay"}


def version(state="testing", **fields):
    return Version(version="2", model="m", state=state, since=NOW, registered_at=NOW, **fields)


def incident(state, **fields):
    return Incident(id="i1", kind="data_drift", state=state, opened_at=NOW, **fields)


def test_the_traffic_of_the_step_under_way_is_wanted():
    facts = Facts(rollout=Rollout(version="2", pending="c1"))
    assert stale(SetTraffic(**ENDPOINT, traffic={"a": 100}), facts) == ""


@pytest.mark.parametrize("rollout", [None, Rollout(version="2", pending="another")])
def test_the_traffic_of_a_step_that_a_rollback_ended_is_stale(rollout):
    assert "is over" in stale(SetTraffic(**ENDPOINT, traffic={"a": 100}), Facts(rollout=rollout))


def test_a_rollback_and_a_notification_are_never_stale():
    rollback = RollBackTraffic(**ENDPOINT, traffic={"a": 100}, until=NOW)
    notify = Notify(**COMMON, persona="p", channels=("teams:x",), title="t", facts={})
    assert stale(rollback, Facts()) == stale(notify, Facts()) == ""


def test_a_check_is_wanted_only_while_a_version_waits_for_it():
    check = CheckEndpoint(**ENDPOINT, deployment="version-2", requests=1, payload="x.json")
    assert stale(check, Facts(versions={"2": version(awaiting=("c1",))})) == ""
    assert "no version waits" in stale(check, Facts(versions={"2": version()}))


def evaluation():
    return RunEvaluation(**COMMON, workspace="/w", component="e", model_ref="m:2", champion_ref="", data="d", on="later")


def test_an_evaluation_is_wanted_by_a_version_or_by_an_incident_being_verified():
    assert stale(evaluation(), Facts(versions={"2": version(awaiting=("c1",))})) == ""
    assert stale(evaluation(), Facts(incidents=(incident("verifying", verification="c1"),))) == ""
    assert "nobody waits" in stale(evaluation(), Facts(incidents=(incident("closed", verification="c1"),)))


def test_a_retraining_is_wanted_while_its_incident_is_being_mended():
    retrain = Retrain(**COMMON, workspace="/w", component="t", data="d", experiment="e", model="m")
    assert stale(retrain, Facts(incidents=(incident("remedying", remedy="c1"),))) == ""
    assert "closed" in stale(retrain, Facts(incidents=(incident("closed", remedy="c1"),)))


@pytest.mark.parametrize("facts", [Facts(champion="2"), Facts(standby="2"), Facts(rollout=Rollout(version="2"))])
def test_a_production_deployment_that_is_in_use_is_not_removed(facts):
    removal = RemoveDeployment(**ENDPOINT, deployment="version-2", production=True)
    assert stale(removal, facts) == "version 2 is in use"
    assert stale(removal, Facts()) == ""


def test_a_staging_deployment_may_go_whatever_serves_in_production():
    assert stale(RemoveDeployment(**ENDPOINT, deployment="version-2"), Facts(champion="2")) == ""


def test_a_question_is_asked_only_while_its_version_waits_for_the_answer():
    asked = ApprovalAsked(id="a1", evidence_digest="d", asked_at=NOW, expires_at=NOW)
    question = RequestApproval(
        **COMMON, approval_id="a1", persona="p", channels=("teams:x",), title="t", facts={}, expires_at=NOW
    )
    assert stale(question, Facts(versions={"2": version("awaiting_approval", approval=asked)})) == ""
    assert stale(question, Facts(versions={"2": version("rejected", approval=asked)})) == "the question is closed"
