"""How long it takes from a signal to its recorded decision, through the services and by the same calls with a constant one.

Owns the rounds: the two ways take turns, signal by signal, so that a busy machine slows both alike.
"""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter

from benchmarks.decisions.policies import all_of_one
from benchmarks.report import Against
from benchmarks.signals.paths import Call, play, recorded, renewed, services_on, settle, take
from benchmarks.signals.stores import Opened, metered
from shared.domain.ids import derive
from shared.domain.signals import Signal
from shared.ports import PolicySource

RULE = "CPU of the node"
MODEL = "model-0"


@dataclass(frozen=True)
class Recorded:
    """What the services call for each kind of signal, and how many transactions a signal takes."""

    calls: list[list[Call]]
    transactions: float


def spoken(number: int) -> list[Signal]:
    """One signal of each kind about a workload, all of them new."""
    return all_of_one(number, RULE, derive("once", number))


async def record(opened: Opened, policies: PolicySource) -> Recorded:
    """Let the services decide about one workload, on a store of its own that is counted."""
    await settle(opened, MODEL)
    await metered(opened)
    before, signals = opened.meter.count, spoken(0)
    calls = await recorded(opened, policies, signals)
    return Recorded(calls, (opened.meter.count - before) / len(signals))


async def compare(
    opened: Opened, policies: PolicySource, calls: Sequence[Sequence[Call]], rounds: int, workloads: int
) -> Against:
    """Measure both ways: a figure for each signal of so many workloads, each heard of for the first time, in each round."""
    ingest, numbers = services_on(opened.store, opened.queue, policies).ingest, count(1)
    found = Against([], [])
    for turn in range(rounds + 1):
        chosen = [next(numbers) for _ in range(workloads if turn else 1)]
        services: list[float] = []
        constant: list[float] = []
        for number in chosen:
            for each in (f"model-{number}", f"const-{number}"):
                await settle(opened, each)
            ready = [renewed(each, MODEL, f"const-{number}") for each in calls]
            gc.collect()
            for signal, some in zip(spoken(number), ready, strict=True):
                began = perf_counter()
                await play(opened, some)
                between = perf_counter()
                await take(ingest, signal)
                services.append(perf_counter() - between)
                constant.append(between - began)
        if turn:  # the first is to warm up
            found.services.append(services)
            found.constant.append(constant)
    return found
