"""Bytes become elements: one document, arrays, lines; and each failure says where."""

import json

import pytest

from shared.parsing.documents import BODY_BYTES_MAX, ELEMENTS_MAX, elements, load
from shared.parsing.fields import FieldError

OBJECTS = [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":1},{"b":2}]',
        b'[[{"a":1},{"b":2}]]',
        b'[[{"a":1}],[{"b":2}]]',
        b'{"a":1}\n{"b":2}',
        b'{"a":1}\r\n{"b":2}\r\n',
        b'\n{"a":1}\n{"b":2}\n\n',
        b'[{"a":1}]\n[{"b":2}]',
        b'\xef\xbb\xbf[{"a":1},{"b":2}]',
        b'  [{"a":1},\n {"b":2}\n]  ',
    ],
)
def test_the_shape_of_a_delivery_does_not_matter(body):
    assert elements(body) == OBJECTS


def test_one_object_is_one_element():
    assert elements(b'{"a":1}') == [{"a": 1}]


@pytest.mark.parametrize("body", [b"", b" \n\t ", b"\xef\xbb\xbf"])
def test_an_empty_body_is_not_actionable(body):
    with pytest.raises(FieldError, match="empty") as caught:
        elements(body)
    assert caught.value.reason == "not_actionable"


@pytest.mark.parametrize(
    ("body", "where"),
    [(b"{]", r"byte 1"), (b'{"a":', r"of 5 bytes"), (b"\x00", r"byte 0"), (b'"ab\xff"', r"not UTF-8 text \(byte 3\)")],
)
def test_what_is_not_json_is_refused_with_the_position(body, where):
    with pytest.raises(FieldError, match=where) as caught:
        elements(body)
    assert caught.value.reason == "malformed_json"


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_a_nesting_of_a_hundred_thousand_does_not_crash(opening):
    with pytest.raises(FieldError, match="nested too deeply"):
        elements(opening * 100_000)


def test_a_body_above_the_limit_is_refused_with_the_limit():
    with pytest.raises(FieldError, match=str(BODY_BYTES_MAX)) as caught:
        elements(b" " * (BODY_BYTES_MAX + 1))
    assert caught.value.reason == "oversized"


def test_a_body_at_the_limit_is_read():
    assert elements(b"[1]" + b" " * (BODY_BYTES_MAX - 3)) == [1]


@pytest.mark.parametrize("body", [b"[" + b"1," * ELEMENTS_MAX + b"1]", b'{"a":1}\n' * (ELEMENTS_MAX + 1)])
def test_more_elements_than_a_delivery_can_hold_are_refused(body):
    with pytest.raises(FieldError, match="smaller batches") as caught:
        elements(body)
    assert caught.value.reason == "oversized"


def test_as_many_elements_as_a_delivery_can_hold_are_read():
    assert len(elements(json.dumps([1] * ELEMENTS_MAX).encode())) == ELEMENTS_MAX


def test_a_bad_line_stands_in_its_place_among_good_neighbours():
    first, bad, empty, last = elements(b'{"a":1}\n{"broken\n\n{"b":2}')
    assert [first, last] == OBJECTS
    assert bad.reason == "malformed_json"
    assert empty.reason == "not_actionable"


def test_broken_json_over_several_lines_is_one_failure_and_not_one_a_line():
    with pytest.raises(FieldError) as caught:
        elements(b'{\n  "a": [],\n  "b":\n')
    assert caught.value.reason == "malformed_json"


def test_an_empty_array_stands_in_its_place():
    first, empty = elements(b'[{"a":1},[]]')
    assert first == {"a": 1}
    assert empty.reason == "not_actionable"


def test_more_arrays_around_an_event_than_any_source_writes_are_refused():
    (refused,) = elements(b'[[[[{"a":1}]]]]')
    assert refused.reason == "unknown_schema"


def test_a_number_beyond_any_range_is_refused():
    with pytest.raises(FieldError, match="out of range"):
        load(b"1e400")
