"""Partials and deltas as bytes, the same bytes for the same counts.

Owns the stored form: MessagePack, in which each vector of counts takes the narrowest whole numbers that hold it, all
compressed with zlib. Knows nothing of where bytes are kept, and nothing of what counts mean.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from shared.domain.observations import DeploymentRef
from shared.telemetry.latency import BINS
from shared.telemetry.moments import Moments
from shared.telemetry.partials import ENDED_NONE, ENDS, DataPartial, Delta, Partial, TrafficPartial
from shared.telemetry.profiles import Counts

FORMAT = 1
STORED_BYTES_MAX = 64 * 1024 * 1024  # of what decompression may make of a stored delta
_WIDTHS = (1, 2, 4, 8)


class UnreadableState(ValueError):  # noqa: N818 - named for the fact
    """Stored telemetry state that was written by something else, or damaged."""


class Vector(msgspec.Struct, frozen=True, array_like=True):
    """Counts as little-endian whole numbers of so many bytes."""

    bytes_each: int
    packed: bytes


class StoredMoments(msgspec.Struct, frozen=True, array_like=True):
    """``Moments``: extremes as floats, sums and squares as signed whole numbers of any width."""

    lowest: bytes
    highest: bytes
    sums: Vector
    squares: Vector


class StoredData(msgspec.Struct, frozen=True, array_like=True, tag="data"):
    """A ``DataPartial``."""

    deployment: tuple[str, str, str]
    start: datetime
    length: str
    digest: str
    rows: int
    predictions: int
    counts: Vector
    moments: StoredMoments | None = None  # an earlier build wrote none


class StoredTraffic(msgspec.Struct, frozen=True, array_like=True, tag="traffic"):
    """A ``TrafficPartial``."""

    deployment: tuple[str, str, str]
    start: datetime
    length: str
    requests: int
    failed: int
    latency_sum_us: int
    latency_counts: Vector
    ended: tuple[int, ...] = ENDED_NONE


StoredPartial = StoredData | StoredTraffic


class _StoredDelta(msgspec.Struct, frozen=True, array_like=True):
    format: int
    partials: list[StoredPartial]
    watermarks: dict[str, datetime]
    traffic_watermarks: dict[str, datetime]
    refused: dict[str, int]
    aside: dict[str, int]
    kept: dict[str, bytes] = {}  # an earlier build wrote neither of these
    lost: dict[str, int] = {}
    samples: list[bytes] = []  # nor this
    elsewhere: list[bytes] = []  # nor this


def encode_delta(delta: Delta) -> bytes:
    """The delta as bytes: equal for equal content, whatever the order that it was gathered in."""
    return pack(
        _StoredDelta(
            format=FORMAT,
            partials=[store(partial) for partial in sorted(delta.partials, key=lambda partial: partial.key)],
            watermarks=dict(delta.watermarks),
            traffic_watermarks=dict(delta.traffic_watermarks),
            refused=dict(delta.refused),
            aside=dict(delta.aside),
            kept=dict(delta.kept),
            lost=dict(delta.lost),
            samples=sorted(delta.samples),
            elsewhere=list(delta.elsewhere),
        )
    )


def decode_delta(stored: bytes) -> Delta:
    """The delta that ``encode_delta`` wrote; raises UnreadableState for anything else."""
    found = unpack(stored, _StoredDelta)
    if found.format != FORMAT:
        raise UnreadableState(f"a delta of format {found.format}, only {FORMAT} is known")
    return Delta(
        partials=tuple(restore(partial) for partial in found.partials),
        watermarks=found.watermarks,
        traffic_watermarks=found.traffic_watermarks,
        refused=found.refused,
        aside=found.aside,
        kept=found.kept,
        lost=found.lost,
        samples=tuple(found.samples),
        elsewhere=tuple(found.elsewhere),
    )


def encode_partial(partial: Partial) -> bytes:
    """One partial as bytes: equal for equal counts."""
    return pack(store(partial))


def decode_partial(stored: bytes) -> Partial:
    """The partial that ``encode_partial`` wrote; raises UnreadableState for anything else."""
    return restore(unpack(stored, StoredPartial))


def pack(value: Any) -> bytes:
    """A stored form as compressed MessagePack, its keys in order."""
    return zlib.compress(msgspec.msgpack.encode(value, order="deterministic"))


def unpack(stored: bytes, shape: Any) -> Any:
    """What ``pack`` wrote; raises UnreadableState for anything else."""
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(stored, STORED_BYTES_MAX)
        if not inflate.eof:
            raise UnreadableState("the stored telemetry state is cut short or too large")
        return msgspec.msgpack.decode(content, type=shape)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableState(f"the stored telemetry state cannot be read: {error}") from error


def store(partial: Partial) -> StoredPartial:
    """A partial in its stored form."""
    ref = partial.deployment
    named: dict[str, Any] = {
        "deployment": (ref.workspace, ref.endpoint, ref.deployment),
        "start": partial.start,
        "length": partial.length,
    }
    if isinstance(partial, DataPartial):
        return StoredData(
            **named,
            digest=partial.digest,
            rows=partial.rows,
            predictions=partial.predictions,
            counts=_vector(partial.counts),
            moments=_stored_moments(partial.moments),
        )
    return StoredTraffic(
        **named,
        requests=partial.requests,
        failed=partial.failed,
        latency_sum_us=partial.latency_sum_us,
        latency_counts=_vector(partial.latency_counts),
        ended=partial.ended,
    )


def restore(stored: StoredPartial) -> Partial:
    """The partial of a stored form; raises UnreadableState when its vector has no possible length."""
    workspace, endpoint, deployment = stored.deployment
    named: dict[str, Any] = {
        "deployment": DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployment),
        "start": stored.start,
        "length": stored.length,
    }
    if isinstance(stored, StoredData):
        return DataPartial(
            **named,
            digest=stored.digest,
            rows=stored.rows,
            predictions=stored.predictions,
            counts=_counts(stored.counts),
            moments=_moments(stored.moments),
        )
    latency_counts = _counts(stored.latency_counts)
    if len(latency_counts) != BINS:
        raise UnreadableState(f"{len(latency_counts)} latency bins, only {BINS} are known")
    return TrafficPartial(
        **named,
        requests=stored.requests,
        failed=stored.failed,
        latency_sum_us=stored.latency_sum_us,
        latency_counts=latency_counts,
        ended=_ended(stored.ended),
    )


def _ended(stored: tuple[int, ...]) -> tuple[int, ...]:
    if len(stored) != len(ENDS):
        raise UnreadableState(f"{len(stored)} counts of how requests ended, only {len(ENDS)} are known")
    return stored


def _stored_moments(moments: Moments | None) -> StoredMoments | None:
    if moments is None:
        return None
    lowest, highest = (ends.astype("<f8").tobytes() for ends in (moments.lowest, moments.highest))
    return StoredMoments(lowest, highest, _wide_vector(moments.sums), _wide_vector(moments.squares))


def _moments(stored: StoredMoments | None) -> Moments | None:
    if stored is None:
        return None
    sums, squares = _wide_numbers(stored.sums), _wide_numbers(stored.squares)
    if not len(stored.lowest) == len(stored.highest) == 8 * len(sums) == 8 * len(squares):
        raise UnreadableState("sums and extremes of different numbers of features")
    lowest, highest = (np.frombuffer(ends, dtype="<f8") for ends in (stored.lowest, stored.highest))
    return Moments(lowest, highest, sums, squares)


def _wide_vector(numbers: Sequence[int]) -> Vector:
    """Sums have no greatest value: as wide as the widest of them needs."""
    width = max((number.bit_length() // 8 + 1 for number in numbers), default=1)
    return Vector(width, b"".join(number.to_bytes(width, "little", signed=True) for number in numbers))


def _wide_numbers(vector: Vector) -> tuple[int, ...]:
    width, packed = vector.bytes_each, vector.packed
    if width < 1 or len(packed) % width:
        raise UnreadableState(f"{len(packed)} bytes are not sums of {width} bytes each")
    starts = range(0, len(packed), width)
    return tuple(int.from_bytes(packed[start : start + width], "little", signed=True) for start in starts)


def _vector(counts: Counts) -> Vector:
    largest = int(counts.max(initial=0))
    width = next(width for width in _WIDTHS if largest < 2 ** (8 * width - 1) or width == _WIDTHS[-1])
    return Vector(width, counts.astype(f"<i{width}").tobytes())


def _counts(vector: Vector) -> Counts:
    if vector.bytes_each not in _WIDTHS or len(vector.packed) % vector.bytes_each:
        raise UnreadableState(f"{len(vector.packed)} bytes are not counts of {vector.bytes_each} bytes each")
    return np.frombuffer(vector.packed, dtype=f"<i{vector.bytes_each}").astype(np.int64)
