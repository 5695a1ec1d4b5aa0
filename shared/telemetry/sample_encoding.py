"""Samples as bytes, the same bytes for equal samples.

Owns the stored form: MessagePack, with keys and numbers as little-endian words of eight bytes. They are as good as
random, so nothing is compressed here; what keeps many samples together may do so. Knows nothing of where bytes are kept.
"""

from itertools import pairwise
from typing import Annotated, TypeVar

import msgspec
import numpy as np

from shared.telemetry.profiles import Count
from shared.telemetry.sampling import ALL_KEYS, PayloadSample, ValueSample

FORMAT = 1
_WORD = 8


class UnreadableSample(ValueError):  # noqa: N818 - named for the fact
    """A stored sample that was written by something else, or damaged."""


class _StoredValues(msgspec.Struct, frozen=True, array_like=True, tag="values"):
    format: int
    capacity: Annotated[int, msgspec.Meta(ge=1)]
    seen: Count
    keys: bytes
    values: bytes


class _StoredPayloads(msgspec.Struct, frozen=True, array_like=True, tag="payloads"):
    format: int
    capacity: Count
    bytes_max: Count
    limit: int | None  # None: none had to go; the number for it has 65 bits
    seen: Count
    too_large: Count
    payloads: list[tuple[int, bytes]]


S = TypeVar("S", _StoredValues, _StoredPayloads)


def encode_values(sample: ValueSample) -> bytes:
    """The sample as bytes: equal for equal samples."""
    keys, values = sample.keys.astype("<u8").tobytes(), sample.values.astype("<f8").tobytes()
    return msgspec.msgpack.encode(_StoredValues(FORMAT, sample.capacity, sample.seen, keys, values))


def decode_values(stored: bytes) -> ValueSample:
    """The sample that ``encode_values`` wrote; raises UnreadableSample for anything else."""
    found = _read(stored, _StoredValues)
    if len(found.keys) % _WORD or len(found.keys) != len(found.values):
        raise UnreadableSample(f"{len(found.keys)} bytes of keys do not belong to {len(found.values)} of values")
    keys = np.frombuffer(found.keys, dtype="<u8").astype(np.uint64)
    if len(keys) > found.capacity or found.seen < len(keys) or np.any(keys[1:] <= keys[:-1]):
        raise UnreadableSample(f"{len(keys)} keys are no sample of {found.capacity} of {found.seen}")
    return ValueSample(found.capacity, keys, np.frombuffer(found.values, dtype="<f8").astype(np.float64), found.seen)


def encode_payloads(sample: PayloadSample) -> bytes:
    """The sample as bytes: equal for equal samples."""
    limit = None if sample.limit == ALL_KEYS else sample.limit
    kept = sorted(sample.payloads.items())
    stored = _StoredPayloads(FORMAT, sample.capacity, sample.bytes_max, limit, sample.seen, sample.too_large, kept)
    return msgspec.msgpack.encode(stored)


def decode_payloads(stored: bytes) -> PayloadSample:
    """The sample that ``encode_payloads`` wrote; raises UnreadableSample for anything else."""
    found = _read(stored, _StoredPayloads)
    limit = ALL_KEYS if found.limit is None else found.limit
    keys = [key for key, _ in found.payloads]
    size = sum(len(payload) for _, payload in found.payloads)
    ordered = all(low < high for low, high in pairwise([-1, *keys, limit]))
    if not ordered or limit > ALL_KEYS or len(keys) > found.capacity or size > found.bytes_max:
        raise UnreadableSample(f"{len(keys)} payloads of {size} bytes are no sample of {found.capacity}")
    return PayloadSample(found.capacity, found.bytes_max, dict(found.payloads), limit, found.seen, found.too_large)


def _read(stored: bytes, shape: type[S]) -> S:
    try:
        found = msgspec.msgpack.decode(stored, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableSample(f"the stored sample cannot be read: {error}") from error
    if found.format != FORMAT:
        raise UnreadableSample(f"a sample of format {found.format}, only {FORMAT} is known")
    return found
