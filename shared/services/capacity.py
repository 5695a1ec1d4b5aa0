"""Reading the quota for a production deployment that is about to be ordered.

Owns when it is read. What it means is ``rules.quota``'s; an answer that does not come holds nothing.
"""

import dataclasses
import logging

from shared.domain.outcomes import Failed
from shared.domain.signals import ApprovalAnswered
from shared.domain.situation import Situation
from shared.ports import Quotas

log = logging.getLogger(__name__)


class Unasked:
    """The port ``Quotas`` where nobody is to be asked: in a rehearsal, or without Azure."""

    async def quota(self, workspace: str, instance_type: str) -> Failed:
        """Not known here."""
        return Failed(retryable=False, reason=f"nobody was asked about {instance_type} in {workspace}")


def asks_for_quota(situation: Situation) -> bool:
    """Whether the signal may bring about a deployment on a managed endpoint in production: a yes to a version."""
    signal = situation.heard
    if not isinstance(signal, ApprovalAnswered) or signal.answer != "approve":
        return False
    waiting = (known for known in situation.facts.versions.values() if known.state == "awaiting_approval")
    asked = any(known.approval is not None and known.approval.id == signal.approval_id for known in waiting)
    return asked and situation.workload.environments.production.kind == "managed_online"


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
