"""Event Grid events and CloudEvents are read alike, also when dead-lettered or inside an HTTP sample."""

import json

import pytest

from shared.domain import ids
from shared.domain.signals import ModelRegistered, Rejected, SubscriptionValidation
from shared.parsing import parse

SOURCE = "/subscriptions/s1/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws"
MODEL = {"modelName": "m", "modelVersion": 1}


@pytest.fixture
def registered(event):
    """A model registration in Event Grid's schema."""
    return event("Microsoft.MachineLearningServices.ModelRegistered", MODEL)


@pytest.fixture
def cloud_event(registered):
    """The same as a CloudEvent."""
    renamed = {"topic": "source", "eventType": "type", "eventTime": "time"}
    kept = {renamed.get(key, key): value for key, value in registered.items() if not key.endswith("Version")}
    return kept | {"specversion": "1.0"}


def read(value):
    return parse(json.dumps(value).encode(), "event_grid")


def read_one(value):
    (parsed,) = read(value)
    return parsed


def test_both_envelopes_give_the_same_signal(registered, cloud_event):
    assert isinstance(read_one(registered), ModelRegistered)
    assert read_one(registered) == read_one(cloud_event)


def test_an_object_an_array_and_a_nested_array_give_the_same(registered):
    assert read(registered) == read([registered]) == read([[registered]])


def test_a_cloud_event_without_the_version_is_known_by_type_and_source(cloud_event):
    del cloud_event["specversion"]
    assert isinstance(read_one(cloud_event), ModelRegistered)


def test_a_cloud_event_with_both_topic_and_source_missing_names_the_field(cloud_event):
    del cloud_event["source"]
    rejected = read_one(cloud_event)
    assert (rejected.reason, "topic (or source)" in rejected.detail) == ("missing_field", True)


def test_an_event_grid_event_may_name_its_source_in_place_of_a_topic(registered):
    registered["source"] = registered.pop("topic")
    assert read_one(registered).workspace == SOURCE


@pytest.mark.parametrize("version", ["0.3", 2, []])
def test_another_version_of_cloud_events_is_refused(cloud_event, version):
    rejected = read_one(cloud_event | {"specversion": version})
    assert (rejected.reason, "expected CloudEvents 1.0" in rejected.detail) == ("unknown_schema", True)


def test_a_dead_letter_in_event_grids_schema_is_the_event_inside(registered):
    reasons = {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 30,
        "publishTime": "2024-03-06T00:00:00Z",
    }
    assert read_one(registered | reasons) == read_one(registered)


def test_a_dead_lettered_cloud_event_is_dated_by_its_publication(cloud_event):
    del cloud_event["specversion"], cloud_event["time"]
    dead = cloud_event | {"deadletterreason": "x", "deliveryattempts": 1, "publishtime": "2024-03-05T18:16:25.1234567Z"}
    assert isinstance(read_one(dead), ModelRegistered)


def test_a_dead_letter_of_a_namespace_is_the_event_inside(cloud_event):
    dead = {"deadLetterProperties": {"deadletterreason": "x"}, "event": cloud_event}
    assert read_one(dead) == read_one(cloud_event)


@pytest.mark.parametrize("wrap", [lambda request: request, lambda request: {"request": request, "response": {}}])
@pytest.mark.parametrize("body", [lambda event: [event], lambda event: event, lambda event: json.dumps([event])])
def test_an_http_sample_is_read_through_its_body(registered, wrap, body):
    sample = wrap({"method": "POST", "headers": {"aeg-event-type": "Notification"}, "body": body(registered)})
    assert read(sample) == read(registered)


def test_an_http_sample_whose_body_is_another_file_names_that_file():
    rejected = read_one({"request": {"headers": {}, "bodyFile": "other.json"}})
    assert (rejected.reason, "'other.json'" in rejected.detail) == ("not_actionable", True)


@pytest.mark.parametrize("body", [None, "", 5])
def test_an_http_sample_without_a_body_is_not_actionable(body):
    assert read_one({"request": {"headers": {}, "body": body}}).reason == "not_actionable"


def test_an_http_sample_with_a_broken_body_leaves_its_neighbours(registered):
    broken, good = read([{"headers": {}, "body": "{"}, registered])
    assert broken.reason == "malformed_json"
    assert isinstance(good, ModelRegistered)


def test_the_key_is_that_of_source_and_id(registered):
    assert read_one(registered).dedup_key == ids.dedup_key(SOURCE, "e-1")


@pytest.mark.parametrize("event_id", [None, ""])
def test_an_event_without_an_id_is_known_by_its_content(registered, event_id):
    nameless = registered | {"id": event_id}
    reordered = dict(reversed(nameless.items())) | {"data": dict(reversed(MODEL.items())), "metadataVersion": "2"}
    other = nameless | {"data": MODEL | {"modelVersion": 2}}
    assert read_one(nameless).dedup_key == read_one(reordered).dedup_key
    assert read_one(nameless).dedup_key != read_one(other).dedup_key


def test_an_event_without_a_time_is_refused(registered):
    del registered["eventTime"]
    rejected = read_one(registered)
    assert (rejected.reason, "eventTime" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize(
    "event_type",
    ["Microsoft.Storage.BlobTierChanged", "ChartPushed", "azureml.inference.model_inputs", "Contoso.Anything"],
)
def test_another_type_is_refused_by_its_name_with_the_types_that_are_read(registered, event_type):
    rejected = read_one(registered | {"eventType": event_type})
    assert rejected.reason == "unknown_event_type"
    assert repr(event_type) in rejected.detail
    assert "Microsoft.MachineLearningServices.ModelRegistered" in rejected.detail


def test_a_type_that_is_no_text_is_refused(registered):
    assert read_one(registered | {"eventType": {"a": 1}}).reason == "malformed_field"


@pytest.mark.parametrize(
    "thing", [{}, {"a": 1}, {"schemaId": "azureMonitorCommonAlertSchema", "data": {}}, {"type": "x"}]
)
def test_what_is_in_neither_envelope_is_refused_with_what_was_expected(thing):
    rejected = read_one(thing)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "unknown_schema"
    assert "expected Event Grid" in rejected.detail


def test_the_handshake_gives_the_code_to_answer_with(event):
    signal = read_one(
        event("Microsoft.EventGrid.SubscriptionValidationEvent", {"validationCode": "c", "validationUrl": "u"})
    )
    assert isinstance(signal, SubscriptionValidation)
    assert (signal.validation_code, signal.validation_url) == ("c", "u")


def test_a_handshake_without_a_code_is_refused(event):
    rejected = read_one(event("Microsoft.EventGrid.SubscriptionValidationEvent", {"validationUrl": "u"}))
    assert (rejected.reason, "data.validationCode" in rejected.detail) == ("missing_field", True)
