"""What a policy says about the container images that a workload is served from.

Owns the grammar of this section, and how registries are told apart. Judges no image (``images``).
"""

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from shared.domain.policy_infrastructure import Severity
from shared.domain.policy_section import Section
from shared.domain.policy_texts import Duration


class Images(Section):
    """Which repositories of a registry count, and how good their newest images have to be for a promotion."""

    registry: str = Field(
        min_length=1, description="the login server (contoso.azurecr.io) or the resource id of a container registry"
    )
    repositories: str = Field(default="*", min_length=1, description="glob of repositories, in any case")
    severity_max: Severity = Field(
        default="medium", description="a promotion waits while something worse than this is known of an image"
    )
    unscanned: Literal["block", "allow"] = Field(
        default="block", description="what becomes of promotions while no scan of an image is known"
    )
    clean_after: Duration | None = Field(
        default=None,
        description="an image counts as scanned when no scan has said anything for so long after its push: Defender for Cloud "
        "says nothing about an image without findings",
    )
    to: str = Field(default="", description="a persona; the owner when it is left out")

    @model_validator(mode="after")
    def _silence_matters(self) -> "Images":
        if self.unscanned == "allow" and self.clean_after is not None:
            raise ValueError("clean_after has no meaning with unscanned: allow; write one of them")
        if self.clean_after is not None and self.clean_after <= timedelta():
            raise ValueError("clean_after must be longer than nothing; write unscanned: allow instead")
        return self

    def watches(self, registry: str, repository: str) -> bool:
        """Whether an image is one that counts."""
        return same_registry(self.registry, registry) and fnmatchcase(repository.lower(), self.repositories.lower())


def registry_name(registry: str) -> str:
    """The short name of a registry, by its resource id, its login server or its own name.

    Names hold no hyphen: what follows one in a login server is the hash that keeps equal names of several tenants apart.
    """
    return registry.strip().rstrip("/").lower().rpartition("/")[2].partition(".")[0].partition("-")[0]


def same_registry(one: str, other: str) -> bool:
    """Whether two texts name one registry: by their whole login servers where both are one, else by name."""
    servers = [text.strip().lower() for text in (one, other)]
    if all("." in server and "/" not in server for server in servers):
        return servers[0] == servers[1]
    return registry_name(one) == registry_name(other)
