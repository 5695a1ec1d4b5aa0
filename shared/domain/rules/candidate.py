"""Orders and endings that a candidate meets in more than one phase: its deployments, its rejection, its clean-up.

Owns those orders. Knows nothing of when they are due: that is ``promotion``, ``approval`` and ``rollout``.
"""

from shared.domain.ci_runs import DEPLOYMENT_INPUT, ENVIRONMENT_INPUT, MODEL_INPUT, VERSION_INPUT
from shared.domain.commands import (
    BatchSettings,
    DeployModel,
    DispatchPromotion,
    RecordReference,
    RemoveDeployment,
    ShareModel,
)
from shared.domain.decisions import Reason
from shared.domain.effects import AnyCommand
from shared.domain.facts import Version
from shared.domain.lifecycle import VersionEvent
from shared.domain.policy_batch import BatchCluster
from shared.domain.policy_environments import Deployment, Environment
from shared.domain.references import deployment_name, in_registry
from shared.domain.rules import remedy
from shared.domain.rules.quota import instances_in_production
from shared.domain.rules.standby import remove_later
from shared.domain.situation import Ruling, Situation
from shared.domain.values import replace

RULE = "promotion"


def deployment_of(situation: Situation, version: Version, environment: Environment, reason: str) -> DeployModel:
    """The order to deploy a version in an environment."""
    workload, name = situation.workload, deployment_name(version.version)
    in_production = environment == workload.environments.production
    return situation.order(
        DeployModel,
        f"{environment.endpoint}/{name}",
        reason,
        workspace=environment.workspace,
        endpoint=environment.endpoint,
        endpoint_kind=environment.kind,
        deployment=name,
        model_ref=in_registry(workload.registry, version.served_model, version.version),
        version=version.version,
        environment=version.environment or workload.deployment.environment,
        code=workload.deployment.code,
        scoring_script=workload.deployment.scoring_script,
        instance_type=_machine(workload.deployment, environment),
        instance_count=instances_in_production(situation) if in_production else workload.deployment.instance_count,
        batch=_settings(workload.deployment.batch),
        compute=environment.compute,
    )


def sharing(situation: Situation, version: Version) -> tuple[ShareModel | RecordReference, ...]:
    """The orders that bring what will serve into the registry, and keep the profile of what it was trained on."""
    workload, model = situation.workload, version.served_model
    environments = workload.environments
    workspace = (environments.staging if version.retrained_as else environments.development).workspace
    target, number = f"{model}:{version.version}", version.version
    compared = "its telemetry will be compared with its training data"
    reference = situation.order(RecordReference, target, compared, workspace=workspace, model=model, version=number)
    if workload.promotion.run({}):
        return (reference,)  # a pipeline shares it, too
    why, registry = f"version {number} is a candidate", workload.registry
    share = situation.order(
        ShareModel, target, why, workspace=workspace, registry=registry, model=model, version=number
    )
    return share, reference


def _machine(deployment: Deployment, environment: Environment) -> str:
    """What an instance is: a machine of Azure's, or what the cluster calls so."""
    return environment.instance_type if environment.on_kubernetes else deployment.instance_type


def _settings(batch: BatchCluster | None) -> BatchSettings | None:
    if batch is None:
        return None
    return BatchSettings(
        compute=batch.compute,
        mini_batch_size=batch.mini_batch_size,
        concurrency=batch.concurrency,
        error_threshold=batch.error_threshold,
        timeout_seconds=int(batch.timeout.total_seconds()),
    )


def promotion_by_pipeline(situation: Situation, version: Version, reason: str) -> DispatchPromotion | None:
    """The order to the pipeline that brings a version to staging; None when the app does it itself."""
    workload, deployment = situation.workload, deployment_name(version.version)
    told = {
        MODEL_INPUT: version.model,
        VERSION_INPUT: version.version,
        DEPLOYMENT_INPUT: deployment,
        ENVIRONMENT_INPUT: version.environment or workload.deployment.environment,
    }
    run = workload.promotion.run(told)
    if run is None:
        return None
    return situation.order(
        DispatchPromotion,
        f"{version.model}:{version.version}",
        reason,
        start=run,
        workspace=workload.environments.staging.workspace,
        model=version.model,
        version=version.version,
        deployment=deployment,
    )


def reject(situation: Situation, version: Version, event: VersionEvent, *reasons: Reason) -> Ruling:
    """End a candidate's way before it took any traffic, tell its people, and clean up staging."""
    ended = replace(version.after(event, situation.now), awaiting=())
    facts = remedy.candidate_lost(situation, situation.facts.with_version(ended), ended)
    title = f"{situation.workload.name}: version {version.version} was not promoted ({event.replace('_', ' ')})"
    told = situation.tell(situation.workload.owner, title, {reason.code: reason.text for reason in reasons})
    # Its production deployment takes no traffic, and is kept to be looked into.
    kept = (remove_later(situation, ended),) if version.state in ("deploying", "probing") else ()
    return Ruling("act", RULE, reasons, facts, commands=(told, *clean_staging(situation, ended)), holds=kept)


def clean_staging(situation: Situation, version: Version) -> tuple[AnyCommand, ...]:
    """The order to remove a candidate's staging deployment, which takes no traffic."""
    staging, name = situation.workload.environments.staging, deployment_name(version.version)
    if not version.checks:
        return ()
    target = f"{staging.endpoint}/{name}"
    return (
        situation.order(
            RemoveDeployment,
            target,
            "staging has done its part",
            workspace=staging.workspace,
            endpoint=staging.endpoint,
            endpoint_kind=staging.kind,
            deployment=name,
        ),
    )
