from functools import reduce
from hashlib import blake2b
from itertools import islice
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from shared.telemetry.sample_encoding import encode_payloads, encode_values
from shared.telemetry.sampling import ALL_KEYS, PayloadSample, ValueSample, payloads_sampled, priorities, sampled
from tests.unit.telemetry.telemetry_builders import steady

small_keys = st.integers(0, 40) | st.integers(2**64 - 3, 2**64 - 1)
few_keys = st.integers(0, 6)  # so that many offers meet under one key and disagree
numbers = st.sampled_from([0.0, -0.0, 1.0, -1.5, 1e300, float("inf"), float("nan")])
offers = st.lists(st.tuples(small_keys, numbers), max_size=60)
payload_offers = st.lists(st.tuples(small_keys | few_keys, st.binary(max_size=12)), max_size=60)
capacities = st.integers(1, 12)


def values_of(offered, capacity):
    keys = np.array([key for key, _ in offered], dtype=np.uint64)
    return sampled(keys, [value for _, value in offered], capacity)


def payloads_of(offered, capacity, bytes_max=30):
    return payloads_sampled(offered, capacity, bytes_max, payload_bytes_max=10)


def held(sample):
    """What a sample holds, without what it counted: as bytes, so that -0 is not 0."""
    if isinstance(sample, ValueSample):
        return (sample.capacity, sample.limit, sample.keys.tobytes(), sample.values.tobytes())
    return (sample.capacity, sample.limit, sorted(sample.payloads.items()))


def dealt(offered, cuts):
    """The offers in some parts."""
    places = sorted(cut % (len(offered) + 1) for cut in cuts)
    return [offered[start:stop] for start, stop in zip([0, *places], [*places, len(offered)], strict=True)]


@steady
@given(offers, capacities)
def test_a_sample_of_numbers_is_what_sorting_all_of_them_gives(offered, capacity):
    smallest = {}
    for key, value in offered:
        known = smallest.get(key, np.nan)
        smallest[key] = value if np.isnan(known) else min(known, value) if not np.isnan(value) else known
    expected = sorted(smallest.items())[:capacity]
    found = values_of(offered, capacity)
    assert found.keys.tolist() == [key for key, _ in expected]
    np.testing.assert_array_equal(found.values, [value for _, value in expected])
    assert found.seen == len(offered)


@steady
@given(offers, capacities, st.lists(st.integers(0, 60), max_size=5), st.randoms(use_true_random=False))
def test_numbers_dealt_to_any_parts_in_any_order_give_the_same_bytes(offered, capacity, cuts, rng):
    whole = encode_values(values_of(offered, capacity))
    turned = list(offered)
    rng.shuffle(turned)
    parts = [values_of(part, capacity) for part in dealt(turned, cuts)]
    rng.shuffle(parts)
    assert encode_values(reduce(ValueSample.plus, parts)) == whole


@steady
@given(payload_offers, capacities, st.lists(st.integers(0, 60), max_size=5), st.randoms(use_true_random=False))
def test_payloads_dealt_to_any_parts_in_any_order_give_the_same_bytes(offered, capacity, cuts, rng):
    whole = encode_payloads(payloads_of(offered, capacity))
    turned = list(offered)
    rng.shuffle(turned)
    parts = [payloads_of(part, capacity) for part in dealt(turned, cuts)]
    rng.shuffle(parts)
    assert encode_payloads(reduce(PayloadSample.plus, parts)) == whole


@steady
@given(st.lists(st.tuples(offers, capacities), min_size=3, max_size=3))
def test_it_does_not_matter_which_numbers_are_merged_first_even_of_different_capacities(cases):
    one, two, three = (values_of(*case) for case in cases)
    assert encode_values(one.plus(two).plus(three)) == encode_values(one.plus(two.plus(three)))
    assert encode_values(one.plus(two)) == encode_values(two.plus(one))


@steady
@given(st.lists(st.tuples(payload_offers, capacities, st.integers(0, 40)), min_size=3, max_size=3))
def test_it_does_not_matter_which_payloads_are_merged_first_even_of_different_sizes(cases):
    one, two, three = (payloads_of(*case) for case in cases)
    assert encode_payloads(one.plus(two).plus(three)) == encode_payloads(one.plus(two.plus(three)))
    assert encode_payloads(one.plus(two)) == encode_payloads(two.plus(one))


@steady
@given(offers, payload_offers, capacities)
def test_what_is_sent_twice_is_held_once_but_counted_twice(offered, payloads, capacity):
    for sample in (values_of(offered, capacity), payloads_of(payloads, capacity)):
        twice = sample.plus(sample)
        assert held(twice) == held(sample)
        assert twice.seen == 2 * sample.seen


@steady
@given(payload_offers, capacities, st.integers(0, 40))
def test_payloads_keep_to_their_limits_and_hold_all_below_the_first_that_had_to_go(offered, capacity, bytes_max):
    found = payloads_of(offered, capacity, bytes_max)
    sizes = [len(payload) for payload in found.payloads.values()]
    assert len(sizes) <= capacity
    assert sum(sizes) <= bytes_max
    assert set(found.payloads) == {key for key, payload in offered if len(payload) <= 10 and key < found.limit}
    assert found.too_large == sum(len(payload) > 10 for _, payload in offered)
    assert found.seen == len(offered)


@steady
@given(offers, capacities)
def test_a_sample_of_numbers_holds_every_key_below_its_limit(offered, capacity):
    found = values_of(offered, capacity)
    assert set(found.keys.tolist()) == {key for key, _ in offered if key < found.limit}


def test_an_empty_sample_changes_nothing():
    full = values_of([(3, 1.0), (1, 2.0)], 5)
    assert encode_values(full.plus(ValueSample(5))) == encode_values(full)
    assert (ValueSample().limit, ValueSample().seen) == (ALL_KEYS, 0)
    some = payloads_of([(3, b"a"), (1, b"b")], 5)
    assert encode_payloads(some.plus(PayloadSample(5, 30))) == encode_payloads(some)


def test_of_two_payloads_under_one_key_the_longer_is_kept_whichever_part_ran_out_of_room():
    offered = [(1, b"x" * 9), (2, b"y" * 6), (1, b"x"), (3, b"z")]
    whole = payloads_of(offered, 50, 10)
    assert (dict(whole.payloads), whole.limit) == ({1: b"x" * 9}, 2)
    for parts in ([offered[:2], offered[2:]], [offered[1:3], [offered[0], offered[3]]], [[each] for each in offered]):
        merged = reduce(PayloadSample.plus, [payloads_of(part, 50, 10) for part in parts])
        assert encode_payloads(merged) == encode_payloads(whole)


def test_zero_has_one_sign_and_nan_one_form_when_stored():
    odd = np.array([0x7FF8000000000001], dtype="<u8").view("<f8")[0]
    for one, other in ((0.0, -0.0), (float("nan"), odd), (odd, -odd)):
        assert encode_values(values_of([(1, one)], 5)) == encode_values(values_of([(1, other)], 5))
        forth, back = (values_of(both, 5) for both in ([(1, one), (1, other)], [(1, other), (1, one)]))
        assert encode_values(forth) == encode_values(back)


def test_a_payload_that_had_no_room_does_not_make_room_for_a_later_key():
    first, second = payloads_of([(1, b"x" * 8), (2, b"y" * 9)], 50, 10), payloads_of([(3, b"z")], 50, 10)
    assert first.limit == 2
    assert list(first.plus(second).payloads) == [1]
    assert encode_payloads(first.plus(second)) == encode_payloads(
        payloads_of([(3, b"z"), (2, b"y" * 9), (1, b"x" * 8)], 50, 10)
    )


@pytest.mark.parametrize("shape", [(np.zeros(2, np.uint64), [1.0], 5), (np.zeros(1, np.uint64), [1.0], 0)])
def test_numbers_without_keys_or_room_are_no_sample(shape):
    with pytest.raises(ValueError, match="no sample of"):
        sampled(*shape)


def uuids(count, seed=1):
    rng = np.random.default_rng(seed)
    return [str(UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)]


@steady
@given(st.lists(st.tuples(st.text(max_size=80), st.integers(0, 5)), max_size=8), st.integers(0, 8))
def test_the_priority_of_a_row_knows_nothing_of_its_batch(messages, cut):
    def of(part):
        return priorities([text for text, _ in part], [rows for _, rows in part]).tolist()

    assert of(messages) == of(messages[:cut]) + of(messages[cut:])
    assert of(messages) == [priority for message in messages for priority in of([message])]


def test_the_first_rows_of_a_message_keep_their_priorities_when_it_has_more():
    assert priorities(["a"], [3]).tolist() == priorities(["a"], [9]).tolist()[:3]


def splitmix64(seed):
    """The generator as its authors publish it, one number at a time."""
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) % 2**64
        mixed = ((seed ^ seed >> 30) * 0xBF58476D1CE4E5B9) % 2**64
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) % 2**64
        yield mixed ^ mixed >> 31


def test_priorities_are_the_same_for_ever_because_they_are_stored():
    for text in ("4f6f0d0c-5b0e-4b0a-9d63-2b1d3a5c7e90", "", "größer\ud800"):
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        expected = list(islice(splitmix64(int.from_bytes(digest, "little")), 5))
        assert priorities([text], [5]).tolist() == expected
    assert list(islice(splitmix64(0), 2)) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]  # as published
    assert priorities(["a"], [1]).tolist() == [4192132519135618423]


@pytest.mark.parametrize(
    ("ids", "rows"),
    [
        (uuids(20_000), 1),
        ([f"request-{number}" for number in range(20_000)], 1),
        ([str(number) for number in range(200)], 100),
        (["one message"], 20_000),
    ],
    ids=["uuids", "counters", "packed", "one"],
)
def test_priorities_are_as_good_as_uniform_and_different(ids, rows):
    found = priorities(ids, [rows] * len(ids))
    assert len(set(found.tolist())) == 20_000
    assert kstest(found / 2.0**64, "uniform").pvalue > 0.001
    low_bytes = np.bincount(found & np.uint64(255), minlength=256)
    assert chi2.sf(((low_bytes - 20_000 / 256) ** 2 / (20_000 / 256)).sum(), 255) > 0.001


def test_neighbouring_rows_have_unrelated_priorities():
    found = priorities(["one message"], [50_000]) / 2.0**64
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02


def test_a_sample_is_drawn_evenly_from_what_came_early_and_late_and_in_messages_of_any_size():
    ids, rows = uuids(3_000), np.tile([1, 1, 28], 1_000)
    when = np.arange(rows.sum(), dtype=float)
    found = sampled(priorities(ids, rows), when, capacity=2_000)
    assert kstest(found.values / when[-1], "uniform").pvalue > 0.01
    packed = np.repeat(rows, rows) == 28
    share = packed[found.values.astype(int)].mean()
    assert share == pytest.approx(packed.mean(), abs=0.015)


def test_the_mean_of_a_sample_is_that_of_all_rows_within_its_error():
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=100_000)
    found = sampled(priorities(uuids(1_000), [100] * 1_000), values)
    assert len(found.values) == 8_192
    assert found.values.mean() == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(8_192))
