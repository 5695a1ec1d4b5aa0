"""A new deployment in production before it takes any traffic: it has to answer, and to answer well.

Owns what follows the end of its deployment and of its probe. The first traffic is ordered by ``steps``.
"""

from shared.domain import guards
from shared.domain.commands import CheckEndpoint
from shared.domain.facts import Rollout, Version
from shared.domain.outcomes import Succeeded
from shared.domain.policy_promotion import Analysis, EndpointCheck
from shared.domain.rules.candidate import reject
from shared.domain.rules.checks import judge_endpoint
from shared.domain.rules.steps import begin, wait
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because
from shared.domain.values import replace

RULE = "rollout"


def on_finished(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    """The production deployment exists, or its probe ended."""
    if version.state == "deploying":
        if not isinstance(signal.outcome, Succeeded):
            return reject(situation, version, "deployment_failed", because("failed", signal.outcome.reason))
        return _probe(situation, version.after("deployed", situation.now))
    return _on_probed(situation, signal, version)


def _probe(situation: Situation, version: Version) -> Ruling:
    rollout, production = situation.workload.promotion.rollout, situation.workload.environments.production
    payload = next(
        (c.payload for c in situation.workload.promotion.staging.checks if isinstance(c, EndpointCheck)), "{}"
    )
    command = situation.order(
        CheckEndpoint,
        f"{production.endpoint}/{version.deployment}",
        "probed by header before it takes any traffic",
        workspace=production.workspace,
        endpoint=production.endpoint,
        deployment=version.deployment,
        requests=rollout.probe_requests,
        payload=payload,
    )
    facts = situation.facts.with_version(replace(version, awaiting=(command.id,)))
    return Ruling("act", RULE, (because("deployed", "the deployment answers"),), facts, commands=(command,))


def _on_probed(situation: Situation, signal: CommandFinished, version: Version) -> Ruling:
    limits = situation.workload.promotion.rollout.analysis
    if not isinstance(signal.outcome, Succeeded):
        return reject(situation, version, "probe_failed", because("failed", signal.outcome.reason))
    metrics = {name: value for name, value in signal.outcome.data.items() if isinstance(value, float | int)}
    judged = judge_endpoint(metrics, _absolute(limits))
    if not judged.passed:
        return reject(situation, version, "probe_failed", because("probe", judged.detail))
    moved = replace(version.after("probe_passed", situation.now), awaiting=())
    facts = situation.facts.with_version(moved)
    rollout = Rollout(version=version.version, champion=facts.champion)
    if paused := guards.paused(situation):
        return wait(situation, facts, rollout, because("probe", judged.detail), paused)
    return begin(situation, facts, rollout, because("probe", judged.detail))


def _absolute(limits: Analysis) -> EndpointCheck:
    return EndpointCheck(
        kind="endpoint",
        payload="",
        latency_p95_ms_max=limits.latency_p95_ms_max,
        error_rate_max=limits.error_rate_max,
    )
