"""Images of container registries, told by Event Grid and by the registry's own web hooks."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain import ids
from shared.domain.platform_signals import ImageDeleted, ImagePushed, ImageQuarantined
from shared.domain.signals import Rejected
from shared.parsing import detect, parse

TOPIC = "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/Contoso"
TARGET = {"digest": "sha256:213b", "repository": "scoring", "tag": "v1", "size": 3023, "mediaType": "x"}
DATA = {
    "id": "31c51664",
    "timestamp": "2018-04-25T21:39:47.276585742Z",
    "action": "push",
    "target": TARGET,
    "request": {"id": "7c66f28b", "host": "Contoso.azurecr.io", "method": "PUT"},
}
HOOK = DATA | {"action": "quarantine"}


@pytest.fixture
def read(event):
    """Reads one event of the registry."""

    def build(event_type="Microsoft.ContainerRegistry.ImagePushed", data=DATA, **changes):
        (parsed,) = parse(json.dumps(event(event_type, data, **{"topic": TOPIC} | changes)).encode())
        return parsed

    return build


def hear(hook, channel=None):
    (parsed,) = parse(json.dumps(hook).encode(), channel)
    return parsed


# Event Grid


@pytest.mark.parametrize("prefix", ["Microsoft.ContainerRegistry.", "", "microsoft.containerregistry."])
@pytest.mark.parametrize(("name", "kind"), [("ImagePushed", ImagePushed), ("ImageDeleted", ImageDeleted)])
def test_an_image_event_names_the_image_by_short_and_full_type(read, prefix, name, kind):
    signal = read(prefix + name)
    assert type(signal) is kind
    assert (signal.registry, signal.repository) == ("contoso.azurecr.io", "scoring")
    assert (signal.digest, signal.tag, signal.source) == ("sha256:213b", "v1", TOPIC.lower())


def test_nine_fractional_digits_are_cut(read):
    signal = read(eventTime="2018-04-25T21:39:47.276585742Z")
    assert signal.occurred_at == datetime(2018, 4, 25, 21, 39, 47, 276585, tzinfo=UTC)


@pytest.mark.parametrize("tag", [None, ""])
def test_a_tag_may_be_missing(read, tag):
    signal = read("ImageDeleted", DATA | {"target": TARGET | {"tag": tag}})
    assert (signal.tag, signal.digest) == ("", "sha256:213b")


def test_an_image_that_nothing_tells_from_others_is_refused(read):
    rejected = read(data=DATA | {"target": {"repository": "scoring"}})
    assert (rejected.reason, "data.target.digest" in rejected.detail) == ("missing_field", True)


def test_without_a_request_the_topic_names_the_registry(read):
    assert read(data=DATA | {"request": None}).registry == "contoso"


@pytest.mark.parametrize(("data", "field"), [(DATA | {"target": {"digest": "d"}}, "repository"), ({}, "data.target")])
def test_an_event_without_its_image_is_refused_by_name(read, data, field):
    rejected = read(data=data)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, field in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("name", ["ChartPushed", "Microsoft.ContainerRegistry.ChartDeleted", "ImageQuarantined"])
def test_charts_and_what_event_grid_does_not_have_are_not_read(read, name):
    assert read(name).reason == "unknown_event_type"


# Web hooks


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("quarantine", ImageQuarantined),
        ("QUARANTINE", ImageQuarantined),
        ("push", ImagePushed),
        ("delete", ImageDeleted),
    ],
)
@pytest.mark.parametrize("channel", [None, "registry_webhook"])
def test_a_web_hook_is_told_by_its_action(action, kind, channel):
    signal = hear(HOOK | {"action": action}, channel)
    assert type(signal) is kind
    assert signal.source == signal.registry == "contoso.azurecr.io"
    assert (signal.repository, signal.digest, signal.tag) == ("scoring", "sha256:213b", "v1")
    assert (signal.subject, signal.occurred_at.microsecond) == ("scoring:v1", 276585)


def test_the_same_web_hook_counts_once():
    assert hear(HOOK).dedup_key == hear(HOOK | {"more": 1}).dedup_key == ids.dedup_key("contoso.azurecr.io", "31c51664")
    assert hear(HOOK | {"id": "other"}).dedup_key != hear(HOOK).dedup_key


def test_a_web_hook_without_an_id_is_known_by_what_it_says():
    bare = {key: value for key, value in HOOK.items() if key != "id"}
    assert hear(bare).dedup_key == hear(bare | {"id": None}).dedup_key
    assert hear(bare).dedup_key != hear(bare | {"action": "push"}).dedup_key
    assert hear(bare).dedup_key != hear(bare | {"timestamp": "2018-04-25T21:40:00Z"}).dedup_key


def test_a_web_hook_without_a_tag_is_known_by_its_digest():
    assert hear(HOOK | {"target": TARGET | {"tag": None}}).subject == "scoring:sha256:213b"


def test_a_test_of_the_web_hook_is_nothing_to_act_on():
    rejected = hear({"id": "1", "timestamp": DATA["timestamp"], "action": "ping"})
    assert (rejected.reason, "ping" in rejected.detail) == ("not_actionable", True)


@pytest.mark.parametrize("action", ["chart_push", "chart_delete", "moved"])
def test_other_actions_are_not_read(action):
    rejected = hear(HOOK | {"action": action})
    assert (rejected.reason, repr(action) in rejected.detail) == ("unknown_event_type", True)


@pytest.mark.parametrize(
    ("hook", "field"),
    [
        (HOOK | {"timestamp": None}, "timestamp"),
        (HOOK | {"request": None}, "request"),
        (HOOK | {"request": {"id": "1"}}, "request.host"),
        (HOOK | {"target": {"tag": "v1"}}, "target.repository"),
        (HOOK | {"target": {"repository": "r"}}, "target.digest"),
    ],
)
def test_a_web_hook_that_lacks_something_is_refused_by_name(hook, field):
    rejected = hear(hook)
    assert (rejected.reason, field in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("hook", [{}, {"action": 5}, {"target": TARGET}, [5]])
def test_what_is_no_web_hook_is_refused(hook):
    (rejected,) = parse(json.dumps(hook).encode(), "registry_webhook")
    assert rejected.reason in ("missing_field", "malformed_field", "unknown_event_type")


def test_several_web_hooks_are_read_each_on_its_own():
    first, bad, last = parse(
        json.dumps([HOOK, {"action": "ping", "timestamp": "x"}, HOOK | {"action": "push"}]).encode()
    )
    assert (type(first), bad.index, type(last)) == (ImageQuarantined, 1, ImagePushed)


def test_an_event_that_carries_an_action_is_still_an_event(event):
    body = json.dumps(event("ImagePushed", DATA, action="push", target={})).encode()
    assert detect(body) == "event_grid"


def test_any_other_object_with_an_action_is_no_web_hook():
    assert detect(b'{"action": "push"}') == "event_grid"
    assert detect(b'{"action": "opened", "timestamp": "x"}') == "event_grid"


def test_only_the_web_hook_of_a_push_says_that_a_quarantine_is_over(read):
    assert hear(DATA).hooked
    assert not read().hooked
