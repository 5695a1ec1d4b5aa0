"""The verdict on the forms' story: it has to fail when any of its steps did not happen."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from local.story.forms import FIELDS, FORMS, WORKLOAD
from local.story.verdict_forms import CHECKS
from shared.domain.commands import RollBackTraffic, ScoreBatch

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORDER = {"workload": WORKLOAD, "reason": "", "workspace": "w", "endpoint": WORKLOAD, "endpoint_kind": "batch"}
FIELDS_IN_ALL = float(FORMS * FIELDS)


def run(number, version, data):
    return ScoreBatch(
        **ORDER, id=f"run-{number}", deployment=f"version-{version}", data=data, deadline=timedelta(hours=1)
    )


RUNS = (
    run(1, "1", "azureml:scanned-forms@latest"),
    run(2, "1", "azureml:scanned-forms@latest"),
    run(3, "2", "azureml:scanned-forms:1"),
)
BACK = RollBackTraffic(**ORDER, id="back", traffic={"version-1": 100}, until=NOON + timedelta(minutes=5))
METRICS = {
    "rows": FIELDS_IN_ALL,
    "rows_champion": FIELDS_IN_ALL,
    "failed_share": 0.0,
    "differing_vs_champion": 0.05,
}


def told(
    *, defaults=("version-1", "version-2", "version-1"), runs=RUNS, commands=(BACK,), metrics=METRICS, states=None
):
    """What was seen of a story that went well, but for what is named."""
    started = [{"target": f"/jobs/{known.id}"} for known in runs]
    effects = {
        "default_set": [{"target": f"/batchEndpoints/{WORKLOAD}", "detail": {"default": name}} for name in defaults],
        "job_started": started,
    }
    states = states or {"1": "serving", "2": "rolled_back"}
    return SimpleNamespace(
        effects=lambda name: effects[name],
        about=lambda workload: [SimpleNamespace(commands=(*runs, *commands))] if workload == WORKLOAD else [],
        jobs=[{"metrics": metrics}, {"metrics": {"accuracy": 0.9}}],
        forms=SimpleNamespace(versions={name: SimpleNamespace(state=state) for name, state in states.items()}),
    )


def failed(evidence):
    return [number for number, check in enumerate(CHECKS) if not check(evidence).passed]


def test_a_story_that_went_well_passes():
    assert failed(told()) == []


@pytest.mark.parametrize("defaults", [(), ("version-1", "version-2"), ("version-2", "version-1")], ids=str)
def test_another_order_of_defaults_fails(defaults):
    assert failed(told(defaults=defaults)) == [0]


@pytest.mark.parametrize(
    "runs", [RUNS[:2], (*RUNS[:2], run(3, "2", "azureml:scanned-forms:2")), RUNS[::-1]], ids=["two", "another", "order"]
)
def test_other_runs_or_another_input_fail(runs):
    assert failed(told(runs=runs)) == [1]


@pytest.mark.parametrize(
    "change", [{"rows": 1.0}, {"rows_champion": 0.0}, {"failed_share": 0.1}, {"differing_vs_champion": 0.0}], ids=str
)
def test_a_comparison_that_did_not_compare_two_versions_row_by_row_fails(change):
    assert failed(told(metrics={**METRICS, **change})) == [2]


def test_no_comparison_at_all_fails():
    assert failed(told(metrics={})) == [2]


@pytest.mark.parametrize(
    "change", [{"commands": ()}, {"commands": (BACK, BACK)}, {"states": {"1": "standby", "2": "serving"}}], ids=str
)
def test_a_default_that_was_not_taken_back_by_one_write_fails(change):
    assert failed(told(**change)) == [3]
