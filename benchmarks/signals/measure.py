"""Everything about signals that has a goal, one after the other.

Owns sizes and rounds, and which store is asked what.
"""

import asyncio
import gc
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter, process_time

import yaml

from benchmarks.decisions.policies import SHAPES
from benchmarks.report import Figure, Line, Series, goals
from benchmarks.signals.growth import Among, azure_among, sqlite_among
from benchmarks.signals.latency import compare, record
from benchmarks.signals.stores import Open, azure_on, emulator, sqlite_in
from benchmarks.timing import Measured, interleaved
from shared.adapters.policy_folder import PolicyFolder

RULES = 400  # of the policy that latency is measured under: 100 workloads
SIZES = (10, 10_000)  # workloads
SQLITE, AZURE = "SQLite", "Azure Tables"
ROUNDS = {SQLITE: (9, 10), AZURE: (5, 3)}  # and the workloads of each
CLOCKS = {SQLITE: process_time, AZURE: perf_counter}  # the emulator's work is not this process's
ROUNDS_OF_GROWTH = {SQLITE: 60, AZURE: 24}  # whole sets of the six kinds
Task = Callable[[Among], Awaitable[int]]


def measure() -> Iterator[Line]:
    """Every figure. Raises AzuriteError when the peer is missing."""
    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        folder = Path(name)
        azurite = emulator(folder)
        try:
            stores = {SQLITE: sqlite_in(folder), AZURE: azure_on(azurite)}
            for store, opening in stores.items():
                yield from runner.run(_latency(store, opening, folder))
            yield from _growth(runner, folder, stores[AZURE])
        finally:
            azurite.stop()


async def _latency(name: str, opening: Open, folder: Path) -> list[Line]:
    limits = goals("signals")
    policies = _policies(folder)
    async with opening() as counted:
        recorded = await record(counted, policies)
    async with opening() as opened:
        found = await compare(opened, policies, recorded.calls, *ROUNDS[name])
    most = limits["transactions_max_sqlite" if name == SQLITE else "transactions_max_azure"]
    return [
        *found.lines(f"{name}: signal to decision", {0.5: limits["p50_ratio_max"], 0.99: None}),
        Figure(f"{name}: signals decided", "a second", found.per_second),
        Figure(f"{name}: transactions", "a signal", recorded.transactions, most),
    ]


def _policies(folder: Path) -> PolicyFolder:
    """The policy as the app reads it: a file, which is looked at again for every signal."""
    file = folder / "policy.yaml"
    if not file.exists():
        file.write_text(yaml.safe_dump(SHAPES[0].write(RULES), sort_keys=False), encoding="utf-8")
        (folder / "sample_request.json").write_text("{}", encoding="utf-8")
    return PolicyFolder(file, None)


def _growth(runner: asyncio.Runner, folder: Path, azure: Open) -> Iterator[Line]:
    tasks: dict[str, Task] = {"signal": Among.signal, "telemetry": Among.telemetry, "sweep": Among.sweep}
    for store, wanted in ((SQLITE, tasks), (AZURE, {"signal": Among.signal})):
        stack = AsyncExitStack()
        try:
            known = {
                size: Among(
                    runner.run(
                        stack.enter_async_context(
                            sqlite_among(size, folder) if store == SQLITE else azure_among(size, azure)
                        )
                    ),
                    size,
                )
                for size in SIZES
            }
            gc.collect()
            gc.freeze()  # else every collection between two turns would walk through 10,000 workloads
            for name, task in wanted.items():
                measured = _interleaved(runner, known, task, store)
                yield Series(f"{store}: {name} among workloads", measured, goals("signals")["growth_ratio_max"])
        finally:
            gc.unfreeze()
            runner.run(stack.aclose())


def _interleaved(runner: asyncio.Runner, known: dict[int, Among], task: Task, store: str) -> dict[int, Measured]:
    def turn(place: Among) -> Callable[[], int]:
        return lambda: runner.run(_of(task, place))

    return interleaved({size: turn(place) for size, place in known.items()}, ROUNDS_OF_GROWTH[store], CLOCKS[store])


async def _of(task: Task, place: Among) -> int:
    return await task(place)
