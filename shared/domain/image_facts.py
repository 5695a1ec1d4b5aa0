"""What is remembered of container images: when each one came, what its scans found, and which of a repository is the newest.

Owns these values and how what is heard is merged into them: of each kind of news only the latest moment is kept, so any order of
delivery ends the same. Knows nothing of the policy, or of what an image holds back (``images``).
"""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from shared.domain.policy_infrastructure import rank
from shared.domain.values import Part, replace

IMAGES_KEPT_MAX = 24  # those that a newer one has replaced are forgotten first
FINDINGS_KEPT_MAX = 8  # of one image; the least severe are forgotten first
DIGEST_SHOWN = 19  # characters: sha256: and twelve more


class Finding(Part, frozen=True, kw_only=True):
    """What a scan said last about one thing in an image. ``id`` is that of the assessment, shortened."""

    id: str
    severity: str
    healthy: bool
    at: datetime


class Image(Part, frozen=True, kw_only=True):
    """What is known about one image. ``registry`` is a short name; ``digest`` is the tag where nothing tells the digest."""

    registry: str
    repository: str
    digest: str
    pushed_at: datetime | None = None
    hooked_at: datetime | None = None  # the newest push that the registry's own web hook told
    quarantined_at: datetime | None = None
    deleted_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    unlisted: str = ""  # the worst severity that stood when it had to be forgotten

    @property
    def key(self) -> tuple[str, str, str]:
        """Which image it is."""
        return self.registry, self.repository, self.digest

    @property
    def name(self) -> str:
        """The image as people are told of it."""
        return f"{self.registry}/{self.repository}@{self.digest[:DIGEST_SHOWN]}"

    @property
    def arrived_at(self) -> datetime | None:
        """Since when it is what a deployment would take. In quarantine mode the later push only says that it passed."""
        return self.quarantined_at or self.pushed_at

    @property
    def deleted(self) -> bool:
        """Whether it is gone, and has not come again since."""
        came = latest(self.pushed_at, self.quarantined_at)
        return self.deleted_at is not None and (came is None or self.deleted_at >= came)

    @property
    def quarantined(self) -> bool:
        """Whether it waits for its scan. With quarantine on, the web hook of the push comes only when that has passed."""
        if self.quarantined_at is None:
            return False
        return self.hooked_at is None or self.hooked_at <= self.quarantined_at

    @property
    def scanned(self) -> bool:
        """Whether any scan is known to have looked at it."""
        return bool(self.findings) or (self.quarantined_at is not None and not self.quarantined)

    @property
    def worst(self) -> str:
        """The worst severity of what was found and stands; empty when nothing does."""
        standing = (
            *(one.severity for one in self.findings if not one.healthy),
            *([self.unlisted] * bool(self.unlisted)),
        )
        return max(standing, key=rank, default="")

    @property
    def heard_at(self) -> datetime | None:
        """The latest moment of all that is known about it."""
        moments = (self.pushed_at, self.hooked_at, self.quarantined_at, self.deleted_at)
        return latest(*moments, *(one.at for one in self.findings))


def latest(*moments: datetime | None) -> datetime | None:
    """The latest of some moments, None when none is known."""
    return max((moment for moment in moments if moment is not None), default=None)


def with_finding(image: Image, finding: Finding) -> Image:
    """The image with a finding added, or with what was said about it later; of one moment the stricter word counts."""
    known = next((one for one in image.findings if one.id == finding.id), None)
    if known and (known.at, not known.healthy) >= (finding.at, not finding.healthy):
        return image
    every = [*(one for one in image.findings if one.id != finding.id), finding]
    kept = sorted(every, key=_weight, reverse=True)[:FINDINGS_KEPT_MAX]
    lost = [one.severity for one in every if one not in kept and not one.healthy]
    unlisted = max((*lost, *([image.unlisted] * bool(image.unlisted))), key=rank, default="")
    return replace(image, findings=tuple(sorted(kept, key=attrgetter("id"))), unlisted=unlisted)


def _weight(finding: Finding) -> tuple[bool, int, datetime, str]:
    return not finding.healthy, rank(finding.severity) if not finding.healthy else 0, finding.at, finding.id


def newest(images: Iterable[Image]) -> tuple[Image, ...]:
    """Of each repository the image that came last and was not deleted: what the next deployment takes."""
    found: dict[tuple[str, str], Image] = {}
    for image in sorted((one for one in images if one.arrived_at and not one.deleted), key=_arrival):
        found[image.registry, image.repository] = image
    return tuple(found[place] for place in sorted(found))


def _arrival(image: Image) -> tuple[datetime | None, str]:
    return image.arrived_at, image.digest


def remembered(images: Iterable[Image], image: Image) -> tuple[tuple[Image, ...], Image | None]:
    """The images with one added or replaced, and the one that had to be forgotten although it was the newest, if any."""
    every = sorted((*(one for one in images if one.key != image.key), image), key=attrgetter("key"))
    if len(every) <= IMAGES_KEPT_MAX:
        return tuple(every), None
    counting = {one.key for one in newest(every)}
    # Beyond the limit the oldest goes: one that counts for nothing if there is any.
    gone = min(every, key=lambda one: (one.key in counting, _moment(one), one.key))
    return tuple(one for one in every if one is not gone), gone if gone.key in counting else None


def _moment(image: Image) -> float:
    heard = image.heard_at
    return heard.timestamp() if heard else 0.0
