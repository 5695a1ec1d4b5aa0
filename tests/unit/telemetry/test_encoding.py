import zlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.encoding import (
    UnreadableState,
    decode_delta,
    decode_partial,
    encode_delta,
    encode_partial,
)
from shared.telemetry.latency import BINS
from shared.telemetry.partials import DataPartial, Delta, DifferentEdges, TrafficPartial, merge
from tests.unit.telemetry.telemetry_builders import BLUE, GREEN, NOON, steady


def data(counts, **changes):
    partial = DataPartial(BLUE, NOON, "1mo", "d1", rows=4, predictions=3, counts=np.array(counts, dtype=np.int64))
    return replace(partial, **changes)


def bucket(**changes):
    counts = np.bincount([3, 3, 200], minlength=BINS).astype(np.int64)
    return replace(TrafficPartial(BLUE, NOON, "1m", 3, 1, 1_234_567, counts), **changes)


@steady
@given(st.lists(st.integers(0, 2**63 - 1), max_size=20))
def test_a_stored_partial_comes_back_with_every_count(counts):
    found = decode_partial(encode_partial(data(counts)))
    assert found.counts.tolist() == counts
    assert found.counts.dtype == np.int64
    assert (found.key, found.rows, found.predictions) == (data(counts).key, 4, 3)
    assert encode_partial(found) == encode_partial(data(counts))


@pytest.mark.parametrize("edge", [0, 127, 128, 32_767, 32_768, 2**31 - 1, 2**31, 2**63 - 1])
def test_counts_at_the_edge_of_a_width_survive(edge):
    assert decode_partial(encode_partial(data([edge, 1]))).counts.tolist() == [edge, 1]


def test_a_stored_bucket_comes_back_equal():
    found = decode_partial(encode_partial(bucket()))
    assert isinstance(found, TrafficPartial)
    assert encode_partial(found) == encode_partial(bucket())
    assert (found.requests, found.failed, found.latency_sum_us) == (3, 1, 1_234_567)
    assert found.latency_counts.tolist() == bucket().latency_counts.tolist()


def test_a_month_of_a_wide_model_takes_less_than_two_kilobytes_with_its_latencies():
    rng = np.random.default_rng(1)
    wide = data(rng.poisson(5_000, size=26 * 23))
    busy = bucket(latency_counts=np.bincount(rng.normal(120, 20, 100_000).astype(int) % BINS, minlength=BINS))
    assert wide.counts.nbytes < 6_000
    assert len(encode_partial(wide)) + len(encode_partial(busy)) < 2_048


def test_a_stored_delta_comes_back_equal():
    delta = Delta((data([1, 2]), bucket()), {BLUE.key: NOON}, {GREEN.key: NOON}, {"malformed": 2}, {GREEN.key: 7})
    found = decode_delta(encode_delta(delta))
    assert encode_delta(found) == encode_delta(delta)
    assert found.watermarks == {BLUE.key: NOON}
    assert found.traffic_watermarks == {GREEN.key: NOON}
    assert (found.refused, found.aside) == ({"malformed": 2}, {GREEN.key: 7})


def test_the_order_in_which_a_delta_was_gathered_does_not_show():
    one = Delta((data([1]), bucket()), {BLUE.key: NOON, GREEN.key: NOON}, refused={"a": 1, "b": 2})
    other = Delta((bucket(), data([1])), {GREEN.key: NOON, BLUE.key: NOON}, refused={"b": 2, "a": 1})
    assert encode_delta(one) == encode_delta(other)


@pytest.mark.parametrize("decode", [decode_partial, decode_delta])
@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"junk",
        zlib.compress(b""),
        zlib.compress(b"\xc1"),
        encode_partial(bucket())[:-5],
        zlib.compress(b"\x93" * 50),
    ],
)
def test_damaged_state_is_refused(decode, stored):
    with pytest.raises(UnreadableState):
        decode(stored)


@steady
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(noise):
    for stored in (noise, zlib.compress(noise)):
        for decode in (decode_partial, decode_delta):
            with pytest.raises(UnreadableState):
                decode(stored)


def test_a_bomb_is_refused_before_it_unpacks():
    with pytest.raises(UnreadableState, match="too large"):
        decode_delta(zlib.compress(bytes(65 * 1024 * 1024), level=1))


def test_other_formats_and_impossible_vectors_are_refused():
    def stored(value):
        return zlib.compress(msgspec.msgpack.encode(value))

    named = [["w", "e", "d"], NOON, "1m"]
    with pytest.raises(UnreadableState, match="format 2"):
        decode_delta(stored([2, [], {}, {}, {}, {}]))
    with pytest.raises(UnreadableState, match="3 bytes are not counts of 2"):
        decode_partial(stored(["data", *named, "d", 0, 0, [2, b"abc"]]))
    with pytest.raises(UnreadableState, match="counts of 3 bytes"):
        decode_partial(stored(["data", *named, "d", 0, 0, [3, b"abc"]]))
    with pytest.raises(UnreadableState, match="1 latency bins"):
        decode_partial(stored(["traffic", *named, 0, 0, 0, [1, b"a"]]))


def test_partials_of_one_window_add_up():
    both = merge(data([1, 2]), data([10, 20]))
    assert (both.counts.tolist(), both.rows, both.predictions) == ([11, 22], 8, 6)
    requests = merge(bucket(), bucket())
    assert (requests.requests, requests.failed, requests.latency_sum_us) == (6, 2, 2_469_134)
    assert requests.latency_counts.sum() == 6


@pytest.mark.parametrize(
    "other",
    [
        data([1, 2], digest="d2"),
        data([1, 2], deployment=GREEN),
        data([1, 2], length="7d"),
        data([1, 2], start=NOON.replace(hour=1)),
        bucket(),
    ],
)
def test_partials_of_different_edges_or_windows_never_merge(other):
    with pytest.raises(DifferentEdges):
        merge(data([1, 2]), other)


def test_merging_leaves_both_sides_as_they_were():
    one, other = data([1, 2]), data([10, 20])
    merge(one, other)
    assert (one.counts.tolist(), other.counts.tolist()) == ([1, 2], [10, 20])


def test_windows_have_deterministic_ids_that_tell_them_apart():
    keys = [data([1]).key, data([1], digest="d2").key, data([1], length="7d").key, bucket().key, data([1]).key]
    assert len({key.id for key in keys}) == 4
    assert keys[0].id == keys[-1].id
