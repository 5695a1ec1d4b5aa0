"""What a policy says under ``monitoring:``: all kinds of rules together, and the faults between rules of one workload.

Owns the union of the kinds. Knows no grammar of any of them (``policy_drift`` and its neighbours), and judges no signal
(``rules``).
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from shared.domain.policy_absence import TelemetryAbsent, one_is_enough
from shared.domain.policy_drift import DataDrift, DataQuality, PredictionDrift
from shared.domain.policy_faults import never_asked
from shared.domain.policy_idle import ComputeIdle, EndpointIdle, one_idle_rule
from shared.domain.policy_infrastructure import InfrastructureAlert
from shared.domain.policy_performance import Fairness, ModelPerformance, sensitive_columns
from shared.domain.policy_responses import unfit_response
from shared.domain.policy_section import FaultAtError
from shared.domain.policy_throttling import EndpointThrottled
from shared.domain.policy_triggers import NewData, Schedule
from shared.domain.policy_windows import WindowRule, same_rules

WINDOW_RULES_MAX = 16  # of one workload: what their windows said is kept with its facts, which have a limit

Monitored = Annotated[
    DataDrift
    | PredictionDrift
    | DataQuality
    | ModelPerformance
    | Fairness
    | EndpointThrottled
    | TelemetryAbsent
    | EndpointIdle
    | ComputeIdle
    | InfrastructureAlert
    | Schedule
    | NewData,
    Field(discriminator="when"),
]


def unfit_rules(task: str, monitoring: Sequence[Monitored], *, may_retrain: bool) -> Iterator[FaultAtError]:
    """Answers that do not fit the task, or that nobody described."""
    for number, rule in enumerate(monitoring):
        place = ("monitoring", number, "then")
        if isinstance(rule, InfrastructureAlert | TelemetryAbsent | EndpointThrottled | EndpointIdle | ComputeIdle):
            continue
        unfit = unfit_response(task, rule.then, rule.override_reason)
        if unfit:
            yield FaultAtError(unfit, *place)
        elif rule.then == "retrain" and not may_retrain:
            yield FaultAtError("then: retrain needs a retrain: section in this workload", *place)


def rules_in_the_way(monitoring: Sequence[Monitored]) -> Iterator[FaultAtError]:
    """Rules that watch what an earlier one takes."""
    numbered = list(enumerate(monitoring))
    alerts = [(number, rule.rules) for number, rule in numbered if isinstance(rule, InfrastructureAlert)]
    drifts = [(number, rule) for number, rule in numbered if isinstance(rule, DataDrift)]
    yield from never_asked(alerts, "rules")
    yield from never_asked(
        ((n, rule.azure_ml_signals) for n, rule in drifts if rule.azure_ml_signals), "azure_ml_signals"
    )
    yield from _of_telemetry(numbered)
    yield from _same_times([(number, rule) for number, rule in numbered if isinstance(rule, Schedule)])


def _of_telemetry(numbered: Sequence[tuple[int, Monitored]]) -> Iterator[FaultAtError]:
    windows = [(number, rule) for number, rule in numbered if isinstance(rule, WindowRule)]
    yield from same_rules(windows)
    if len(windows) > WINDOW_RULES_MAX:
        text = f"{len(windows)} rules watch windows; {WINDOW_RULES_MAX} are the most of one workload"
        yield FaultAtError(text, "monitoring", windows[WINDOW_RULES_MAX][0])
    yield from sensitive_columns([(number, rule) for number, rule in numbered if isinstance(rule, Fairness)])
    yield from one_is_enough([(number, rule) for number, rule in numbered if isinstance(rule, TelemetryAbsent)])
    yield from one_idle_rule([(number, rule) for number, rule in numbered if isinstance(rule, EndpointIdle)])


def _same_times(times: Sequence[tuple[int, Schedule]]) -> Iterator[FaultAtError]:
    for at, (number, time) in enumerate(times):
        if any((time.cron, time.timezone) == (other.cron, other.timezone) for _, other in times[:at]):
            yield FaultAtError("two rules have the same schedule; one of them is enough", "monitoring", number, "cron")
