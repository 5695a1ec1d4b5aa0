from datetime import datetime
from typing import get_args, get_origin

import msgspec
import pytest

from shared.domain.commands import Command
from shared.domain.effects import AnyCommand
from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.on_unknown import ON_UNKNOWN
from shared.domain.platform_signals import DataDeleted
from shared.domain.policy import Policy
from shared.domain.signals import (
    HoldElapsed,
    JobStatusChanged,
    ModelDeployed,
    OperatorAsked,
    Signal,
    SubscriptionValidation,
    TelemetryReceived,
)
from shared.domain.signals import kind_of as signal_kind
from shared.domain.values import encode
from tests.scenarios.test_idle_compute import seen as compute_seen
from tests.unit.domain.builders import (
    DEVELOPMENT,
    NOW,
    answered,
    arrived,
    asked,
    awaiting,
    breached,
    codes,
    crossed,
    elapsed,
    expired,
    failure,
    fell_idle,
    fell_silent,
    finished,
    incident,
    known,
    performed,
    policy_with,
    raw_policy,
    recovered,
    referenced,
    registered,
    resumed,
    rolling,
    schedule_due,
    serving,
    silenced,
    situation,
    used,
    version,
    window,
)
from tests.unit.domain.platform_builders import judged, looked, resource_changed

HEARD = {"source": "s", "dedup_key": "k", "occurred_at": NOW}
ONE_OF_EACH = {
    "ModelRegistered": (registered("2"), "promotion"),
    "ModelDeployed": (ModelDeployed(**HEARD, workspace=DEVELOPMENT, service_name="s"), "none"),
    "JobStatusChanged": (JobStatusChanged(**HEARD, workspace=DEVELOPMENT, run_id="r", status="Failed"), "none"),
    "MonitorBreached": (breached(), "data_drift"),
    "MonitorRecovered": (recovered(), "data_drift"),
    "SubscriptionValidation": (SubscriptionValidation(**HEARD, validation_code="c"), "none"),
    "TelemetryReceived": (TelemetryReceived(**HEARD, rows_by_category={}), "none"),
    "WindowClosed": (window(3), "data_drift"),
    "PerformanceMeasured": (performed(3), "model_performance"),
    "TelemetryFellSilent": (fell_silent(), "telemetry_absent"),
    "TelemetryResumed": (resumed(), "telemetry_absent"),
    "EndpointFellIdle": (fell_idle(), "endpoint_idle"),
    "EndpointUsed": (used(), "endpoint_idle"),
    "RowsReferenced": (referenced(), "referenced_rows"),
    "OperatorAsked": (asked("pause"), "operator"),
    "ApprovalAnswered": (answered(), "approval"),
    "CommandFinished": (finished("c", "Notify"), "operator"),
    "BudgetCrossed": (crossed(0.5), "budget"),
    "SilenceAdded": (silenced(), "silence"),
    "SilenceExpired": (expired("x"), "silence"),
    "HoldElapsed": (elapsed("bake", "2/0/0"), "rollout"),
    "ComplianceChanged": (judged(), "compliance"),
    "ResourceChanged": (resource_changed(), "by_hand"),
    "EndpointObserved": (looked(NOW, {"version-1": 100}), "by_hand"),
    "ComputeObserved": (compute_seen(), "compute_idle"),
    "ScheduleElapsed": (schedule_due(), "schedule"),
    "DataArrived": (arrived(), "data_arrived"),
    "DataDeleted": (arrived(kind=DataDeleted), "data_arrived"),
}
STATES = (
    Facts(),
    serving("1"),
    serving("1", paused=True, fruitless=9, incidents=(incident("verifying", verification="measure"),)),
    known(version("1"), version("2", "standby")),
    rolling(pending="c"),
    rolling(over=""),
    awaiting("2", version("1")),
    known(version("1"), version("2", "staging", awaiting=("c",))),
    known(version("1"), version("2", "deploying", awaiting=("c",))),
    known(version("1"), version("2", "probing", awaiting=("c",))),
)


def sample_of(kind):
    """A signal of a kind that no rule looks into: every field that it must have, with the first value that fits."""
    fits = {str: "text", int: 1, float: 1.0, bool: True, datetime: NOW}
    fields = {}
    for field in msgspec.structs.fields(kind):
        if field.required:
            kinds = get_args(field.type)
            fields[field.name] = fits.get(field.type, () if get_origin(field.type) is tuple else (kinds or ({},))[0])
    return kind(**fields)


JUDGED = ONE_OF_EACH | {
    kind.__name__: (sample_of(kind), "none") for kind in get_args(Signal) if kind.__name__ not in ONE_OF_EACH
}


def test_the_samples_are_signals():
    for signal, _ in JUDGED.values():
        assert msgspec.json.decode(encode(signal), type=Signal) == signal


@pytest.mark.parametrize(("signal", "rule"), JUDGED.values(), ids=JUDGED)
def test_a_signal_is_judged_by_the_rule_of_its_kind(signal, rule):
    decision = evaluate(situation(signal, serving("1"))).decision
    assert decision.rule == rule
    assert decision.reasons
    assert decision.cause_kind == signal_kind(signal)


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("retrain", "remedy"),
        ("rollback", "rollout"),
        ("pause", "operator"),
        ("resume", "operator"),
        ("lift_freeze", "budget"),
        ("close", "work_item"),
        ("continue", "rollout"),
    ],
)
def test_every_request_of_a_person_is_answered(action, rule):
    assert evaluate(situation(asked(action), serving("1"))).decision.rule == rule


def test_these_are_all_the_requests_and_all_the_moments():
    actions = OperatorAsked.__annotations__["action"]
    assert set(get_args(actions)) == {"retrain", "rollback", "pause", "resume", "lift_freeze", "close", "continue"}
    assert set(get_args(HoldElapsed.__annotations__["purpose"])) == {
        "retry",
        "bake",
        "comparison",
        "approval_expiry",
        "standby_expiry",
        "failed_expiry",
        "verify_deadline",
        "incident_expiry",
    }


@pytest.mark.parametrize(
    ("purpose", "code"),
    [
        ("retry", "no_rule"),
        ("bake", "stale"),
        ("approval_expiry", "answered"),
        ("standby_expiry", "stale"),
        ("verify_deadline", "stale"),
        ("incident_expiry", "stale"),
    ],
)
def test_a_moment_that_comes_too_late_changes_nothing(purpose, code):
    done = evaluate(situation(elapsed(purpose, "whatever"), serving("1")))
    assert (codes(done), done.facts) == ([code], serving("1"))


def signals():
    kinds = [kind.__name__ for kind in ON_UNKNOWN]
    ends = [finished("c", kind, outcome) for kind in kinds for outcome in (None, failure())]
    people = [asked(action) for action in ("retrain", "rollback", "pause", "resume")]
    moments = [elapsed("bake", "2/0/0"), elapsed("standby_expiry", "2"), elapsed("approval_expiry", "question")]
    return [*(signal for signal, _ in JUDGED.values()), *ends, *people, *moments]


@pytest.mark.parametrize(
    "facts", STATES, ids=lambda facts: "+".join(v.state for v in facts.versions.values()) or "empty"
)
def test_any_signal_in_any_state_is_decided_and_the_same_each_time(facts):
    for signal in signals():
        first, again = evaluate(situation(signal, facts)), evaluate(situation(signal, facts))
        assert encode(first) == encode(again)
        assert first.decision.reasons, f"{signal} was decided without a reason"


def test_an_equal_policy_that_was_read_again_gives_the_same_bytes():
    again = Policy.model_validate(raw_policy())
    assert encode(evaluate(situation(window(3), serving("1")))) == encode(
        evaluate(situation(window(3), serving("1"), policy=again))
    )


def test_a_policy_without_retraining_has_no_rule_for_drift():
    policy = policy_with(retrain=None, monitoring=[])
    assert codes(evaluate(situation(window(3), serving("1"), policy=policy))) == ["unknown_deployment"]


def all_commands(kind=Command):
    for child in kind.__subclasses__():
        yield from all_commands(child)
        if not child.__subclasses__():
            yield child


def test_every_command_kind_says_what_to_do_when_its_effect_is_unknown():
    assert set(ON_UNKNOWN) == set(all_commands()) == set(get_args(AnyCommand))


def test_only_what_changes_nothing_twice_may_be_repeated():
    repeated = {kind.__name__ for kind, rule in ON_UNKNOWN.items() if rule == "repeat"}
    assert repeated == {"RecordReference", "CheckEndpoint", "RequestApproval", "Notify"}
