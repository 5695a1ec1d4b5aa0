"""A staging check of a batch workload: what is ordered, and what the run and the job behind it are worth."""

from datetime import timedelta

import pytest

from shared.domain.facts import CheckResult
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.rules import staging
from tests.unit.domain.batch_builders import WORKLOAD
from tests.unit.domain.builders import finished, known, policy_with, situation, version

LOOKED = {"component": "azureml:compare_scores@latest", "metrics": {"rows_min": 100, "failed_share_max": 0.0}}
RUN = Succeeded(data={"output": "azureml://there/", "data": "azureml:small:3", "seconds": 42.0, "job": "j"})


def workload(**check):
    check = {"kind": "batch_run", "input": "azureml:small@latest", **check}
    return policy_with(**{**WORKLOAD, "promotion": {**WORKLOAD["promotion"], "staging": {"checks": [check]}}})


def heard(kind, outcome, policy, detail="", metrics=None):
    candidate = version(
        "2",
        "testing",
        checks=(CheckResult(name="batch_run", command_id="c", detail=detail, metrics=metrics or {}),),
        awaiting=("c",),
    )
    signal = finished("c", kind, outcome)
    return staging.on_check(situation(signal, known(version("1"), candidate), policy=policy), signal, candidate)


def looked(**metrics):
    before = {"detail": "scored azureml:small:3 in 42 s", "metrics": {"seconds": 42.0}}
    return heard("CompareScores", Succeeded(data={"job": "j", **metrics}), workload(**LOOKED), **before)


def only_check(ruling):
    (check,) = ruling.facts.versions["2"].checks
    return check


def test_the_candidate_scores_the_small_input_on_the_staging_endpoint():
    here = situation(finished("x", "DeployModel"), known(version("1")), policy=workload(deadline="30m"))
    ruling = staging.check(here, version("2", "testing"))
    (order,) = ruling.commands
    assert (order.endpoint_kind, order.endpoint, order.deployment) == ("batch", "flight-delay-stg", "version-2")
    assert order.workspace.endswith("flights-stg")
    assert (order.data, order.deadline) == ("azureml:small@latest", timedelta(minutes=30))
    assert ruling.facts.versions["2"].awaiting == (order.id,)


def test_a_run_that_ends_well_is_enough_where_nobody_is_to_look_at_it():
    ruling = heard("ScoreBatch", RUN, workload())
    check = only_check(ruling)
    assert (check.passed, check.detail, check.metrics) == (True, "scored azureml:small:3 in 42 s", {"seconds": 42.0})
    assert ruling.facts.versions["2"].state == "awaiting_approval"


def test_what_the_run_wrote_is_looked_at_by_the_component_of_the_policy():
    ruling = heard("ScoreBatch", RUN, workload(**LOOKED))
    (order,) = ruling.commands
    assert (order.candidate, order.champion, order.data) == ("azureml://there/", "", "azureml:small:3")
    assert (order.component, order.workspace.rpartition("/")[2]) == (LOOKED["component"], "flights-stg")
    waiting = ruling.facts.versions["2"]
    assert (waiting.state, waiting.awaiting, only_check(ruling).command_id) == ("testing", ("c", order.id), order.id)


def test_rows_errors_and_duration_are_the_evidence():
    check = only_check(looked(rows=120.0, failed_share=0.0, other=7.0))
    assert check.passed
    assert check.metrics == {"seconds": 42.0, "rows": 120.0, "failed_share": 0.0}
    assert check.detail == ("scored azureml:small:3 in 42 s; rows 120 (at least 100); failed_share 0 (at most 0)")


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ({"rows": 99.0, "failed_share": 0.0}, "rows 99 (at least 100)"),
        ({"rows": 120.0, "failed_share": 0.1}, "failed_share 0.1 (at most 0)"),
        ({"rows": 120.0}, "failed_share was not measured"),
        ({"rows": 0.0, "failed_share": 0.0}, "it wrote no predictions"),
    ],
    ids=["few", "errors", "silent", "nothing"],
)
def test_too_few_rows_errors_and_silence_reject_the_candidate(metrics, says):
    ruling = looked(**metrics)
    assert ruling.facts.versions["2"].state == "rejected"
    assert says in ruling.reasons[0].text


@pytest.mark.parametrize(("seconds", "passed"), [(60.0, True), (61.0, False), (0.0, False)])
def test_a_run_that_takes_too_long_is_not_looked_at(seconds, passed):
    slow = Succeeded(data={**RUN.data, "seconds": seconds})
    ruling = heard("ScoreBatch", slow, workload(duration_max="1m", **LOOKED))
    assert (ruling.facts.versions["2"].state == "testing") is passed
    assert only_check(ruling).passed is (None if passed else False)
    assert "(at most 1m)" in only_check(ruling).detail


@pytest.mark.parametrize("kind", ["ScoreBatch", "CompareScores"])
def test_a_run_or_a_look_that_fails_rejects_the_candidate_with_its_reason(kind):
    ruling = heard(kind, Failed(retryable=False, reason="job x is Failed: a column is missing"), workload(**LOOKED))
    assert ruling.facts.versions["2"].state == "rejected"
    assert "a column is missing" in ruling.reasons[0].text


def test_a_run_that_was_ordered_under_another_policy_does_not_pass():
    other = policy_with(**WORKLOAD)  # a job, where the run was
    ruling = heard("ScoreBatch", RUN, other)
    assert "no longer says what is enough" in ruling.reasons[0].text


def test_a_policy_that_no_longer_wants_a_look_does_not_pass_the_one_that_is_under_way():
    ruling = heard("CompareScores", Succeeded(data={"rows": 120.0}), workload())
    assert only_check(ruling).passed, "nothing is asked of it but to have ended well"
