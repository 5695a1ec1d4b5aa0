"""A function app with the handlers that are compared, for Microsoft's worker to index."""

from collections.abc import Mapping

from shared.telemetry.profiles import ReferenceProfile

PROFILES: dict[str, ReferenceProfile] = {}  # by the key of the deployment; filled before a function is invoked


def know(profiles: Mapping[str, ReferenceProfile]) -> None:
    """Let the handlers know the profiles of deployments."""
    PROFILES.update(profiles)
