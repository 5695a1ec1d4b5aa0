"""Anything that is heard is stored once, as a signal or as a rejection, before its source is answered."""

import json

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.ids import decision_id
from shared.domain.signals import Rejected, SubscriptionValidation, TelemetryReceived
from shared.parsing import parse
from shared.ports import StoreUnavailableError
from shared.services.ingest import KEPT_BODY_MAX, KEPT_DELIVERY_MAX
from tests.unit.services.fakes import SUBJECT, World
from tests.unit.services.signals import DEVELOPMENT, ELSEWHERE, asked, heard, job, registered


def bad(index=0, reason="missing_field"):
    return Rejected(reason=reason, detail="data.modelName is missing", index=index)


async def test_a_new_signal_is_accepted_and_decided(world):
    receipt = await world.ingest.take("event_grid", b"{}", [registered()])
    assert (receipt.accepted, receipt.repeated, receipt.rejected, receipt.undecided) == (1, 0, 0, 0)
    assert (await world.store.signal("registered-7")).decided
    assert (await world.ledger())["registered-7"].verdict == "act"


async def test_a_second_delivery_decides_once_and_sends_once(world):
    await world.ingest.take("event_grid", b"{}", [registered()])
    sent = list(world.queue.sent)
    receipt = await world.ingest.take("event_grid", b"{}", [registered()])
    assert (receipt.accepted, receipt.repeated) == (0, 1)
    assert len(await world.store.decisions(None, 10)) == 1
    assert world.queue.sent == sent
    assert len(sent) == 2


async def test_the_same_signal_twice_in_one_batch_counts_once(world):
    receipt = await world.ingest.take("event_grid", b"{}", [registered(), registered()])
    assert (receipt.accepted, receipt.repeated) == (1, 1)


async def test_every_command_of_the_decision_is_queued_at_once(world):
    await world.ingest.take("event_grid", b"{}", [registered()])
    decision = await world.store.decision(decision_id("registered-7", SUBJECT))
    assert world.queue.ids == [command.id for command in decision.commands]
    assert all(sent.delay_seconds == 0.0 for sent in world.queue.sent)


async def test_a_rejection_is_kept_with_its_raw_body_and_its_reason(world):
    receipt = await world.ingest.take("event_grid", b"\xff{raw", [bad()])
    (row,) = await world.store.rejected(10)
    assert receipt.rejected == 1
    assert (row.body, row.reason, row.detail) == (b"\xff{raw", "missing_field", "data.modelName is missing")
    assert (row.channel, row.received_at, row.times) == ("event_grid", world.clock.now(), 1)


async def test_the_same_rejection_again_is_counted(world):
    for _ in range(3):
        await world.ingest.take("event_grid", b"raw", [bad()])
    (row,) = await world.store.rejected(10)
    assert row.times == 3


async def test_two_bad_elements_of_one_body_are_two_rejections(world):
    await world.ingest.take("event_grid", b"raw", [bad(0), bad(1)])
    assert len(await world.store.rejected(10)) == 2


async def test_of_an_oversized_body_a_mebibyte_is_kept(world):
    await world.ingest.take("event_grid", b"x" * (KEPT_BODY_MAX + 1), [bad(reason="oversized")])
    (row,) = await world.store.rejected(10)
    assert len(row.body) == KEPT_BODY_MAX


async def test_a_workspace_that_the_policy_does_not_name_is_rejected(world):
    receipt = await world.ingest.take("event_grid", b"raw", [registered(workspace=ELSEWHERE)])
    (row,) = await world.store.rejected(10)
    assert (receipt.rejected, receipt.accepted) == (1, 0)
    assert row.reason == "out_of_scope"
    assert ELSEWHERE in row.detail
    assert await world.store.signal("registered-7") is None
    assert await world.store.decisions(None, 10) == []


async def test_a_workload_that_the_policy_does_not_know_is_rejected(world):
    receipt = await world.ingest.tell(asked(workload="another"))
    (row,) = await world.store.rejected(10)
    assert receipt.rejected == 1
    assert "another" in row.detail


async def test_two_signals_out_of_scope_in_one_body_are_two_rejections(world):
    elements = [registered("1", workspace=ELSEWHERE), registered("2", workspace=f"{ELSEWHERE}-2")]
    await world.ingest.take("event_grid", b"raw", elements)
    details = {row.detail for row in await world.store.rejected(10)}
    assert len(details) == 2


async def test_the_neighbours_of_a_bad_element_are_handled(world):
    elements = [bad(0), job("a"), registered(workspace=ELSEWHERE), bad(3), job("b")]
    receipt = await world.ingest.take("event_grid", b"raw", elements)
    assert (receipt.accepted, receipt.rejected) == (2, 3)
    assert set(await world.ledger()) == {"job-a-Completed", "job-b-Completed"}


async def test_the_neighbours_of_a_signal_that_cannot_be_decided_are_handled(world):
    await world.damage_facts()
    receipt = await world.ingest.take("event_grid", b"raw", [registered("7"), registered("8", model="other")])
    assert (receipt.accepted, receipt.undecided) == (2, 1)
    assert set(await world.ledger()) == {"registered-8"}


async def test_a_handshake_is_handed_back_and_not_stored(world):
    asks = SubscriptionValidation(**heard("validation"), validation_code="code")
    receipt = await world.ingest.take("event_grid", b"{}", [asks, job()])
    assert receipt.validations == [asks]
    assert receipt.accepted == 1
    assert await world.store.signal("validation") is None


async def test_telemetry_is_none_of_its_business(world):
    telemetry = TelemetryReceived(**heard("telemetry"), rows_by_category={"model_inputs": 3})
    receipt = await world.ingest.take("event_hubs", b"{}", [telemetry])
    assert (receipt.accepted, receipt.rejected, receipt.repeated) == (0, 0, 0)


async def test_with_the_store_down_it_raises_so_that_the_source_sends_again(world, store):
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await world.ingest.take("event_grid", b"{}", [registered()])
    with pytest.raises(StoreUnavailableError):
        await world.ingest.take("event_grid", b"{}", [bad()])


async def test_a_redelivery_decides_what_a_crash_left_undecided(world):
    world.queue.down = True
    with pytest.raises(StoreUnavailableError):
        await world.ingest.take("event_grid", b"{}", [registered()])
    world.queue.down = False
    receipt = await world.ingest.take("event_grid", b"{}", [registered()])
    assert (receipt.repeated, receipt.undecided) == (1, 0)
    assert (await world.store.signal("registered-7")).decided


async def test_two_instances_that_hear_the_same_decide_once(tmp_path):
    stores = [SqliteStore(str(tmp_path / "outerloop.db")) for _ in range(2)]
    for store in stores:
        await store.open()
    first = World(stores[0])
    second = first.another(stores[1])
    receipts = [await each.ingest.take("event_grid", b"{}", [registered()]) for each in (first, second)]
    assert [receipt.accepted for receipt in receipts] == [1, 0]
    assert len(first.queue.sent) == 2
    for store in stores:
        await store.close()


async def test_what_the_wire_sends_is_taken_in_either_envelope_once(world):
    event = {
        "topic": DEVELOPMENT.upper(),
        "subject": "models/flight-delay:7",
        "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
        "eventTime": "2026-03-01T11:00:00Z",
        "id": "e-1",
        "data": {"ModelName": "flight-delay", "ModelVersion": 7, "ModelTags": {}, "ModelProperties": {}},
        "dataVersion": "1",
    }
    body = json.dumps([event]).encode()
    cloud = {"source": event["topic"], "type": event["eventType"], "time": event["eventTime"], "specversion": "1.0"}
    other = json.dumps({**cloud, "id": "e-1", "data": event["data"]}).encode()
    await world.ingest.take("event_grid", body, parse(body, "event_grid"))
    receipt = await world.ingest.take("event_grid", other, parse(other, "event_grid"))
    assert receipt.repeated == 1
    assert (await world.facts()).versions["7"].state == "staging"


async def test_a_large_body_of_many_bad_elements_is_not_kept_for_each_of_them(world):
    body = b"x" * KEPT_BODY_MAX
    await world.ingest.take("event_grid", body, [bad(index) for index in range(20)])
    rows = await world.store.rejected(100)
    assert len(rows) == 20
    assert sum(len(row.body) for row in rows) == KEPT_DELIVERY_MAX
    assert all("first rejections" in row.detail for row in rows if not row.body)


async def test_two_bodies_that_differ_at_their_end_are_two_rejections(world):
    for end in (b"a", b"b"):
        await world.ingest.take("event_grid", b"x" * 60_000 + end, [bad()])
    assert {row.body[-1:] for row in await world.store.rejected(10)} == {b"a", b"b"}
