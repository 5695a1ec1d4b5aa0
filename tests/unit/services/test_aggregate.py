"""Telemetry is counted once however often it is delivered, and windows are told of once."""

from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Failed
from shared.ports import ConflictError, StoreUnavailableError
from shared.services.aggregate import TRAFFIC_KEPT_FOR, TRIES_MAX
from shared.services.intake import KEPT_REFUSALS_MAX
from shared.telemetry.encoding import decode_delta
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import serving
from tests.unit.services.telemetry_messages import TAGS, ref, request, rows, traffic

HUB = "telemetry/0"
DAY = 86_400.0
NEXT_MONTH = 35 * DAY  # past the end of March and the policy's lateness


async def served(world, deployment="version-2", since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=1)):
    samples = await world.aggregator.traffic_since([ref(deployment)], since, until)
    return samples[deployment].requests


async def profiled(world, *deployments):
    for deployment in deployments or ("version-2",):
        await world.aggregator.save_profile(world.policies.environments.production, deployment, TAGS)


async def state_of(world):
    """Everything that windows hold, byte for byte."""
    while await world.aggregator.fold():
        pass
    return {name: stored.value for name, stored in (await world.store.windows("")).items()}


# Taking


async def test_messages_are_counted(world):
    assert await world.aggregator.take(HUB, [(0, traffic()), (1, traffic(request(), request()))]) == 2
    assert await served(world) == 3


async def test_redelivered_sequence_numbers_count_once(world):
    batch = [(number, traffic()) for number in range(3)]
    assert await world.aggregator.take(HUB, batch) == 3
    assert await world.aggregator.take(HUB, batch) == 0
    assert await served(world) == 3


async def test_of_a_batch_that_overlaps_only_what_is_new_counts(world):
    await world.aggregator.take(HUB, [(number, traffic()) for number in range(3)])
    assert await world.aggregator.take(HUB, [(number, traffic()) for number in range(1, 5)]) == 2
    assert await served(world) == 5


async def test_redelivery_after_the_fold_counts_once_too(world):
    await world.aggregator.take(HUB, [(0, traffic())])
    await world.aggregator.fold()
    await world.aggregator.take(HUB, [(0, traffic())])
    assert await served(world) == 1


async def test_partitions_have_their_own_sequence_numbers(world):
    for partition in ("telemetry/0", "telemetry/1"):
        await world.aggregator.take(partition, [(0, traffic()), (1, traffic())])
    assert await served(world) == 4


async def test_partitions_and_batches_may_come_in_any_shape(world, tmp_path):
    await profiled(world)
    messages = [traffic(request(n)) if n % 2 else rows(3, n) for n in range(12)]
    await world.aggregator.take("a", list(enumerate(messages)))
    other = World(SqliteStore(str(tmp_path / "other.db")))
    await other.store.open()
    await profiled(other)
    for number, message in enumerate(messages):
        await other.aggregator.take(f"p{number % 3}", [(number, message)])
        if number % 4 == 0:
            await other.aggregator.fold()
    both = [await _counts(each) for each in (world, other)]
    assert both[0] == both[1]
    await other.store.close()


async def _counts(world):
    await state_of(world)
    (sample,) = (await world.aggregator.traffic_since([ref()], NOON - timedelta(1), NOON + timedelta(1))).values()
    world.clock.at = NOON + timedelta(seconds=NEXT_MONTH)
    await world.aggregator.take("last", [(0, rows(1, NEXT_MONTH))])
    await world.aggregator.fold()
    ((closed, _),) = await world.aggregator.closed_windows()
    return sample, closed


async def test_with_the_store_down_a_batch_raises_and_counts_when_it_comes_again(tmp_path):
    store = SqliteStore(str(tmp_path / "outerloop.db"))
    world = World(store)
    with pytest.raises(StoreUnavailableError):
        await world.aggregator.take(HUB, [(0, traffic())])
    await store.open()
    assert await world.aggregator.take(HUB, [(0, traffic())]) == 1
    assert await served(world) == 1
    await store.close()


class TwoOwners(SqliteStore):
    """The embedded store while another instance takes the same messages just before us, so many times."""

    rivals = 1

    async def append_delta(self, delta, cursor_etag):
        if self.rivals:
            self.rivals -= 1
            rival = type(delta)(delta.partition, delta.through_sequence_number - self.rivals, delta.body)
            await super().append_delta(rival, cursor_etag)
        await super().append_delta(delta, cursor_etag)


@pytest.fixture
async def contested():
    store = TwoOwners(":memory:")
    await store.open()
    yield World(store)
    await store.close()


async def test_of_two_owners_of_a_partition_one_counts(contested):
    assert await contested.aggregator.take(HUB, [(0, traffic())]) == 0
    assert await served(contested) == 1


async def test_when_others_keep_winning_the_batch_has_to_come_again(contested):
    contested.store.rivals = TRIES_MAX
    with pytest.raises(ConflictError):
        await contested.aggregator.take(HUB, [(100, traffic())])


async def test_whatever_is_in_a_message_the_batch_is_taken(world):
    bodies = [b"", b"\xff\x00", b"{", b"null", b"[1]", b'{"records": 5}', b'{"records": [null, {"category": 1}]}']
    assert await world.aggregator.take(HUB, [*enumerate(bodies), (99, traffic())]) == len(bodies) + 1
    assert await served(world) == 1


# Refused


async def test_a_refused_row_is_kept_with_its_message_and_its_reason(world):
    await world.aggregator.take(HUB, [(0, b"{broken")])
    (kept,) = await world.store.rejected(10)
    assert (kept.channel, kept.body, kept.received_at) == ("event_hubs", b"{broken", NOON)
    assert kept.reason == "malformed_json"


async def test_of_each_reason_a_hundred_a_minute_are_kept(world):
    batch = [(number, b"{broken %d" % number) for number in range(KEPT_REFUSALS_MAX + 20)]
    await world.aggregator.take(HUB, batch)
    assert len(await world.store.rejected(1000)) == KEPT_REFUSALS_MAX
    await world.aggregator.take(HUB, [(500, b'"another reason"')])
    assert len(await world.store.rejected(1000)) == KEPT_REFUSALS_MAX + 1


async def test_the_next_minute_keeps_a_hundred_more(world):
    for minute in range(2):
        batch = [(minute * 1000 + number, b"{broken %d %d" % (minute, number)) for number in range(120)]
        await world.aggregator.take(HUB, batch)
        world.clock.pass_seconds(60)
    assert len(await world.store.rejected(1000)) == 2 * KEPT_REFUSALS_MAX


async def test_the_neighbours_of_a_refused_record_count(world):
    await world.aggregator.take(HUB, [(0, traffic(request(), {"category": "AmlOnlineEndpointTrafficLog"}, request()))])
    assert await served(world) == 2
    assert len(await world.store.rejected(10)) == 1


async def test_a_producer_whose_clock_is_ahead_does_not_move_the_watermark(world):
    await profiled(world)
    await world.aggregator.take(HUB, [(0, rows(5)), (1, rows(5, seconds=2 * NEXT_MONTH))])
    await world.aggregator.fold()
    assert await world.aggregator.closed_windows() == []


# Profiles


async def test_rows_without_a_profile_are_set_aside(world):
    await world.aggregator.take(HUB, [(0, rows(7)), (1, traffic())])
    (stored,) = await world.store.deltas(10)
    assert decode_delta(stored.body).aside == {ref().key: 7}
    assert await world.aggregator.fold() == 1
    assert await world.store.windows("data/") == {}


async def test_rows_count_as_soon_as_there_is_a_profile(world):
    await world.aggregator.take(HUB, [(0, rows(7))])
    await profiled(world)
    await world.aggregator.take(HUB, [(1, rows(5))])
    await world.aggregator.fold()
    assert len(await world.store.windows("data/")) == 1


async def test_rows_of_an_endpoint_that_no_rule_watches_are_set_aside(world):
    await profiled(world)
    world.policies.change("endpoint: flight-delay\n", "endpoint: another\n")
    await world.aggregator.take(HUB, [(0, rows(7))])
    (stored,) = await world.store.deltas(10)
    assert decode_delta(stored.body).aside == {ref().key: 7}


async def test_a_profile_that_cannot_be_used_says_why(world):
    broken = {**TAGS, "outerloop.reference.distance": '{"kind": "numeric", "edges": [2.0, 1.0], "counts": [1, 1, 1]}'}
    outcome = await world.aggregator.save_profile(world.policies.environments.production, "version-2", broken)
    assert isinstance(outcome, Failed)
    assert "distance" in outcome.reason
    assert await world.store.documents("profiles/") == {}


async def test_a_profile_may_be_saved_again(world):
    await profiled(world)
    await profiled(world)
    assert len(await world.store.documents("profiles/")) == 1


class Overtaken(SqliteStore):
    """The embedded store of an instance that always comes second."""

    async def save_document(self, name, body, etag):  # noqa: ARG002
        raise ConflictError(name)


async def test_a_profile_written_at_the_same_time_is_tried_again():
    store = Overtaken(":memory:")
    await store.open()
    world = World(store)
    outcome = await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    assert outcome.retryable
    await store.close()


# Folding and closing


async def test_folding_twice_adds_nothing(world):
    await world.aggregator.take(HUB, [(0, traffic())])
    assert await world.aggregator.fold() == 1
    before = await state_of(world)
    assert await world.aggregator.fold() == 0
    assert await state_of(world) == before


class FoldedMeanwhile(SqliteStore):
    """The embedded store while another instance folds the same deltas just before us."""

    async def save_fold(self, windows, folded):
        await super().save_fold(windows, folded)
        await super().save_fold(windows, folded)


async def test_of_two_that_fold_the_same_one_counts():
    store = FoldedMeanwhile(":memory:")
    await store.open()
    world = World(store)
    await world.aggregator.take(HUB, [(0, traffic())])
    assert await world.aggregator.fold() == 0
    assert await served(world) == 1
    await store.close()


async def test_a_window_closes_when_the_watermark_has_passed_its_end_and_the_lateness(world):
    await profiled(world)
    world.clock.at = NOON + timedelta(seconds=NEXT_MONTH)
    await world.aggregator.take(HUB, [(0, rows(5)), (1, rows(1, seconds=31 * DAY))])
    await world.aggregator.fold()
    assert await world.aggregator.closed_windows() == []
    await world.aggregator.take(HUB, [(2, rows(1, seconds=NEXT_MONTH))])
    await world.aggregator.fold()
    ((closed, _),) = await world.aggregator.closed_windows()
    assert (closed.deployment, closed.window, closed.rows) == ("version-2", "1mo", 5)
    assert closed.start == NOON.replace(day=1, hour=0)


async def test_time_alone_closes_no_window(world):
    await profiled(world)
    await world.aggregator.take(HUB, [(0, rows(5))])
    world.clock.at += timedelta(days=400)
    await world.aggregator.fold()
    assert await world.aggregator.closed_windows() == []


async def test_the_watermark_of_one_deployment_closes_no_window_of_another(world):
    await profiled(world, "version-1", "version-2")
    world.clock.at = NOON + timedelta(seconds=NEXT_MONTH)
    await world.aggregator.take(HUB, [(0, rows(5)), (1, rows(1, NEXT_MONTH, deployment="version-1"))])
    await world.aggregator.fold()
    assert await world.aggregator.closed_windows() == []


async def test_a_watermark_never_goes_back(world):
    await profiled(world)
    world.clock.at = NOON + timedelta(seconds=NEXT_MONTH)
    for number, seconds in enumerate((0, NEXT_MONTH, 1)):
        await world.aggregator.take(HUB, [(number, rows(5, seconds))])
        await world.aggregator.fold()
    assert len(await world.aggregator.closed_windows()) == 1


async def closing(world):
    """A window of the champion that is about to close."""
    await world.order(facts=serving("2"))
    await profiled(world)
    world.clock.at = NOON + timedelta(seconds=NEXT_MONTH)
    await world.aggregator.take(HUB, [(0, rows(5)), (1, rows(1, seconds=NEXT_MONTH))])


async def test_a_closed_window_is_told_and_decided_once(world):
    await closing(world)
    assert [(await world.sweeper.run()).closed for _ in range(3)] == [1, 0, 0]
    by_rule = {seen.rule: (seen.verdict, seen.rows) for seen in (await world.facts()).windows["2"]}
    assert by_rule == dict.fromkeys(("data_drift", "prediction_drift", "data_quality"), ("no_data", 5))
    kinds = [decision.cause_kind for decision in await world.store.decisions(SUBJECT, 10)]
    assert kinds.count("WindowClosed") == 1


async def test_a_crash_before_the_mark_tells_it_again_but_decides_it_once(world):
    await closing(world)
    await world.aggregator.fold()
    ((signal, _),) = await world.aggregator.closed_windows()
    await world.ingest.tell(signal)
    assert (await world.sweeper.run()).closed == 1
    kinds = [decision.cause_kind for decision in await world.store.decisions(SUBJECT, 10)]
    assert kinds.count("WindowClosed") == 1
    assert await world.aggregator.closed_windows() == []


async def test_rows_that_come_too_late_do_not_open_the_window_again(world):
    await closing(world)
    await world.sweeper.run()
    await world.aggregator.take(HUB, [(2, rows(50, seconds=60))])
    assert (await world.sweeper.run()).closed == 0


async def test_marking_a_window_that_is_not_there_does_nothing(world):
    await world.aggregator.mark_told("data/none")
    assert await world.store.windows("") == {}


# Traffic for a decision


async def test_traffic_before_the_step_does_not_count(world):
    requests = [request(seconds) for seconds in (-90, -30, 30, 90)]
    await world.aggregator.take(HUB, [(0, traffic(*requests))])
    assert await served(world, since=NOON) == 2


async def test_the_minute_in_which_the_step_began_counts_for_nobody(world):
    both = [request(seconds, deployment) for seconds in (20, 70) for deployment in ("version-1", "version-2")]
    await world.aggregator.take(HUB, [(0, traffic(*both))])
    since = NOON + timedelta(seconds=15)
    samples = await world.aggregator.traffic_since([ref("version-1"), ref("version-2")], since, NOON + timedelta(1))
    assert {name: sample.requests for name, sample in samples.items()} == {"version-1": 1, "version-2": 1}


async def test_what_waits_to_be_folded_counts_too(world):
    for number in range(3):
        await world.aggregator.take(HUB, [(number, traffic())])
    assert await served(world) == 3


async def test_failures_and_latencies_are_told(world):
    slow = [request(status=500, duration_ms=800), *[request(duration_ms=20)] * 9]
    await world.aggregator.take(HUB, [(0, traffic(*slow))])
    (sample,) = (await world.aggregator.traffic_since([ref()], NOON, NOON + timedelta(1))).values()
    assert (sample.requests, sample.failed) == (10, 1)
    assert sample.latency_p95_ms == pytest.approx(800, rel=0.1)


async def test_a_deployment_that_served_nothing_has_an_empty_sample(world):
    samples = await world.aggregator.traffic_since([ref("version-9")], NOON, NOON + timedelta(1))
    assert samples["version-9"].requests == TrafficSample().requests == 0


async def test_traffic_is_forgotten_after_a_week_and_not_before(world):
    await world.aggregator.take(HUB, [(0, traffic(request(0), request(1800)))])
    await world.aggregator.fold()
    world.clock.at = NOON + TRAFFIC_KEPT_FOR
    assert await world.aggregator.forget_old_traffic() == 0
    world.clock.pass_seconds(60)
    assert await world.aggregator.forget_old_traffic() == 1
    assert sorted(name.split("/")[-2] for name in await world.store.windows("traffic/")) == ["1m", "1mo"]


TWO_RULES = """    monitoring:
      - {when: data_drift, window: 1d, above: 0.4, share_of_features: 0.5, then: notify}
"""


async def test_each_rule_has_windows_of_its_own_length(world):
    world.policies.change("    monitoring:\n", TWO_RULES)
    await profiled(world)
    world.clock.at = NOON + timedelta(seconds=NEXT_MONTH)
    await world.aggregator.take(HUB, [(0, rows(5)), (1, traffic()), (2, rows(1, seconds=NEXT_MONTH))])
    await world.aggregator.fold()
    closed = [signal for signal, _ in await world.aggregator.closed_windows()]
    assert sorted((signal.window, signal.rows) for signal in closed) == [("1d", 5), ("1mo", 5)]
    assert await served(world) == 1
