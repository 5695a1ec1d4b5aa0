"""What was done for deployments in trouble: how often, how many instances each has since, and how often in vain.

Owns these values and their limits. Judges nothing (``rules.relief``).
"""

from datetime import datetime

from shared.domain.values import Part, replace

KEPT_MAX = 20  # remedies, and versions whose instances are known


class Relief(Part, frozen=True, kw_only=True):
    """The remedies of a workload's infrastructure. ``instances``: on how many each version runs, by our orders."""

    ordered_at: tuple[datetime, ...] = ()
    instances: dict[str, int] = {}
    fruitless: int = 0  # remedies in a row without effect

    def with_order(self, at: datetime) -> "Relief":
        """One remedy more was ordered."""
        return replace(self, ordered_at=(*self.ordered_at, at)[-KEPT_MAX:])

    def with_instances(self, version: str, instances: int) -> "Relief":
        """A version runs on so many instances; of the versions that were told of, the newest are kept."""
        others = {name: known for name, known in self.instances.items() if name != version}
        return replace(self, instances=dict([*others.items(), (version, instances)][-KEPT_MAX:]))
