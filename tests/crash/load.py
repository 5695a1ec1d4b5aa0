"""What the app is told while it is killed: signals whose decisions depend on nothing but themselves.

Owns the policy, what exists in the target and every body that is sent. Nothing here depends on when or how often a signal
arrives: each has a workload (or a budget) to itself, or one whose facts it leaves alone. What waits for a moment (holds
that fall due, bake times, approvals) has ids made of that moment, and so has no place in this load.
So have promotions beyond their registration: what comes next is named after the command that happened to end last.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from shared.domain.facts import Facts, Version
from shared.domain.references import deployment_name

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
SUBJECTS_MAX = (
    60  # of each kind; rounds beyond twice as many tell the watched workloads more, and the others nothing new
)
CHANNEL = "crash"
COMPONENT = "crash-train"
REGISTRY = "crash-registry"
STAGES = ("dev", "stg", "prod")
ANSWER_SECONDS = 0.5

Json = dict[str, Any]
Door = Literal["event_grid", "alerts"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One body for one door of the app; ``then`` is sent when the app has taken this one."""

    door: Door
    body: Any
    then: "Delivery | None" = None

    @property
    def count(self) -> int:
        """How many signals this brings, with all that follow."""
        return 1 + (self.then.count if self.then else 0)


@dataclass(frozen=True)
class Load:
    """A number of rounds, and the moment that its events tell; both runs are given the same."""

    rounds: int
    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))

    @property
    def subjects(self) -> range:
        """The numbers of the workloads of each kind."""
        return range(min((self.rounds + 1) // 2, SUBJECTS_MAX))

    def round(self, number: int) -> list[Delivery]:
        """What is sent in one round: a signal of every kind, spread over the rounds where those outnumber the subjects."""
        new = [one for one in self.subjects if one * self.rounds // len(self.subjects) == number]
        every = [self._watched(number)]
        for one in new:
            every += [self._drifted(one), self._slow(one), self._rolled_back(one)]
            every += [self._registered(one), self._spent(one)]
        return every

    def _watched(self, number: int) -> Delivery:
        return self._breach("watched", number % len(self.subjects), number)

    def _drifted(self, one: int) -> Delivery:
        return self._breach("retrained", one, 0)

    def _breach(self, kind: str, one: int, number: int) -> Delivery:
        value = json.dumps(
            {"metric_value": number + 0.5, "metric_name": "psi", "threshold_value": 0.2, "group": "DISTANCE"}
        )
        name = f"{kind}-{one}"
        tag = f"The signal '{name}' has failed due to one or more features violating metric thresholds.\n[{value!r}]\n"
        data = {
            "experimentId": "00000000-0000-0000-0000-000000000001",
            "experimentName": name,
            "runId": f"run-{kind}-{one}-{number}",
            "runType": None,
            "RunTags": {"azureml_modelmonitor_threshold_breached": tag},
            "runProperties": {},
            "runStatus": "Completed",
        }
        return self._event(f"{kind}-{one}-{number}", workspace(name, "prod"), "RunStatusChanged", data, "runs/run")

    def _registered(self, one: int) -> Delivery:
        name = f"candidate-{one}"
        data = {"ModelName": name, "ModelVersion": "1", "ModelTags": {"author": "ada"}, "ModelProperties": {}}
        return self._event(name, workspace(name, "dev"), "ModelRegistered", data, f"models/{name}:1")

    def _event(self, event_id: str, topic: str, kind: str, data: Json, subject: str) -> Delivery:
        event = {
            "topic": topic,
            "subject": subject,
            "eventType": f"Microsoft.MachineLearningServices.{kind}",
            "eventTime": self._text(self.at),
            "id": f"event-{event_id}",
            "data": data,
            "dataVersion": "2",
            "metadataVersion": "1",
        }
        return Delivery("event_grid", [event])

    def _slow(self, one: int) -> Delivery:
        """An alert that fires and, once that was heard, resolves."""
        resolved = self._alert(f"slow-{one}", self.at + timedelta(seconds=30))
        return Delivery("alerts", self._alert(f"slow-{one}", None), Delivery("alerts", resolved))

    def _rolled_back(self, one: int) -> Delivery:
        return Delivery("alerts", self._alert(f"served-{one}", None))

    def _alert(self, name: str, resolved: datetime | None) -> Json:
        number = f"{name}-latency"
        essentials = {
            "alertId": f"{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts/{number}",
            "alertRule": number,
            "severity": "Sev2",
            "signalType": "Metric",
            "monitorCondition": "Resolved" if resolved else "Fired",
            "monitoringService": "Platform",
            "alertTargetIDs": [f"{workspace(name, 'prod')}/onlineEndpoints/{name}".lower()],
            "configurationItems": [name],
            "originAlertId": number,
            "firedDateTime": self._text(self.at),
            **({"resolvedDateTime": self._text(resolved)} if resolved else {}),
            "description": "95 % of requests take longer than 2 s",
            "essentialsVersion": "1.0",
            "alertContextVersion": "1.0",
        }
        measured = {
            "metricName": "RequestLatency_P95",
            "metricNamespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
            "operator": "GreaterThan",
            "threshold": "2000",
            "timeAggregation": "Average",
            "dimensions": [],
            "metricValue": 2412.6,
            "webTestName": None,
        }
        condition = {"windowSize": "PT5M", "allOf": [measured]}
        context = {"properties": None, "conditionType": "SingleResourceMultipleMetricCriteria", "condition": condition}
        return _common(essentials, context)

    def _spent(self, one: int) -> Delivery:
        scope = budget_scope(one)
        essentials = {
            "monitoringService": "CostAlerts",
            "firedDateTime": self._text(self.at),
            "description": "Your spend is exceeding your specified threshold.",
            "essentialsVersion": "1.0",
            "alertContextVersion": "1.0",
            "alertId": f"{SUBSCRIPTION}/providers/Microsoft.CostManagement/alerts/budget-{one}",
            "alertRule": None,
            "severity": None,
            "signalType": None,
            "monitorCondition": "Fired",
            "alertTargetIDs": None,
            "configurationItems": ["budgets"],
            "originAlertId": None,
        }
        data = {
            "Scope": f"{scope}/",
            "ThresholdType": "Actual",
            "BudgetType": "Cost",
            "BudgetThreshold": "$2,000.00",
            "NotificationThresholdAmount": "$1,000.00",
            "BudgetName": f"budget-{one}",
            "BudgetId": f"{scope}/providers/Microsoft.Consumption/budgets/budget-{one}",
            "BudgetStartDate": "2022-11-01",
            "BudgetCreator": "ada@contoso.com",
            "Unit": "USD",
            "SpentAmount": "$1,100.00",
        }
        return Delivery("alerts", _common(essentials, {"AlertCategory": "budgets", "AlertData": data}))

    @staticmethod
    def _text(moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"

    def policy(self) -> Json:
        """The policy file."""
        monitor = {"when": "data_drift", "above": 0.2, "share_of_features": 0.1}
        alert = {"when": "infrastructure_alert", "attribute_within": "2d"}
        kinds: dict[str, list[Json]] = {
            "watched": [{**monitor, "azure_ml_signals": "watched-*", "then": "notify"}],
            "retrained": [{**monitor, "azure_ml_signals": "retrained-*", "then": "retrain"}],
            "slow": [{**alert, "then": "notify"}],
            "served": [{**alert, "then": "rollback_or_notify"}],
            "candidate": [],
        }
        return {
            "version": 1,
            "defaults": {"limits": {"retrains": ["2/1d"]}},
            "personas": {"people": {"group": "00000000-0000-0000-0000-000000000001", "channels": [f"teams:{CHANNEL}"]}},
            "budgets": [{"scope": budget_scope(one), "tiers": [{"at": 0.5, "to": "people"}]} for one in self.subjects],
            "workloads": [_workload(f"{kind}-{one}", rules) for kind, rules in kinds.items() for one in self.subjects],
        }

    def seed(self, folder: Path) -> Json:
        """What exists in the target: the workspaces, a training that costs nothing, and endpoints with two deployments."""
        (folder / "train.yml").write_text(json.dumps(TRAINING), encoding="utf-8")
        names = [
            f"{kind}-{one}" for kind in ("watched", "retrained", "slow", "served", "candidate") for one in self.subjects
        ]
        return {
            "workspaces": [workspace(name, stage) for name in names for stage in STAGES],
            "registries": [REGISTRY],
            "environments": ["crash-env"],
            "components": [{"path": str(folder / "train.yml")}],
            "endpoints": [
                {
                    "workspace": workspace(f"served-{one}", "prod"),
                    "name": f"served-{one}",
                    "traffic": {deployment_name("1"): 0, deployment_name("2"): 100},
                }
                for one in self.subjects
            ],
            "channels": [CHANNEL],
            "answer_seconds": ANSWER_SECONDS,
        }

    def known(self) -> dict[str, Facts]:
        """What the app knows before it begins, by subject: version 2 took over from version 1, which is still warm."""
        return {f"workload/served-{one}": self._served(f"served-{one}") for one in self.subjects}

    def _served(self, model: str) -> Facts:
        since = self.at - timedelta(hours=1)
        states: list[tuple[str, Any]] = [("1", "standby"), ("2", "serving")]
        versions = {
            name: Version(
                version=name,
                model=model,
                state=state,
                since=since,
                registered_at=since,
                author="ada",
                deployment=deployment_name(name),
            )
            for name, state in states
        }
        return Facts(versions=versions, champion="2", standby="1", standby_until=self.at + timedelta(days=3))


TRAINING: Json = {
    "name": COMPONENT,
    "version": 1,
    "type": "command",
    "outputs": {"model": {"type": "custom_model"}},
    "environment": "azureml:crash-env:1",
    "command": "echo trained > ${{outputs.model}}/model.txt",
}


def workspace(name: str, stage: str) -> str:
    """The ARM id of a workspace."""
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    return f"{SUBSCRIPTION}/resourceGroups/crash/{provider}/{name}-{stage}"


def budget_scope(one: int) -> str:
    """The resource group that a budget is about; no workspace lies in it."""
    return f"{SUBSCRIPTION}/resourceGroups/spending-{one}"


def _workload(name: str, monitoring: list[Json]) -> Json:
    environments = {
        stage: {"workspace": workspace(name, short)}
        for stage, short in zip(("development", "staging", "production"), STAGES, strict=True)
    }
    environments["staging"]["endpoint"] = f"{name}-stg"
    environments["production"]["endpoint"] = name
    return {
        "name": name,
        "task": "classical",
        "model": name,
        "mode": "observe" if name.startswith("candidate") else "act",
        "owner": "people",
        "registry": REGISTRY,
        "environments": environments,
        "deployment": {"code": "azureml:crash-score:1", "environment": "azureml:crash-env@latest"},
        "promotion": {
            "staging": {"checks": [{"kind": "endpoint", "payload": "request.json", "latency_p95_ms_max": 1500}]},
            "approval": {"by": "people"},
        },
        "monitoring": monitoring,
        "retrain": {
            "with": {"azure_ml": {"component": f"azureml:{COMPONENT}@latest", "data": "azureml:rows@latest"}},
            "verify": {"component": f"azureml:{COMPONENT}@latest", "data": "azureml:rows@latest", "metric": "auc"},
        },
    }


def _common(essentials: Json, context: Json) -> Json:
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": essentials, "alertContext": context}}
