"""Whether a staging check passed, by the numbers that it measured.

Owns the comparison of what was measured or scanned with the policy's limits. What is missing fails: silence is no pass.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.image_facts import Image
from shared.domain.images import counting, doubtful
from shared.domain.policy_batch import AGAINST_CHAMPION
from shared.domain.policy_images import Images
from shared.domain.policy_promotion import EndpointCheck, ImageCheck


@dataclass(frozen=True, slots=True)
class Judged:
    """Passed or not, in a sentence with the numbers."""

    passed: bool
    detail: str


def judge_endpoint(metrics: Mapping[str, float], check: EndpointCheck) -> Judged:
    """Latency and errors of real requests against the check's limits."""
    limits = {"latency_p95_ms_max": check.latency_p95_ms_max, "error_rate_max": check.error_rate_max}
    return judge_metrics(metrics, limits, has_champion=True)


def judge_metrics(metrics: Mapping[str, float], limits: Mapping[str, float], *, has_champion: bool) -> Judged:
    """Each limit is a metric's name with ``_min`` or ``_max`` behind it; comparisons with no champion are left out."""
    wanted = {name: limit for name, limit in limits.items() if has_champion or AGAINST_CHAMPION not in name}
    found = [_compare(metrics, name, limit) for name, limit in wanted.items()]
    return Judged(all(judged.passed for judged in found), "; ".join(judged.detail for judged in found))


def judge_images(watched: Images | None, images: Iterable[Image], check: ImageCheck, now: datetime) -> Judged:
    """The newest image of each watched repository against the check's severity. An image that no scan has looked at fails."""
    if watched is None:
        return Judged(passed=False, detail="the policy says no longer which images count (images:)")
    rule = watched.model_copy(update={"severity_max": check.severity_max, "unscanned": "block"})
    counted, doubts = counting(rule, images), doubtful(rule, images, now)
    if doubts:
        return Judged(passed=False, detail="; ".join(doubt.text for doubt in doubts))
    if not counted:
        return Judged(passed=False, detail=f"no image of {watched.registry} is known")
    found = ", ".join(f"{image.name} ({image.worst or 'nothing found'})" for image in counted)
    return Judged(passed=True, detail=f"nothing worse than {check.severity_max} in {found}")


def _compare(metrics: Mapping[str, float], name: str, limit: float) -> Judged:
    metric, _, bound = name.rpartition("_")
    if bound not in ("min", "max"):
        return Judged(passed=False, detail=f"{name} is no limit: end it with _min or _max")
    value = metrics.get(metric)
    if value is None or value != value:  # noqa: PLR0124  # NaN is not itself
        return Judged(passed=False, detail=f"{metric} was not measured")
    passed = value >= limit if bound == "min" else value <= limit
    words = {"min": "at least", "max": "at most"}[bound]
    return Judged(passed, f"{metric} {value:.4g} ({words} {limit:g})")
