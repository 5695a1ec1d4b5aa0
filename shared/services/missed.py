"""Which lists of Azure say what an event has said: alerts by resource group, model versions by development workspace.

Owns where each is read, and what of it is known already. Knows nothing of when (``read_back``), nor of what is done about it.
"""

from datetime import datetime

from shared.domain.facts import Facts
from shared.domain.outcomes import Failed
from shared.domain.platform_signals import AlertFired, AlertResolved
from shared.domain.policy import Policy
from shared.domain.routing import subject_of
from shared.domain.signals import ModelRegistered
from shared.ports import Ledger
from shared.ports_observing import AlertList, ModelList


class MissedAlerts:
    """Alerts on the resource groups of every workload with a rule on them.

    What was heard by its message has the same key. Where Azure tells the moment otherwise on the two roads, the incident that is
    open for the alert's rule and target counts it.
    """

    name = "alerts"

    def __init__(self, alerts: AlertList) -> None:
        self._alerts = alerts

    def places(self, policy: Policy) -> tuple[str, ...]:
        """The resource groups of their workspaces."""
        listening = (workload for workload in policy.workloads if workload.alert_rules)
        return tuple(sorted({_group(one) for workload in listening for one in workload.address.workspaces}))

    async def since(
        self,
        policy: Policy,  # noqa: ARG002  # a group says it all
        place: str,
        after: datetime,
        until: datetime,
    ) -> tuple[AlertFired | AlertResolved, ...] | Failed:
        """The alerts that changed in this time, as they are now."""
        return await self._alerts.changed(place, after, until)


class MissedModels:
    """Versions of the models of every workload, in the workspace from which promotions start."""

    name = "models"

    def __init__(self, models: ModelList, ledger: Ledger) -> None:
        self._models, self._ledger = models, ledger

    def places(self, policy: Policy) -> tuple[str, ...]:
        """The names of workloads: each has a workspace and a glob of its own."""
        return tuple(sorted(policy.index.by_name))

    async def since(
        self, policy: Policy, place: str, after: datetime, until: datetime
    ) -> tuple[ModelRegistered, ...] | Failed:
        """The versions that were registered in this time and that the workload does not know."""
        workload = policy.index.by_name[place]
        workspace = workload.environments.development.workspace
        found = await self._models.registered(workspace, workload.model, after, until)
        if isinstance(found, Failed) or not found:
            return found
        facts = (await self._ledger.facts(subject_of(place))).value
        return tuple(signal for signal in found if not _is_known(facts, signal))


def _is_known(facts: Facts, signal: ModelRegistered) -> bool:
    known = facts.versions.get(signal.model_version)
    return known is not None and known.model == signal.model_name


def _group(workspace: str) -> str:
    return workspace.lower().partition("/providers/")[0]
