"""A registry's web hook is answered only when what it said is stored."""

import json

import pytest

from handlers.registry_webhooks import receive_registry_webhook
from shared import runtime

HOOK = {
    "id": "0d799b14",
    "timestamp": "2018-02-28T00:42:54.4509516Z",
    "action": "quarantine",
    "target": {"digest": "sha256:91ef6", "repository": "scoring", "tag": "1"},
    "request": {"id": "978fc988", "host": "contoso.azurecr.io", "method": "PUT"},
}


@pytest.fixture
def environment(environment, tmp_path):
    """The installation watches images of a registry."""
    file = tmp_path / "policy.yaml"
    section = "    images: {registry: contoso.azurecr.io}\n    promotion:\n"
    file.write_text(file.read_text(encoding="utf-8").replace("    promotion:\n", section, 1), encoding="utf-8")
    return environment


async def heard(app):
    return [decision.cause_kind for decision in await app.store.decisions(None, 10)]


async def test_a_quarantined_image_is_heard(app, request_of):
    answer = await receive_registry_webhook(request_of("POST", json.dumps(HOOK).encode()))
    assert answer.status_code == 202
    assert await heard(app) == ["ImageQuarantined"]


async def test_the_same_notification_counts_once(app, request_of):
    for _ in range(2):
        answer = await receive_registry_webhook(request_of("POST", json.dumps(HOOK).encode()))
        assert answer.status_code == 202
    assert await heard(app) == ["ImageQuarantined"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_actionable"),
        (b"{", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b"{}", "missing_field"),
        (b'{"action": "ping"}', "not_actionable"),
        (b'{"action": "chart_push"}', "unknown_event_type"),
        (b" " * (1024 * 1024 + 1), "oversized"),
    ],
)
async def test_what_cannot_be_taken_is_kept_and_answered_as_accepted(app, request_of, body, reason):
    answer = await receive_registry_webhook(request_of("POST", body))
    assert answer.status_code == 202
    (row,) = await app.store.rejected(10)
    assert (row.channel, row.reason) == ("registry_webhook", reason)
    assert row.body == body[: 1024 * 1024]


async def test_with_the_store_down_the_registry_is_told_so(app, request_of):
    await app.store.close()
    answer = await receive_registry_webhook(request_of("POST", json.dumps(HOOK).encode()))
    assert answer.status_code == 503
    await app.store.open()
    answer = await receive_registry_webhook(request_of("POST", json.dumps(HOOK).encode()))
    assert answer.status_code == 202
    assert await heard(app) == ["ImageQuarantined"]


async def test_without_a_policy_that_validates_the_registry_is_asked_to_send_again(environment, request_of, tmp_path):
    (tmp_path / "policy.yaml").write_text("version: 2")
    answer = await receive_registry_webhook(request_of("POST", json.dumps(HOOK).encode()))
    assert answer.status_code == 503
    await (await runtime.application()).store.close()


async def test_an_image_of_a_registry_that_nobody_watches_is_kept_aside(app, request_of):
    other = {**HOOK, "request": {**HOOK["request"], "host": "fabrikam.azurecr.io"}}
    assert (await receive_registry_webhook(request_of("POST", json.dumps(other).encode()))).status_code == 202
    assert [row.reason for row in await app.store.rejected(10)] == ["out_of_scope"]
