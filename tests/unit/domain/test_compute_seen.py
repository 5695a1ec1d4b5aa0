"""A compute is idle when it is an instance that runs, without a job, and that nothing else will stop."""

import pytest

from shared.domain.compute_seen import ComputeSeen


@pytest.mark.parametrize("state", ["Running"])
def test_an_instance_that_runs_is_idle(state):
    assert ComputeSeen(name="ci", kind="ComputeInstance", state=state).is_idle


@pytest.mark.parametrize("state", ["JobRunning", "Stopped", "Stopping", "Starting", "SettingUp", "Unknown", ""])
def test_one_that_is_busy_stopped_or_on_its_way_is_not(state):
    assert not ComputeSeen(name="ci", kind="ComputeInstance", state=state).is_idle


@pytest.mark.parametrize("kind", ["AmlCompute", "Kubernetes", "VirtualMachine", ""])
def test_a_cluster_scales_down_by_itself_and_what_is_attached_is_not_ours(kind):
    assert not ComputeSeen(name="c", kind=kind, state="Running").is_idle


def test_an_instance_that_azure_stops_by_itself_is_left_to_azure():
    assert not ComputeSeen(name="ci", kind="ComputeInstance", state="Running", stops_itself=True).is_idle
