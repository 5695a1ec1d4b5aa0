"""Messages, tokens and addresses: what is sent stays as it was sent, and every refusal has its reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.azure.event_hubs.address import Address, parse_address
from local.azure.event_hubs.codec import CodecError, decode, encode
from local.azure.event_hubs.messages import (
    BATCH_FORMAT,
    Reply,
    Request,
    Stamp,
    application_properties_of,
    body_of,
    encode_reply,
    event,
    parse_request,
    partition_key_of,
    stamped,
    unbatch,
)
from local.azure.event_hubs.namespace import Namespace
from local.azure.event_hubs.tokens import TOKEN_TYPE, Door, TokenRefusal, refusal
from local.azure.event_hubs.values import Described, Symbol, Ubyte, Uint, Ulong

STAMP = Stamp(sequence_number=7, offset=99, enqueued_at_ms=1_000, partition_key="key")


def section(code: int, value: object) -> bytes:
    return encode(Described(Ulong(code), value))


HEADER = section(0x70, [True, Ubyte(4), None, False, Uint(0)])
DELIVERY_ANNOTATIONS = section(0x71, {Symbol("hop"): "one"})
ANNOTATIONS = section(0x72, {Symbol("mine"): Uint(3), Symbol("x-opt-offset"): "forged"})
PROPERTIES = section(0x73, ["id", b"user"])
SHORT_BODY = b"\x00\x53\x75\xa0\x02hi"  # vbin8, which our own encoder never writes
FOOTER = section(0x78, {})


def annotations_of(message: bytes) -> dict:
    at = 0
    while True:
        described, at = decode(message, at)
        if described.descriptor == 0x72:
            return described.value


@given(st.dictionaries(st.text(), st.text() | st.binary() | st.booleans(), max_size=3), st.binary(max_size=80))
def test_everything_behind_the_annotations_stays_as_sent(properties, body):
    tail = PROPERTIES + section(0x74, properties) + section(0x75, body) + SHORT_BODY + FOOTER

    message = stamped(HEADER + DELIVERY_ANNOTATIONS + ANNOTATIONS + tail, STAMP)

    assert message.startswith(HEADER)
    assert message.endswith(tail)
    assert DELIVERY_ANNOTATIONS not in message
    assert body_of(message) == body + b"hi"
    assert application_properties_of(message) == properties


def test_the_service_s_annotations_join_the_sender_s_and_cannot_be_forged():
    annotations = annotations_of(stamped(ANNOTATIONS + SHORT_BODY, STAMP))

    assert annotations == {
        "mine": 3,
        "x-opt-offset": "99",
        "x-opt-sequence-number": 7,
        "x-opt-enqueued-time": 1_000,
        "x-opt-partition-key": "key",
    }


def test_an_event_without_a_key_gets_no_key():
    message = stamped(SHORT_BODY, Stamp(0, 0, 0, None))

    assert "x-opt-partition-key" not in annotations_of(message)
    assert partition_key_of(message) is None


def test_a_batch_holds_one_event_in_each_data_section():
    first, second = event(b"a", {"n": "1"}), event(b"b", {})
    batch = section(0x72, {Symbol("x-opt-partition-key"): "k"}) + section(0x75, first) + section(0x75, second)

    assert unbatch(batch, BATCH_FORMAT) == [first, second]
    assert unbatch(batch, 0) == [batch]
    assert partition_key_of(batch) == "k"


@given(st.binary(min_size=1, max_size=64))
def test_garbage_is_a_message_or_refused(garbage):
    try:
        message = stamped(garbage, STAMP)
    except CodecError:
        return

    assert annotations_of(message)["x-opt-sequence-number"] == 7


@pytest.mark.parametrize(
    "message",
    [b"\x01", b"\x00\x53\x10\x45", section(0x72, []), section(0x75, "text"), HEADER[:-1]],
    ids=["no descriptor", "a performative", "annotations as list", "data as text", "cut short"],
)
def test_what_is_no_message_is_refused(message):
    with pytest.raises(CodecError):
        body_of(stamped(message, STAMP))


def test_a_reply_names_the_request_that_it_answers():
    request = parse_request(PROPERTIES + section(0x74, {"operation": "READ"}) + section(0x77, "v"))
    reply = encode_reply(request, Reply(200, "OK", {"name": "hub"}))

    assert request == Request("id", {"operation": "READ"}, "v")
    assert decode(reply)[0].value[5] == "id"
    assert application_properties_of(reply) == {"status-code": 200, "status-description": "OK"}


@pytest.mark.parametrize("message", [b"", section(0x77, "v"), section(0x73, []), section(0x73, [None])])
def test_a_request_without_an_id_cannot_be_answered(message):
    with pytest.raises(CodecError, match="message id"):
        parse_request(message)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"operation": "READ", "type": "com.microsoft:eventhub", "name": "hub"}, 200),
        ({"operation": "READ", "type": "com.microsoft:partition", "name": "hub", "partition": "1"}, 200),
        ({"operation": "READ", "type": "com.microsoft:partition", "name": "hub", "partition": "2"}, 404),
        ({"operation": "READ", "type": "com.microsoft:eventhub", "name": "other"}, 404),
        ({"operation": "DELETE", "type": "com.microsoft:eventhub", "name": "hub"}, 400),
        ({}, 404),
    ],
)
def test_management_answers_with_a_status(asked, status):
    assert Namespace({"hub": 2}, lambda: 0, 10).answer(Request("id", asked, None)).status == status


def token(key: str = "KEY", expiry: object = 2_000, name: str = "Root") -> str:
    resource = quote_plus("sb://127.0.0.1:1/hub")
    digest = hmac.new(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token(), None),
        (token(expiry=1_001), None),
        (token(expiry=1_000), TokenRefusal.EXPIRED),
        (token(key="OTHER"), TokenRefusal.WRONG_SIGNATURE),
        (token().replace("hub", "hut"), TokenRefusal.WRONG_SIGNATURE),
        (token().replace("se=2000", "se=9000"), TokenRefusal.WRONG_SIGNATURE),
        (token(name="Guest"), TokenRefusal.UNKNOWN_KEY_NAME),
        (token(expiry="soon"), TokenRefusal.MALFORMED),
        (token().removeprefix("SharedAccessSignature "), TokenRefusal.MALFORMED),
        ("SharedAccessSignature sr=a&se=2000", TokenRefusal.MALFORMED),
        ("", TokenRefusal.MALFORMED),
    ],
)
def test_a_token_is_refused_for_a_reason(text, expected):
    assert refusal(text, "KEY", now_s=1_000) is expected


def test_a_door_opens_for_a_good_token_only():
    door = Door("KEY", lambda: 1_000.0)

    assert door.put_token(Request(1, {"type": "jwt"}, token())).status == 401
    assert door.put_token(Request(1, {"type": TOKEN_TYPE}, token(key="OTHER"))).status == 401
    assert not door.is_open
    assert door.put_token(Request(1, {"type": TOKEN_TYPE}, token())).status == 202
    assert door.is_open


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hub", Address("hub", None, None)),
        ("amqps://127.0.0.1:5671/hub", Address("hub", None, None)),
        ("amqps://127.0.0.1:5671/hub/Partitions/0", Address("hub", None, "0")),
        ("sb://h/hub/ConsumerGroups/$Default/Partitions/1", Address("hub", "$default", "1")),
        ("hub/ConsumerGroups/g", Address("hub", "g", None)),
        ("", None),
        ("hub/somewhere/else", None),
    ],
)
def test_addresses_are_taken_apart(text, address):
    assert parse_address(text) == address
