"""Policies, facts, signals and situations that the tests of the core speak about.

The policy is a file of its own beside this one: one workload, so that a test says itself what else there is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, settings

from shared.domain.durations import parse_duration
from shared.domain.facts import ApprovalAsked, CheckResult, Facts, HeldSignal, Incident, Rollout, Version, WindowSeen
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, TrafficSample
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.platform_signals import BudgetCrossed, DataArrived
from shared.domain.policy import Policy
from shared.domain.references import deployment_name
from shared.domain.signals import (
    ApprovalAnswered,
    Breach,
    CommandFinished,
    HoldElapsed,
    ModelRegistered,
    MonitorBreached,
    MonitorRecovered,
    OperatorAsked,
    ScheduleElapsed,
)
from shared.domain.silences import SilenceAdded, SilenceExpired
from shared.domain.situation import Situation
from shared.domain.telemetry_signals import (
    FeatureScore,
    PerformanceMeasured,
    RowsReferenced,
    TelemetryFellSilent,
    TelemetryResumed,
    WindowClosed,
)
from shared.parsing.policy_file import policy_digest, read_policy

steady = settings(  # the same examples each time, however busy the machine
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)

POLICY_FILE = Path(__file__).with_name("policy.yaml")
POLICY_TEXT = POLICY_FILE.read_text(encoding="utf-8")
POLICY = read_policy("policy.yaml", POLICY_TEXT)
WORKLOAD = POLICY.workloads[0]
SUBJECT = "workload/flight-delay"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DEVELOPMENT = WORKLOAD.environments.development.workspace.lower()
PRODUCTION = WORKLOAD.environments.production.workspace.lower()
ENGINEERS = POLICY.personas["ml_engineers"].group
ENDLESS = "".join(derive("endless", number) for number in range(9_000))  # a name that no row takes, packed or not
FEATURES = ("distance", "dep_time", "carrier", "origin")

HEALTHY = TrafficSample(
    requests=2000,
    failed=2,
    latency_p50_ms=20,
    latency_p95_ms=40,
    latency_p95_ms_lower=38,
    latency_p95_ms_upper=43,
)
BROKEN = TrafficSample(
    requests=400,
    failed=120,
    latency_p50_ms=20,
    latency_p95_ms=40,
    latency_p95_ms_lower=36,
    latency_p95_ms_upper=46,
)
SCARCE = TrafficSample(
    requests=3, latency_p50_ms=20, latency_p95_ms=40, latency_p95_ms_lower=20, latency_p95_ms_upper=60
)


def after(text: str) -> datetime:
    """The moment so long after NOW."""
    return NOW + parse_duration(text)


def changed(base: Any, changes: Any) -> Any:
    """Nested mappings with some keys changed; a key set to None disappears, other values are replaced whole."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    merged = {**base, **{key: changed(base.get(key), value) for key, value in changes.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def raw_policy(workload: Mapping[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """The example's policy before validation, with changes to its workload and to its top level."""
    raw = yaml.safe_load(POLICY_TEXT)
    raw["workloads"][0] = changed(raw["workloads"][0], dict(workload or {}))
    return changed(raw, top)


def policy_with(**workload: Any) -> Policy:
    """The example's policy with changes to its workload."""
    return Policy.model_validate(raw_policy(workload))


def drift_rule(**changes: Any) -> dict[str, Any]:
    """The example's drift rule, before validation, with changes."""
    return changed(yaml.safe_load(POLICY_TEXT)["workloads"][0]["monitoring"][0], changes)


def situation(signal: Any, facts: Facts | None = None, **fields: Any) -> Situation:
    """One signal for the workload of a policy."""
    policy = fields.pop("policy", POLICY)
    return Situation(
        policy=policy,
        policy_digest=policy_digest(policy),
        workload=policy.workloads[0],
        subject=SUBJECT,
        signal=signal,
        facts=facts or Facts(),
        now=fields.pop("now", NOW),
        **fields,
    )


def retried(signal: Any, facts: Facts, about: str, **fields: Any) -> Situation:
    """The end of a hold whose signal is evaluated again, with the facts that know of the hold."""
    waking = situation(signal, facts).wait(about, fields.get("now", NOW), facts)
    hold, facts = waking
    return situation(hold.signal, facts, original=signal, **fields)


def version(number: str = "1", state: Any = "serving", **fields: Any) -> Version:
    """One version of the model, registered an hour later than the version before it."""
    registered_at = NOW - timedelta(days=9) + timedelta(hours=int(number)) if number.isdigit() else NOW
    fields = {"author": "ada@contoso.com", "deployment": deployment_name(number), **fields}
    return Version(
        version=number, model="flight-delay", state=state, since=NOW, **{"registered_at": registered_at, **fields}
    )


def known(*versions: Version, **fields: Any) -> Facts:
    """Facts with these versions; the one that serves is the champion."""
    champion = next((v.version for v in versions if v.state == "serving"), "")
    standby = next((v.version for v in versions if v.state == "standby"), "")
    fields = {"champion": champion, "standby": standby, **fields}
    if standby:
        fields.setdefault("standby_until", NOW + timedelta(days=3))
    return Facts(versions={v.version: v for v in versions}, **fields)


def serving(number: str = "1", **fields: Any) -> Facts:
    """Facts in which one version serves all traffic."""
    return known(version(number), **fields)


def rolling(number: str = "2", over: str = "1", **rollout: Any) -> Facts:
    """Facts in which a version takes over from another: its first step is in force unless told otherwise."""
    fields = {"percent": 10, "step_started_at": NOW, **rollout}
    versions = [version(number, "rolling_out"), *([version(over)] if over else [])]
    return known(*versions, rollout=Rollout(version=number, champion=over, **fields))


def awaiting(number: str = "2", *others: Version, **fields: Any) -> Facts:
    """Facts in which a version waits for a person."""
    asked = {
        "id": "question",
        "evidence_digest": "digest",
        "asked_at": NOW,
        "expires_at": NOW + timedelta(days=2),
        **fields.pop("asked", {}),
    }
    waiting = version(number, "awaiting_approval", approval=ApprovalAsked(**asked), checks=CHECKS, **fields)
    return known(waiting, *others)


CHECKS = (CheckResult(name="endpoint", command_id="check-0", passed=True, detail="good"),)


def incident(state: Any = "remedying", **fields: Any) -> Incident:
    """An incident of data drift on version 1."""
    return Incident(
        **{"id": "incident", "kind": "data_drift", "state": state, "opened_at": NOW, "version": "1", **fields}
    )


def held(dedup_key: str, about: str) -> HeldSignal:
    """A signal that waits."""
    return HeldSignal(dedup_key=dedup_key, about=about)


def registered(number: str = "1", **fields: Any) -> ModelRegistered:
    """A model version was registered in development."""
    return ModelRegistered(
        **{
            "source": DEVELOPMENT,
            "dedup_key": f"registered-{number}",
            "occurred_at": NOW + timedelta(seconds=int(number)) if number.isdigit() else NOW,
            "workspace": DEVELOPMENT,
            "model_name": "flight-delay",
            "model_version": number,
            "tags": {"author": "ada@contoso.com"},
            **fields,
        }
    )


def finished(command_id: str, kind: str, outcome: Any = None, **data: Any) -> CommandFinished:
    """A command came to its end, well unless told otherwise."""
    return CommandFinished(
        source="outerloop/commands",
        dedup_key=f"finished-{command_id}",
        occurred_at=NOW,
        workload="flight-delay",
        command_id=command_id,
        command_kind=kind,
        outcome=outcome or Succeeded(data=data),
    )


def failure(reason: str = "the quota is used up") -> Failed:
    """A failure that no retry mends."""
    return Failed(retryable=False, reason=reason)


def elapsed(purpose: Any, about: str, **fields: Any) -> HoldElapsed:
    """A moment came that a decision had asked to be woken at."""
    return HoldElapsed(
        source="outerloop/holds",
        dedup_key=f"elapsed-{purpose}-{about}",
        occurred_at=NOW,
        workload="flight-delay",
        hold_id=fields.pop("hold_id", "hold"),
        purpose=purpose,
        about=about,
        **fields,
    )


def asked(action: Any, **fields: Any) -> OperatorAsked:
    """A person asked for something."""
    heard = {"source": "outerloop/cli", "dedup_key": f"asked-{action}", "occurred_at": NOW}
    return OperatorAsked(**{**heard, "workload": "flight-delay", "action": action, "by": "grace@contoso.com", **fields})


def answered(answer: Any = "approve", **fields: Any) -> ApprovalAnswered:
    """A person who may answer did."""
    who, question = fields.get("by", "grace@contoso.com"), fields.get("approval_id", "question")
    return ApprovalAnswered(
        **{
            "source": "outerloop/approvals",
            "dedup_key": f"answer-{question}-{who}-{answer}",
            "occurred_at": NOW,
            "workload": "flight-delay",
            "approval_id": "question",
            "answer": answer,
            "by": who,
            "evidence_digest": "digest",
            "groups": (ENGINEERS,),
            **fields,
        }
    )


def window(month: int, *, drifted: int = 0, number: str = "1", **fields: Any) -> WindowClosed:
    """A month of one version's telemetry ended, in which so many of four features drifted."""
    start = datetime(2026, month, 1, tzinfo=UTC)
    scores = [FeatureScore(feature=name, score=0.5 if n < drifted else 0.01) for n, name in enumerate(FEATURES)]
    return WindowClosed(
        **{
            "source": "outerloop/telemetry",
            "dedup_key": f"window-{number}-{month}-{drifted}",
            "occurred_at": start + timedelta(days=28),
            "workspace": PRODUCTION,
            "endpoint": "flight-delay",
            "deployment": deployment_name(number),
            "window": "1mo",
            "start": start,
            "end": start + timedelta(days=28),
            "rows": 10_000,
            "scores": tuple(scores),
            **fields,
        }
    )


def performed(month: int, auc: float = 0.70, *, number: str = "1", **fields: Any) -> PerformanceMeasured:
    """The labels of a month's predictions came: how good one version was."""
    start = datetime(2026, month, 1, tzinfo=UTC)
    return PerformanceMeasured(
        **{
            "source": "outerloop/telemetry",
            "dedup_key": f"performed-{number}-{month}-{auc}",
            "occurred_at": start + timedelta(days=58),
            "workspace": PRODUCTION,
            "endpoint": "flight-delay",
            "deployment": deployment_name(number),
            "window": "1mo",
            "start": start,
            "end": start + timedelta(days=28),
            "predictions": 10_000,
            "labels": 9_000,
            "pairs": 2_000,
            "metrics": {"auc": auc},
            "lower": {"auc": round(auc - 0.02, 6)},
            "upper": {"auc": round(auc + 0.02, 6)},
            **fields,
        }
    )


def fell_silent(number: str = "1", since: datetime = NOW, **fields: Any) -> TelemetryFellSilent:
    """One version's deployment has said nothing since a moment, for longer than the policy allows."""
    key = f"silent-{number}-{since.isoformat()}"
    heard = {"source": "outerloop/telemetry", "dedup_key": key, "occurred_at": since, "workspace": PRODUCTION}
    where = {"endpoint": "flight-delay", "deployment": deployment_name(number), "last_heard_at": since}
    return TelemetryFellSilent(**{**heard, **where, **fields})


def resumed(number: str = "1", since: datetime = NOW, **fields: Any) -> TelemetryResumed:
    """The deployment that was silent since a moment speaks again."""
    key = f"resumed-{number}-{since.isoformat()}"
    heard = {"source": "outerloop/telemetry", "dedup_key": key, "occurred_at": since, "workspace": PRODUCTION}
    where = {"endpoint": "flight-delay", "deployment": deployment_name(number), "silent_since": since}
    return TelemetryResumed(**{**heard, **where, **fields})


def breached(run: str = "run-1", **fields: Any) -> MonitorBreached:
    """Azure ML's own monitor found drift."""
    return MonitorBreached(
        **{
            "source": PRODUCTION,
            "dedup_key": f"breached-{run}",
            "occurred_at": NOW,
            "workspace": PRODUCTION,
            "run_id": run,
            "monitor_signal": "flight_delay_drift",
            "breaches": (Breach(metric="psi", value=0.4, threshold=0.2, group="carrier"),),
            **fields,
        }
    )


def recovered(run: str = "run-9", **fields: Any) -> MonitorRecovered:
    """A run of Azure ML's own monitor found nothing beyond its thresholds."""
    fields = {"source": PRODUCTION, "dedup_key": f"recovered-{run}", "occurred_at": NOW, **fields}
    return MonitorRecovered(**{"workspace": PRODUCTION, "run_id": run, **fields})


STORAGE = "/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/data/providers/microsoft.storage/storageaccounts/flights"
DATA_RULE = {"when": "data_arrived", "storage": STORAGE, "path": "labelled/2013/*.csv"}
WEEKLY = {"when": "schedule", "cron": "0 6 * * 1", "timezone": "Europe/Berlin"}


def arrived(name: str = "01.csv", kind: Any = DataArrived, **fields: Any) -> Any:
    """A file of labelled flights is there; with ``kind=DataDeleted``, it is gone."""
    sequencer = fields.get("sequencer", "0000000000000001")
    path = f"2013/{name}"
    key = f"{kind.__name__}-{path}-{sequencer}"
    heard = {"source": STORAGE, "dedup_key": key, "occurred_at": NOW, "account": "flights", "container": "labelled"}
    return kind(**{**heard, "path": path, "size_bytes": 1000, "sequencer": sequencer, **fields})


COLLECTOR = {"storage": STORAGE.replace("flights", "mlops"), "container": "azureml-blobstore-1"}
COLLECTING = {"environments": {"production": {"collector": COLLECTOR}}}
COLLECTED_PATH = "modelDataCollector/flight-delay/version-1/model_inputs/2026/03/02/11/instance-1.jsonl"


def collected(path: str = COLLECTED_PATH, kind: Any = DataArrived, **fields: Any) -> Any:
    """The collector of the production endpoint ended a write; with ``kind=DataDeleted``, its file is gone."""
    where = {"source": COLLECTOR["storage"], "account": "mlops", "container": COLLECTOR["container"]}
    told = {"path": path, "api": "FlushWithClose", "dedup_key": f"{kind.__name__}-{path}"}
    return arrived(kind=kind, **{**where, **told, **fields})


def referenced(blob: str = "modelDataCollector/flight-delay/rows/1.json", **fields: Any) -> RowsReferenced:
    """A collector event of the first version kept its rows in a blob."""
    place = DeploymentRef(workspace=PRODUCTION.lower(), endpoint="flight-delay", deployment="version-1")
    told = {"dedup_key": f"referenced-{blob}", "occurred_at": NOW, "source": place.key, "collection": "model_inputs"}
    where = {"workspace": place.workspace, "endpoint": place.endpoint, "deployment": place.deployment, "path": blob}
    return RowsReferenced(**{**told, **where, **fields})


def schedule_due(due: datetime = NOW, **fields: Any) -> ScheduleElapsed:
    """The weekly schedule fell due."""
    key = fields.pop("dedup_key", f"due-{due.isoformat()}")
    heard = {"source": "outerloop/schedules", "dedup_key": key, "occurred_at": due, "workload": "flight-delay"}
    return ScheduleElapsed(**{**heard, "cron": "0 6 * * 1", "timezone": "Europe/Berlin", "due": due, **fields})


def requiring(*rules: Any, **requires: int) -> Policy:
    """The example's policy with other rules of monitoring, and requirements for a retraining."""
    monitoring = [drift_rule(), *rules]
    return policy_with(monitoring=monitoring, retrain={"requires": requires or None})


GROUP = PRODUCTION.partition("/providers/")[0]  # the resource group of every workspace of the example
TIERS = [
    {"at": 0.5, "to": "project_owner"},
    {"at": 0.9, "to": ["project_owner", "ml_engineers"]},
    {"at": 1.0, "then": "freeze_retraining"},
]
OWNER = {"group": "00000000-0000-0000-0000-000000000009", "channels": ["email:owner@contoso.com"]}


def budgeted(workload: Mapping[str, Any] | None = None, **budget: Any) -> Policy:
    """The example's policy with a budget of the resource group, whose owner hears of it."""
    rule = {"scope": GROUP, "tiers": TIERS, "forecast": [{"at": 1.1, "to": "project_owner"}], **budget}
    raw = raw_policy(workload, budgets=[rule])
    return Policy.model_validate(changed(raw, {"personas": {"project_owner": OWNER}}))


def crossed(ratio: float, **fields: Any) -> BudgetCrossed:
    """Spending reached so much of the monthly budget of 1,000 EUR; actual, as the common schema tells it."""
    fields = {"forecast": False, "occurred_at": NOW, "scope": GROUP, "budget": "mlops", **fields}
    return BudgetCrossed(
        source=f"{fields['scope']}/providers/microsoft.consumption/budgets/{fields['budget']}",
        spent=ratio * 1000,
        amount=1000,
        ratio=ratio,
        unit="EUR",
        **{"dedup_key": f"crossed-{ratio}-{fields['forecast']}-{fields['occurred_at']}", **fields},
    )


def silenced(what: str = "data_drift", until: str = "2d", **fields: Any) -> SilenceAdded:
    """A person wants quiet until so long after NOW."""
    return SilenceAdded(
        **{
            "source": "outerloop/cli",
            "dedup_key": f"silence-{what}-{until}",
            "occurred_at": NOW,
            "workload": "flight-delay",
            "what": what,
            "by": "grace@contoso.com",
            "comment": "holiday traffic",
            "until": after(until),
            **fields,
        }
    )


def expired(silence_id: str, **fields: Any) -> SilenceExpired:
    """A person ends a silence before its time."""
    key = fields.pop("dedup_key", f"expired-{silence_id}")
    heard = {"source": "outerloop/cli", "dedup_key": key, "occurred_at": NOW}
    return SilenceExpired(**heard, workload="flight-delay", silence_id=silence_id, by="ada@contoso.com", **fields)


def seen(month: int, verdict: Any = "detected") -> WindowSeen:
    """What one month said."""
    share = 0.5 if verdict == "detected" else 0.0
    return WindowSeen(
        start=datetime(2026, month, 1, tzinfo=UTC), window="1mo", verdict=verdict, share=share, rows=10_000
    )


def codes(reasons: Any) -> list[str]:
    """The codes of the reasons of a decision, an evaluation or a ruling."""
    found = getattr(reasons, "decision", reasons)
    return [reason.code for reason in getattr(found, "reasons", found)]


def kinds(commands: Any) -> list[str]:
    """The kinds of the commands of a decision, an evaluation or a ruling."""
    found = getattr(commands, "decision", commands)
    return [type(command).__name__ for command in getattr(found, "commands", found)]


def ordered(commands: Any, kind: str) -> Any:
    """The one command of a kind."""
    found = getattr(commands, "decision", commands)
    (command,) = [one for one in getattr(found, "commands", found) if type(one).__name__ == kind]
    return command
