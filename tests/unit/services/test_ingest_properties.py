"""Whatever comes in, in whatever order and how often: every element has its end, and the ledger is the same."""

import asyncio
import itertools
import json

from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.signals import TelemetryReceived
from shared.domain.values import encode
from shared.parsing import parse
from tests.unit.services.fakes import SUBJECT, World
from tests.unit.services.signals import (
    DEVELOPMENT,
    ELSEWHERE,
    STAGING,
    asked,
    breached,
    deployed,
    job,
    registered,
    serving,
    window,
)

KEYS = st.sampled_from(
    ["modelName", "ModelVersion", "modelTags", "runId", "RunStatus", "runTags", "serviceName", "modelIds", "author"]
) | st.text(max_size=5)
TEXTS = st.sampled_from(["flight-delay", "Completed", "7", "\ud800", "\x00", "é" * 50, "a,b:1"]) | st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=12
)
TYPES = st.sampled_from(
    [
        "Microsoft.MachineLearningServices.ModelRegistered",
        "Microsoft.MachineLearningServices.ModelDeployed",
        "Microsoft.MachineLearningServices.RunCompleted",
        "Microsoft.MachineLearningServices.RunStatusChanged",
        "Microsoft.MachineLearningServices.DatasetDriftDetected",
        "Microsoft.EventGrid.SubscriptionValidationEvent",
        "Something.Else",
    ]
)
TOPICS = st.sampled_from([DEVELOPMENT, DEVELOPMENT.upper(), STAGING, ELSEWHERE, ""]) | TEXTS
TIMES = st.sampled_from(["2026-03-01T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "soon"]) | TEXTS
NAMED = st.fixed_dictionaries(
    {"modelName": TEXTS, "modelVersion": SCALARS, "runId": TEXTS, "runStatus": TEXTS, "serviceName": TEXTS},
    optional={"modelTags": VALUES, "runTags": VALUES},
)
EVENTS = st.fixed_dictionaries(
    {"eventType": TYPES, "topic": TOPICS, "eventTime": TIMES, "data": NAMED | VALUES, "id": TEXTS},
    optional={"subject": SCALARS},
)
BODIES = st.one_of(EVENTS, VALUES, st.lists(EVENTS | VALUES, max_size=4)).map(json.dumps)
QUICK = settings(max_examples=60, deadline=None)


async def with_world(work):
    store = SqliteStore(":memory:")
    await store.open()
    try:
        return await work(World(store))
    finally:
        await store.close()


async def take_everything(world, bodies):
    for body in bodies:
        parsed = parse(body.encode(), "event_grid")
        telemetry = sum(isinstance(element, TelemetryReceived) for element in parsed)
        receipt = await world.ingest.take("event_grid", body.encode(), parsed)
        ended = receipt.accepted + receipt.repeated + receipt.rejected + len(receipt.validations)
        assert ended + telemetry == len(parsed)
        assert receipt.undecided == 0
    kept = [decision.id for decision in await world.store.decisions(None, 10_000)]
    assert len(kept) == len(set(kept))


@seed(1)
@QUICK
@given(st.lists(BODIES, max_size=4))
@example(["[]", "{}", "", "null", '"\\ud800"', "[" * 5000])
@example([json.dumps({"eventType": "Microsoft.MachineLearningServices.ModelRegistered", "topic": "\ud800"})])
def test_every_element_of_any_body_ends_somewhere_and_nothing_raises(bodies):
    asyncio.run(with_world(lambda world: take_everything(world, bodies)))


# No two of these decisions depend on which of them came first.
SIGNALS = (
    job("run-1"),
    job("run-2", "Failed"),
    deployed(),
    breached(),
    registered("8", workspace=STAGING),
    registered("9", workspace=ELSEWHERE),
    asked("lift_freeze"),
    asked("rollback"),
    *(window(month) for month in range(1, 7)),
    window(3, deployment="version-unknown"),
)


async def heard_in(world, batches):
    await world.order(facts=serving())
    for batch in batches:
        await world.ingest.take("event_grid", encode([index for index, _ in batch]), [signal for _, signal in batch])
    decisions = {decision.id: decision for decision in await world.store.decisions(None, 1000)}
    return decisions, await world.facts(), sorted(world.queue.ids), await world.store.holds(SUBJECT)


def in_order():
    return asyncio.run(with_world(lambda world: heard_in(world, [list(enumerate(SIGNALS))])))


def cut(deliveries, sizes):
    """The deliveries in batches of these sizes, over and over."""
    left, batches = list(deliveries), []
    for size in itertools.cycle(sizes):
        if not left:
            return batches
        batches.append(left[:size])
        left = left[size:]
    return batches


@seed(2)
@settings(max_examples=40, deadline=None)
@given(
    st.permutations(list(enumerate(SIGNALS))),
    st.lists(st.sampled_from(list(enumerate(SIGNALS))), max_size=10),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_any_order_and_any_repetition_gives_the_same_ledger(once, again, sizes):
    expected = in_order()
    batches = cut([*once, *again], sizes)
    decisions, facts, sent, holds = asyncio.run(with_world(lambda world: heard_in(world, batches)))
    assert decisions.keys() == expected[0].keys()
    assert facts == expected[1]
    assert sent == expected[2]
    assert holds == expected[3]


def test_the_signals_of_this_property_do_something():
    decisions, facts, sent, _ = in_order()
    assert len(decisions) == len(SIGNALS)  # one is rejected, and one decision was there before
    assert len([seen for seen in facts.windows["1"] if seen.rule == "data_drift"]) == 6
    assert len(facts.incidents) == 1
    assert sent
