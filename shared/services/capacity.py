"""Reading the quota for a production deployment that is about to be ordered.

Owns when it is read. What it means is ``rules.quota``'s; an answer that does not come holds nothing.
"""

import dataclasses
import logging

from shared.domain.outcomes import Failed
from shared.domain.platform_signals import AlertFired
from shared.domain.signals import ApprovalAnswered, HoldElapsed
from shared.domain.situation import Situation
from shared.ports import Quotas

log = logging.getLogger(__name__)


class Unasked:
    """The port ``Quotas`` where nobody is to be asked: in a rehearsal, or without Azure."""

    async def quota(self, workspace: str, instance_type: str) -> Failed:
        """Not known here."""
        return Failed(retryable=False, reason=f"nobody was asked about {instance_type} in {workspace}")


def asks_for_quota(situation: Situation) -> bool:
    """Whether the signal may bring about instances on a managed endpoint in production: a yes to a version, or relief."""
    signal = situation.heard
    if isinstance(signal, AlertFired | HoldElapsed):
        return _may_scale_out(situation, signal)
    if not isinstance(signal, ApprovalAnswered) or signal.answer != "approve":
        return False
    waiting = (known for known in situation.facts.versions.values() if known.state == "awaiting_approval")
    asked = any(known.approval is not None and known.approval.id == signal.approval_id for known in waiting)
    return asked and situation.workload.environments.production.kind == "managed_online"


def _may_scale_out(situation: Situation, signal: AlertFired | HoldElapsed) -> bool:
    """An alert that the policy answers by more instances, or the deadline of such an answer."""
    about = signal.about if isinstance(signal, HoldElapsed) and signal.purpose == "verify_deadline" else ""
    incident = next((known for known in situation.facts.incidents if about and known.id == about), None)
    name = signal.rule if isinstance(signal, AlertFired) else incident.alert if incident else ""
    rule = situation.workload.alert_rule(name) if name else None
    on_managed = situation.workload.environments.production.kind == "managed_online"
    return rule is not None and rule.then == "scale_out" and on_managed


async def with_quota(situation: Situation, quotas: Quotas) -> Situation:
    """The situation that knows the quota; as it was when that could not be read."""
    deployment, production = situation.workload.deployment, situation.workload.environments.production
    try:
        found = await quotas.quota(production.workspace, deployment.instance_type)
    except Exception as error:
        log.exception("the quota of %s could not be read", deployment.instance_type)
        found = Failed(retryable=True, reason=f"{type(error).__name__}: {error}")
    if isinstance(found, Failed):
        log.warning("the quota of %s is not known, and not waited for: %s", deployment.instance_type, found.reason)
        return situation
    return dataclasses.replace(situation, quota=found)
