"""Partials: what some messages add to a window, in whole numbers only.

Owns the mergeable state of telemetry. Adding integers is exact, commutative and associative, so partials merge
bit-identically whatever the partitioning or the order. Knows nothing of messages, nor of what counts mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import add
from typing import Literal, NamedTuple, TypeVar

from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef
from shared.telemetry.moments import Moments
from shared.telemetry.profiles import Counts

ENDS = ("client_errors", "throttled", "model_errors", "server_errors", "delayed", "delay_sum_us")
ENDED_NONE = (0,) * len(ENDS)

K = TypeVar("K")


class DifferentEdges(ValueError):  # noqa: N818 - named for the fact, as Unmergeable would be
    """Two partials, or a partial and a profile, do not belong to the same window or the same edges."""


class WindowKey(NamedTuple):
    """Which window: of what, of which deployment, from when, how long, and under which edges (data only)."""

    measure: Literal["data", "traffic"]
    deployment: str
    start: datetime
    length: str
    digest: str = ""

    @property
    def id(self) -> str:
        """The window's deterministic id."""
        return derive("window", self.deployment, self.length, self.start.isoformat(), self.measure, self.digest)


@dataclass(frozen=True, slots=True, eq=False)
class DataPartial:
    """Rows of one deployment in one window, counted in the vector that the profile of that digest lays out.

    ``rows`` are rows of model inputs, ``predictions`` rows of model outputs. ``moments`` are None for a window to which
    an earlier release, which kept none, has added.
    """

    deployment: DeploymentRef
    start: datetime
    length: str
    digest: str
    rows: int
    predictions: int
    counts: Counts
    moments: Moments | None = None

    @property
    def key(self) -> WindowKey:
        """The window that it belongs to."""
        return WindowKey("data", self.deployment.key, self.start, self.length, self.digest)

    def plus(self, other: "DataPartial") -> "DataPartial":
        """Both together. Raises DifferentEdges when they are not of the same window and edges."""
        _same_window(self, other)
        return replace(
            self,
            rows=self.rows + other.rows,
            predictions=self.predictions + other.predictions,
            counts=self.counts + other.counts,
            moments=self.moments.plus(other.moments) if self.moments and other.moments else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrafficPartial:
    """Requests of one deployment in one bucket. Latencies lie in the log bins of ``latency``, their sum in µs.

    Requests whose duration is not a number are counted, but are in no latency bin. How they ended and how long throttling held
    them up is in ``ended``, in the order of ``ENDS``; an earlier release did not keep that.
    """

    deployment: DeploymentRef
    start: datetime
    length: str
    requests: int
    failed: int
    latency_sum_us: int
    latency_counts: Counts
    ended: tuple[int, ...] = ENDED_NONE

    @property
    def key(self) -> WindowKey:
        """The bucket that it belongs to."""
        return WindowKey("traffic", self.deployment.key, self.start, self.length)

    def plus(self, other: "TrafficPartial") -> "TrafficPartial":
        """Both together. Raises DifferentEdges when they are not of the same bucket."""
        _same_window(self, other)
        return replace(
            self,
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            latency_sum_us=self.latency_sum_us + other.latency_sum_us,
            latency_counts=self.latency_counts + other.latency_counts,
            ended=tuple(map(add, self.ended, other.ended)),
        )


Partial = DataPartial | TrafficPartial
P = TypeVar("P", DataPartial, TrafficPartial)


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What one batch of messages adds to the windows.

    ``watermarks`` are the latest event times of rows by deployment key; requests have their own
    (``traffic_watermarks``), since traffic logs and collected rows arrive minutes apart. ``refused`` counts rows by
    reason. ``aside`` counts rows of deployments that have no known profile or no window, by deployment key. ``kept`` are
    those of them that wait for a profile, as bytes, and ``lost`` counts those that were too many for that. ``samples`` are
    what it adds to samples, each as bytes (``samples``). ``elsewhere`` are chunks of events whose rows are yet to be read.
    """

    partials: tuple[Partial, ...] = ()
    watermarks: Mapping[str, datetime] = field(default_factory=dict)
    traffic_watermarks: Mapping[str, datetime] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    aside: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, bytes] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[bytes, ...] = ()
    elsewhere: tuple[bytes, ...] = ()

    def plus(self, other: "Delta") -> "Delta":
        """What both batches add to windows, with one partial for each. What is ``kept``, sampled or elsewhere stays with its own batch."""
        merged: dict[WindowKey, Partial] = {partial.key: partial for partial in self.partials}
        for partial in other.partials:
            known = merged.get(partial.key)
            merged[partial.key] = partial if known is None else merge(known, partial)
        return Delta(
            partials=tuple(merged[key] for key in sorted(merged)),
            watermarks=latest(self.watermarks, other.watermarks),
            traffic_watermarks=latest(self.traffic_watermarks, other.traffic_watermarks),
            refused=_sums(self.refused, other.refused),
            aside=_sums(self.aside, other.aside),
        )


def merge(one: Partial, other: Partial) -> Partial:
    """Both together. Raises DifferentEdges when they are not of the same window and edges."""
    if isinstance(one, DataPartial) and isinstance(other, DataPartial):
        return one.plus(other)
    if isinstance(one, TrafficPartial) and isinstance(other, TrafficPartial):
        return one.plus(other)
    raise DifferentEdges("rows and requests are not counted together")


def latest(one: Mapping[str, datetime], other: Mapping[str, datetime]) -> dict[str, datetime]:
    """The later of two watermarks, deployment by deployment."""
    return {key: max(one.get(key, at), other.get(key, at)) for key, at in {**one, **other}.items()}


def _same_window(one: P, other: P) -> None:
    if one.key != other.key:
        raise DifferentEdges(f"these are different windows: {one.key} and {other.key}")


def _sums(one: Mapping[K, int], other: Mapping[K, int]) -> dict[K, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
