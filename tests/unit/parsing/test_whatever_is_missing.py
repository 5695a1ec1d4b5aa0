"""Whatever is taken from a payload, or put in its place: a signal, or a rejection that names it, and in time."""

import json
import time

import pytest

from shared.domain.signals import Rejected, Signal
from shared.parsing import parse
from tests.unit.parsing.conftest import EVENTS

LEFT_OUT = object()
PUT_IN = (LEFT_OUT, None, "", 1, True, [], {"a": 1}, float("nan"), 10**400)
SECONDS_MAX = 5.0  # a hundred times what one takes: quadratic work would show, a busy machine does not
# Only these tell which schema a body is in: without one, the rejection says which schemas there are.
TELLING = frozenset({"action", "alertContext", "records", "context", "eventType", "type"})
DOCUMENTS = {
    path.name: json.loads(path.read_bytes())
    for path in sorted(EVENTS.glob("*.json"))
    if not any(isinstance(one, Rejected) for one in parse(path.read_bytes()))
}


def paths_of(value, path=()):
    """The way to every field of a document."""  # and not to the elements of its arrays: these have no name
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(key, str):
            yield (*path, key)
        yield from paths_of(inner, (*path, key))


def changed(value, path, put_in):
    """A copy with something else at the end of the way, or nothing."""
    key, rest = path[0], path[1:]
    if isinstance(value, list):
        inner = changed(value[key], rest, put_in) if rest else put_in
        return [*value[:key], *([] if inner is LEFT_OUT else [inner]), *value[key + 1 :]]
    inner = changed(value[key], rest, put_in) if rest else put_in
    return {name: item for name, item in value.items() if name != key} | ({} if inner is LEFT_OUT else {key: inner})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_rejection_names_what_was_taken_or_put_in_its_place(name):
    document = DOCUMENTS[name]
    for path in paths_of(document):
        for put_in in PUT_IN:
            for one in parse(json.dumps(changed(document, path, put_in)).encode()):
                assert isinstance(one, Signal | Rejected)
                if not isinstance(one, Rejected) or one.reason == "malformed_json":
                    continue
                told = one.detail.lower()
                assert (
                    any(str(key).lower() in told for key in path if isinstance(key, str))
                    or path[-1] in TELLING
                    or (
                        "alerttargetids"
                        in told  # of the context of an activity log, several fields may name the resource
                    )
                ), (path, one)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_payload_that_is_no_text_is_rejected_as_that(name):
    text = json.dumps(DOCUMENTS[name])
    for cut in range(0, len(text), max(1, len(text) // 20)):
        body = text[:cut].encode() + b"\xff\xfe" + text[cut:].encode()
        assert parse(body)
        assert all(isinstance(one, Rejected) for one in parse(body) if cut == 0)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_payload_with_a_value_of_a_megabyte_is_read_or_rejected_in_time(name):
    document = DOCUMENTS[name]
    for put_in in ("9" * 900_000, "['" * 450_000, [0] * 400_000, '{"a":' * 180_000):
        path = list(paths_of(document))[-1]
        body = json.dumps(changed(document, path, put_in)).encode()
        began = time.perf_counter()
        parsed = parse(body)
        assert time.perf_counter() - began < SECONDS_MAX
        assert all(isinstance(one, Signal | Rejected) for one in parsed)


@pytest.mark.parametrize("size", [1_048_577, 5_000_000])
def test_more_than_a_megabyte_is_rejected_at_once(size):
    began = time.perf_counter()
    (rejected,) = parse(b"[" + b" " * size + b"]")
    assert (rejected.reason, time.perf_counter() - began < SECONDS_MAX) == ("oversized", True)
