"""One run of a load: undisturbed, or with the host killed again and again and the storage stopped now and then.

Owns the sequence. What is sent, when the host dies and what is compared are others' business.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_store import AzureTablesStore
from tests.contracts.store_samples import evaluation
from tests.crash.evidence import Evidence, gather, unfinished
from tests.crash.killer import Killer
from tests.crash.load import Load
from tests.crash.sources import Sources
from tests.crash.world import World, running

STORAGE_STOPS_EVERY = 10  # kills
SAID_EVERY = 5
LOOK_EVERY_SECONDS = 2.0  # each look costs the storage as much as some commands do

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """What a run did and what it left."""

    evidence: Evidence
    signals: int
    refused: int
    repeated: int
    left: tuple[str, ...]  # unfinished when patience ended


async def undisturbed(load: Load, folder: Path, patience_seconds: float, say: Say) -> Run:
    """Everything is sent and nothing is harmed."""
    async with _scene(load, folder, seed=0) as scene:
        for number in range(load.rounds):
            for delivery in load.round(number):
                scene.sources.send(delivery)
        return await _ended(scene, patience_seconds, say)


async def killed(load: Load, folder: Path, seed: int, patience_seconds: float, say: Say) -> tuple[Run, Killer]:
    """The same, with a kill in every round and storage that goes away in every tenth."""
    async with _scene(load, folder, seed) as scene:
        killer = Killer(scene.world, scene.store, seed)
        for number in range(load.rounds):
            for delivery in load.round(number):
                scene.sources.send(delivery)
            if number % STORAGE_STOPS_EVERY == STORAGE_STOPS_EVERY // 2:
                await killer.take_storage_away()
            await killer.strike(scene.sources.answered)
            if killer.kills % SAID_EVERY == 0:
                taken = scene.sources.signals
                say(f"{killer.kills} kills, {killer.within_claim} of them within a claim; {taken} signals in")
        return await _ended(scene, patience_seconds, say), killer


@dataclass(frozen=True)
class _Scene:
    world: World
    store: AzureTablesStore
    sources: Sources


@asynccontextmanager
async def _scene(load: Load, folder: Path, seed: int) -> AsyncIterator[_Scene]:
    """A world in which the app knows what it knew before, and is at work."""
    with running(load, folder) as world:
        store, sources = AzureTablesStore(Addresses(world.azurite.connection_string)), Sources(world.door, seed)
        try:
            await store.open()
            for subject, facts in load.known().items():
                await store.commit(evaluation(f"before-{subject}", subject=subject, facts=facts), "")
            await asyncio.to_thread(world.start_host)
            yield _Scene(world, store, sources)
        finally:
            await sources.close()
            await store.close()


async def _ended(scene: _Scene, patience_seconds: float, say: Say) -> Run:
    """Wait until everything was taken and nothing is left to do, end the host, and look."""
    deadline, sources = time.monotonic() + patience_seconds, scene.sources
    async with asyncio.timeout(patience_seconds):
        await sources.done()
    say(f"all {sources.signals} signals are in; waiting until nothing is left to do")
    left = await unfinished(scene.store)
    while left and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        left = await unfinished(scene.store)
    await asyncio.to_thread(scene.world.host.stop)
    evidence = await gather(scene.store, Path(scene.world.azure["journal"]))
    return Run(evidence, sources.signals, sources.refused, sources.repeated, tuple(left))
