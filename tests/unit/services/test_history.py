from datetime import UTC, datetime

import pytest

from shared.services import views
from shared.services.history import history
from tests.unit.filled_store import START, WORKLOAD, FilledStore, opened


@pytest.fixture
async def loop():
    store = await opened()
    yield FilledStore(store)
    await store.close()


async def seen(loop):
    return await history(loop.store, await loop.policy(), WORKLOAD)


async def page(loop, name=WORKLOAD):
    return await views.workload_page(loop.store, await loop.policy(), name, lambda *_: "", loop.clock.now())


async def test_a_workload_that_was_never_heard_of_has_an_empty_history(loop):
    shown = await seen(loop)
    assert (shown.workload, shown.windows, shown.marks) == (WORKLOAD, (), ())
    assert shown.drift.metric == "psi"


async def test_the_limits_are_those_of_the_policy(loop):
    shown = await seen(loop)
    assert (shown.drift.above, shown.drift.suspected, shown.drift.share_of_features) == (0.2, 0.1, 0.15)
    assert (shown.performance.metric, shown.performance.limit) == ("auc", 0.6)


async def test_months_of_drift_are_shown_with_the_version_that_served(loop):
    await loop.until_serving("1")
    await loop.drift(3)
    windows = (await seen(loop)).drift.windows
    assert [window.start for window in windows] == [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    assert {(window.version, window.verdict, window.value) for window in windows} == {("1", "detected", 1.0)}
    assert windows[0].distances == (0.3, 0.4)


async def test_the_first_service_and_the_retraining_that_drift_asked_for_are_marked(loop):
    await loop.until_serving("1")
    await loop.drift(3)
    await loop.finish("Retrain")
    assert [(mark.kind, mark.version) for mark in (await seen(loop)).marks] == [("serves", "1"), ("retraining", "")]


async def test_windows_outlive_the_signals_that_told_of_them(loop):
    await loop.until_serving("1")
    await loop.drift(3)
    before = (await seen(loop)).drift.windows
    rows = await loop.store.decided_signals(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), 100)
    assert await loop.store.forget_signals([row.signal.dedup_key for row in rows]) == len(rows) > 0
    after = (await seen(loop)).drift.windows
    assert [(each.start, each.verdict, each.value) for each in after] == [
        (each.start, each.verdict, each.value) for each in before
    ]
    assert {each.distances for each in after} == {()}


async def test_asking_twice_gives_the_same(loop):
    await loop.until_serving("1")
    await loop.drift(2)
    assert await seen(loop) == await seen(loop)


async def test_the_page_shows_what_windows_said_the_newest_first(loop):
    await loop.until_serving("1")
    await loop.drift(2)
    shown = await page(loop)
    starts = [one.start for one in shown.judgements]
    assert starts == sorted(starts, reverse=True)
    assert ("data_drift", "1", "detected") in {(one.rule, one.version, one.verdict) for one in shown.judgements}
    assert (shown.at, shown.plot, shown.workload.champion) == (loop.clock.now(), f"{WORKLOAD}/drift.png", "1")


async def test_the_page_has_the_ledger_of_its_workload_alone(loop):
    await loop.register("1")
    entries = (await page(loop)).ledger
    assert {entry.decision.subject for entry in entries} == {f"workload/{WORKLOAD}"}
    assert (await page(loop, "handwritten-digits")).ledger == ()


async def test_an_unknown_workload_has_no_page_and_one_that_left_the_policy_still_has(loop):
    assert await page(loop, "fligth-delay") is None
    await loop.register("1")
    policy = await loop.policy()
    rest = policy.model_copy(update={"workloads": policy.workloads[1:]})
    left = await views.workload_page(loop.store, rest, WORKLOAD, lambda *_: "", START)
    assert (left.workload.mode, left.workload.versions[0].version) == ("", "1")
    empty = await history(loop.store, rest, WORKLOAD)
    assert (empty.drift, empty.performance) == (None, None)
