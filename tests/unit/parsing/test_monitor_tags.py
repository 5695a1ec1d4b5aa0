"""The tags of a monitoring run tell which signals were breached, and by how much."""

import pytest

from shared.domain.signals import Breach
from shared.parsing.monitor_tags import CHILD_RUN_TAG, ROOT_RUN_TAG_PREFIX, breaches_by_signal

PROSE = (
    "The signal 'fraud_drift' has failed due to one or more features violating metric thresholds.\n"
    "The feature names and their corresponding computed metric values violating the threshold are \n"
)
ROW = '{"metric_value":4.6,"metric_name":"psi","threshold_value":0.2,"group":"AMOUNT"}'
AMOUNT = Breach(metric="psi", value=4.6, threshold=0.2, group="AMOUNT")


def tag(*rows):
    return PROSE + repr(list(rows)) + "\n"


def test_a_run_without_the_tag_has_no_breach():
    assert breaches_by_signal({"area": "x", "azureml_modelmonitor": "y"}) == {}


@pytest.mark.parametrize("key", [CHILD_RUN_TAG, CHILD_RUN_TAG.upper(), "AzureML_ModelMonitor_Threshold_Breached"])
def test_the_tag_is_found_in_any_case(key):
    assert breaches_by_signal({key: tag(ROW)}) == {"fraud_drift": (AMOUNT,)}


@pytest.mark.parametrize("prefix", [ROOT_RUN_TAG_PREFIX, ROOT_RUN_TAG_PREFIX.upper()])
def test_the_root_run_names_the_signal_in_the_tag_and_keeps_its_case(prefix):
    assert breaches_by_signal({prefix + "Fraud_Drift": tag(ROW)}) == {"Fraud_Drift": (AMOUNT,)}


def test_a_root_run_may_have_breached_several_signals():
    tags = {
        ROOT_RUN_TAG_PREFIX + "a": tag(ROW),
        ROOT_RUN_TAG_PREFIX + "b": tag(),
        "azureml.notification.email.address": "x",
    }
    assert breaches_by_signal(tags) == {"a": (AMOUNT,), "b": ()}


def test_both_tags_of_one_signal_are_one_breach():
    tags = {CHILD_RUN_TAG: tag(ROW), ROOT_RUN_TAG_PREFIX + "fraud_drift": tag(ROW)}
    assert breaches_by_signal(tags) == {"fraud_drift": (AMOUNT,)}


def test_the_group_may_be_missing():
    row = '{"metric_value":1,"metric_name":"auc","threshold_value":2}'
    assert breaches_by_signal({CHILD_RUN_TAG: tag(row)})["fraud_drift"] == (
        Breach(metric="auc", value=1.0, threshold=2.0),
    )


def test_keys_of_a_row_may_be_in_any_case_and_numbers_in_text():
    row = '{"Metric_Value":"4.6","METRIC_NAME":"psi","threshold_Value":"0.2","Group":"AMOUNT"}'
    assert breaches_by_signal({CHILD_RUN_TAG: tag(row)})["fraud_drift"] == (AMOUNT,)


def test_a_quote_in_a_feature_name_survives_the_python_repr():
    row = '{"metric_value":4.6,"metric_name":"psi","threshold_value":0.2,"group":"it\'s [odd], \\"really\\""}'
    (breach,) = breaches_by_signal(
        {
            CHILD_RUN_TAG: tag(
                row,
            )
        }
    )["fraud_drift"]
    assert breach.group == 'it\'s [odd], "really"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        PROSE,
        PROSE + "[]",
        PROSE + "['not json']",
        PROSE + '[\'{"metric_name":"psi"}\']',
        PROSE + '[\'{"metric_name":"psi","metric_value":"NaN","threshold_value":1}\']',
        PROSE + "['unfinished",
        PROSE + "[{'a': 1}]",
        PROSE + "[__import__('os')]",
        PROSE + "['\\xzz']",
        PROSE + "[" * 100_000,
        PROSE + "-" * 100_000 + "1",
        PROSE + "['" * 50_000,
        PROSE + "['a'," * 50_000,
        PROSE + "['a'" + ",'a'" * 100_000,
        PROSE + "['" + "[" * 100_000 + "']",
    ],
)
def test_rows_that_cannot_be_read_leave_the_breach_standing(text):
    ((_, rows),) = breaches_by_signal({CHILD_RUN_TAG: text}).items()
    assert rows == ()


def test_one_unreadable_row_leaves_its_neighbours():
    assert breaches_by_signal({CHILD_RUN_TAG: tag("nonsense", ROW)})["fraud_drift"] == (AMOUNT,)


def test_a_text_without_a_signal_name_is_a_breach_without_one():
    assert breaches_by_signal({CHILD_RUN_TAG: "something was breached"}) == {"": ()}
