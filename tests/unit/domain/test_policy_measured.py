"""A rollout that is judged by Azure Monitor says where to ask, and bakes long enough for it to know."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.policy_measured import unfit_source
from tests.unit.domain.builders import POLICY, policy_with

GUID = "00000000-0000-0000-0000-0000000000aa"
PLACES = {"environments": {"production": {"region": "westeurope", "log_analytics": GUID}}}


def measured_by(source, environments=PLACES["environments"], rollout=None, **analysis):
    rollout = {"analysis": {"source": source, **analysis}, **(rollout or {})}
    return policy_with(environments=environments, promotion={"rollout": rollout})


def test_our_own_windows_are_the_default_and_need_nothing():
    workload = POLICY.workloads[0]
    assert workload.promotion.rollout.analysis.source == "windows"
    assert list(unfit_source(workload.environments.production, workload.promotion.rollout)) == []


@pytest.mark.parametrize(("source", "minutes"), [("windows", 0), ("metrics", 5), ("logs", 10)])
def test_each_source_has_its_own_lateness(source, minutes):
    assert measured_by(source).workloads[0].promotion.rollout.analysis.late_by == timedelta(minutes=minutes)


def test_a_policy_may_say_another():
    assert measured_by("logs", late="3m").workloads[0].promotion.rollout.analysis.late_by == timedelta(minutes=3)


@pytest.mark.parametrize(("source", "key"), [("metrics", "region"), ("logs", "log_analytics")])
def test_what_a_source_needs_is_asked_for_where_it_belongs(source, key):
    with pytest.raises(ValidationError, match=f"analysis.source: {source} asks there") as refused:
        measured_by(source, environments={})
    (fault,) = refused.value.errors()[0]["ctx"]["error"].faults
    assert fault.path == ("environments", "production", key)


@pytest.mark.parametrize(
    ("source", "bake", "least"), [("metrics", "6m", "7m"), ("logs", "11m", "12m"), ("logs", "4s", "12m")]
)
def test_a_bake_that_ends_before_anything_is_complete_is_refused(source, bake, least):
    with pytest.raises(ValidationError, match=f"write at least {least}"):
        measured_by(source, rollout={"bake": bake})
    assert measured_by(source, rollout={"bake": least})


def test_minutes_are_not_read_for_weeks():
    with pytest.raises(ValidationError, match="for 3d at most"):
        measured_by("metrics", rollout={"bake": "1d"})
    assert measured_by("logs", rollout={"bake": "1d"})


def test_windows_have_a_lateness_of_their_own():
    with pytest.raises(ValidationError, match="leave late out"):
        measured_by("windows", late="5m")


@pytest.mark.parametrize("region", ["west europe", "westeurope.example", "a/b", "WestEurope", "westeurope\n"])
def test_a_region_is_part_of_an_address_and_nothing_else(region):
    with pytest.raises(ValidationError, match="region"):
        measured_by("metrics", environments={"production": {"region": region}})


@pytest.mark.parametrize("workspace", ["logs-prod", GUID + "/..", GUID[1:]])
def test_a_log_analytics_workspace_is_named_by_its_guid(workspace):
    with pytest.raises(ValidationError, match="log_analytics"):
        measured_by("logs", environments={"production": {"log_analytics": workspace}})
