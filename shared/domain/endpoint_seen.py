"""An online endpoint as one look at Azure found it: whether it is there, its deployments, and who takes how much traffic.

Owns that value, and how a traffic map is written for people. Knows nothing of what was expected (``differences``), nor of how
Azure is asked (``adapters``).
"""

from collections.abc import Mapping

from shared.domain.values import Part


class EndpointSeen(Part, frozen=True, kw_only=True):
    """What was there. Names are in lower case; ``traffic`` holds no zeros; states are Azure ML's provisioning states."""

    exists: bool = True
    state: str = "Succeeded"
    traffic: dict[str, int] = {}
    deployments: dict[str, str] = {}  # its state by name


def shown_traffic(traffic: Mapping[str, int]) -> str:
    """A traffic map in words, ``blue=90,green=10``, in the order of names; ``none`` when nothing takes any."""
    return ",".join(f"{name}={share}" for name, share in sorted(traffic.items()) if share) or "none"
