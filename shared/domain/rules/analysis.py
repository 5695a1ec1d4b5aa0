"""Is a new version as good as the one it replaces, by what both served over the same minutes?

Owns the five verdicts of a rollout step and their statistics. A ratio fails only when the lower confidence bound exceeds
its limit; a step passes only with enough requests and the measured value within the limit; between the two it is
inconclusive. Knows nothing of rollouts, steps or what is done about a verdict.
"""

import math
from dataclasses import dataclass
from typing import Literal

from shared.domain.decisions import Reason
from shared.domain.observations import TrafficSample
from shared.domain.policy_promotion import Analysis
from shared.domain.situation import because

StepVerdict = Literal["pass", "fail", "inconclusive", "no_data"]
Z_95 = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the measurements that led to it."""

    verdict: StepVerdict
    reasons: tuple[Reason, ...]


def wilson_lower(failed: int, requests: int) -> float:
    """The lower 95 % bound of a failure rate (Wilson score interval, E. B. Wilson 1927); 0 without requests."""
    if requests == 0:
        return 0.0
    rate, z2 = failed / requests, Z_95**2
    centre = rate + z2 / (2 * requests)
    spread = Z_95 * math.sqrt(rate * (1 - rate) / requests + z2 / (4 * requests**2))
    return max(0.0, (centre - spread) / (1 + z2 / requests))


def judge_step(candidate: TrafficSample, champion: TrafficSample | None, limits: Analysis) -> Judgement:
    """The verdict on a candidate, against the champion over the same minutes when there is one."""
    if candidate.requests == 0:
        return Judgement("no_data", (because("no_data", "the candidate served no request", observed=0),))
    checks = [_errors(candidate, limits), _latency(candidate, champion, limits), _sample(candidate, limits)]
    for verdict in ("fail", "inconclusive"):
        found = tuple(check.reasons[0] for check in checks if check.verdict == verdict)
        if found:
            return Judgement(verdict, found)
    return Judgement("pass", tuple(check.reasons[0] for check in checks))


def _errors(candidate: TrafficSample, limits: Analysis) -> Judgement:
    rate = candidate.failed / candidate.requests
    text = f"{candidate.failed} of {candidate.requests} requests failed ({rate:.1%}, limit {limits.error_rate_max:.1%})"
    reason = because("error_rate", text, observed=round(rate, 4), limit=limits.error_rate_max)
    if wilson_lower(candidate.failed, candidate.requests) > limits.error_rate_max:
        return Judgement("fail", (reason,))
    return Judgement("pass" if rate <= limits.error_rate_max else "inconclusive", (reason,))


def _latency(candidate: TrafficSample, champion: TrafficSample | None, limits: Analysis) -> Judgement:
    if champion is None or champion.requests == 0:
        return _absolute_latency(candidate, limits)
    ratio = candidate.latency_p95_ms / max(champion.latency_p95_ms, 0.001)
    text = (
        f"p95 latency {candidate.latency_p95_ms:.0f} ms against the champion's {champion.latency_p95_ms:.0f} ms "
        f"({ratio:.2f} times, limit {limits.latency_p95_vs_champion_max:g})"
    )
    reason = because(
        "latency_p95_vs_champion", text, observed=round(ratio, 3), limit=limits.latency_p95_vs_champion_max
    )
    surely = candidate.latency_p95_ms_lower / max(champion.latency_p95_ms_upper, 0.001)
    if surely > limits.latency_p95_vs_champion_max:
        return Judgement("fail", (reason,))
    return Judgement("pass" if ratio <= limits.latency_p95_vs_champion_max else "inconclusive", (reason,))


def _absolute_latency(candidate: TrafficSample, limits: Analysis) -> Judgement:
    text = f"p95 latency {candidate.latency_p95_ms:.0f} ms (limit {limits.latency_p95_ms_max:g} ms)"
    reason = because("latency_p95", text, observed=round(candidate.latency_p95_ms, 1), limit=limits.latency_p95_ms_max)
    if candidate.latency_p95_ms_lower > limits.latency_p95_ms_max:
        return Judgement("fail", (reason,))
    return Judgement("pass" if candidate.latency_p95_ms <= limits.latency_p95_ms_max else "inconclusive", (reason,))


def _sample(candidate: TrafficSample, limits: Analysis) -> Judgement:
    text = f"{candidate.requests} requests served by the candidate (at least {limits.min_requests} needed)"
    reason = because("sample", text, observed=candidate.requests, limit=limits.min_requests)
    return Judgement("pass" if candidate.requests >= limits.min_requests else "inconclusive", (reason,))
