"""Globs as sets of names. The judge is ``fnmatch`` itself, over every short name of a small alphabet."""

import re
from fnmatch import fnmatchcase, translate
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.globs import Globs, covers, example_of, literal_ends, overlap
from tests.unit.domain.builders import steady

NAMES = ["".join(letters) for length in range(6) for letters in product("abc", repeat=length)]
PARTS = st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "[a-b]", "[b-a]", "[", "]", "[!]"])
WHOLE = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[!a]", "[a-b]", "[b-a]"]), max_size=3).map("".join)
LONG = st.lists(PARTS, max_size=7).map("".join)
often = settings(steady, max_examples=100)


def matching(glob):
    fits = re.compile(translate(glob)).match
    return {name for name in NAMES if fits(name)}


@often
@given(WHOLE, WHOLE)
def test_two_globs_overlap_exactly_when_some_name_matches_both(one, other):
    assert overlap(one, other) is bool(matching(one) & matching(other))
    assert overlap(other, one) is overlap(one, other)


@often
@given(WHOLE, WHOLE)
def test_a_glob_covers_another_exactly_when_no_name_gets_past_it(wide, narrow):
    assert covers(wide, narrow) is (matching(narrow) <= matching(wide))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("flight-*", "flight-delay-*", True),
        ("flight-*", "*-delay", True),
        ("flight-*", "house-*", False),
        ("*-eu", "*-us", False),
        ("flight-[a-m]*", "flight-[n-z]*", False),
        ("flight-[a-m]*", "flight-[m-z]*", True),
        ("flight-[!0-9]*", "flight-[0-9]", False),
        ("flight-?", "flight-??", False),
        ("flight-?*", "flight-??", True),
        ("*", "", True),
        ("a[]]", "a]", True),
        ("a[", "a[", True),
        ("a[!]", "a[!]*", True),
        ("[z-a]", "*", False),
        ("*a*b*c*", "*c*b*a*", True),
    ],
)
def test_whether_two_globs_overlap(one, other, expected):
    assert overlap(one, other) is expected


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "latency*", True),
        ("latency*", "latency-p95*", True),
        ("latency-p95*", "latency*", False),
        ("*p95*", "latency-p95", True),
        ("latency-??", "latency-p9", True),
        ("latency-??", "latency-?*", False),
        ("[a-z]*", "latency", True),
        ("[a-m]*", "[a-z]*", False),
        ("latency", "latency", True),
        ("anything", "[z-a]", True),
    ],
)
def test_whether_a_glob_covers_another(wide, narrow, expected):
    assert covers(wide, narrow) is expected


def test_a_comparison_without_end_is_given_up():
    assert not covers("*a" + "?" * 30, "*[ab]*a" + "[ab]" * 30)


@often
@given(LONG)
def test_the_example_of_a_glob_matches_it(glob):
    example = example_of(glob)
    assert fnmatchcase(example, glob) if example is not None else not matching(glob)


@often
@given(LONG, st.sampled_from(NAMES))
def test_whatever_matches_begins_and_ends_as_the_glob_does(glob, name):
    prefix, suffix = literal_ends(glob)
    if fnmatchcase(name, glob):
        assert name.startswith(prefix)
        assert name.endswith(suffix)


@often
@given(st.lists(LONG, max_size=12), st.sampled_from(NAMES) | LONG)
def test_many_globs_find_what_one_after_the_other_would(globs, name):
    numbered = [(glob, number) for number, glob in enumerate(globs)]
    assert Globs(numbered).matching(name) == [number for glob, number in numbered if fnmatchcase(name, glob)]


def test_a_number_is_told_once_however_many_of_its_globs_match():
    assert Globs([("a*", 1), ("*a", 1), ("a", 1), ("b", 2)]).matching("a") == [1]
