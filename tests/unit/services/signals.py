"""Signals and commands of the flight-delay workload, as the services' tests speak of them."""

from datetime import timedelta

from shared.domain.ci_runs import GithubWorkflowRun
from shared.domain.commands import (
    CheckEndpoint,
    DeployModel,
    DispatchPromotion,
    DispatchTraining,
    Notify,
    RecordReference,
    Retrain,
    RollBackTraffic,
    SetTraffic,
)
from shared.domain.decisions import Hold
from shared.domain.facts import Facts, Rollout, Version
from shared.domain.signals import (
    HoldElapsed,
    JobStatusChanged,
    ModelDeployed,
    ModelRegistered,
    MonitorBreached,
    OperatorAsked,
)
from shared.domain.telemetry_signals import PREDICTION, FeatureScore, WindowClosed
from tests.unit.services.fakes import NOON, WORKLOAD

RESOURCE_GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/mlops"
WORKSPACES = f"{RESOURCE_GROUP}/providers/microsoft.machinelearningservices/workspaces"
DEVELOPMENT, STAGING, PRODUCTION = (f"{WORKSPACES}/flights-{name}" for name in ("dev", "stg", "prod"))
ELSEWHERE = f"{WORKSPACES}/somebody-elses"
ORDER = {"workload": WORKLOAD, "reason": "because"}
AT_ENDPOINT = {**ORDER, "workspace": PRODUCTION, "endpoint": "flight-delay"}


def heard(key, **changes):
    return {"source": "test", "dedup_key": key, "occurred_at": NOON} | changes


def registered(version="7", key=None, workspace=DEVELOPMENT, tags=None, model="flight-delay", **changes):
    return ModelRegistered(
        **heard(key or f"registered-{version}", **changes),
        workspace=workspace,
        model_name=model,
        model_version=version,
        tags={"author": "ada@contoso.com"} if tags is None else tags,
    )


def asked(action="pause", key=None, workload=WORKLOAD):
    return OperatorAsked(**heard(key or f"asked-{action}"), workload=workload, action=action, by="ada", why="a test")


def job(run_id="run-1", status="Completed", workspace=DEVELOPMENT):
    return JobStatusChanged(**heard(f"job-{run_id}-{status}"), workspace=workspace, run_id=run_id, status=status)


def deployed(name="service"):
    return ModelDeployed(**heard(f"deployed-{name}"), workspace=PRODUCTION, service_name=name)


def breached(signal="flight_delay_drift", key="breached"):
    return MonitorBreached(**heard(key), workspace=PRODUCTION, run_id="run-9", monitor_signal=signal)


def window(month, deployment="version-1", score=0.01):
    start = NOON.replace(year=2025, month=month, day=1, hour=0)
    return WindowClosed(
        **heard(f"window-{deployment}-{month}"),
        workspace=PRODUCTION,
        endpoint="flight-delay",
        deployment=deployment,
        window="1mo",
        start=start,
        end=start + timedelta(days=30),
        rows=9000,
        scores=(FeatureScore(feature="distance", score=score), FeatureScore(feature=PREDICTION, score=0.01)),
    )


def serving(version="1"):
    """Facts of a workload with a champion."""
    champion = Version(
        version=version,
        model="flight-delay",
        state="serving",
        since=NOON,
        registered_at=NOON - timedelta(days=30),
        deployment=f"version-{version}",
    )
    return Facts(versions={version: champion}, champion=version)


def rolling_out(pending, version="2"):
    """Facts of a workload whose rollout waits for a traffic command."""
    candidate = Version(
        version=version,
        model="flight-delay",
        state="rolling_out",
        since=NOON,
        registered_at=NOON,
        deployment=f"version-{version}",
    )
    champion = serving()
    return Facts(
        versions={**champion.versions, version: candidate},
        champion="1",
        rollout=Rollout(version=version, champion="1", pending=pending),
    )


def hold(hold_id="hold-1", seconds=60.0, purpose="standby_expiry", about="1"):
    due = NOON + timedelta(seconds=seconds)
    signal = HoldElapsed(
        **heard(f"elapsed-{hold_id}", occurred_at=due),
        workload=WORKLOAD,
        hold_id=hold_id,
        purpose=purpose,
        about=about,
    )
    return Hold(id=hold_id, due=due, signal=signal)


def notify(command_id="notify-1"):
    return Notify(
        id=command_id, **ORDER, persona="ml_engineers", channels=("teams:mlops",), title="Drift", facts={"psi": "0.3"}
    )


def set_traffic(command_id="traffic-1", endpoint="flight-delay"):
    return SetTraffic(
        **{**AT_ENDPOINT, "endpoint": endpoint}, id=command_id, traffic={"version-1": 90, "version-2": 10}
    )


def roll_back(command_id="rollback-1", seconds=900.0):
    until = NOON + timedelta(seconds=seconds)
    return RollBackTraffic(**AT_ENDPOINT, id=command_id, traffic={"version-1": 100}, until=until)


def deploy(command_id="deploy-1"):
    return DeployModel(
        **AT_ENDPOINT,
        id=command_id,
        deployment="version-2",
        model_ref="azureml:flight-delay:2",
        version="2",
        environment="azureml:flight-env:1",
        code="azureml:flight-score:1",
        scoring_script="score.py",
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )


def check(command_id="check-1", payload="sample_request.json"):
    return CheckEndpoint(**AT_ENDPOINT, id=command_id, deployment="version-2", requests=5, payload=payload)


def retrain(command_id="retrain-1"):
    return Retrain(
        **ORDER,
        id=command_id,
        workspace=DEVELOPMENT,
        component="azureml:flight_train:1",
        data="azureml:flights:1",
        experiment="flight-delay",
        model="flight-delay",
    )


def record_reference(command_id="reference-1"):
    return RecordReference(**ORDER, id=command_id, workspace=DEVELOPMENT, model="flight-delay", version="2")


def dispatch(command_id="a" * 24, start=None):
    start = start or GithubWorkflowRun(repository="contoso/flights", workflow="retrain.yml", ref="main")
    return DispatchTraining(**ORDER, id=command_id, start=start, workspace=DEVELOPMENT, model="flight-delay")


def promote(command_id="b" * 24, start=None):
    start = start or GithubWorkflowRun(repository="contoso/flights", workflow="promote.yml", ref="main")
    fields = {"workspace": STAGING, "model": "flight-delay", "version": "2", "deployment": "version-2"}
    return DispatchPromotion(**ORDER, id=command_id, start=start, **fields)
