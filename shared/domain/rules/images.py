"""What registries and scans say about the images that a workload is served from: remembered, told when bad, released when mended.

Owns the rulings about images. The guard itself stands with the others, in ``guards``; what an image is judged by, in ``images``.
One incident a repository, as long as its newest image has failed its scan.
"""

from dataclasses import dataclass

from shared.domain import guards
from shared.domain.commands import Notify
from shared.domain.decisions import Reason
from shared.domain.facts import Facts
from shared.domain.ids import derive
from shared.domain.image_facts import Finding, Image, latest, remembered, with_finding
from shared.domain.images import counting, failed
from shared.domain.platform_signals import ImageDeleted, ImagePushed, ImageQuarantined, VulnerabilityFound
from shared.domain.policy_images import Images, registry_name
from shared.domain.rules.target_incidents import Sighting, end, newest, sight
from shared.domain.situation import Ruling, Situation, because, ignore, is_version
from shared.domain.values import replace

RULE = "image"
ALERT = "image"  # what an incident about a repository is called, beside its target


@dataclass(frozen=True, slots=True)
class _Told:
    """What an incident came to: why, and who is told."""

    facts: Facts
    reasons: tuple[Reason, ...] = ()
    commands: tuple[Notify, ...] = ()


def on_image(situation: Situation, signal: ImagePushed | ImageDeleted | ImageQuarantined) -> Ruling:
    """An image came, went, or waits for its scan."""
    known = _known(situation.facts, signal.registry, signal.repository, signal.digest or signal.tag)
    at = signal.occurred_at
    match signal:
        case ImagePushed():
            hooked = latest(known.hooked_at, at) if signal.hooked else known.hooked_at
            seen = replace(known, pushed_at=latest(known.pushed_at, at), hooked_at=hooked)
        case ImageQuarantined():
            seen = replace(known, quarantined_at=latest(known.quarantined_at, at))
        case ImageDeleted():
            seen = replace(known, deleted_at=latest(known.deleted_at, at))
    return _judge(situation, known, seen)


def on_finding(situation: Situation, signal: VulnerabilityFound) -> Ruling:
    """A scan found something in an image, or found it mended. Defender also tells when the image was pushed."""
    registry, _, place = signal.image.partition("/")
    repository, _, digest = place.partition("@")
    known = _known(situation.facts, registry, repository, digest)
    finding = Finding(
        id=derive("finding", signal.assessment or signal.title),
        severity=signal.severity,
        healthy=signal.healthy,
        at=signal.occurred_at,
    )
    seen = replace(with_finding(known, finding), pushed_at=latest(known.pushed_at, signal.image_pushed_at))
    return _judge(situation, known, seen)


def _known(facts: Facts, registry: str, repository: str, digest: str) -> Image:
    empty = Image(registry=registry_name(registry), repository=repository.lower(), digest=digest.lower())
    return next((one for one in facts.images if one.key == empty.key), empty)


def _judge(situation: Situation, known: Image, seen: Image) -> Ruling:
    rule = situation.workload.images
    if rule is None or not rule.watches(seen.registry, seen.repository):
        text = f"images of {seen.registry}/{seen.repository} are not watched by this workload"
        return Ruling("no_match", "none", (because("no_rule", text),), situation.facts)
    if seen == known:
        return ignore(situation, RULE, because("older", f"something newer is known of {seen.name} already"))
    images, forgotten = remembered(situation.facts.images, seen)
    facts = replace(situation.facts, images=images)
    if forgotten:
        return _overfull(situation, rule, facts, forgotten)
    told = _incident(situation, rule, facts, seen)
    before = guards.untrusted_images(situation, situation.facts)
    after = guards.untrusted_images(situation, facts)
    released = situation.again(is_version) if before and not after else ()
    reasons = (_noted(seen), *told.reasons, *after)
    if released or (before and not after):
        reasons = (
            *reasons,
            because("mended", "no image keeps promotions waiting any more; what was held is evaluated"),
        )
    acts = bool(told.commands or released)
    return Ruling("act" if acts else "suppress", RULE, reasons, told.facts, commands=told.commands, holds=released)


def _noted(seen: Image) -> Reason:
    state = (
        "deleted" if seen.deleted else "quarantined" if seen.quarantined else "scanned" if seen.scanned else "unscanned"
    )
    return because("image_seen", f"{seen.name} is {state}", observed=seen.worst or state)


def _incident(situation: Situation, rule: Images, facts: Facts, seen: Image) -> _Told:
    """Open, count or close the incident of the image's repository, by whether its newest image has failed."""
    target = f"{seen.registry}/{seen.repository}"
    place = seen.registry, seen.repository
    current = next((one for one in counting(rule, facts.images) if (one.registry, one.repository) == place), None)
    at = latest(*(one.heard_at for one in facts.images if (one.registry, one.repository) == place))
    bad = current if current and failed(rule, current) else None
    text = f"{bad.name}: its scan found something {bad.worst.lower()}" if bad else target
    sighting = Sighting("security", ALERT, target, at or situation.heard.occurred_at, text, bad.worst if bad else "")
    if bad:
        return _failing(situation, rule, facts, sighting)
    known = newest(facts, sighting)
    return _Told(facts) if known is None or known.state == "closed" else _mended(situation, rule, facts, sighting)


def _failing(situation: Situation, rule: Images, facts: Facts, sighting: Sighting) -> _Told:
    seen, incident, facts = sight(situation, facts, sighting)
    # Another image of the repository may have failed by now, of something milder: the incident says what is.
    facts = facts.with_incident(replace(incident, severity=sighting.severity, detail=sighting.detail))
    if seen not in ("opened", "worse"):
        known = because(
            "incident_open", f"incident {incident.id} is open for {sighting.target}", observed=incident.repeats
        )
        return _Told(facts, (known,))
    title = f"image {sighting.target} failed its scan ({sighting.severity})"
    shown = {
        "severity": sighting.severity or "unknown",
        "image": sighting.detail,
        "what waits": f"promotions, since nothing above {rule.severity_max} is suffered",
        "what releases it": "the finding mended or exempted, a newer image that is clean, or its deletion",
    }
    code = "incident_opened" if seen == "opened" else "worse"
    reason = because(code, sighting.detail, observed=sighting.severity, limit=rule.severity_max)
    return _Told(facts, (reason,), (_tell(situation, rule, title, shown),))


def _mended(situation: Situation, rule: Images, facts: Facts, sighting: Sighting) -> _Told:
    _, incident, facts = end(situation, facts, sighting)
    reason = because(
        "resolved", f"incident {incident.id} on {sighting.target} is closed: its newest image has not failed"
    )
    shown = {"target": sighting.target, "was": incident.detail, "repeats": str(incident.repeats)}
    title = f"resolved: image {sighting.target} failed its scan"
    return _Told(facts, (reason,), (_tell(situation, rule, title, shown),))


def _tell(situation: Situation, rule: Images, title: str, shown: dict[str, str]) -> Notify:
    return situation.tell(rule.to or situation.workload.owner, f"{situation.workload.name}: {title}", shown)


def _overfull(situation: Situation, rule: Images, facts: Facts, forgotten: Image) -> Ruling:
    text = f"too many repositories are watched to keep track of: {forgotten.name} is no longer remembered"
    told = _tell(
        situation, rule, "too many images to keep track of", {"forgotten": forgotten.name, "do": "narrow the glob"}
    )
    return Ruling("escalate", RULE, (because("images_full", text),), facts, commands=(told,))
