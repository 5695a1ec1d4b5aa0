"""The envelope and the published contract."""

import json

import jsonschema
import pytest

from shared.domain.announcements import MEANINGS
from shared.rendering.cloud_events import cloud_event, events_markdown, events_schema
from tests.contracts.announcements_contract import said

SOURCE = "https://outerloop.example"


def changed(**changes):
    return {**cloud_event(said("a"), SOURCE), **changes}


def test_an_announcement_is_a_cloud_event_of_json_values():
    event = cloud_event(said("a"), SOURCE)
    assert event == json.loads(json.dumps(event))
    assert {name: event[name] for name in ("specversion", "id", "source", "type", "subject")} == {
        "specversion": "1.0",
        "id": "a",
        "source": SOURCE,
        "type": "Outerloop.RolloutStarted",
        "subject": "workload/flights",
    }
    assert event["time"] == event["data"]["decided_at"] == "2026-03-01T12:00:00Z"


def test_the_schema_is_itself_valid_and_takes_an_announcement():
    jsonschema.Draft202012Validator.check_schema(events_schema())
    jsonschema.validate(changed(), events_schema())


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "Outerloop.SomethingElse"},
        {"specversion": "0.3"},
        {"id": ""},
        {"data": {}},
        {"data": {**changed()["data"], "verdict": "perhaps"}},
        {"data": {**changed()["data"], "reasons": [{"text": "without a code"}]}},
        {"data": {**changed()["data"], "percent": "ten"}},
    ],
)
def test_the_schema_refuses_what_was_never_promised(changes):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(**changes), events_schema())


def test_the_schema_lets_later_fields_come():
    jsonschema.validate(changed(data={**changed()["data"], "something_new": 1}), events_schema())


def test_the_page_names_every_type_and_every_field():
    page = events_markdown()
    assert [name for name in MEANINGS if f"| `{name}` |" not in page] == []
    fields = {field for part in events_schema()["$defs"].values() for field in part["properties"]}
    assert [field for field in fields if f"| `{field}` |" not in page] == []
