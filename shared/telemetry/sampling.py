"""Bottom-k samples: of all rows that were ever offered, those with the smallest priorities.

Owns the priority of a row and the two samples that are drawn by it: numbers (``ValueSample``) and payloads
(``PayloadSample``). Knows nothing of what the rows mean, nor of how samples are stored.

A priority is a hash of the row's key, so it is as good as drawn from the uniform distribution, but the same wherever and
however often the row is met. Those with the k smallest are therefore a uniform sample of all rows, of any number of
partitions, and merging is a matter of sets: commutative, associative, idempotent, and bit-identical whatever the
partitioning, order or duplication (Cohen and Kaplan, Summarizing Data using Bottom-k Sketches, 2007). A reservoir with
random numbers is none of this. Two samples of the same rows hold the same keys, so they can be joined.

Only what is counted beside (``seen``, ``too_large``) is not idempotent: a row that a producer sends twice counts twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.telemetry.profiles import Floats

VALUES_MAX = 8192
PAYLOADS_MAX = 50
PAYLOAD_BYTES_MAX = 16 * 1024
PAYLOADS_BYTES_MAX = 256 * 1024
ALL_KEYS = 2**64  # a limit that no priority reaches

Keys = npt.NDArray[np.uint64]

_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def priorities(correlation_ids: Sequence[str], rows: npt.ArrayLike) -> Keys:
    """The priority of every row, one after another, of messages that have these ids and so many rows each.

    A function of the id and of the row's place in its message alone, however they are batched. BLAKE2b makes 64 bits of
    the id, and SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) draws one number for each row from there, all rows at
    once. Two different rows of 10 million share a priority with a chance of 3 in a million, and count as one then.
    Messages without an id would all be one message: give them another, such as their place in the hub.
    It is no secret: whoever chooses correlation ids can choose what is sampled.
    """
    counts = np.asarray(rows, dtype=np.int64)
    digests = [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in correlation_ids]
    seeds = np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
    # The place of each row in its message: of all rows the number, less that of the first one of the message.
    first = np.repeat(np.cumsum(counts) - counts, counts)
    place = (np.arange(len(first)) - first).astype(np.uint64)
    return _mixed(np.repeat(seeds, counts) + (place + np.uint64(1)) * _GOLDEN)


def _mixed(value: Keys) -> Keys:
    """SplitMix64's finalizer: a permutation of all 64-bit numbers, in which each bit changes half of the others."""
    found = value ^ (value >> np.uint64(30))
    found *= _MIX_1
    found ^= found >> np.uint64(27)
    found *= _MIX_2
    found ^= found >> np.uint64(31)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class ValueSample:
    """Numbers by key: those of the ``capacity`` smallest keys, in order. ``seen`` counts what was ever offered.

    Of different numbers under one key the smallest is kept, and any number rather than NaN: later does not win, because
    what came later depends on the order.
    """

    capacity: int = VALUES_MAX
    keys: Keys = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    values: Floats = field(default_factory=lambda: np.empty(0))
    seen: int = 0

    @property
    def limit(self) -> int:
        """Every key below is in the sample if it was ever offered: just beyond the last one, once the sample is full."""
        return int(self.keys[-1]) + 1 if len(self.keys) == self.capacity else ALL_KEYS

    def plus(self, other: "ValueSample") -> "ValueSample":
        """The sample of all that both were offered. Of different capacities the smaller holds."""
        capacity = min(self.capacity, other.capacity)
        keys, values = np.concatenate((self.keys, other.keys)), np.concatenate((self.values, other.values))
        return ValueSample(capacity, *_smallest(keys, values, capacity), self.seen + other.seen)


def sampled(keys: Keys, values: npt.ArrayLike, capacity: int = VALUES_MAX) -> ValueSample:
    """The sample of some numbers, each with its key."""
    # Adding 0 turns -0 into 0, and all NaN become one: what is equal must be stored as equal bytes.
    numbers = np.asarray(values, dtype=np.float64) + 0.0
    numbers = np.where(np.isnan(numbers), np.nan, numbers)
    if capacity < 1 or keys.shape != numbers.shape or keys.ndim != 1:
        raise ValueError(f"no sample of {capacity} of {keys.shape} keys and {numbers.shape} values")
    return ValueSample(capacity, *_smallest(keys, numbers, capacity), len(keys))


def _smallest(keys: Keys, values: Floats, capacity: int) -> tuple[Keys, Floats]:
    order = np.argsort(keys, kind="stable")  # which takes one pass over two sorted runs
    keys, values = keys[order], values[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))[: len(keys)])[:capacity]
    if not len(starts):
        return keys, values
    # fmin is the smallest, and NaN only of nothing else; the last group must not run on into what is cut off.
    end = int(np.searchsorted(keys, keys[starts[-1]], side="right"))
    return keys[starts], np.fmin.reduceat(values[:end], starts)


@dataclass(frozen=True, slots=True)
class PayloadSample:
    """Payloads by key, of the smallest keys: at most ``capacity`` of them, and together at most ``bytes_max`` bytes.

    ``limit`` is the smallest key that had to go for want of room: every key below is in the sample if it was ever
    offered, and nothing above it comes in again when room is left over, because that would depend on the order.
    Of different payloads under one key the longer is kept, and the greater of equal length. ``seen`` counts what was
    ever offered, ``too_large`` what was left out of it for its own size.
    """

    capacity: int = PAYLOADS_MAX
    bytes_max: int = PAYLOADS_BYTES_MAX
    payloads: Mapping[int, bytes] = field(default_factory=dict)
    limit: int = ALL_KEYS
    seen: int = 0
    too_large: int = 0

    def plus(self, other: "PayloadSample") -> "PayloadSample":
        """The sample of all that both were offered. Of different capacities and sizes the smaller hold."""
        return _within(
            PayloadSample(
                min(self.capacity, other.capacity),
                min(self.bytes_max, other.bytes_max),
                _united((*self.payloads.items(), *other.payloads.items())),
                min(self.limit, other.limit),
                self.seen + other.seen,
                self.too_large + other.too_large,
            )
        )


def payloads_sampled(
    offered: Sequence[tuple[int, bytes]],
    capacity: int = PAYLOADS_MAX,
    bytes_max: int = PAYLOADS_BYTES_MAX,
    payload_bytes_max: int = PAYLOAD_BYTES_MAX,
) -> PayloadSample:
    """The sample of some payloads, each with its key. What is longer than ``payload_bytes_max`` is only counted."""
    fitting = [(int(key), payload) for key, payload in offered if len(payload) <= payload_bytes_max]
    return _within(
        PayloadSample(capacity, bytes_max, _united(fitting), seen=len(offered), too_large=len(offered) - len(fitting))
    )


def _united(items: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for key, payload in items:
        known = found.get(key)
        # The longer one: were it the shorter, a part that met only the longer would have cut off too much already.
        if known is None or (len(known), known) < (len(payload), payload):
            found[key] = payload
    return found


def _within(sample: PayloadSample) -> PayloadSample:
    kept: dict[int, bytes] = {}
    size = 0
    limit = sample.limit
    for key in sorted(key for key in sample.payloads if key < limit):
        size += len(sample.payloads[key])
        if len(kept) == sample.capacity or size > sample.bytes_max:
            limit = key
            break
        kept[key] = sample.payloads[key]
    return PayloadSample(sample.capacity, sample.bytes_max, kept, limit, sample.seen, sample.too_large)
