"""The AMQP 1.0 codec: values survive the round trip with their types, and garbage is refused with one error."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.azure.event_hubs.codec import DEPTH_MAX, CodecError, decode, encode, skip
from local.azure.event_hubs.values import (
    Array,
    Byte,
    Char,
    Decimal32,
    Decimal64,
    Decimal128,
    Described,
    Float,
    Int,
    Long,
    Short,
    Symbol,
    Timestamp,
    Ubyte,
    Uint,
    Ulong,
    Ushort,
)

INTEGERS = {
    Ubyte: (0, 2**8 - 1),
    Byte: (-(2**7), 2**7 - 1),
    Ushort: (0, 2**16 - 1),
    Short: (-(2**15), 2**15 - 1),
    Uint: (0, 2**32 - 1),
    Int: (-(2**31), 2**31 - 1),
    Ulong: (0, 2**64 - 1),
    Long: (-(2**63), 2**63 - 1),
    Timestamp: (-(2**63), 2**63 - 1),
}
BY_KIND = {kind: st.integers(low, high).map(kind) for kind, (low, high) in INTEGERS.items()} | {
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    Float: st.floats(allow_nan=False, width=32).map(Float),
    Char: st.characters(exclude_categories=["Cs"]).map(Char),
    str: st.text(max_size=300),
    Symbol: st.text(st.characters(max_codepoint=127), max_size=40).map(Symbol),
    bytes: st.binary(max_size=300),
    uuid.UUID: st.uuids(),
    Decimal32: st.binary(min_size=4, max_size=4).map(Decimal32),
    Decimal64: st.binary(min_size=8, max_size=8).map(Decimal64),
    Decimal128: st.binary(min_size=16, max_size=16).map(Decimal128),
}
SCALARS = st.one_of(st.none(), *BY_KIND.values())
ARRAYS = st.sampled_from(sorted(BY_KIND, key=repr)).flatmap(
    lambda kind: st.lists(BY_KIND[kind], max_size=5).map(lambda items: Array(kind, tuple(items)))
)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(SCALARS, inner, max_size=4),
        st.builds(Described, BY_KIND[Symbol] | BY_KIND[Ulong], inner),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_survives_the_round_trip_with_its_types(value):
    """Equal bytes the second time mean equal types: a Uint never comes back as a Long."""
    wire = encode(value)

    decoded, end = decode(wire)

    assert decoded == value
    assert end == len(wire)
    assert encode(decoded) == wire


@given(VALUES, st.binary(max_size=8), st.binary(max_size=8))
def test_a_value_is_found_between_other_bytes(value, before, after):
    wire = encode(value)

    decoded, end = decode(before + wire + after, len(before))

    assert decoded == value
    assert end == len(before) + len(wire)


@given(SCALARS | ARRAYS | st.lists(SCALARS, max_size=3), st.binary(max_size=8))
def test_skipping_ends_where_decoding_ends(value, after):
    wire = encode(Described(Ulong(0x75), value)) + after

    assert skip(wire, 0) == decode(wire)[1]


@given(VALUES, st.data())
def test_a_value_cut_short_is_refused(value, data):
    wire = encode(value)
    cut = data.draw(st.integers(0, len(wire) - 1))

    with pytest.raises(CodecError):
        decode(wire[:cut])


@settings(max_examples=400)
@given(st.binary(max_size=64))
def test_garbage_decodes_or_is_refused_but_never_crashes(garbage):
    try:
        decoded, end = decode(garbage)
    except CodecError:
        return

    assert end <= len(garbage)
    assert decode(encode(decoded))[0] == decoded or decoded != decoded  # noqa: PLR0124  NaN differs from itself


@given(st.binary(max_size=64))
def test_skipping_garbage_stays_inside_it_or_is_refused(garbage):
    try:
        end = skip(garbage, 0)
    except CodecError:
        return

    assert 0 < end <= len(garbage)


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("40", None),
        ("41", True),
        ("42", False),
        ("5600", False),
        ("5601", True),
        ("43", Uint(0)),
        ("44", Ulong(0)),
        ("45", []),
        ("5207", Uint(7)),
        ("5375", Ulong(0x75)),
        ("54ff", Int(-1)),
        ("55fe", Long(-2)),
        ("70000003e8", Uint(1000)),
        ("7300000041", Char("A")),
        ("8300000000000003e8", Timestamp(1000)),
        ("a00161", b"a"),
        ("b00000000161", b"a"),
        ("a102c3bc", "ü"),
        ("a30161", Symbol("a")),
        ("c00201" + "40", [None]),
        ("c103024041", {None: True}),
        ("c10100", {}),
        ("e00702a3" + "0161" + "026263", Array(Symbol, (Symbol("a"), Symbol("bc")))),
        ("005324c00100", Described(Ulong(0x24), [])),
    ],
)
def test_the_specification_s_short_forms_are_read(wire, value):
    """Hand-written after OASIS AMQP 1.0 part 1, section 1.6."""
    decoded, end = decode(bytes.fromhex(wire))

    assert decoded == value
    assert type(decoded) is type(value)
    assert end == len(wire) // 2


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Described(Ulong(0x10), []), "005310d00000000400000000"),
        (Ulong(0x100), "800000000000000100"),
        (True, "41"),
        (Array(bool, (True, False)), "f00000000700000002560100"),
        (Array(Symbol, (Symbol("A"),)), "f00000000a00000001b30000000141"),
        ({Symbol("k"): "v"}, "d10000001000000002b3000000016bb10000000176"),
    ],
)
def test_the_bytes_are_those_that_the_sdk_expects(value, wire):
    assert encode(value).hex() == wire


@pytest.mark.parametrize(
    "value",
    [7, Ubyte(256), Byte(-129), Uint(-1), Ulong(2**64), Symbol("ü"), ..., [3], {"k": 1}, Array(str, ("a", b"b"))],
    ids=repr,
)
def test_a_value_without_an_encoding_is_refused(value):
    """A plain int is refused too: its width is the caller's decision."""
    with pytest.raises(CodecError):
        encode(value)


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("", "bytes wanted"),
        ("01", "no AMQP type"),
        ("ff00000000", "no AMQP type"),
        ("a101ff", "utf-8"),
        ("a301ff", "ascii"),
        ("5602", "no AMQP value"),
        ("c00302" + "40a1", "bytes wanted"),
        ("c0030140" + "40", "left over"),
        ("c002ff40", "items in"),
        ("c1020140", "last value"),
        ("c10502c0010040", "map key"),
        ("d00000000400ffffff", "items in"),
        ("e0020100", "arrays of constructor"),
    ],
)
def test_malformed_bytes_are_refused_with_a_reason(wire, reason):
    with pytest.raises(CodecError, match=reason):
        decode(bytes.fromhex(wire))


@pytest.mark.parametrize("level", [lambda inner: [inner], lambda inner: Described(Ulong(1), inner)])
def test_nesting_has_a_limit(level):
    """Python's own recursion limit is never what stops a hostile peer."""
    value = None
    for _ in range(DEPTH_MAX):
        value = level(value)

    assert decode(encode(value))[0] == value
    with pytest.raises(CodecError, match="nested"):
        decode(encode(level(value)))


def test_endless_descriptors_are_refused_when_skipped():
    with pytest.raises(CodecError, match="described"):
        skip(b"\x00" * 10_000, 0)
    with pytest.raises(CodecError, match="described"):
        skip(b"\x00\x53\x01" * 10_000, 0)
