"""What could not be taken is taken again under today's policy, leaves the list when it is safe, and never counts twice."""

import json
from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.records import RejectedRow
from shared.domain.values import replace
from shared.parsing import parse, parse_platform
from shared.parsing.policy_file import read_policy
from shared.ports import StoreUnavailableError
from shared.services.ingest import KEPT_BODY_MAX
from shared.services.redrive import Wanted
from tests.unit.services.fakes import EXAMPLE, NOON, SUBJECT, ProcessDied, World, _loaded
from tests.unit.services.signals import DEVELOPMENT, notify
from tests.unit.services.telemetry_messages import ref, request, traffic

TYPE = "Microsoft.MachineLearningServices.ModelRegistered"
MOVED = "workspaces/moved"


def event(version="7", topic=DEVELOPMENT, **changes):
    data = {"ModelName": "flight-delay", "ModelVersion": version, "ModelTags": {}, "ModelProperties": {}}
    return {
        "topic": topic,
        "subject": f"models/flight-delay:{version}",
        "eventType": TYPE,
        "eventTime": "2026-03-01T11:00:00Z",
        "id": f"e-{version}",
        "data": data,
        "dataVersion": "1",
    } | changes


def workspace_named_elsewhere(world):
    """The policy names another development workspace, and so not that of the events."""
    text = (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")
    name = DEVELOPMENT.rpartition("/")[2]
    assert name in text.lower()
    moved = text.replace(f"workspaces/{name}", MOVED)
    assert moved != text
    before = world.policies.loaded
    world.policies.loaded = _loaded(read_policy("policy.yaml", moved))
    return before


async def deliver(world, *events):
    body = json.dumps(list(events)).encode()
    await world.ingest.take("event_grid", body, parse(body, "event_grid"))


async def listed(world):
    return await world.store.rejected(100)


async def out_of_scope(world, *events):
    """Events that came before the policy named their workspace; now it does."""
    now_named = workspace_named_elsewhere(world)
    await deliver(world, *(events or (event(),)))
    world.policies.loaded = now_named


async def only(world):
    (row,) = await listed(world)
    return await world.redriver.one(row.id)


def became(redriven):
    return [element.became for element in redriven.elements]


# One


async def test_what_the_policy_did_not_name_then_is_taken_now_and_leaves_the_list(world):
    await out_of_scope(world)
    (row,) = await listed(world)
    redriven = await world.redriver.one(row.id)
    assert (became(redriven), redriven.taken) == (["accepted"], True)
    assert await listed(world) == []
    assert (await world.facts()).versions["7"].state == "staging"
    assert (await world.store.rejection(row.id)).redriven_at == NOON


async def test_a_second_time_is_told_and_decides_nothing_more(world):
    await out_of_scope(world)
    (row,) = await listed(world)
    await world.redriver.one(row.id)
    again = await world.redriver.one(row.id)
    assert (became(again), again.taken) == (["repeated"], True)
    assert len(await world.store.decisions(None, 10)) == 1


async def test_what_came_by_itself_meanwhile_is_a_repeat_and_leaves_the_list(world):
    await out_of_scope(world)
    await deliver(world, event())
    redriven = await only(world)
    assert (became(redriven), redriven.taken) == (["repeated"], True)
    assert len(await world.store.decisions(None, 10)) == 1
    assert await listed(world) == []


async def test_what_is_still_refused_stays_as_it_was_and_counts_no_more(world):
    await deliver(world, event(eventType="Something.Else"))
    before = await listed(world)
    redriven = await only(world)
    assert (became(redriven), redriven.taken) == (["rejected"], False)
    assert "unknown_event_type" in redriven.elements[0].says
    assert await listed(world) == before


async def test_each_element_of_a_body_has_its_own_outcome_and_only_its_own_rejection_leaves(world):
    await out_of_scope(world, event("6"), event("7", eventType="Something.Else"), event("8"))
    assert len(await listed(world)) == 3
    redriven = await world.redriver.every(Wanted(reason="out_of_scope"))
    assert [(became(one), one.taken) for one in redriven] == [
        (["accepted", "rejected", "accepted"], True),
        (["repeated", "rejected", "repeated"], True),
    ]
    assert [row.reason for row in await listed(world)] == ["unknown_event_type"]


async def test_the_neighbours_that_were_taken_then_are_repeats(world):
    await deliver(world, event("6"), event("7", eventType="Something.Else"))
    redriven = await only(world)
    assert (became(redriven), redriven.taken) == (["repeated", "rejected"], False)
    assert len(await world.store.decisions(None, 10)) == 1


async def test_an_id_that_nothing_has_is_none(world):
    assert await world.redriver.one("nobody") is None


@pytest.mark.parametrize(("body", "why"), [(b"", "no body"), (b"x" * KEPT_BODY_MAX, "only the beginning")])
async def test_without_its_whole_body_nothing_can_be_tried(world, body, why):
    await world.store.add_rejected(
        RejectedRow(id="r", channel="event_grid", reason="oversized", detail="", received_at=NOON, body=body, index=3)
    )
    redriven = await only(world)
    assert (became(redriven), redriven.taken, why in redriven.elements[0].says) == (["impossible"], False, True)
    assert len(await listed(world)) == 1


async def test_a_handshake_is_not_taken(world):
    asks = event(eventType="Microsoft.EventGrid.SubscriptionValidationEvent", data={"validationCode": "c"})
    row = RejectedRow(
        id="r", channel="event_grid", reason="x", detail="", received_at=NOON, body=json.dumps([asks]).encode()
    )
    await world.store.add_rejected(row)
    assert (await only(world)).taken is False


async def test_it_is_read_by_the_channel_that_it_came_by_whatever_it_looks_like(world):
    body = json.dumps([event()]).encode()
    row = RejectedRow(id="r", channel="monitor_alerts", reason="x", detail="", received_at=NOON, body=body)
    await world.store.add_rejected(row)
    assert became(await only(world)) == ["rejected"]


# Many


async def test_many_are_tried_in_the_order_in_which_they_were_heard(world):
    before = workspace_named_elsewhere(world)
    for version in ("5", "6", "7"):
        await deliver(world, event(version))
        world.clock.pass_seconds(60)
    world.policies.loaded = before
    redriven = await world.redriver.every(Wanted())
    assert [one.elements[0].says.split()[0] for one in redriven] == ["ModelRegistered"] * 3
    assert [row.signal.model_version for row in await _signals(world)] == ["5", "6", "7"]
    assert await listed(world) == []


async def _signals(world):
    causes = [decision.cause for decision in await world.store.decisions(SUBJECT, 10)]
    return [await world.store.signal(cause) for cause in causes]


async def test_only_those_of_a_reason_a_channel_or_a_time_are_tried(world):
    for minute in range(4):
        row = RejectedRow(
            id=f"r-{minute}",
            channel="event_grid" if minute % 2 else "security",
            reason="missing_field" if minute < 2 else "out_of_scope",
            detail="",
            received_at=NOON + timedelta(minutes=minute),
            body=b"{}",
        )
        await world.store.add_rejected(row)

    async def tried(**wanted):
        return [one.id for one in await world.redriver.every(Wanted(**wanted))]

    assert await tried(reason="missing_field") == ["r-0", "r-1"]
    assert await tried(channel="security") == ["r-0", "r-2"]
    assert await tried(since=NOON + timedelta(minutes=2)) == ["r-2", "r-3"]
    assert await tried(reason="missing_field", since=NOON + timedelta(minutes=1)) == ["r-1"]
    assert [one.id for one in await world.redriver.every(Wanted(), limit=3)] == ["r-1", "r-2", "r-3"]


async def test_a_list_longer_than_a_page_is_gone_through_to_its_end(world):
    for number in range(120):
        row = RejectedRow(
            id=f"r-{number}", channel="event_grid", reason="x", detail="", received_at=NOON, body=b"%d" % number
        )
        await world.store.add_rejected(row)
    tried = await world.redriver.every(Wanted())
    assert len({one.id for one in tried}) == 120


# Crashes


class DiesBeforeTheMark(SqliteStore):
    """The embedded store of a process that dies when the signal is stored and the rejection not yet marked."""

    async def mark_redriven(self, row_id, at):  # noqa: ARG002
        raise ProcessDied


async def test_a_crash_before_the_mark_loses_nothing_and_a_repeat_decides_nothing_twice(tmp_path):
    path = str(tmp_path / "outerloop.db")
    dying, heir = DiesBeforeTheMark(path), SqliteStore(path)
    await dying.open()
    await heir.open()
    first = World(dying)
    await out_of_scope(first)
    with pytest.raises(ProcessDied):
        await only(first)
    second = first.another(heir)
    redriven = await only(second)
    assert (became(redriven), redriven.taken) == (["repeated"], True)
    assert len(await heir.decisions(None, 10)) == 1
    for store in (dying, heir):
        await store.close()


async def test_with_the_store_down_it_raises(world, store):
    await out_of_scope(world)
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await world.redriver.every(Wanted())


# Telemetry


async def refused_then(world, body, **changes):
    """A message of telemetry that could not be read then, and can be read now."""
    row = RejectedRow(
        id="r", channel="event_hubs", reason="missing_field", detail="", received_at=NOON, body=body, whole=True
    )
    await world.store.add_rejected(replace(row, **changes))


async def served(world):
    deployment = ref()
    samples = await world.aggregator.traffic_since([deployment], NOON - timedelta(1), NOON + timedelta(1))
    return samples[deployment.deployment].requests


async def test_telemetry_is_counted_once_however_often_it_is_redriven(world):
    await refused_then(world, traffic(request(), request()))
    assert became(await only(world)) == ["accepted"]
    assert await served(world) == 2
    await refused_then(world, traffic(request(), request()))  # the same message, refused again somewhere else
    assert became(await only(world)) == ["repeated"]
    assert await served(world) == 2
    assert await listed(world) == []


async def test_a_message_of_which_other_rows_were_counted_is_not_counted_again(world):
    await world.aggregator.take("telemetry/0", [(0, traffic(request(), {"category": "AmlOnlineEndpointTrafficLog"}))])
    (row,) = await listed(world)
    assert row.whole is False
    await refused_then(world, traffic(request()), whole=False)
    redriven = await world.redriver.one("r")
    assert (became(redriven), "count twice" in redriven.elements[0].says) == (["impossible"], True)
    assert await served(world) == 1


async def test_a_message_that_was_refused_whole_is_known_as_such(world):
    await world.aggregator.take("telemetry/0", [(0, b"{broken")])
    (row,) = await listed(world)
    assert row.whole is True
    assert became(await world.redriver.one(row.id)) == ["rejected"]
    assert len(await listed(world)) == 1


async def test_telemetry_that_came_by_the_wrong_hub_is_counted(world):
    body = traffic(request())
    await world.ingest.take("event_hubs", body, parse_platform(body)[1])
    assert became(await only(world)) == ["accepted"]
    assert await served(world) == 1


# Messages of the command queue


def about(command_id):
    return json.dumps({"subject": SUBJECT, "command_id": command_id}).encode()


async def of_the_queue(world, body):
    row = RejectedRow(id="r", channel="command_queue", reason="out_of_scope", detail="", received_at=NOON, body=body)
    await world.store.add_rejected(row)
    return await only(world)


async def test_a_queue_message_queues_its_command_again(world):
    await world.order(notify())
    redriven = await of_the_queue(world, about(notify().id))
    assert (became(redriven), redriven.taken) == (["accepted"], True)
    assert world.queue.ids == [notify().id]


async def test_a_queue_message_about_a_finished_command_does_nothing(world):
    await world.order(notify())
    await world.run(notify())
    assert became(await of_the_queue(world, about(notify().id))) == ["repeated"]
    assert world.queue.ids == []


@pytest.mark.parametrize("body", [about("nobody"), b"{", b"\xff"])
async def test_a_queue_message_about_nothing_stays(world, body):
    redriven = await of_the_queue(world, body)
    assert (became(redriven), redriven.taken) == (["rejected"], False)
    assert len(await listed(world)) == 1
