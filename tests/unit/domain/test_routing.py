import pytest

from shared.domain.policy import Policy
from shared.domain.routing import UNMATCHED, concerned, lies_in, out_of_scope, route, subject_of, workload_of
from shared.domain.signals import JobStatusChanged, ModelDeployed, SubscriptionValidation, TelemetryReceived
from shared.domain.values import replace
from tests.unit.domain.builders import (
    DEVELOPMENT,
    GROUP,
    NOW,
    POLICY,
    PRODUCTION,
    SUBJECT,
    answered,
    asked,
    breached,
    budgeted,
    changed,
    crossed,
    elapsed,
    fell_silent,
    finished,
    performed,
    raw_policy,
    registered,
    resumed,
    window,
)

HEARD = {"source": "s", "dedup_key": "k", "occurred_at": NOW}
ELSEWHERE = DEVELOPMENT.replace("flights-dev", "somebody-elses")
JOB = JobStatusChanged(**HEARD, workspace=DEVELOPMENT, run_id="r", status="Completed")
DEPLOYED = ModelDeployed(**HEARD, workspace=PRODUCTION, service_name="flight-delay")


@pytest.mark.parametrize("signal", [window(3), performed(3), fell_silent(), resumed()])
def test_what_telemetry_says_concerns_the_workload_that_serves_from_the_endpoint(signal):
    assert route(POLICY, signal) == (SUBJECT,)
    assert route(POLICY, replace(signal, endpoint="another")) == (UNMATCHED,)
    assert out_of_scope(POLICY, replace(signal, workspace=ELSEWHERE)).reason == "out_of_scope"


def two_workloads():
    """The example, and a second workload beside it that serves another model from other endpoints."""
    raw = raw_policy()
    elsewhere = {"production": {"endpoint": "house-prices"}, "staging": {"endpoint": "house-prices-stg"}}
    second = changed(raw["workloads"][0], {"name": "house-prices", "model": "house-*", "environments": elsewhere})
    raw["workloads"].append(second)
    return Policy.model_validate(raw)


def test_a_subject_names_its_workload():
    assert subject_of("flight-delay") == SUBJECT
    assert workload_of(SUBJECT) == "flight-delay"
    assert workload_of("budget/mlops") == workload_of(UNMATCHED) == ""


@pytest.mark.parametrize(
    "signal",
    [
        registered(),
        window(3),
        breached(),
        asked("pause"),
        answered(),
        elapsed("bake", "x"),
        finished("c", "Notify"),
        JOB,
        DEPLOYED,
    ],
    ids=lambda signal: type(signal).__name__,
)
def test_what_concerns_the_workload_is_routed_to_it(signal):
    assert out_of_scope(POLICY, signal) is None
    assert route(POLICY, signal) == (SUBJECT,)


@pytest.mark.parametrize(
    "signal",
    [
        registered(model_name="house-prices"),
        registered(model_name="Flight-delay"),
        window(3, endpoint="house-prices"),
        window(3, workspace=DEVELOPMENT),
        breached(monitor_signal="house_prices_drift"),
        SubscriptionValidation(**HEARD, validation_code="c"),
        TelemetryReceived(**HEARD, rows_by_category={}),
    ],
)
def test_what_concerns_nobody_is_kept_as_unmatched(signal):
    assert route(POLICY, signal) == (UNMATCHED,)


@pytest.mark.parametrize("name", ["flight-delay", "flight-delay-eu", "flight-delayed"])
def test_a_model_is_matched_by_the_policys_glob(name):
    assert route(POLICY, registered(model_name=name)) == (SUBJECT,)


def test_an_endpoint_is_found_in_whatever_case_azure_writes_it():
    assert route(POLICY, window(3, endpoint="Flight-Delay")) == (SUBJECT,)


def test_one_signal_may_concern_two_workloads():
    assert route(two_workloads(), JOB) == (SUBJECT, "workload/house-prices")
    assert route(two_workloads(), breached()) == (SUBJECT, "workload/house-prices")


def test_of_two_workloads_in_one_workspace_each_hears_of_its_own_model_and_endpoint():
    assert route(two_workloads(), registered()) == route(two_workloads(), window(3)) == (SUBJECT,)
    assert route(two_workloads(), registered(model_name="house-1")) == ("workload/house-prices",)
    assert route(two_workloads(), window(3, endpoint="house-prices")) == ("workload/house-prices",)


@pytest.mark.parametrize("workspace", [ELSEWHERE, ""])
@pytest.mark.parametrize("make", [registered, breached, lambda **fields: window(3, **fields)])
def test_a_workspace_that_the_policy_does_not_name_may_steer_nothing(make, workspace):
    rejected = out_of_scope(POLICY, make(workspace=workspace))
    assert rejected.reason == "out_of_scope"
    assert "environments:" in rejected.detail


def test_a_workspace_is_in_scope_in_whatever_case_it_is_written():
    assert out_of_scope(POLICY, registered(workspace=DEVELOPMENT.upper())) is None


def test_a_workload_that_does_not_exist_is_out_of_scope():
    rejected = out_of_scope(POLICY, replace(asked("retrain"), workload="house-prices"))
    assert "no workload 'house-prices'" in rejected.detail


BUDGET = f"{GROUP}/providers/microsoft.consumption/budgets/mlops"
SUBSCRIPTION = "/".join(GROUP.split("/")[:3])


@pytest.mark.parametrize(
    ("written", "scope"),
    [
        (GROUP, GROUP),
        (GROUP.upper().replace("/SUBSCRIPTIONS", "/subscriptions"), GROUP),
        (SUBSCRIPTION, GROUP),
        (GROUP, SUBSCRIPTION),
        (BUDGET, GROUP),
    ],
    ids=["its own", "in capitals", "above", "below", "by the budget's id"],
)
def test_a_budget_alert_goes_to_its_rule_and_to_the_workloads_in_its_scope(written, scope):
    subjects = route(budgeted(scope=written), crossed(1.0, scope=scope))
    assert subjects == (f"budget/{written.lower()}", SUBJECT)


@pytest.mark.parametrize(
    "written", [f"{GROUP}2", GROUP.replace("mlops", "website"), BUDGET.replace("budgets/mlops", "budgets/gpu")]
)
def test_a_budget_alert_does_not_go_to_a_rule_of_another_scope(written):
    assert route(budgeted(scope=written), crossed(1.0)) == (SUBJECT,)


def test_a_rule_of_the_very_scope_is_preferred_to_those_around_it():
    rule = {"tiers": [{"at": 0.5, "to": "ml_engineers"}]}
    raw = raw_policy(budgets=[{"scope": SUBSCRIPTION, **rule}, {"scope": GROUP, **rule}])
    subjects = route(Policy.model_validate(raw), crossed(1.0))
    assert subjects == (f"budget/{GROUP}", SUBJECT)


def test_a_budget_without_workloads_is_in_scope_when_the_policy_names_it():
    elsewhere = GROUP.replace("mlops", "website")
    assert out_of_scope(budgeted(), crossed(1.0, scope=elsewhere))
    assert out_of_scope(budgeted(scope=elsewhere), crossed(1.0, scope=elsewhere)) is None
    assert route(budgeted(scope=elsewhere), crossed(1.0, scope=elsewhere)) == (f"budget/{elsewhere}",)


def test_the_end_of_a_budgets_message_goes_to_the_budget():
    done = replace(finished("c", "Notify"), workload="", subject=f"budget/{GROUP}")
    assert route(budgeted(), done) == (f"budget/{GROUP}",)


@pytest.mark.parametrize(
    ("resource", "inside"),
    [
        (PRODUCTION, True),
        (f"{PRODUCTION.upper()}/", True),
        (f"{PRODUCTION}/computes/cpu", True),
        (f"{PRODUCTION}-eu", False),
        (GROUP, False),
        ("", False),
    ],
)
def test_a_resource_lies_in_a_workspace_when_it_is_that_or_a_part_of_it(resource, inside):
    assert lies_in(PRODUCTION.upper(), resource) is inside


def test_a_workload_is_concerned_by_its_resources_and_by_what_holds_them():
    found = concerned(POLICY.workloads[0], (GROUP, f"{DEVELOPMENT.upper()}/", ELSEWHERE, ""))
    assert found == (GROUP, DEVELOPMENT)
