"""Whether there is quota for a second deployment beside the one that serves: what was read, and what is needed.

Owns that arithmetic. Knows nothing of Azure's calls, or of who is told.
"""

import math

from shared.domain.values import Part

# Managed online endpoints keep a fifth more for their own upgrades: learn.microsoft.com, Manage quotas for Azure ML.
RESERVED = 1.2
NO_LIMIT = -1


class Quota(Part, frozen=True, kw_only=True):
    """What a subscription may use of one family of machines in one region, in cores. ``cores`` are those of one instance."""

    location: str
    family: str
    cores: int
    used: int
    limit: int

    @property
    def free(self) -> int:
        """How many cores are left."""
        return max(0, self.limit - self.used)


def instances_counted(instances: int) -> int:
    """How many instances Azure counts for a deployment of so many."""
    return math.ceil(instances * RESERVED - 1e-9)


def missing(quota: Quota, instances: int) -> int:
    """How many cores are missing for one more deployment of so many instances; 0 when there are enough."""
    if quota.limit == NO_LIMIT:
        return 0
    return max(0, instances_counted(instances) * quota.cores - quota.free)
