from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.decisions import Reason
from shared.domain.rules.monitoring import judge_labelled, judge_rows
from shared.rendering.told import VALUE_MAX, told
from tests.unit.rendering.histories import AUC, DRIFT, closed, measured, month

DEPLOYMENTS = st.from_regex(r"[a-z][a-z0-9-]{2,31}", fullmatch=True)


@given(
    DEPLOYMENTS,
    st.integers(1, 100),
    st.integers(0, 10_000),
    st.lists(st.floats(0, 50), max_size=30),
    st.sampled_from(["", "the profile is gone: a, 2013-01-01 to 2013-02-01: pass; "]),
)
def test_what_a_rule_says_of_inputs_is_read_back(deployment, number, rows, scores, fault):
    signal = closed(number, scores, rows, deployment=deployment, fault=fault)
    found = judge_rows(DRIFT, signal)
    said = told(found.reason)
    assert (said.label, said.deployment, said.start, said.end) == ("data_drift", deployment, signal.start, signal.end)
    assert (said.verdict, said.value) == (found.verdict, found.value)


@given(DEPLOYMENTS, st.floats(0, 1), st.integers(0, 5000))
def test_what_a_rule_says_of_performance_is_read_back(deployment, auc, pairs):
    found = judge_labelled(AUC, measured(3, auc, pairs=pairs, deployment=deployment))
    said = told(found.reason)
    assert (said.label, said.deployment) == ("model_performance", deployment)
    assert (said.verdict, said.value) == (found.verdict, found.value)


def test_a_rule_with_a_name_of_its_own_is_known_by_it():
    named = DRIFT.model_copy(update={"name": "weather-only"})
    assert told(judge_rows(named, closed(1)).reason).label == "weather-only"


@given(st.text(), st.sampled_from(["window", "persistence"]), st.none() | st.floats() | st.text())
def test_other_sentences_say_nothing_and_raise_nothing(text, code, observed):
    assert told(Reason(code=code, text=text, observed=observed)) is None


def test_a_day_that_does_not_exist_is_no_window():
    text = "version-1, 2013-02-30 to 2013-03-01: pass; fine"
    assert told(Reason(code="window", text=text, observed=0.1)) is None


def test_what_no_axis_could_show_is_bounded():
    text = "version-1, 2013-02-01 to 2013-03-01: pass; fine"
    assert told(Reason(code="window", text=text, observed=1e300)).value == VALUE_MAX


@pytest.mark.parametrize(
    ("days", "length", "fits"),
    [
        (31, "1mo", True),
        (31, "31d", True),
        (31, "30d", False),
        (31, "2mo", False),
        (7, "1w", True),
        (7, "7d", True),
        (7, "1mo", False),
        (1, "1d", True),
        (1, "24h", False),
        (0, "1h", False),
    ],
)
def test_a_window_is_told_from_those_of_another_length(days, length, fits):
    signal = closed(1, end=month(1) + timedelta(days=days))
    assert told(judge_rows(DRIFT, signal).reason).lasts(length) is fits
