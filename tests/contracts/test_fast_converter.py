"""The opt-in parser of enqueued times answers exactly what the stock converter of azure-functions answers.

Runs on every supported Python, each with its own release of the library: `.ci/run` runs it on 3.13 as well.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import List  # noqa: UP035 - as the handlers are annotated

import azure.functions as func
import pytest
from azure.functions.eventhub import EventHubTriggerConverter as Stock
from azure.functions.meta import Datum
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.fast_converter import SOURCE, VERSIONS, faster_batch, faster_time, refusal, replaced_in, source_digest

ROOT = Path(__file__).parents[2]


class Fast(Stock, binding=None):
    """The stock converter with its parts replaced, as ``install`` does it for the app."""


replaced_in(Fast)


two_digits = st.integers(0, 70).map("{:02d}".format)
times = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["2026", "1999", "0001", "0000", "26"]),
    two_digits,
    two_digits,
    st.sampled_from(["T", " ", "t"]),
    two_digits,
    two_digits,
    two_digits,
    st.sampled_from(["", ".", ".1", ".123", ".123456", ".1234567", ".9999999", ".123456789012"]),
    st.sampled_from(["", "Z", "z", "+00:00", "-00:00", "+02:00", "+0000", "+00", " ", "\n", "Z\n", "x"]),
)
moments = st.datetimes(timezones=st.none() | st.just(UTC)).map(datetime.isoformat)
american = st.datetimes().map(lambda at: f"{at:%m/%d/%Y %H:%M:%S}Z")
written = times | moments | american | st.none() | st.text(max_size=8) | st.integers(-9, 9)

texts = st.text(max_size=5)
keys = st.none() | texts | st.integers(-(2**40), 2**40)
long = st.integers(2**62, 2**70)
properties = st.fixed_dictionaries(
    {},
    optional={
        "EnqueuedTimeUtc": written,
        "PartitionKey": keys,
        "SequenceNumber": keys | long | st.booleans() | st.floats(),
        "Offset": keys | long | st.floats() | st.sampled_from(["4096", " 4096 ", "4_096"]),
        "iothub-connection-device-id": texts,
        "anything": keys,
    },
)
usual_properties = st.fixed_dictionaries(
    {
        "EnqueuedTimeUtc": moments,
        "PartitionKey": st.none() | texts,
        "SequenceNumber": st.integers(0, 2**60),
        "Offset": st.integers(0, 2**60).map(str),
    }
)


def outcome(convert):
    """What a conversion answers, attribute for attribute, or what it raises."""
    try:
        found = convert()
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        return type(error), str(error)
    return [attributes(event) for event in found] if isinstance(found, list) else attributes(found)


def attributes(event):
    zone = event.enqueued_time and event.enqueued_time.tzinfo
    return (
        type(event),
        event.get_body(),
        event.enqueued_time,
        zone,
        event.partition_key,
        event.sequence_number,
        event.offset,
        event.iothub_metadata,
        event.metadata,
    )


def many(bodies, system, kind="collection_string"):
    """A batch as the host sends it."""
    if kind == "collection_bytes":
        value = SimpleNamespace(bytes=[body.encode() for body in bodies])
    else:
        value = SimpleNamespace(string=bodies)
    metadata = {"SystemPropertiesArray": Datum(json.dumps(system), "json"), "PartitionContext": Datum("{}", "json")}
    return Datum(value, kind), metadata


def same(data, metadata):
    stock = outcome(lambda: Stock.decode(data, trigger_metadata=metadata))
    assert outcome(lambda: Fast.decode(data, trigger_metadata=metadata)) == stock
    return stock


@settings(max_examples=600, deadline=None, derandomize=True)
@given(written)
@example("2026-03-05T12:00:00Z")
@example("2026-03-05T12:00:00.123")
@example("2026-03-05T12:00:00.1234567+00:00")
@example("2026-03-05T12:00:00.9999999Z")
@example("2026-02-30T12:00:00Z")
@example("2026-03-05T24:00:00Z")
@example("2026-03-05T12:00:60Z")
@example("0000-03-05T12:00:00Z")
@example("\uff12\uff10\uff12\uff16-03-05T12:00:00Z")
@example("")
def test_every_time_is_read_as_the_stock_parser_reads_it(text):
    def asked(converter):
        try:
            found = converter._parse_datetime(text)
        except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
            return type(error), str(error)
        return found, found and found.tzinfo

    assert asked(Fast) == asked(Stock)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(texts, usual_properties | properties), max_size=4), st.booleans())
def test_a_batch_of_any_metadata_is_converted_attribute_for_attribute(messages, as_bytes):
    bodies, system = [body for body, _ in messages], [found for _, found in messages]
    same(*many(bodies, system, "collection_bytes" if as_bytes else "collection_string"))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(properties, st.sampled_from(["string", "bytes", "json"]))
def test_a_single_message_of_any_metadata_too(found, kind):
    metadata = {name: Datum(json.dumps(value), "json") for name, value in found.items()}
    body = b"1" if kind == "bytes" else "1"
    same(Datum(body, kind), metadata | {"SystemProperties": Datum(json.dumps(found), "json")})


def test_a_batch_without_metadata_for_each_message_fails_as_before():
    assert same(*many(["1", "2"], [{}]))[0] is AssertionError


def refuses(*asked):
    raise LookupError(*map(str, asked))


def test_the_usual_times_never_reach_the_stock_parser():
    parse = faster_time(refuses)
    assert parse("2026-03-05T12:00:00.1234567Z") == datetime(2026, 3, 5, 12, 0, 0, 123456, tzinfo=UTC)
    assert parse("2026-03-05T12:00:00") == datetime(2026, 3, 5, 12, 0)  # noqa: DTZ001 - as the stock one has it
    with pytest.raises(LookupError, match="03/05/2026"):
        parse("03/05/2026 12:00:00Z")


USUAL = {"SequenceNumber": 7, "Offset": "4096", "EnqueuedTimeUtc": "2026-03-05T12:00:00Z", "PartitionKey": "k"}


@pytest.mark.parametrize(
    ("system", "usual"),
    [
        ([USUAL], True),
        ([USUAL | {"PartitionKey": None, "Offset": 4096}], True),
        ([{}], True),
        ([USUAL | {"iothub-connection-device-id": "d"}], False),
        ([USUAL | {"PartitionKey": "quoted \\"}], False),
        ([USUAL | {"PartitionKey": 7}], False),
        ([USUAL | {"SequenceNumber": "7"}], False),
        ([USUAL | {"SequenceNumber": 2**70}], True),
        ([USUAL | {"SequenceNumber": 7.0}], False),
        ([USUAL | {"Offset": 4096.0}], False),
        ([USUAL | {"SequenceNumber": True}], False),
        ([USUAL | {"Offset": "none"}], False),
        ([USUAL, USUAL], False),
        ([None], False),
        ({}, False),
    ],
)
def test_the_usual_batch_never_reaches_the_stock_converter_and_every_other_does(system, usual):
    fast = faster_batch(refuses, Fast._parse_datetime)
    data, metadata = many(["1"], system)
    if usual:
        assert fast(data, metadata)[0].get_body() == b"1"
    else:
        with pytest.raises(LookupError):
            fast(data, metadata)
    same(data, metadata)


def test_a_body_that_is_no_text_is_refused_in_the_stock_converters_words():
    assert same(*many(["\ud800"], [USUAL]))[0] is UnicodeEncodeError


def test_the_release_that_is_installed_is_one_that_was_compared():
    assert refusal(version("azure-functions"), source_digest) == ""


@pytest.mark.parametrize(
    ("installed", "source", "said"),
    [("2.4.0", SOURCE, "2.4.0 is not one of"), (VERSIONS[0], "another digest", "other code than was compared")],
)
def test_any_other_release_keeps_its_own_converter(installed, source, said):
    assert said in refusal(installed, lambda: source)


@pytest.mark.parametrize("error", [ImportError, AttributeError, OSError, TypeError])
def test_a_release_whose_code_cannot_be_read_keeps_its_own_converter(error):
    def read():
        raise error("not there")

    assert "cannot be compared: not there" in refusal(VERSIONS[0], read)


def test_the_code_of_another_release_is_not_even_looked_for():
    assert "is not one of" in refusal("9.0.0", lambda: pytest.fail("it was read"))


def fresh(script, **settings):
    """A script in a process of its own, in the repository's folder."""
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT)} | settings
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


FRESH = """
import sys
import function_app
from azure.functions.meta import _ConverterMeta
converter = _ConverterMeta.get("eventHubTrigger")
print("handlers.fast_converter" in sys.modules, "_parse_datetime" in vars(converter))
print("fast_converter" in converter.decode_multiple_events.__module__)
print("_parse_datetime" in vars(_ConverterMeta.get("queueTrigger")))
"""


@pytest.mark.parametrize(("setting", "replaced"), [({}, False), ({"OUTERLOOP_FAST_EVENT_HUB_CONVERTER": "1"}, True)])
def test_the_app_replaces_it_only_where_it_is_asked_to_and_only_for_event_hubs(setting, replaced):
    done = fresh(FRESH, **setting)
    assert done.stdout.split() == [*[str(replaced)] * 3, "False"]


AGAIN = """
from handlers.fast_converter import install
from azure.functions.eventhub import EventHubTriggerConverter as converter
print(install() == "", "other code" in install(), converter._parse_datetime("2026-03-05T12:00:00Z").year)
"""


def test_it_is_installed_once_and_a_second_time_refuses_what_it_finds():
    done = fresh(AGAIN)
    assert done.stdout.split() == ["True", "True", "2026"]


REFUSED = """
import logging
from azure.functions import meta
from azure.functions.eventhub import EventHubTriggerConverter
meta._BaseConverter._parse_datetime_utc = meta._BaseConverter._parse_datetime_local  # as in another release
logging.basicConfig(format="%(levelname)s %(message)s")
from handlers.fast_converter import install
print(install())
print("_parse_datetime" in vars(EventHubTriggerConverter))
"""


def test_a_refusal_is_logged_and_changes_nothing():
    done = fresh(REFUSED)
    assert "other code than was compared" in done.stdout
    assert done.stdout.split()[-1] == "False"
    assert "WARNING OUTERLOOP_FAST_EVENT_HUB_CONVERTER is set and the stock converter stays" in done.stderr


def test_it_is_the_event_hub_trigger_that_the_handlers_are_bound_to():
    assert Stock.check_input_type_annotation(List[func.EventHubEvent])  # noqa: UP006
