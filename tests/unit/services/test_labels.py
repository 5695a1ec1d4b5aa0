"""Performance is told once its labels had their time, and is the same however the messages came."""

import json
from datetime import timedelta

import numpy as np
import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.values import encode
from shared.services.labels import REPORT
from shared.services.sampling import INDEX, SAMPLE, WAITING_MAX
from tests.unit.services.fakes import NOON, SUBJECT, World
from tests.unit.services.signals import serving
from tests.unit.services.telemetry_messages import ENDPOINT, TAGS, at, ref, request, traffic

DAY = 86_400
PERFORMANCE = (
    "{when: model_performance, metric: auc, window: 1d, below: 0.6, labels_within: 7d, min_pairs: 5, then: notify}"
)
FAIRNESS = (
    "{when: fairness, sensitive: carrier, metric: demographic_parity_difference, window: 1d, above: 0.2, "
    "labels_within: 7d, min_rows_per_group: 2, then: notify}"
)


def event(collection, cid, *rows, seconds=0.0, deployment="version-2"):
    body = {
        "specversion": "1.0",
        "id": "e",
        "source": f"{ENDPOINT}/deployments/{deployment}",
        "type": f"azureml.inference.{collection}",
        "time": at(seconds),
        "data": list(rows),
        "correlationid": cid,
    }
    return json.dumps(body).encode()


def predicted(cid, *values, seconds=0.0):
    return event("model_outputs", cid, *({"prediction": value} for value in values), seconds=seconds)


def labelled(cid, *values, seconds=2.0 * DAY):
    return event("ground_truth", cid, *({"label": value} for value in values), seconds=seconds)


GUESSES, LABELS = [0.9, 0.8, 0.2, 0.4, 0.6, 0.1], [1, 1, 0, 0, 1, 0]


@pytest.fixture
async def asked(world):
    """A workload whose policy asks how good its predictions are."""
    world.policies.monitor(PERFORMANCE)
    world.clock.at = NOON + timedelta(days=40)
    return world


@pytest.fixture
def hear(asked):
    numbers = iter(range(1000))

    async def take(*messages):
        for message in messages:
            await asked.aggregator.take("0", [(next(numbers), message)])
        await asked.aggregator.fold()

    return take


async def reports(world, after=timedelta()):
    world.clock.at += after
    return [signal for signal, _ in await world.aggregator.labels.reports()]


WAITED = 7.5 * DAY  # the end of the day, and the week that labels have


async def test_predictions_are_measured_once_labels_had_their_time(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS))
    assert await reports(asked) == []
    await hear(predicted("b", 0.5, seconds=WAITED - 60))
    assert await reports(asked) == []
    await hear(predicted("b", 0.5, seconds=WAITED))
    (signal,) = await reports(asked)
    assert (signal.predictions, signal.pairs, signal.labels) == (6, 6, 6)
    assert signal.metrics["auc"] == 1.0
    assert (signal.deployment, signal.window, signal.start) == ("version-2", "1d", NOON.replace(hour=0))


async def test_labels_may_come_before_their_predictions_are_folded(asked, hear):
    await hear(labelled("a", *LABELS))
    await hear(predicted("a", *GUESSES))
    await hear(predicted("b", 0.5, seconds=WAITED))
    (signal,) = await reports(asked)
    assert signal.pairs == 6


async def test_later_labels_move_time_on_too(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    assert len(await reports(asked)) == 1


async def test_the_labels_of_a_deployment_that_fell_silent_are_not_waited_for_longer(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS))
    assert await reports(asked, timedelta(hours=23)) == []
    (signal,) = await reports(asked, timedelta(hours=1))
    assert signal.pairs == 6


async def test_predictions_without_labels_are_told_as_that(asked, hear):
    await hear(predicted("a", *GUESSES), predicted("b", 0.5, seconds=WAITED))
    (signal,) = await reports(asked)
    assert (signal.predictions, signal.pairs, signal.unlabelled, signal.metrics) == (6, 0, 6, {})


async def test_what_is_told_stays_the_same_until_it_is_accepted_and_is_then_told_no_more(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    ((signal, name),) = await asked.aggregator.labels.reports()
    await hear(predicted("a", *GUESSES), labelled("c", *LABELS))
    for world in (asked, asked.another()):
        assert [encode(each) for each in await reports(world)] == [encode(signal)]
    await asked.aggregator.labels.mark_told(name)
    assert await reports(asked) == await reports(asked.another()) == []
    await hear(predicted("d", *GUESSES))
    assert await reports(asked) == []


async def test_labels_are_dropped_once_nothing_needs_them(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS), predicted("z", 1, seconds=20 * DAY))
    await reports(asked)
    kinds = [name.split("/")[-3] for name in await asked.store.windows(SAMPLE)]
    assert sorted(kinds) == ["predictions", "predictions"]


async def test_labels_are_kept_while_a_window_needs_them(asked, hear):
    await hear(predicted("a", *GUESSES), predicted("b", *GUESSES, seconds=DAY))
    await hear(labelled("a", *LABELS), labelled("b", *LABELS), labelled("x", 1, seconds=WAITED))
    assert [signal.pairs for signal in await reports(asked)] == [6]
    for _, name in await asked.aggregator.labels.reports():
        await asked.aggregator.labels.mark_told(name)
    await hear(labelled("y", 1, seconds=WAITED + DAY))
    assert [signal.pairs for signal in await reports(asked)] == [6]


async def test_what_one_rule_no_longer_needs_another_may_still_wait_for(asked, hear):
    """Of the labels of May, those for windows of a day are past their time in June; a window of March waits for them."""
    quick = PERFORMANCE.replace("labels_within: 7d", "labels_within: 1d")
    patient = PERFORMANCE.replace("window: 1d", "window: 1mo").replace("labels_within: 7d", "labels_within: 90d")
    asked.policies.monitor(quick, patient)
    asked.clock.at = NOON + timedelta(days=200)
    await hear(
        predicted("a", *GUESSES), labelled("a", *LABELS, seconds=62 * DAY), predicted("b", 0.5, seconds=95 * DAY)
    )
    await hear(labelled("x", 1, seconds=100 * DAY))
    assert [signal.window for signal in await reports(asked)] == ["1d", "1d"]
    for _, name in await asked.aggregator.labels.reports():
        await asked.aggregator.labels.mark_told(name)
    await hear(labelled("y", 1, seconds=125 * DAY))
    told = [(signal.window, signal.start.month, signal.pairs) for signal in await reports(asked)]
    assert told == [("1mo", 3, 6)]


async def test_predictions_are_measured_once_their_rows_stopped_though_requests_go_on(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS))
    assert await reports(asked, timedelta(hours=23)) == []
    await hear(traffic(request(WAITED)))
    (signal,) = await reports(asked, timedelta(hours=1))
    assert signal.pairs == 6


async def test_the_strictest_group_size_serves_every_rule_of_a_window(asked, hear):
    sizes = [FAIRNESS.replace("when: fairness", f"when: fairness, name: {name}") for name in ("few", "many")]
    asked.policies.monitor(PERFORMANCE, sizes[0], sizes[1].replace("min_rows_per_group: 2", "min_rows_per_group: 4"))
    inputs = event("model_inputs", "a", *({"carrier": "AU"[place % 2]} for place in range(6)))
    await hear(inputs, predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    (signal,) = await reports(asked)
    assert signal.disparities == {}  # of each group there are three rows


async def test_groups_are_compared_when_a_rule_names_a_column(asked, hear):
    asked.policies.monitor(PERFORMANCE, FAIRNESS)
    inputs = event("model_inputs", "a", *({"carrier": "AU"[place % 2]} for place in range(6)))
    await hear(inputs, predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    (signal,) = await reports(asked)
    assert signal.sensitive == "carrier"
    assert [(group.group, group.rows) for group in signal.groups] == [("A", 3), ("U", 3)]
    assert signal.disparities["demographic_parity_difference"] == pytest.approx(1 / 3)


async def test_without_a_rule_nothing_is_kept(world):
    world.policies.monitor()
    await world.aggregator.take("0", [(0, predicted("a", *GUESSES)), (1, labelled("a", *LABELS, seconds=0))])
    await world.aggregator.fold()
    assert await world.store.windows(SAMPLE) == await world.store.windows(INDEX) == {}
    assert await reports(world) == []


async def test_when_no_rule_asks_any_more_nothing_is_told(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    asked.policies.monitor()
    assert await reports(asked) == []


async def test_times_that_lie_far_apart_do_not_fill_the_store(asked, hear):
    days = range(-2 * WAITING_MAX, 0)
    await hear(*(predicted(str(day), 0.5, seconds=day * DAY) for day in days))
    assert len(await asked.store.windows(SAMPLE)) == WAITING_MAX


async def test_a_sweep_tells_the_loop_once(asked, hear):
    await asked.order(facts=serving("2"))
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    assert [(await asked.sweeper.run()).measured for _ in range(3)] == [1, 0, 0]
    kinds = [decision.cause_kind for decision in await asked.store.decisions(SUBJECT, 20)]
    assert kinds.count("PerformanceMeasured") == 1
    assert await asked.store.windows(REPORT) == {}


class Watched(SqliteStore):
    """The embedded store, which writes down which windows are asked for."""

    def __init__(self, path):
        super().__init__(path)
        self.prefixes = []

    async def windows(self, prefix):
        self.prefixes.append(prefix)
        return await super().windows(prefix)


async def test_while_nothing_comes_one_row_is_all_that_is_read():
    store = Watched(":memory:")
    await store.open()
    world = World(store)
    world.policies.monitor(PERFORMANCE)
    await world.aggregator.take("0", [(0, predicted("a", *GUESSES))])
    await world.aggregator.fold()
    await world.aggregator.labels.reports()
    store.prefixes.clear()
    await world.aggregator.labels.reports()
    assert len(store.prefixes) == 1
    await store.close()


# Any shape

MESSAGES = [
    *(predicted(f"p{number}", *GUESSES, seconds=number) for number in range(4)),
    *(
        event("model_inputs", f"p{number}", *({"carrier": "AU"[place % 2]} for place in range(6)))
        for number in range(4)
    ),
    *(labelled(f"p{number}", *LABELS, seconds=(number + 1) * DAY) for number in range(4)),
]


async def told_of(seed, path):
    """What is told when the messages come in an order, over partitions and in batches of a seed, some of them twice."""
    store = SqliteStore(path)
    await store.open()
    world, draw = World(store), np.random.default_rng(seed)
    world.policies.monitor(PERFORMANCE, FAIRNESS)
    world.clock.at = NOON + timedelta(days=40)
    await world.aggregator.save_profile(world.policies.environments.production, "version-2", TAGS)
    partitions = [[], [], []]
    for place in draw.permutation(len(MESSAGES)):
        partitions[draw.integers(3)].append(MESSAGES[place])
    for name, messages in enumerate(partitions):
        numbered, first = list(enumerate(messages)), 0
        while first < len(numbered):
            size = int(draw.integers(1, 5))
            for _ in range(draw.integers(1, 3)):  # delivered again, from somewhere before
                await world.aggregator.take(str(name), numbered[max(0, first - int(draw.integers(3))) : first + size])
            first += size
            if draw.random() < 0.5:
                await world.aggregator.fold()
    await world.aggregator.take("end", [(0, labelled("end", 1, seconds=WAITED))])
    while await world.aggregator.fold():
        pass
    signals = await reports(world)
    samples = {name: stored.value for name, stored in (await store.windows(INDEX)).items()}
    await store.close()
    return [encode(signal) for signal in signals], samples


@pytest.mark.parametrize("seed", range(1, 9))
async def test_any_order_partition_and_redelivery_tells_the_same_bit_for_bit(seed, tmp_path):
    first, other = await told_of(0, str(tmp_path / "first.db")), await told_of(seed, str(tmp_path / "other.db"))
    assert first == other
    assert len(first[0]) == 1
    assert b'"pairs":24' in first[0][0]


async def kinds_kept(world):
    return sorted(name.split("/")[-3] for name in await world.store.windows(SAMPLE))


async def test_what_is_left_of_samples_is_forgotten_by_the_start_of_its_window(asked, hear):
    asked.policies.monitor(PERFORMANCE, FAIRNESS)
    inputs = event("model_inputs", "a", *({"carrier": "A"} for _ in range(6)))
    await hear(inputs, predicted("a", *GUESSES), labelled("a", *LABELS), predicted("b", *GUESSES, seconds=3 * DAY))
    assert await kinds_kept(asked) == ["groups", "labels", "predictions", "predictions"]
    now = NOON + timedelta(days=1)
    assert await asked.aggregator.samples.forget(now, now, 10) == 1
    assert await kinds_kept(asked) == ["labels", "predictions"]
    assert await asked.aggregator.samples.forget(now, now, 10) == 0
    later = NOON + timedelta(days=9)
    assert await asked.aggregator.samples.forget(later, later, 10) == 1
    assert await kinds_kept(asked) == []
    assert ref().key in next(iter(await asked.store.windows(INDEX)))


async def test_what_was_reported_is_remembered_until_it_is_forgotten(asked, hear):
    await hear(predicted("a", *GUESSES), labelled("a", *LABELS), labelled("x", 1, seconds=WAITED))
    for _, name in await asked.aggregator.labels.reports():
        await asked.aggregator.labels.mark_told(name)
    before = NOON + timedelta(days=1)
    assert await asked.aggregator.samples.forget(before, before, 10) == 1
    await hear(predicted("a", *GUESSES))
    assert len(await reports(asked)) == 1  # so long after, it begins anew
