"""Whether the images that a workload is served from can be trusted: what is doubtful about them, and until when.

Owns that judgement, of the newest image of each repository that the policy watches. Remembers nothing (``image_facts``) and
holds nothing back (``guards``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.domain.image_facts import Image, newest
from shared.domain.policy_images import Images
from shared.domain.policy_infrastructure import rank

Doubt = Literal["failed", "quarantined", "unscanned"]


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An image that nothing should be promoted on, why, and until when if time alone clears it."""

    image: Image
    doubt: Doubt
    until: datetime | None = None

    @property
    def text(self) -> str:
        """Why, as a sentence."""
        match self.doubt:
            case "failed":
                return f"{self.image.name}: its scan found something {self.image.worst.lower()}"
            case "quarantined":
                return f"{self.image.name} is in quarantine until its scan has passed"
            case "unscanned":
                return f"{self.image.name}: no scan of it is known"


def counting(rule: Images, images: Iterable[Image]) -> tuple[Image, ...]:
    """The newest image of each repository that is watched: what the next deployment would take."""
    return tuple(image for image in newest(images) if rule.watches(image.registry, image.repository))


def doubtful(rule: Images, images: Iterable[Image], now: datetime) -> tuple[Doubtful, ...]:
    """Those of them that cannot be trusted."""
    judged = (_judge(rule, image, now) for image in counting(rule, images))
    return tuple(one for one in judged if one)


def failed(rule: Images, image: Image) -> bool:
    """Whether something worse than the policy suffers stands against an image."""
    return bool(image.worst) and rank(image.worst) > rank(rule.severity_max)


def _judge(rule: Images, image: Image, now: datetime) -> Doubtful | None:
    if failed(rule, image):
        return Doubtful(image, "failed")
    if image.quarantined:  # nobody can pull it, so a deployment would fail even if unscanned images are allowed
        return Doubtful(image, "quarantined")
    if image.scanned or rule.unscanned == "allow":
        return None
    if rule.clean_after is None or image.arrived_at is None:
        return Doubtful(image, "unscanned")
    until = image.arrived_at + rule.clean_after
    return Doubtful(image, "unscanned", until) if now < until else None
