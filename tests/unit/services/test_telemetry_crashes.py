"""Wherever a process dies while it counts and tells, the next one tells exactly what an undisturbed one would have told."""

import json
from datetime import timedelta

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.telemetry_signals import TelemetrySignal
from shared.domain.values import encode
from tests.unit.services.fakes import NOON, ProcessDied, World
from tests.unit.services.signals import serving
from tests.unit.services.telemetry_messages import ENDPOINT, TAGS, at, request, traffic

HOUR, DAY = 3600.0, 86_400.0
RULES = (
    "{when: model_performance, metric: auc, window: 1d, below: 0.6, labels_within: 2d, min_pairs: 5, then: notify}",
    "{when: data_quality, window: 1d, nulls_above: 0.5, min_rows: 1, then: notify}",
    "{when: telemetry_absent, for: 6h}",
)
STEP = 3  # every write was tried once; a third of them shows what is broken later
GUESSES, LABELS = [0.9, 0.8, 0.2, 0.4, 0.6, 0.1], [1, 1, 0, 0, 1, 0]


def event(collection, cid, seconds, *rows):
    body = {
        "source": f"{ENDPOINT}/deployments/version-2",
        "type": f"azureml.inference.{collection}",
        "time": at(seconds),
        "data": list(rows),
        "correlationid": cid,
    }
    return json.dumps(body).encode()


def scored(cid, day):
    """What one prediction of six rows leaves in the hub."""
    seconds = day * DAY
    return [
        event("model_inputs", cid, seconds, *({"distance": number / 2} for number in range(6))),
        event("model_outputs", cid, seconds, *({"prediction": value} for value in GUESSES)),
        event("ground_truth", cid, seconds + DAY, *({"label": value} for value in LABELS)),
        traffic(request(seconds)),
    ]


# When (in days), and what comes in from the hub then; in between the deployment is silent for long.
STORY = [
    (0.0, scored("a", 0.0)),
    (0.1, []),
    (0.5, []),
    (3.0, scored("b", 2.9)),
    (3.01, scored("late", 0.1)),
    (4.0, []),
    (6.0, scored("c", 5.9)),
    (7.0, []),
    (8.0, []),
    (9.0, scored("later", 0.2)),
    (12.0, []),
    (12.5, []),
    (15.0, []),
]


class Mortal(SqliteStore):
    """The embedded store of a process that dies at one of its writes of telemetry: just before it, or just after."""

    def __init__(self, path, fatal, after):
        super().__init__(path)
        self.fatal, self.after, self.writes = fatal, after, 0

    async def append_delta(self, delta, cursor_etag):
        await self._write(super().append_delta(delta, cursor_etag))

    async def save_fold(self, windows, folded):
        await self._write(super().save_fold(windows, folded))

    async def delete_windows(self, keys):
        await self._write(super().delete_windows(keys))

    async def insert_signal(self, row):
        return await self._write(super().insert_signal(row))

    async def add_rejected(self, row):
        await self._write(super().add_rejected(row))

    async def _write(self, write):
        self.writes += 1
        if self.writes == self.fatal and not self.after:
            write.close()
            raise ProcessDied
        done = await write
        if self.writes == self.fatal:
            raise ProcessDied
        return done


def born(store):
    world = World(store)
    world.policies.monitor(*RULES)
    return world


async def live(fatal=0, *, after=False):
    """The story, with one death in it: what was told in the end, and how many writes there were."""
    store = Mortal(":memory:", fatal, after)
    await store.open()
    world = born(store)
    await world.order(facts=serving("2"))
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    number = 0
    for day, messages in STORY:
        batch = list(enumerate(messages, number))
        number += len(messages)
        for _ in range(2):  # a second time, since what died comes again
            world.clock.at = NOON + timedelta(days=day)
            try:
                await play(world, batch)
            except ProcessDied:
                world = born(store)
    told = await told_of(world)
    await store.close()
    return told, store.writes


async def play(world, batch):
    if batch:
        await world.aggregator.take("0", batch)
    for _ in range(3):
        await world.sweeper.run()
        world.clock.pass_seconds(400)


async def told_of(world):
    rows = await world.store.decided_signals(NOON - timedelta(days=1), NOON + timedelta(days=99), 1000)
    signals = sorted(encode(row.signal) for row in rows if isinstance(row.signal, TelemetrySignal))
    rejected = sorted((row.reason, row.detail) for row in await world.store.rejected(100))
    return signals, rejected


async def test_the_story_has_everything_in_it():
    (signals, rejected), _ = await live()
    told = [json.loads(signal) for signal in signals]
    kinds = [each["kind"] for each in told]
    assert kinds.count("WindowClosed") == kinds.count("PerformanceMeasured") == 3
    assert kinds.count("TelemetryFellSilent") == 4
    assert kinds.count("TelemetryResumed") == 3
    assert [each["late_rows"] for each in told if each.get("late_rows")] == [6]
    assert [reason for reason, _ in rejected] == ["late_rows"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_wherever_a_process_dies_the_next_one_tells_the_same(after):
    told, writes = await live()
    for fatal in range(1 + after, writes + 1, STEP):
        assert (await live(fatal, after=after))[0] == told, f"died at write {fatal}"
