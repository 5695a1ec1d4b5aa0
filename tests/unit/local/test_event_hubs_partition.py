"""The log of one partition: order, bounds, where receivers start, and who may read."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from local.azure.event_hubs.codec import CodecError
from local.azure.event_hubs.messages import event
from local.azure.event_hubs.namespace import Namespace, UnknownEntityError
from local.azure.event_hubs.partition import Partition, SelectorError, StolenError


@dataclass
class Clock:
    now_ms: int = 1_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass(eq=False)
class Recorder:
    """A reader that notes what it is told."""

    group: str = "$default"
    epoch: int | None = None
    pumps: int = 0
    evictions: list[str] = field(default_factory=list)

    def pump(self) -> None:
        self.pumps += 1

    def evict(self, reason: str) -> None:
        self.evictions.append(reason)


def partition_of(*bodies: bytes, retention_events_max: int = 100) -> Partition:
    """One event a second, from second 1 on."""
    clock = Clock()
    partition = Partition(clock, retention_events_max)
    for body in bodies:
        partition.append([event(body, {})], None)
        clock.now_ms += 1_000
    return partition


def selector(name: str, operator: str, value: object) -> str:
    return f"amqp.annotation.x-opt-{name} {operator} '{value}'"


def test_events_are_numbered_in_order_of_arrival():
    partition = partition_of(b"a", b"b", b"c")

    assert [(entry.sequence_number, entry.body) for entry in partition.entries] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert [entry.stamp.enqueued_at_ms for entry in partition.entries] == [1_000, 2_000, 3_000]


def test_offsets_grow_with_the_bytes_stored():
    partition = partition_of(b"a", b"bb", b"c")
    offsets = [entry.stamp.offset for entry in partition.entries]

    assert offsets == [0, len(event(b"a", {})), len(event(b"a", {})) + len(event(b"bb", {}))]


def test_the_oldest_events_are_forgotten_beyond_the_retention():
    partition = partition_of(b"a", b"b", b"c", retention_events_max=2)

    assert [(entry.sequence_number, entry.body) for entry in partition.entries] == [(1, b"b"), (2, b"c")]
    assert partition.first_sequence_number == 1


def test_a_reader_that_fell_behind_goes_on_with_the_oldest_event():
    partition = partition_of(b"a", b"b", b"c", retention_events_max=2)
    entry = partition.read(0)

    assert entry is not None
    assert entry.body == b"b"


def test_there_is_nothing_to_read_at_the_end():
    assert partition_of(b"a").read(1) is None
    assert partition_of().read(0) is None


@pytest.mark.parametrize(
    ("filter_text", "start"),
    [
        (None, 0),
        (selector("offset", ">", "-1"), 0),
        (selector("offset", ">", "@latest"), 3),
        (selector("offset", ">", 0), 1),
        (selector("offset", ">=", 0), 0),
        (selector("sequence-number", ">", 0), 1),
        (selector("sequence-number", ">=", 1), 1),
        (selector("sequence-number", ">", 99), 3),
        (selector("enqueued-time", ">", 1_999), 1),
        (selector("enqueued-time", ">", 2_000), 2),
        (selector("enqueued-time", ">=", 2_000), 1),
    ],
)
def test_a_receiver_starts_where_its_filter_says(filter_text, start):
    assert partition_of(b"a", b"b", b"c").start(filter_text) == start


def test_the_start_of_a_shortened_log_is_its_oldest_event():
    partition = partition_of(b"a", b"b", b"c", retention_events_max=2)

    assert partition.start(selector("offset", ">", "-1")) == 1
    assert partition.start(None) == 1


@pytest.mark.parametrize(
    "text",
    ["", "1 = 1", selector("colour", ">", 1), selector("offset", "<", 1), selector("offset", ">", "x")],
)
def test_an_unknown_filter_is_refused(text):
    with pytest.raises(SelectorError):
        partition_of().start(text)


def test_readers_are_told_at_once_of_every_append():
    partition, reader = partition_of(), Recorder()
    partition.join(reader)

    partition.append([event(b"a", {}), event(b"b", {})], "key")

    assert reader.pumps == 1
    assert [entry.partition_key for entry in partition.entries] == ["key", "key"]


def test_a_reader_that_left_is_told_nothing():
    partition, reader = partition_of(), Recorder()
    partition.join(reader)
    partition.leave(reader)
    partition.leave(reader)

    partition.append([event(b"a", {})], None)

    assert reader.pumps == 0


def test_a_batch_with_a_broken_event_is_stored_not_at_all():
    partition = partition_of()

    with pytest.raises(CodecError):
        partition.append([event(b"a", {}), b"\xff"], None)

    assert partition.entries == ()
    assert partition.first_sequence_number == 0


@pytest.mark.parametrize(("held", "asked"), [(None, 0), (1, 1), (1, 2)])
def test_an_epoch_takes_over_from_no_lower_or_equal_epoch(held, asked):
    partition, old, new = partition_of(), Recorder(epoch=held), Recorder(epoch=asked)
    partition.join(old)

    partition.join(new)
    partition.append([event(b"a", {})], None)

    assert len(old.evictions) == 1
    assert (old.pumps, new.pumps) == (0, 1)


@pytest.mark.parametrize(("held", "asked"), [(0, None), (2, 1)])
def test_no_epoch_or_a_lower_one_is_refused(held, asked):
    partition, old = partition_of(), Recorder(epoch=held)
    partition.join(old)

    with pytest.raises(StolenError):
        partition.join(Recorder(epoch=asked))

    assert old.evictions == []


def test_consumer_groups_do_not_compete():
    partition, old = partition_of(), Recorder(epoch=5)
    partition.join(old)

    partition.join(Recorder(group="other"))

    assert old.evictions == []


def test_readers_without_epochs_share_a_partition():
    partition, first, second = partition_of(), Recorder(), Recorder()
    partition.join(first)
    partition.join(second)

    partition.append([event(b"a", {})], None)

    assert (first.pumps, second.pumps) == (1, 1)


def test_events_without_a_key_take_turns_and_a_key_stays_in_its_partition():
    hub = Namespace({"hub": 3}, Clock(), 100).hub("hub")
    for _ in range(6):
        hub.append([event(b"turn", {})], None)
    for _ in range(6):
        hub.append([event(b"key", {})], "device-7")

    turns = [[e.body for e in partition.entries if e.partition_key is None] for partition in hub.partitions]
    keyed = [[e.body for e in partition.entries if e.partition_key] for partition in hub.partitions]
    assert turns == [[b"turn"] * 2] * 3
    assert sorted(map(len, keyed)) == [0, 0, 6]


@pytest.mark.parametrize("partition_id", ["3", "-1", "x", "", "01"])
def test_an_unknown_partition_is_refused(partition_id):
    with pytest.raises(UnknownEntityError):
        Namespace({"hub": 3}, Clock(), 100).hub("hub").partition(partition_id)
