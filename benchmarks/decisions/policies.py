"""Policies with any number of rules, and signals that one of their rules answers.

Owns the three shapes: many workloads, one workload with many alert rules, many budgets. They are the example's own policy,
written more than once, so a change of the grammar shows here first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.domain.platform_signals import AlertFired, AlertResolved, BudgetCrossed
from shared.domain.signals import ModelRegistered, MonitorBreached, OperatorAsked, Signal
from shared.domain.telemetry_signals import FeatureScore, WindowClosed

EXAMPLE = Path(__file__).parents[2] / "examples" / "flight_delays" / "policy.yaml"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES_OF_A_WORKLOAD = 4
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A way in which a policy grows. ``write`` makes the file of so many rules, ``speak`` what is heard about one of them."""

    name: str
    write: Callable[[int], Raw]
    speak: Callable[[int, str], list[Signal]]


@cache
def _example() -> Raw:
    read: Raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")) | {"budgets": []}
    return read


def _group(number: int) -> str:
    return f"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/team-{number}"


def workspace_of(number: int) -> str:
    """The production workspace of a workload."""
    return f"{_group(number)}/providers/Microsoft.MachineLearningServices/workspaces/prod-{number}"


def _alert(glob: str) -> Raw:
    return {"when": "infrastructure_alert", "rules": glob, "then": "notify"}


def _workload(number: int, alerts: list[str]) -> Raw:
    raw = _example()["workloads"][0]
    places = {name: dict(place) for name, place in raw["environments"].items()}
    places["production"] |= {"workspace": workspace_of(number), "endpoint": f"model-{number}"}
    places["staging"] |= {"endpoint": f"model-{number}-stg"}
    drift = raw["monitoring"][0] | {"azure_ml_signals": f"model_{number}_*"}
    monitoring = [drift, *(_alert(glob) for glob in alerts)]
    own: Raw = {"name": f"model-{number}", "model": f"model-{number}-*"}
    return {**raw, **own, "environments": places, "monitoring": monitoring}


def _many_workloads(rules: int) -> Raw:
    alerts = ["latency *", "errors *", "cpu *"]
    return _example() | {"workloads": [_workload(n, alerts) for n in range(rules // RULES_OF_A_WORKLOAD)]}


def _many_alert_rules(rules: int) -> Raw:
    return _example() | {"workloads": [_workload(0, [f"alert {n} *" for n in range(rules - 1)])]}


def _many_budgets(rules: int) -> Raw:
    tiers = [{"at": 0.5, "to": "ml_engineers"}, {"at": 1.0, "then": "freeze_retraining"}]
    budgets = [{"scope": _group(n), "tiers": tiers} for n in range(rules - 1)]
    return _example() | {"workloads": [_workload(0, [])], "budgets": budgets}


def _heard(kind: str, key: str) -> Raw:
    return {"source": "benchmark", "dedup_key": f"{kind}-{key}", "occurred_at": NOW}


def _alerts_of(number: int, rule: str, key: str) -> list[Signal]:
    what: Raw = {"rule": rule, "alert_id": "a", "category": "metric"}
    what |= {"targets": (f"{workspace_of(number)}/onlineEndpoints/model-{number}".lower(),)}
    return [AlertFired(**_heard("fired", key), **what), AlertResolved(**_heard("resolved", key), **what)]


def all_of_one(number: int, rule: str, key: str) -> list[Signal]:
    """What may be heard about one workload: a registration, a window, a monitor, an alert and its end, a person."""
    workspace = workspace_of(number).lower()
    development = _example()["workloads"][0]["environments"]["development"]["workspace"].lower()
    scores = tuple(FeatureScore(feature=name, score=0.01) for name in ("distance", "carrier", "origin"))
    length: Raw = {"window": "1mo", "start": NOW - timedelta(days=28), "end": NOW, "rows": 10_000, "scores": scores}
    place: Raw = {"workspace": workspace, "endpoint": f"model-{number}", "deployment": "version-1"}
    registered: Raw = {"workspace": development, "model_name": f"model-{number}-a", "model_version": "7"}
    breached: Raw = {"workspace": workspace, "run_id": key, "monitor_signal": f"model_{number}_drift"}
    return [
        ModelRegistered(**_heard("registered", key), **registered),
        WindowClosed(**_heard("window", key), **place, **length),
        MonitorBreached(**_heard("breached", key), **breached),
        *_alerts_of(number, rule, key),
        OperatorAsked(**_heard("asked", key), workload=f"model-{number}", action="pause", by="ada"),
    ]


def _of_the_middle_workload(rules: int, key: str) -> list[Signal]:
    return all_of_one(rules // RULES_OF_A_WORKLOAD // 2, "CPU of the node", key)


def _of_the_last_alert_rule(rules: int, key: str) -> list[Signal]:
    return all_of_one(0, f"alert {rules - 2} of the node", key)


def _of_the_last_budget(rules: int, key: str) -> list[Signal]:
    crossed: Raw = {"budget": "b", "spent": 60.0, "amount": 100.0, "ratio": 0.6, "forecast": False}
    return [BudgetCrossed(**_heard("crossed", key), scope=_group(n).lower(), **crossed) for n in (0, rules - 2)]


SHAPES = (
    Shape("many workloads", _many_workloads, _of_the_middle_workload),
    Shape("one workload, many alert rules", _many_alert_rules, _of_the_last_alert_rule),
    Shape("many budgets", _many_budgets, _of_the_last_budget),
)
