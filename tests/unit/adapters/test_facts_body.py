"""The body of a row of facts: readable while it is short, packed when there is much of it, the same facts either way."""

import zlib

import msgspec
import pytest

from shared.adapters.facts_body import FACTS_BYTES_MAX, PLAIN_BYTES_MAX, UNPACKED_BYTES_MAX, pack_facts, unpack_facts
from shared.domain.facts import Facts
from shared.domain.values import encode
from tests.unit.domain.builders import ENDLESS, serving
from tests.unit.domain.full_facts import full_facts


def test_what_is_short_stays_readable():
    assert pack_facts(serving()) == encode(serving())
    assert unpack_facts(pack_facts(serving())) == serving()


def test_a_row_takes_facts_with_everything_in_them_up_to_its_limit():
    """And leaves room: an alert, a rollback or a no must still find a place."""
    assert len(encode(full_facts())) > 4 * FACTS_BYTES_MAX
    assert len(pack_facts(full_facts())) < 0.9 * FACTS_BYTES_MAX


def test_nothing_of_it_is_lost():
    assert unpack_facts(pack_facts(full_facts())) == full_facts()


def test_the_same_facts_give_the_same_bytes():
    assert pack_facts(full_facts()) == pack_facts(full_facts())


@pytest.mark.parametrize("length", [PLAIN_BYTES_MAX - 200, PLAIN_BYTES_MAX, PLAIN_BYTES_MAX + 200])
def test_around_the_limit_of_what_is_left_readable(length):
    facts = Facts(champion="x" * length)
    assert unpack_facts(pack_facts(facts)) == facts


def test_what_no_row_takes_is_too_long_also_when_packed():
    assert len(pack_facts(Facts(champion=ENDLESS))) > FACTS_BYTES_MAX


def test_what_would_not_be_unpacked_is_not_packed():
    assert len(pack_facts(Facts(champion="x" * UNPACKED_BYTES_MAX))) > FACTS_BYTES_MAX


def test_a_body_that_holds_no_facts_is_an_error():
    with pytest.raises(zlib.error):
        unpack_facts(b"x is how packed ones begin")
    with pytest.raises(msgspec.DecodeError):
        unpack_facts(b"damaged")
    with pytest.raises(msgspec.DecodeError):
        unpack_facts(b'{"kind": "Nothing"}')
    with pytest.raises(msgspec.DecodeError):  # a bomb is not unpacked to its end
        unpack_facts(zlib.compress(b'{"champion": "' + b"x" * 2 * UNPACKED_BYTES_MAX))
