"""The app's own way, as the benchmark calls it: the one place to change when the hot path's entry changes.

Owns nothing: each function is what ``shared/services`` calls, with no step left out and none added.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.domain.observations import Telemetry
from shared.parsing import read_message
from shared.telemetry.accumulate import accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.drift import jensen_shannon, ks, psi
from shared.telemetry.latency import quantile_ms
from shared.telemetry.partials import DataPartial, Delta, TrafficPartial
from shared.telemetry.profiles import ReferenceProfile

WINDOW, BUCKET = "1d", "1m"
ACCEPTED = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Known:
    """What the app keeps of deployments, by their keys."""

    counters: Mapping[str, RowCounter]
    windows: Mapping[str, str]


def known(profiles: Mapping[str, ReferenceProfile]) -> Known:
    """What the app keeps when it has met deployments with these profiles."""
    return Known({key: RowCounter(profile) for key, profile in profiles.items()}, dict.fromkeys(profiles, WINDOW))


NOBODY = known({})


def read(bodies: Iterable[bytes]) -> list[Telemetry]:
    """The first half of the hot path: what messages hold."""
    return [read_message(body) for body in bodies]


def counted(messages: Sequence[Telemetry], known: Known) -> Delta:
    """The second half: what they add to the windows of the deployments that are known."""
    return accumulate(messages, known.counters, known.windows, BUCKET, ACCEPTED)


def state_of(bodies: Sequence[bytes], known: Known) -> Delta:
    """What a batch of raw messages adds to the windows of the deployments that are known."""
    return counted(read(bodies), known)


def scores_of(windows: Sequence[tuple[DataPartial, ReferenceProfile]]) -> list[dict[str, tuple[float, ...]]]:
    """Three scores of every feature of some windows, each under its profile: what is said when they close."""
    return [
        {
            name: tuple(score(profile.features[name].bin_counts, found.bins) for score in (psi, jensen_shannon, ks))
            for name, found in profile.feature_counts(partial.counts).items()
        }
        for partial, profile in windows
    ]


def as_one(one: TrafficPartial, others: Iterable[TrafficPartial]) -> TrafficPartial:
    """Buckets of one deployment as one, of the first one's key: what is summed up for a decision."""
    for other in others:
        one = one.plus(replace(other, start=one.start))
    return one


def latencies_ms(bucket: TrafficPartial, shares: Iterable[float]) -> list[float]:
    """The latency below which each share of the requests lies."""
    return [quantile_ms(bucket.latency_counts, share) for share in shares]
