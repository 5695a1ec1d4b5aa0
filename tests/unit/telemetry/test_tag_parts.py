"""What a run keeps in tags: the limits, and one content spread over several and gathered again."""

import base64
import zlib

import numpy as np
import pytest

from shared.telemetry.tag_parts import CONTENT_BYTES_MAX, TAGS_MAX, VALUE_BYTES_MAX, fits, gather, spread

NOISE = np.random.default_rng(3).bytes(20_000)
PREFIX = "outerloop.reference.part"


@pytest.mark.parametrize("content", [b"", b"x", b"ab" * 5000, NOISE])
def test_what_is_spread_over_tags_is_gathered_again(content):
    tags = spread(PREFIX, content)
    assert fits(tags)
    assert gather(PREFIX, len(tags), tags) == content


@pytest.mark.parametrize("value", ["x" * VALUE_BYTES_MAX, "é" * (VALUE_BYTES_MAX // 2)])
def test_a_value_may_be_as_long_as_the_limit_and_no_longer(value):
    assert fits({"a": value})
    assert not fits({"a": value + "é"})


@pytest.mark.parametrize("key", ["a b", "a/b", "a.b-c_d", "outerloop.reference.sepal length", "0", "x" * 100])
def test_usual_names_may_be_keys(key):
    assert fits({key: ""})


@pytest.mark.parametrize("key", ["", "é", "a//b", "../a", "a/./b", "/a", "a/", "a:b", "a(b)", " a", "a\n", "x" * 101])
def test_names_that_mlflow_or_a_workspace_would_refuse_are_no_keys(key):
    assert not fits({key: ""})


def test_a_run_keeps_only_so_many_tags():
    assert fits({str(n): "" for n in range(TAGS_MAX)})
    assert not fits({str(n): "" for n in range(TAGS_MAX + 1)})


@pytest.mark.parametrize(
    ("changes", "parts", "sentence"),
    [
        ({f"{PREFIX}2": None}, 3, "has no tag outerloop.reference.part2"),
        ({f"{PREFIX}1": "no base 64!"}, 3, "damaged parts"),
        ({f"{PREFIX}1": base64.b64encode(b"not compressed").decode()}, 1, "damaged parts"),
        ({f"{PREFIX}1": "é"}, 1, "damaged parts"),
        ({}, 0, "cannot have 0 parts"),
        ({}, 10**12, "has no tag outerloop.reference.part28"),
    ],
)
def test_parts_that_are_damaged_or_missing_are_refused(changes, parts, sentence):
    tags = {key: value for key, value in (spread(PREFIX, NOISE) | changes).items() if value is not None}
    with pytest.raises(ValueError, match=sentence):
        gather(PREFIX, parts, tags)


def test_parts_that_were_cut_short_are_refused():
    text = base64.b64encode(zlib.compress(NOISE)[:600]).decode()
    with pytest.raises(ValueError, match="cut short"):
        gather(PREFIX, 1, {f"{PREFIX}1": text})


def test_a_bomb_of_zeros_is_refused_before_it_goes_off():
    tags = spread(PREFIX, bytes(CONTENT_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="too large"):
        gather(PREFIX, len(tags), tags)
