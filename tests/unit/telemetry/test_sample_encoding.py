import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.sample_encoding import (
    UnreadableSample,
    decode_payloads,
    decode_values,
    encode_payloads,
    encode_values,
)
from shared.telemetry.sampling import ALL_KEYS, PayloadSample, ValueSample, payloads_sampled, priorities, sampled
from tests.unit.telemetry.telemetry_builders import steady

keys = st.integers(0, 2**64 - 1)


@steady
@given(st.lists(st.tuples(keys, st.floats()), max_size=20), st.integers(1, 20))
def test_stored_numbers_come_back_with_every_bit(offered, capacity):
    sample = sampled(np.array([key for key, _ in offered], dtype=np.uint64), [value for _, value in offered], capacity)
    found = decode_values(encode_values(sample))
    assert (found.keys.tobytes(), found.values.tobytes()) == (sample.keys.tobytes(), sample.values.tobytes())
    assert (found.capacity, found.seen, found.limit) == (sample.capacity, sample.seen, sample.limit)
    assert encode_values(found) == encode_values(sample)
    assert encode_values(found.plus(found)) == encode_values(sample.plus(sample))


@steady
@given(st.lists(st.tuples(keys, st.binary(max_size=20)), max_size=20), st.integers(1, 20), st.integers(0, 100))
def test_stored_payloads_come_back_equal(offered, capacity, bytes_max):
    sample = payloads_sampled(offered, capacity, bytes_max, payload_bytes_max=15)
    assert decode_payloads(encode_payloads(sample)) == sample
    assert encode_payloads(decode_payloads(encode_payloads(sample))) == encode_payloads(sample)


def test_a_full_sample_of_numbers_takes_sixteen_bytes_a_row_and_little_more():
    sample = sampled(priorities(["a"], [20_000]), np.arange(20_000.0))
    assert len(encode_values(sample)) < 16 * 8_192 + 64


@pytest.mark.parametrize("decode", [decode_values, decode_payloads])
@given(stored=st.binary(max_size=40))
@steady
def test_bytes_of_something_else_are_unreadable_and_nothing_worse(decode, stored):
    with pytest.raises(UnreadableSample):
        decode(stored)


@pytest.mark.parametrize("decode", [decode_values, decode_payloads])
def test_a_sample_that_was_cut_short_is_unreadable(decode):
    for stored in (
        encode_values(sampled(np.arange(3, dtype=np.uint64), [1.0, 2.0, 3.0])),
        encode_payloads(PayloadSample()),
    ):
        for length in range(len(stored)):
            with pytest.raises(UnreadableSample):
                decode(stored[:length])


def test_one_kind_of_sample_is_not_the_other():
    with pytest.raises(UnreadableSample):
        decode_values(encode_payloads(PayloadSample()))
    with pytest.raises(UnreadableSample):
        decode_payloads(encode_values(ValueSample()))


def words(*numbers, kind="<u8"):
    return np.array(numbers, dtype=kind).tobytes()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ((2, 5, 1, words(1), words(1.0, kind="<f8")), "only 1 is known"),
        ((1, 0, 0, b"", b""), "cannot be read"),
        ((1, 5, -1, b"", b""), "cannot be read"),
        ((1, 5, 1, b"1234567", b"1234567"), "do not belong"),
        ((1, 5, 2, words(1, 2), words(1.0, kind="<f8")), "do not belong"),
        ((1, 5, 2, words(2, 1), words(1.0, 1.0, kind="<f8")), "no sample"),
        ((1, 5, 2, words(1, 1), words(1.0, 1.0, kind="<f8")), "no sample"),
        ((1, 1, 2, words(1, 2), words(1.0, 1.0, kind="<f8")), "no sample"),
        ((1, 5, 1, words(1, 2), words(1.0, 1.0, kind="<f8")), "no sample"),
    ],
)
def test_numbers_that_no_sample_could_hold_are_unreadable(fields, problem):
    with pytest.raises(UnreadableSample, match=problem):
        decode_values(msgspec.msgpack.encode(["values", *fields]))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ((2, 5, 9, None, 0, 0, []), "only 1 is known"),
        ((1, 5, 9, None, -1, 0, []), "cannot be read"),
        ((1, 5, 9, None, 2, 0, [(2, b"a"), (1, b"b")]), "no sample"),
        ((1, 5, 9, None, 2, 0, [(1, b"a"), (1, b"b")]), "no sample"),
        ((1, 5, 9, 2, 2, 0, [(1, b"a"), (2, b"b")]), "no sample"),
        ((1, 1, 9, None, 2, 0, [(1, b"a"), (2, b"b")]), "no sample"),
        ((1, 5, 1, None, 2, 0, [(1, b"a"), (2, b"b")]), "no sample"),
        ((1, 5, 9, None, 1, 0, [(-1, b"a")]), "no sample"),
    ],
)
def test_payloads_that_no_sample_could_hold_are_unreadable(fields, problem):
    with pytest.raises(UnreadableSample, match=problem):
        decode_payloads(msgspec.msgpack.encode(["payloads", *fields]))


def test_a_sample_that_nothing_had_to_leave_says_so():
    assert decode_payloads(encode_payloads(PayloadSample())).limit == ALL_KEYS
