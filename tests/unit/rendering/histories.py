"""Ledgers and histories of the tests of the plot: months of 2013, as rules judge them."""

from datetime import UTC, datetime, timedelta

from shared.domain.ci_runs import GithubWorkflowRun
from shared.domain.commands import DispatchTraining, Retrain, RollBackTraffic, SetTraffic
from shared.domain.decisions import Decision
from shared.domain.outcomes import Succeeded
from shared.domain.policy_drift import DataDrift
from shared.domain.policy_performance import ModelPerformance
from shared.domain.records import CommandRow
from shared.domain.rules.monitoring import judge_labelled, judge_rows
from shared.domain.telemetry_signals import FeatureScore, PerformanceMeasured, WindowClosed
from shared.rendering.chronicle import LedgerLine
from shared.rendering.history import DriftPanel, History, Mark, PerformancePanel, ShownWindow

DRIFT = DataDrift.model_validate(
    {"when": "data_drift", "above": 0.2, "share_of_features": 0.25, "min_rows": 100, "then": "notify"}
)
AUC = ModelPerformance.model_validate(
    {"when": "model_performance", "metric": "auc", "window": "1mo", "below": 0.6, "suspected_below": 0.65}
)
VERSIONS = {"version-1": "1", "version-2": "2"}
PLACE = {"workspace": "/w", "endpoint": "e", "source": "outerloop/telemetry"}
ARM = {"workspace": "/w", "endpoint": "e"}


def month(number):
    return datetime(2013 + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)


def spoken(number, **changes):
    """What every signal about a month's window has."""
    said = {
        "dedup_key": f"k{number}",
        "occurred_at": month(number + 1),
        "deployment": "version-1",
        "window": "1mo",
        "start": month(number),
        "end": month(number + 1),
    }
    return PLACE | said | changes


def closed(number, scores=(0.3, 0.1, 0.05), rows=5000, **changes):
    features = tuple(FeatureScore(feature=f"f{place}", score=score) for place, score in enumerate(scores))
    return WindowClosed(rows=rows, scores=features, **spoken(number, **changes))


def measured(number, auc=0.7, spread=0.02, pairs=5000, **changes):
    values = {"metrics": {"auc": auc}, "lower": {"auc": auc - spread}, "upper": {"auc": auc + spread}}
    counts = {"predictions": pairs, "labels": pairs, "pairs": pairs}
    return PerformanceMeasured(**counts, **values, **spoken(number, **changes))


def decided(signal, *rules, at=None, commands=(), keep=True):
    """The line of the ledger about a window; ``keep``: its signal is still there."""
    judge = judge_rows if isinstance(signal, WindowClosed) else judge_labelled
    reasons = tuple(judge(rule, signal).reason for rule in rules)
    decision = Decision(
        id=f"d{signal.dedup_key}",
        cause=signal.dedup_key,
        cause_kind=type(signal).__name__,
        subject="workload/flight-delay",
        verdict="act" if commands else "suppress",
        rule="data_drift",
        reasons=reasons,
        commands=tuple(row.command for row in commands),
        decided_at=at or signal.end + timedelta(days=1),
    )
    return LedgerLine(decision, signal if keep else None, tuple(commands))


def ordered(at, *rows, name="other"):
    """The line of the ledger about something else than a window."""
    decision = Decision(
        id=f"d{name}",
        cause=name,
        cause_kind="CommandFinished",
        subject="workload/flight-delay",
        verdict="act",
        rule="rollout",
        reasons=(),
        commands=tuple(row.command for row in rows),
        decided_at=at,
    )
    return LedgerLine(decision, None, tuple(rows))


def row(command, outcome=None, state="finished", at=None):
    return CommandRow(
        command=command,
        subject="workload/flight-delay",
        decision="d",
        state=state,
        depth=0,
        created_at=month(1),
        outcome=outcome or Succeeded(),
        finished_at=at,
    )


def traffic(at=None, outcome=None, **percent):
    named = {name.replace("_", "-"): share for name, share in percent.items()}
    return row(SetTraffic(id="t", workload="w", reason="r", traffic=named, **ARM), outcome, at=at)


def rolled_back(at=None):
    command = RollBackTraffic(id="b", workload="w", reason="r", traffic={"version-1": 100}, until=month(30), **ARM)
    return row(command, at=at)


def retraining(state="started", outcome=None):
    command = Retrain(
        id="r", workload="w", reason="r", workspace="/w", component="c", data="d", experiment="e", model="m"
    )
    return row(command, outcome, state)


def dispatched(state="started", outcome=None):
    start = GithubWorkflowRun(repository="contoso/flights", workflow="retrain.yml", ref="main")
    command = DispatchTraining(id="g", workload="w", reason="r", start=start, workspace="/w", model="m")
    return row(command, outcome, state)


def window(number, version="1", verdict="pass", value=0.1, **measures):
    return ShownWindow(version, month(number), month(number + 1), verdict, value, **measures)


def history(drift=(), performance=(), marks=()):
    return History(
        "flight-delay",
        DriftPanel("psi", "1mo", 0.2, 0.1, 0.15, tuple(drift)),
        PerformancePanel("auc", "1mo", 0.6, 0.65, tuple(performance)),
        tuple(marks),
    )


def a_year():
    inputs = [
        window(
            number,
            "1" if number < 6 else "2",
            "detected",
            0.3,
            suspected=0.5,
            distances=(0.05, 0.15, 0.4),
            farthest="f",
        )
        for number in range(1, 12)
    ]
    labelled = [
        window(number, "1" if number < 6 else "2", value=0.7, lower=0.68, upper=0.72) for number in range(1, 11)
    ]
    done = (Mark(month(1), "serves", "1"), Mark(month(6), "retraining", ""), Mark(month(6), "serves", "2"))
    return history(inputs, labelled, done)
