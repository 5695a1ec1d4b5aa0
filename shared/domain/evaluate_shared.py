"""One signal, one subject that workloads share (a budget, an origin of data), one decision: which rule judges it.

Dispatch, and nothing else. Workloads have ``evaluate``.
"""

from shared.domain.decisions import Evaluation
from shared.domain.platform_signals import BudgetCrossed
from shared.domain.rules import budget, operator, upstream
from shared.domain.signals import CommandFinished, HoldElapsed, OperatorAsked
from shared.domain.situation import Ruling, Setting, because, evaluation
from shared.domain.telemetry_signals import WindowClosed


def evaluate_budget(setting: Setting) -> Evaluation:
    """The decision about a signal for the subject of a ``budgets:`` rule. Pure; raises nothing known."""
    match setting.signal:
        case BudgetCrossed() as signal:
            return evaluation(setting, budget.tell(setting, signal))
        case CommandFinished() as signal:
            return evaluation(setting, operator.on_other_finished(setting, signal))
        case _:
            return evaluation(setting, _no_match(setting, "a budget"))


def evaluate_upstream(setting: Setting) -> Evaluation:
    """The decision about a signal for the subject of an ``upstream:`` rule. Pure; raises nothing known."""
    return evaluation(setting, _of_origin(setting))


def _of_origin(setting: Setting) -> Ruling:
    match setting.signal:
        case WindowClosed() as signal:
            return upstream.on_drift(setting, signal)
        case OperatorAsked() as signal:
            return upstream.on_close_asked(setting, signal)
        case HoldElapsed(purpose="incident_expiry") as signal:
            return upstream.on_quiet(setting, signal)
        case HoldElapsed():
            return upstream.on_news(setting)
        case CommandFinished() as signal:
            return operator.on_other_finished(setting, signal)
        case _:
            return _no_match(setting, "an origin")


def _no_match(setting: Setting, whose: str) -> Ruling:
    text = f"heard and recorded; no rule of {whose} acts on it"
    return Ruling("no_match", "none", (because("no_rule", text),), setting.facts)
