"""What an action group posts is stored before it is answered, and only an answer that it heeds makes it send again."""

import json
from typing import TYPE_CHECKING

import pytest

from handlers.monitor_alerts import receive_alerts
from shared import runtime
from tests.unit.parsing.alert_bodies import budget, common
from tests.unit.services.signals import DEVELOPMENT, ELSEWHERE

if TYPE_CHECKING:
    from shared.domain.policy import Policy

KEPT_BYTES_MAX = 1024 * 1024
SUBJECT = "workload/flight-delay"
SENT_AGAIN = {408, 429, 503, 504}  # what action groups repeat; 500 and 502 they don't


def alert(target=DEVELOPMENT, **essentials):
    return common(alertTargetIDs=[target], **essentials)


def post(request_of, *alerts):
    return request_of("POST", json.dumps(alerts[0] if len(alerts) == 1 else alerts).encode())


async def heard(app, subject=SUBJECT):
    return [decision.cause_kind for decision in await app.store.decisions(subject, 10)]


async def test_an_alert_is_accepted_and_decided(app, request_of):
    answer = await receive_alerts(post(request_of, alert()))
    assert answer.status_code == 202
    assert await heard(app) == ["AlertFired"]


async def test_its_end_is_heard_apart_and_a_repeat_is_not(app, request_of):
    for sent in (
        alert(),
        alert(),
        alert(monitorCondition="Resolved", resolvedDateTime="2025-04-15T18:27:00Z"),
        alert(),
    ):
        assert (await receive_alerts(post(request_of, sent))).status_code == 202
    assert sorted(await heard(app)) == ["AlertFired", "AlertResolved"]


async def test_a_budget_alert_comes_by_the_same_way(app, request_of):
    policy: Policy = (await app.ingest._policies.current()).policy
    scope = policy.workloads[0].environments.development.workspace.partition("/resourceGroups/")[0]
    assert (await receive_alerts(post(request_of, budget(Scope=scope)))).status_code == 202
    assert await heard(app) == ["BudgetCrossed"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schemaId": "Another"}', b"[" * 9000])
async def test_what_cannot_be_taken_is_kept_and_answered_as_accepted(app, request_of, body):
    answer = await receive_alerts(request_of("POST", body))
    assert answer.status_code == 202
    (row,) = await app.store.rejected(10)
    assert (row.body, row.channel) == (body, "monitor_alerts")


async def test_an_oversized_body_is_kept_cut_short(app, request_of):
    answer = await receive_alerts(request_of("POST", b" " * (2 * KEPT_BYTES_MAX)))
    assert answer.status_code == 202
    (row,) = await app.store.rejected(10)
    assert (row.reason, len(row.body)) == ("oversized", KEPT_BYTES_MAX)


async def test_an_alert_of_somebody_elses_resource_is_kept_aside(app, request_of):
    assert (await receive_alerts(post(request_of, alert(ELSEWHERE)))).status_code == 202
    assert [row.reason for row in await app.store.rejected(10)] == ["out_of_scope"]


async def test_the_neighbours_of_a_bad_alert_are_decided(app, request_of):
    await receive_alerts(post(request_of, {"schemaId": "Another"}, alert(), 5))
    assert await heard(app) == ["AlertFired"]
    assert len(await app.store.rejected(10)) == 2


async def test_with_the_store_down_the_action_group_is_asked_to_send_again(app, request_of):
    await app.store.close()
    answer = await receive_alerts(post(request_of, alert()))
    assert answer.status_code == 503
    assert answer.status_code in SENT_AGAIN


async def test_what_was_answered_503_is_decided_when_it_comes_again(app, request_of):
    await app.store.close()
    await receive_alerts(post(request_of, alert()))
    await app.store.open()
    assert (await receive_alerts(post(request_of, alert()))).status_code == 202
    assert await heard(app) == ["AlertFired"]


async def test_without_a_policy_that_validates_the_action_group_is_asked_to_send_again(
    environment, request_of, tmp_path
):
    (tmp_path / "policy.yaml").write_text("version: 2")
    answer = await receive_alerts(post(request_of, alert()))
    assert answer.status_code in SENT_AGAIN
    await (await runtime.application()).store.close()


async def test_an_app_that_cannot_start_asks_the_action_group_to_send_again(environment, request_of):
    environment.delenv("OUTERLOOP_SIGNING_KEY")
    assert (await receive_alerts(post(request_of, alert()))).status_code in SENT_AGAIN
