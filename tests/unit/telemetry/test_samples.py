"""Samples merge the same whatever the order, and come back from their stored form as they were."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telemetry.encoding import UnreadableState
from shared.telemetry.samples import (
    NAMES_MAX,
    SamplePartial,
    bounded,
    code_of,
    decode_sample,
    encode_sample,
    restore_sample,
    store_sample,
)
from shared.telemetry.sampling import payloads_sampled, sampled
from tests.unit.telemetry.telemetry_builders import BLUE, GREEN, NOON, steady


def numbers(*pairs, kind="predictions", deployment=BLUE, latest=NOON, names=()):
    keys = np.array([key for key, _ in pairs], dtype=np.uint64)
    sample = sampled(keys, [value for _, value in pairs])
    return SamplePartial(kind, deployment, "1d", NOON, latest, sample, {code_of(name): name for name in names})


def payloads(*pairs, kind="inputs"):
    return SamplePartial(kind, BLUE, "1d", NOON, NOON, payloads_sampled(pairs))


def test_the_later_time_and_all_names_are_kept():
    later = NOON + timedelta(hours=1)
    both = numbers((1, 0.5), names=["a"]).plus(numbers((2, 0.7), latest=later, names=["b"]))
    assert (both.latest, sorted(both.names.values())) == (later, ["a", "b"])
    assert (both.numbers.keys.tolist(), both.numbers.seen) == ([1, 2], 2)


@pytest.mark.parametrize(
    "other", [numbers((1, 1), deployment=GREEN), numbers((1, 1), kind="labels"), payloads((1, b"{}"))]
)
def test_samples_of_something_else_do_not_merge(other):
    with pytest.raises(ValueError, match="different samples"):
        numbers((1, 1)).plus(other)


def test_a_sample_that_holds_the_other_kind_is_damaged():
    with pytest.raises(ValueError, match="hold no numbers"):
        _ = payloads((1, b"{}")).numbers
    with pytest.raises(ValueError, match="hold no payloads"):
        _ = numbers((1, 1)).payloads
    with pytest.raises(ValueError, match="not sampled together"):
        numbers((1, 1), kind="inputs").plus(payloads((1, b"{}")))


@settings(steady, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.floats()), max_size=20), st.integers(0, 20))
def test_how_it_is_parted_and_in_which_order_never_matters(pairs, cut):
    whole = numbers(*pairs, names=["a", "b"])
    one, other = numbers(*pairs[:cut], names=["a"]), numbers(*pairs[cut:], names=["b"])
    assert encode_sample(one.plus(other)) == encode_sample(other.plus(one)) == encode_sample(whole)


@pytest.mark.parametrize("sample", [numbers((3, 0.5), kind="groups", names=["AA"]), payloads((7, b'{"a":1}'))])
def test_a_stored_sample_comes_back_equal(sample):
    found = decode_sample(encode_sample(sample))
    assert encode_sample(found) == encode_sample(sample)
    assert (found.key, found.deployment, found.names) == (sample.key, BLUE, sample.names)


@pytest.mark.parametrize("stored", [b"", b"\xff", b"\x90", b"\x93\x01\x02\x03"])
def test_what_something_else_wrote_is_refused(stored):
    with pytest.raises(UnreadableState):
        decode_sample(stored)


def test_a_sample_that_is_damaged_within_is_refused():
    stored = store_sample(numbers((1, 1)))
    damaged = type(stored)(stored.kind, stored.deployment, stored.length, stored.start, stored.latest, b"\xff")
    with pytest.raises(UnreadableState):
        restore_sample(damaged)


def test_the_code_of_a_name_is_an_exact_number_everywhere():
    assert code_of("AA") == int(float(code_of("AA"))) != code_of("UA")
    assert code_of("\ud800") > 0  # half a surrogate pair is a name too


def test_too_many_names_leave_the_same_ones_whatever_the_order():
    names = [(code_of(str(number)), str(number)) for number in range(NAMES_MAX + 50)]
    assert bounded(names) == bounded(reversed(names))
    assert len(bounded(names)) == NAMES_MAX
