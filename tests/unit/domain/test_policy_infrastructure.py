from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.policy import Policy
from shared.domain.policy_drift import DataDrift
from shared.domain.policy_infrastructure import InfrastructureAlert, Security, unfit_reliefs
from shared.parsing.policy_file import PolicyError, read_policy
from tests.unit.domain.builders import POLICY_TEXT
from tests.unit.domain.platform_builders import listening


def test_a_rule_without_details_hears_every_alert_and_only_tells():
    rule = InfrastructureAlert(when="infrastructure_alert")
    assert (rule.rules, rule.then, rule.to, rule.attribute_within) == ("*", "notify", "", timedelta(hours=1))


def test_alerts_and_drift_stand_in_one_list_and_are_told_apart():
    workload = listening({"rules": "a"}, {"rules": "b"}).workloads[0]
    assert [rule.rules for rule in workload.alert_rules] == ["a", "b"]
    assert [type(rule) for rule in workload.drift_rules] == [DataDrift]


def test_a_policy_that_listens_survives_being_written_and_read():
    policy = listening(security={"notify_from": "high"})
    assert Policy.model_validate_json(policy.model_dump_json(by_alias=True)) == policy


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"then": "retrain"}, "'rollback_or_notify', 'notify', 'scale_out' or 'restart'"),
        ({"attribute_within": 3600}, "write a number and a unit"),
        ({"rules": ""}, "at least 1 character"),
        ({"rule": "x"}, "Extra inputs"),
        ({"to": "nobody"}, "'nobody' is unknown"),
        ({"when": "full moon"}, "'compute_idle', 'infrastructure_alert'"),
    ],
)
def test_a_rule_that_could_not_work_is_a_fault(rule, text):
    with pytest.raises(ValidationError, match=text):
        listening(rule)


@pytest.mark.parametrize(
    ("security", "text"), [({"notify_from": "loud"}, "'medium'"), ({"to": "nobody"}, "'nobody' is unknown")]
)
def test_a_section_about_security_that_could_not_work_is_a_fault(security, text):
    with pytest.raises(ValidationError, match=text):
        listening(security=security)


def test_security_is_told_from_medium_on():
    assert Security().notify_from == "medium"


def test_a_fault_in_a_rule_is_named_by_line_and_key():
    rule = "    monitoring:\n      - {when: infrastructure_alert, then: panic}\n"
    with pytest.raises(PolicyError) as caught:
        read_policy("policy.yaml", POLICY_TEXT.replace("    monitoring:\n", rule))
    (fault,) = caught.value.faults
    assert (fault.key, POLICY_TEXT.splitlines()[fault.line - 2].strip()) == (
        "workloads[0].monitoring[0].then",
        "monitoring:",
    )


SCALES = {"then": "scale_out", "relief": {"instances_max": 3}}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"then": "scale_out"}, "then: scale_out needs its limit: relief: {instances_max"),
        ({"then": "scale_out", "relief": {"add": 2}}, "then: scale_out needs its limit"),
        ({"then": "notify", "relief": {"cooldown": "1h"}}, "relief bounds then: scale_out and then: restart"),
        ({"then": "scale_out", "relief": {"instances_max": 51}}, "less than or equal to 50"),
        ({"then": "restart", "relief": {"give_up_after": 0}}, "greater than or equal to 1"),
    ],
)
def test_a_remedy_without_its_bounds_is_a_fault(rule, text):
    with pytest.raises(ValidationError, match=text):
        listening(rule)


def test_a_limit_that_leaves_no_room_is_a_fault():
    raw = listening().model_dump(mode="json", by_alias=True)["workloads"][0]["deployment"]
    with pytest.raises(ValidationError, match="3 is no more than instance_count, 3: nothing could be added"):
        listening(SCALES, deployment={**raw, "instance_count": 3})


def test_a_restart_needs_no_bounds_of_its_own():
    (rule,) = listening({"then": "restart"}).workloads[0].alert_rules
    assert rule.relieves is not None
    assert rule.relieves.give_up_after == 2


def test_a_batch_deployment_has_no_instances_to_add():
    rules = listening(SCALES).workloads[0].monitoring
    (fault,) = unfit_reliefs(rules, "batch", 1)
    assert fault.path == ("monitoring", 1, "then")
    assert list(unfit_reliefs(rules, "kubernetes_online", 1)) == []
