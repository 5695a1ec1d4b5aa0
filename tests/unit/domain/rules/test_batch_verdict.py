"""Verdicts of comparison runs: only what the candidate itself did wrong is held against it."""

import pytest

from shared.domain.comparison_facts import Comparison, ScoredRun
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.domain.rules.batch_verdict import judge_comparison, judge_run
from tests.unit.domain.batch_builders import GOOD, batch_policy, measured
from tests.unit.domain.builders import failure

RULES = batch_policy().workloads[0].promotion.comparison
FAILED = Failed(retryable=False, reason="job x is Failed", data={"status": "Failed"})
CANCELED = Failed(retryable=False, reason="job x is Canceled", data={"status": "Canceled"})
NO_INPUT = Failed(retryable=False, reason="no such asset", data={"missing": "input"})


def run(seconds):
    return ScoredRun(output=f"azureml://{seconds}", seconds=seconds)


def compared(champion="1", took=60.0, champion_took=60.0):
    old = run(champion_took) if champion else None
    return Comparison(champion=champion, data="azureml:d:1", champion_run=old, candidate_run=run(took))


def judge(outcome, known=None, **rules):
    judged = judge_comparison(outcome, known or compared(), batch_policy(**rules).workloads[0].promotion.comparison)
    return judged.verdict, [reason.code for reason in judged.reasons]


@pytest.mark.parametrize(
    ("outcome", "champions", "verdict", "code"),
    [
        (FAILED, False, "fail", "run_failed"),
        (CANCELED, False, "inconclusive", "run_without_end"),
        (failure("gave up: x is still under way"), False, "inconclusive", "run_without_end"),
        (Skipped(reason="stale plan"), False, "inconclusive", "run_without_end"),
        (FAILED, True, "inconclusive", "champion_run_failed"),
        (NO_INPUT, True, "no_data", "no_input"),
        (NO_INPUT, False, "no_data", "no_input"),
    ],
)
def test_a_run_that_did_not_end_well_is_the_fault_of_whose_it_was(outcome, champions, verdict, code):
    found, reason = judge_run(outcome, "version 2", champions=champions)
    assert (found, reason.code) == (verdict, code)
    assert outcome.reason in reason.text


def test_all_limits_met_is_a_pass_with_the_numbers():
    judged = judge_comparison(measured(), compared(), RULES)
    assert judged.verdict == "pass"
    assert "rows_vs_champion 1 (at least 0.999)" in judged.reasons[0].text
    assert judged.reasons[1].text == "its run took 60 s, and the champion's 60 s (1.00 times, limit 2)"


@pytest.mark.parametrize(
    ("differing", "verdict"), [(0.2, "pass"), (0.2001, "fail"), (0.0, "pass")], ids=["equal", "above", "below"]
)
def test_a_limit_may_be_reached_and_not_exceeded(differing, verdict):
    assert judge(measured(differing_vs_champion=differing)) == (verdict, ["comparison", "duration_vs_champion"])


@pytest.mark.parametrize(("took", "verdict"), [(120.0, "pass"), (121.0, "fail")])
def test_the_candidate_may_take_so_many_times_as_long(took, verdict):
    assert judge(measured(), compared(took=took))[0] == verdict


def test_durations_are_compared_only_where_the_policy_asks_and_both_are_known():
    assert judge(measured(), compared(took=9000), duration_vs_champion_max=None) == ("pass", ["comparison"])
    assert judge(measured(), compared(champion="")) == ("pass", ["comparison"])


@pytest.mark.parametrize(("took", "champion_took"), [(0.0, 60.0), (60.0, 0.0), (0.0, 0.0)])
def test_a_duration_that_nobody_tells_is_no_verdict_where_the_policy_compares_durations(took, champion_took):
    untold = compared(took=took, champion_took=champion_took)
    assert judge(measured(), untold) == ("inconclusive", ["not_measured"])
    assert judge(measured(), untold, duration_vs_champion_max=None) == ("pass", ["comparison"])


@pytest.mark.parametrize("name", ["failed_share", "rows_vs_champion"])
def test_what_was_not_measured_is_no_verdict(name):
    left = {metric: value for metric, value in GOOD.items() if metric != name}
    assert judge(Succeeded(data=left)) == ("inconclusive", ["not_measured"])


def test_a_first_version_is_not_measured_against_a_champion():
    data = {"failed_share": 0.5, "rows": 100.0}
    assert judge(Succeeded(data=data), compared(champion=""))[0] == "fail"
    assert judge(Succeeded(data={**data, "failed_share": 0.0}), compared(champion=""))[0] == "pass"


def test_a_comparison_that_failed_says_nothing_about_either():
    assert judge(failure("no such component")) == ("inconclusive", ["comparison_failed"])


@pytest.mark.parametrize(
    ("rows", "champion_rows", "champion", "expected"),
    [
        (0.0, 0.0, "1", ("inconclusive", ["champion_rows"])),
        (100.0, 0.0, "1", ("inconclusive", ["champion_rows"])),
        (0.0, 100.0, "1", ("fail", ["comparison", "duration_vs_champion"])),
        (0.0, 0.0, "", ("no_data", ["no_input"])),
    ],
)
def test_nothing_scored_is_a_fault_of_the_candidate_only_where_the_champion_scored_something(
    rows, champion_rows, champion, expected
):
    outcome = measured(rows=rows, rows_champion=champion_rows, rows_vs_champion=0.0)
    assert judge(outcome, compared(champion=champion)) == expected
