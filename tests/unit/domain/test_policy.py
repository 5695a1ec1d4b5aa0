from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.limits import Limit
from shared.domain.policy import Policy
from tests.unit.domain.builders import POLICY, POLICY_TEXT, WORKLOAD, drift_rule, policy_with, raw_policy


def faults(raw):
    """What is wrong with a policy, in words."""
    with pytest.raises(ValidationError) as caught:
        Policy.model_validate(raw)
    return str(caught.value)


def test_the_example_means_what_it_says():
    assert WORKLOAD.promotion.rollout.steps == (10, 50, 100)
    assert WORKLOAD.promotion.rollout.bake == timedelta(minutes=30)
    assert WORKLOAD.promotion.approval.expires == timedelta(days=2)
    assert POLICY.defaults.limits.retrains == (Limit(2, timedelta(days=1)), Limit(5, timedelta(days=7)))
    assert (WORKLOAD.monitoring[0].needed, WORKLOAD.monitoring[0].considered) == (3, 4)


def test_a_policy_survives_being_written_and_read():
    assert Policy.model_validate_json(POLICY.model_dump_json(by_alias=True)) == POLICY


def test_a_workload_is_found_by_its_name():
    assert POLICY.workload("flight-delay") is WORKLOAD
    with pytest.raises(KeyError):
        POLICY.workload("house-prices")


def test_without_a_mode_the_loop_only_observes():
    assert policy_with(mode=None).workloads[0].mode == "observe"


def test_a_policy_cannot_be_changed():
    with pytest.raises(ValidationError):
        WORKLOAD.mode = "observe"


@pytest.mark.parametrize("section", ["promotion", "deployment", "retrain", "telemetry", "environments"])
def test_a_key_that_is_misspelt_is_a_fault_in_every_section(section):
    assert "Extra inputs" in faults(raw_policy({section: {"cooldwn": "12h"}}))


def test_a_key_that_is_misspelt_at_the_top_is_a_fault():
    assert "Extra inputs" in faults(raw_policy(workload=[]) | {"worklods": []})


@pytest.mark.parametrize(
    "missing", ["name", "task", "model", "environments", "registry", "owner", "deployment", "promotion"]
)
def test_what_a_workload_must_say(missing):
    assert "Field required" in faults(raw_policy({missing: None}))


@pytest.mark.parametrize("steps", [[], [10, 50], [50, 10, 100], [10, 10, 100], [0, 100], [10, 110], [-5, 100]])
def test_steps_that_do_not_rise_to_all_of_the_traffic_are_a_fault(steps):
    assert "steps must rise" in faults(raw_policy({"promotion": {"rollout": {"steps": steps}}}))


@pytest.mark.parametrize("steps", [[100], [1, 100], [5, 10, 20, 40, 80, 100]])
def test_steps_that_rise_to_all_of_the_traffic_are_fine(steps):
    assert policy_with(promotion={"rollout": {"steps": steps}}).workloads[0].promotion.rollout.steps == tuple(steps)


@pytest.mark.parametrize("bake", [30, 30.0, "30", "half an hour", "-30m", "PT30M"])
def test_a_duration_without_a_unit_is_a_fault(bake):
    assert "write a number and a unit" in faults(raw_policy({"promotion": {"rollout": {"bake": bake}}}))


@pytest.mark.parametrize("limit", ["2", "2/day", "0/1d", "60/7d", 2])
def test_a_limit_that_cannot_be_read_or_never_holds_is_a_fault(limit):
    assert "retrains" in faults(raw_policy({"limits": {"retrains": [limit]}}))


@pytest.mark.parametrize("name", ["", "a", "Flight", "flight_delay", "-flight", "x" * 64])
def test_a_workload_name_that_would_not_fit_everywhere_is_a_fault(name):
    assert "pattern" in faults(raw_policy({"name": name}))


@pytest.mark.parametrize("workspace", ["", "flights-dev", "/subscriptions/s/resourceGroups/g"])
def test_a_workspace_that_is_no_resource_id_is_a_fault(workspace):
    assert "pattern" in faults(raw_policy({"environments": {"staging": {"workspace": workspace}}}))


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": "nobody"},
        {"promotion": {"approval": {"by": "nobody"}}},
        {"monitoring": [drift_rule(to="nobody")]},
    ],
    ids=["owner", "approval", "monitoring"],
)
def test_a_persona_that_is_not_defined_is_a_fault_that_names_those_that_are(changes):
    text = faults(raw_policy(changes))
    assert "'nobody' is unknown" in text
    assert "ml_engineers" in text


def test_two_workloads_of_one_name_are_a_fault():
    raw = raw_policy()
    raw["workloads"] *= 2
    assert "names must differ" in faults(raw)


def test_a_policy_without_workloads_is_a_fault():
    assert "at least 1 item" in faults(raw_policy() | {"workloads": []})


def test_a_version_of_the_grammar_that_we_do_not_know_is_a_fault():
    assert "Input should be 1" in faults(raw_policy(version=2))


def test_a_check_of_an_unknown_kind_is_a_fault_that_names_the_known_ones():
    text = faults(raw_policy({"promotion": {"staging": {"checks": [{"kind": "vibes"}]}}}))
    assert "'endpoint', 'batch_run', 'job'" in text


def test_a_candidate_must_show_something():
    assert "at least 1 item" in faults(raw_policy({"promotion": {"staging": {"checks": []}}}))


def test_a_scan_of_images_that_nobody_named_is_refused():
    text = faults(raw_policy({"promotion": {"staging": {"checks": [{"kind": "image_scan"}]}}}))
    assert "image_scan looks at the images that the workload's images: watches: add that section" in text


def test_a_persona_without_channels_hears_nothing_and_is_a_fault():
    assert "at least 1 item" in faults(raw_policy(personas={"ml_engineers": {"channels": []}}))


def test_the_example_has_no_key_twice():
    keys = [line.split(":")[0] for line in POLICY_TEXT.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("reference", ["flight-env", "azureml://registries/contoso/environments/e/versions/1"])
def test_an_environment_that_no_workspace_has_cannot_be_shared(reference):
    text = faults(raw_policy({"deployment": {"share_environment": True, "environment": reference}}))
    assert "share_environment copies azureml:NAME@LABEL" in text
