"""Rows that nobody would send on purpose, from bytes to counts: bounded, never raising, and the same on either way of reading."""

import json
import tracemalloc

import pytest

from shared.parsing import read_message
from shared.parsing.typed_events import EventDecoder
from shared.telemetry.accumulate import accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.encoding import encode_delta
from tests.unit.telemetry.telemetry_builders import BLUE, PROFILE

COUNTER = RowCounter(PROFILE)
DECODER = EventDecoder(COUNTER.types.input_row, COUNTER.types.output_row)
SOUND = b'{"distance": 2.5, "carrier": "AA"}'
MEMORY_BYTES_MAX = 64 * 1024 * 1024


def message(*rows: bytes, collection=b"model_inputs"):
    return (
        b'{"source": "'
        + BLUE.key.encode()
        + b'", "type": "azureml.inference.'
        + collection
        + b'", "time": "2026-03-14T12:00:00Z", '
        b'"correlationid": "c", "data": [' + b", ".join(rows) + b"]}"
    )


def counted(body, find):
    return accumulate([read_message(body, find)], {BLUE.key: COUNTER}, {BLUE.key: ("1d",)}, "1m")


HOSTILE = {
    "not a number": b'{"distance": NaN}',
    "infinite": b'{"distance": Infinity}',
    "beyond floats": b'{"distance": 1e999}',
    "a huge whole number": b'{"distance": ' + b"9" * 5_000 + b"}",
    "a number in quotes": b'{"distance": "2.5"}',
    "a long text for a number": b'{"distance": "' + b"9" * 200_000 + b'"}',
    "ten thousand columns": json.dumps({f"column_{number}": number for number in range(10_000)}).encode(),
    "deep nesting": b'{"distance": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "invalid UTF-8": b'{"carrier": "\xff\xfe"}',
    "half a surrogate": b'{"carrier": "\\ud800"}',
    "a category of a megabyte": b'{"carrier": "' + b"x" * 1_000_000 + b'"}',
    "a list": b"[1, 2]",
    "a text": b'"row"',
    "null": b"null",
    "the same key twice": b'{"distance": 1, "distance": 3}',
}


@pytest.mark.parametrize("row", HOSTILE.values(), ids=HOSTILE.keys())
def test_either_way_of_reading_counts_the_same_and_bounds_what_it_takes(row):
    body = message(SOUND, row, SOUND)
    tracemalloc.start()
    plain, typed = counted(body, None), counted(body, lambda _: DECODER)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert encode_delta(plain) == encode_delta(typed)
    assert peak < MEMORY_BYTES_MAX


@pytest.mark.parametrize(
    "row",
    [HOSTILE["a number in quotes"], HOSTILE["ten thousand columns"], HOSTILE["a list"], HOSTILE["the same key twice"]],
)
def test_the_neighbours_of_an_odd_row_count(row):
    (partial,) = counted(message(SOUND, row, SOUND), lambda _: DECODER).partials
    assert PROFILE.feature_counts(partial.counts)["carrier"].bins[0] == 2


def test_type_errors_are_counted_by_feature_and_the_rest_of_the_row_counts():
    (partial,) = counted(message(b'{"distance": {"km": 3}, "carrier": "UA"}'), lambda _: DECODER).partials
    found = PROFILE.feature_counts(partial.counts)
    assert (found["distance"].type_errors, found["carrier"].bins[1]) == (1, 1)
