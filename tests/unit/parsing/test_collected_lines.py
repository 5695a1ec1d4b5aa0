"""The lines of a file are the same, with the same numbers, whatever pieces it is read in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.parsing import read_message
from shared.parsing.collected_lines import HEAD_BYTES, cut, goes_on, head, too_long
from shared.parsing.documents import BODY_BYTES_MAX
from tests.unit.domain.builders import steady

ROW = b'{"id":"a","data":[{"x":1}]}'

events = st.builds(
    lambda number, text: json.dumps({"id": str(number), "data": [{"x": text}]}).encode(),
    st.integers(0, 99),
    st.text(max_size=8),
)
lines = st.one_of(events, st.sampled_from([b"", b" ", b"no JSON", b'{"half":', b"}", b"\xff\xfe"]))
files = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n"])), max_size=8).map(
    lambda parts: b"".join(part for pair in parts for part in pair)
)


def read(body, pieces):
    """Every line, when the file has grown to each of these lengths in turn and is read on each time."""
    found, at = [], 0
    for size in (*sorted(min(piece, len(body)) for piece in pieces), len(body)):
        got = cut(body[at:size], at, last=True)
        found += got.lines
        at = got.through
    return found


def test_each_line_is_numbered_by_the_byte_at_which_it_ends():
    assert cut(ROW + b"\n" + ROW + b"\n", 0, last=True).lines == ((27, ROW), (55, ROW))


def test_numbers_count_from_the_beginning_of_the_file():
    assert cut(ROW + b"\n", 1000, last=True).lines == ((1027, ROW),)


def test_a_half_written_line_waits():
    found = cut(ROW + b"\n" + ROW[:9], 0, last=True)
    assert (found.lines, found.through) == (((27, ROW),), 28)


def test_a_last_line_is_whole_without_its_line_feed_and_not_again_with_it():
    found = cut(ROW, 0, last=True)
    assert (found.lines, found.through) == (((27, ROW),), 27)
    assert cut(b"\n", 27, last=True).lines == ()


def test_the_end_of_a_piece_is_not_the_end_of_the_file():
    found = cut(ROW + b"\n" + ROW, 0, last=False)
    assert (found.lines, found.through) == (((27, ROW),), 28)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b" \r\n", b""])
def test_how_a_line_ends_does_not_change_its_number(ending):
    assert cut(ROW + ending, 0, last=True).lines == ((27, ROW),)


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n", b"  \n\t\n"])
def test_blank_lines_are_no_lines(body):
    found = cut(body, 5, last=True)
    assert (found.lines, found.through) == ((), 5 + len(body))


@pytest.mark.parametrize(
    "tail", [b"no JSON", b'{"a":1', b'{"a":}', b"[1]", b'{"a":"\xff"}', b"}" * 9, b"[" * 5000 + b"}"]
)
def test_what_is_no_closed_object_waits_for_its_line_feed(tail):
    assert cut(tail, 0, last=True).through == 0
    assert cut(tail + b"\n", 0, last=True).lines == ((len(tail), tail),)


@steady
@given(files, st.lists(st.integers(0, 400), max_size=6))
def test_a_file_that_grows_gives_the_lines_of_the_whole_file(body, sizes):
    assert read(body, sizes) == list(cut(body, 0, last=True).lines)


@steady
@given(files, st.lists(st.integers(0, 400), max_size=6))
def test_numbers_grow_and_point_behind_their_line(body, sizes):
    found = read(body, sizes)
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert all(body[number - len(line) : number] == line for number, line in found)


@steady
@given(files, st.integers(0, 400), st.integers(0, 400))
def test_reading_goes_on_wherever_a_line_ended(body, size, later):
    first = cut(body[:size], 0, last=True)
    if first.lines:
        number = first.lines[-1][0]
        assert goes_on(body[number : number + 1 + later])


def test_reading_does_not_go_on_in_the_middle_of_a_line():
    assert not goes_on(b'"x":1}\n')


# What tells files apart


def test_a_file_is_told_by_its_first_line():
    assert head(ROW + b"\n" + ROW + b"\n") == head(ROW + b"\nanother\n")
    assert head(ROW + b"\n") != head(b'{"id":"b"}\n')


def test_a_file_whose_first_line_is_half_written_cannot_be_told_yet():
    assert head(ROW[:9]) == head(b"") == head(b"\n\n") == ""


@steady
@given(events, files, st.integers(0, 200))
def test_a_file_is_the_same_one_however_far_it_has_grown(first, rest, size):
    body = first + b"\r\n" + rest
    assert head(body[: len(first) + size]) == head(body)


@pytest.mark.parametrize("length", [HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 3 * HEAD_BYTES])
def test_a_long_first_line_is_told_by_its_beginning(length):
    line = b'{"x":"' + b"y" * (length - 8) + b'"}'
    every = {head(body[:HEAD_BYTES]) for body in (line, line + b"\n", line + b"\n" + ROW)}
    assert len(every) == 1
    assert "" not in every


# Lines that are too long


def test_a_line_that_is_too_long_is_refused_for_its_size_and_kept_in_part():
    found = too_long(b"y" * (4 * BODY_BYTES_MAX), 9 * BODY_BYTES_MAX)
    ((number, body),) = found.lines
    assert (number, found.through) == (9 * BODY_BYTES_MAX, 9 * BODY_BYTES_MAX)
    assert len(body) < 2 * BODY_BYTES_MAX
    assert [refused.reason for refused in read_message(body).refused] == ["oversized"]
