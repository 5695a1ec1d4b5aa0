"""Is a new version as good as the one it replaces, by what both served over the same minutes?

Owns the verdicts of a rollout step. A value fails only when its bound exceeds the limit, and the bounds hold at every look
(``sequences``), so a step may be looked at as often as one likes. It passes only with enough requests and the measured
values within the limits; between the two it is inconclusive. A percentile without bounds can pass, and can never fail. Knows nothing of rollouts,
steps or what is done about a verdict.
"""

from dataclasses import dataclass
from typing import Literal

from shared.domain.decisions import Reason
from shared.domain.observations import TrafficSample
from shared.domain.policy_promotion import Analysis
from shared.domain.sequences import lower_bound, upper_bound
from shared.domain.situation import because

StepVerdict = Literal["pass", "fail", "inconclusive", "no_data", "provider_error"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and the measurements that led to it."""

    verdict: StepVerdict
    reasons: tuple[Reason, ...]


def unread(why: str) -> Judgement:
    """The verdict when nobody could read what was served: it says nothing about the candidate."""
    return Judgement("provider_error", (because("provider_error", f"what was served could not be read: {why}"),))


def judge_step(candidate: TrafficSample, champion: TrafficSample | None, limits: Analysis, chance: float) -> Judgement:
    """The verdict on a candidate, against the champion over the same minutes when there is one.

    Each bound is wrong at any look with at most that chance.
    """
    if candidate.requests == 0:
        return _no_data(champion)
    checks = [
        _errors(candidate, limits, chance),
        *_errors_vs_champion(candidate, champion, limits, chance),
        _latency(candidate, champion, limits),
        _sample(candidate, limits),
    ]
    for verdict in ("fail", "inconclusive"):
        found = tuple(check.reasons[0] for check in checks if check.verdict == verdict)
        if found:
            return Judgement(verdict, found)
    return Judgement("pass", tuple(check.reasons[0] for check in checks))


def _no_data(champion: TrafficSample | None) -> Judgement:
    text = "the candidate served no request"
    if champion is not None:
        both = "and neither did the champion: no traffic, or its telemetry does not arrive"
        text = f"{text}, {f'the champion {champion.requests}' if champion.requests else both}"
    return Judgement("no_data", (because("no_data", text, observed=0),))


def _errors(candidate: TrafficSample, limits: Analysis, chance: float) -> Judgement:
    rate = candidate.failed / candidate.requests
    text = f"{candidate.failed} of {candidate.requests} requests failed ({rate:.1%}, limit {limits.error_rate_max:.1%})"
    reason = because("error_rate", text, observed=round(rate, 4), limit=limits.error_rate_max)
    if lower_bound(candidate.failed, candidate.requests, chance) > limits.error_rate_max:
        return Judgement("fail", (reason,))
    return Judgement("pass" if rate <= limits.error_rate_max else "inconclusive", (reason,))


def _errors_vs_champion(
    candidate: TrafficSample, champion: TrafficSample | None, limits: Analysis, chance: float
) -> tuple[Judgement, ...]:
    limit = limits.error_rate_vs_champion_max
    if limit is None or champion is None or champion.requests == 0:
        return ()
    rate, other = candidate.failed / candidate.requests, champion.failed / champion.requests
    more = round(rate - other, 12)  # 0.2 - 0.18 is not more than 0.02
    text = (
        f"{rate:.1%} of its requests failed against the champion's {other:.1%} over the same minutes "
        f"({more:+.1%}, limit {limit:+.1%})"
    )
    reason = because("error_rate_vs_champion", text, observed=round(more, 4), limit=limit)
    surely = lower_bound(candidate.failed, candidate.requests, chance) - upper_bound(
        champion.failed, champion.requests, chance
    )
    if surely > limit:
        return (Judgement("fail", (reason,)),)
    return (Judgement("pass" if more <= limit else "inconclusive", (reason,)),)


def _latency(candidate: TrafficSample, champion: TrafficSample | None, limits: Analysis) -> Judgement:
    untold = _untold_latency(candidate, champion, limits)
    if untold:
        return untold
    if champion is None or champion.requests == 0:
        return _absolute_latency(candidate, limits)
    ratio = candidate.latency_p95_ms / max(champion.latency_p95_ms, 0.001)
    text = (
        f"p95 latency {candidate.latency_p95_ms:.0f} ms against the champion's {champion.latency_p95_ms:.0f} ms "
        f"({ratio:.2f} times, limit {limits.latency_p95_vs_champion_max:g}){_proof(candidate)}"
    )
    reason = because(
        "latency_p95_vs_champion", text, observed=round(ratio, 3), limit=limits.latency_p95_vs_champion_max
    )
    surely = candidate.latency_p95_ms_lower / max(champion.latency_p95_ms_upper, 0.001)
    if candidate.latency_bounded and surely > limits.latency_p95_vs_champion_max:
        return Judgement("fail", (reason,))
    return Judgement("pass" if ratio <= limits.latency_p95_vs_champion_max else "inconclusive", (reason,))


def _absolute_latency(candidate: TrafficSample, limits: Analysis) -> Judgement:
    text = f"p95 latency {candidate.latency_p95_ms:.0f} ms (limit {limits.latency_p95_ms_max:g} ms){_proof(candidate)}"
    reason = because("latency_p95", text, observed=round(candidate.latency_p95_ms, 1), limit=limits.latency_p95_ms_max)
    if candidate.latency_bounded and candidate.latency_p95_ms_lower > limits.latency_p95_ms_max:
        return Judgement("fail", (reason,))
    return Judgement("pass" if candidate.latency_p95_ms <= limits.latency_p95_ms_max else "inconclusive", (reason,))


def _untold_latency(candidate: TrafficSample, champion: TrafficSample | None, limits: Analysis) -> Judgement | None:
    """Of a source that tells the latency of some requests only: too few of them say nothing."""
    for who, sample in (("candidate", candidate), ("champion", champion)):
        if sample is None or sample.latency_requests is None or sample.requests == 0:
            continue
        if sample.latency_of < limits.min_requests:
            text = (
                f"the p95 latency of the {who} is told of {sample.latency_of} of its {sample.requests} requests "
                f"(at least {limits.min_requests} needed): those of minutes with enough of them for a percentile"
            )
            reason = because("latency_sample", text, observed=sample.latency_of, limit=limits.min_requests)
            return Judgement("inconclusive", (reason,))
    return None


def _proof(sample: TrafficSample) -> str:
    return "" if sample.latency_bounded else "; percentiles without bounds prove nothing, so it cannot fail by them"


def _sample(candidate: TrafficSample, limits: Analysis) -> Judgement:
    text = f"{candidate.requests} requests served by the candidate (at least {limits.min_requests} needed)"
    reason = because("sample", text, observed=candidate.requests, limit=limits.min_requests)
    return Judgement("pass" if candidate.requests >= limits.min_requests else "inconclusive", (reason,))
