"""What endpoints of one kind cannot have, and must have: online ones answer requests, batch ones score whole inputs.

Owns the refusals that span sections of a workload. Knows the grammar of none of them (``policy_environments``,
``policy_promotion``, ``policy_batch``).
"""

from collections.abc import Iterator, Sequence

from shared.domain.policy_batch import ONLINE_ROLLOUT, BatchRunCheck
from shared.domain.policy_environments import Deployment, Environment, Environments
from shared.domain.policy_idle import EndpointIdle
from shared.domain.policy_promotion import EndpointCheck, Promotion
from shared.domain.policy_section import FaultAtError
from shared.domain.policy_throttling import EndpointThrottled


def unfit_kinds(environments: Environments, deployment: Deployment, promotion: Promotion) -> Iterator[FaultAtError]:
    """Parts of a workload that its production endpoint's kind cannot have, each at its place, and what it lacks."""
    if environments.production.kind == "batch":
        yield from _unfit_for_batch(environments, deployment, promotion)
    else:
        yield from _only_for_batch(environments, deployment, promotion)
    if environments.production.on_kubernetes:
        yield from _unfit_for_kubernetes(environments, deployment, promotion)


def unheard(production: Environment, monitoring: Sequence[object]) -> Iterator[FaultAtError]:
    """Rules that wait for requests which nobody tells of where this is served."""
    batch = "a batch endpoint answers no requests, and nobody tells of its runs: leave the rule out"
    script = "on Kubernetes only those requests are told of that reach the scoring script, and none that is refused: leave the rule out"
    for number, rule in enumerate(monitoring):
        if production.kind == "batch" and isinstance(rule, EndpointIdle | EndpointThrottled):
            yield FaultAtError(batch, "monitoring", number, "when")
        if production.on_kubernetes and isinstance(rule, EndpointThrottled):
            yield FaultAtError(script, "monitoring", number, "when")


def _unfit_for_kubernetes(
    environments: Environments, deployment: Deployment, promotion: Promotion
) -> Iterator[FaultAtError]:
    source = promotion.rollout.analysis.source
    if promotion.rollout.mirror:
        text = (
            "Azure ML mirrors requests on managed online endpoints only: leave mirror out, and begin with a small step"
        )
        yield FaultAtError(text, "promotion", "rollout", "mirror")
    if source != "windows":
        text = (
            f"Azure Monitor has no {source} of an endpoint on Kubernetes, so no step could ever pass: leave source out, "
            "and let the scoring script tell of its requests (outerloop-emitter)"
        )
        yield FaultAtError(text, "promotion", "rollout", "analysis", "source")
    if promotion.rollout.quota_to:
        text = "a cluster has the room that it has, and no quota is asked for: leave quota_to out"
        yield FaultAtError(text, "promotion", "rollout", "quota_to")
    if environments.staging.on_kubernetes and "instance_type" in deployment.model_fields_set:
        text = "staging and production are on clusters: write the names of their own instance types there, and leave this out"
        yield FaultAtError(text, "deployment", "instance_type")


def _unfit_for_batch(
    environments: Environments, deployment: Deployment, promotion: Promotion
) -> Iterator[FaultAtError]:
    if environments.staging.kind != "batch":
        text = (
            "production is a batch endpoint: write kind: batch here too, since one scoring script cannot both be given "
            "files by a batch deployment and answer requests of an online one"
        )
        yield FaultAtError(text, "environments", "staging", "kind")
    if environments.production.collector:
        text = (
            "Azure ML collects what online endpoints score; a batch deployment writes its predictions to its own output"
        )
        yield FaultAtError(text, "environments", "production", "collector")
    if deployment.batch is None:
        yield FaultAtError("a batch deployment needs batch: {compute: the name of a cluster}", "deployment", "batch")
    if "instance_type" in deployment.model_fields_set:
        text = "the cluster that batch.compute names has its own machine type: leave this out"
        yield FaultAtError(text, "deployment", "instance_type")
    if promotion.comparison is None:
        text = "a batch workload needs comparison: {input, component, metrics}: what a version shows before it is the default"
        yield FaultAtError(text, "promotion", "comparison")
    for key in ONLINE_ROLLOUT:
        if key in promotion.rollout.model_fields_set:
            yield FaultAtError(f"{ONLINE_ROLLOUT[key]}; leave {key} out", "promotion", "rollout", key)
    for number, check in enumerate(promotion.staging.checks):
        if isinstance(check, EndpointCheck):
            text = "a batch deployment answers no requests: write {kind: batch_run, input: azureml:A-SMALL-INPUT@latest} instead"
            yield FaultAtError(text, "promotion", "staging", "checks", number, "kind")


def _only_for_batch(environments: Environments, deployment: Deployment, promotion: Promotion) -> Iterator[FaultAtError]:
    text = "only a workload whose production endpoint has kind: batch can have this"
    if environments.staging.kind == "batch":
        yield FaultAtError(text, "environments", "staging", "kind")
    if deployment.batch is not None:
        yield FaultAtError(text, "deployment", "batch")
    if promotion.comparison is not None:
        yield FaultAtError(text, "promotion", "comparison")
    for number, check in enumerate(promotion.staging.checks):
        if isinstance(check, BatchRunCheck):
            yield FaultAtError(text, "promotion", "staging", "checks", number, "kind")
