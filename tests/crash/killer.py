"""Who kills the host: mostly while the store itself shows that a command is claimed, sometimes as it answers a source.

Owns when, and that no command is hit again and again until its own deadline has passed.
The host is frozen first, then the store is asked: so a kill that is counted as one within a claim was one.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.commands import kind_of
from shared.domain.records import CommandRow
from tests.crash.world import World

AT_AN_ANSWER_EVERY, FIRST_AT_AN_ANSWER = 10, 2  # kills
PATIENCE_SECONDS = 30.0  # for a claim; then the host is killed without one
LINGER_SECONDS_MAX = 1.5  # from the sight of a claim to the blow, so that it falls before, in and after the call
SETTLE_SECONDS = 0.1  # what the frozen host has sent before reaches the store
AWAY_SECONDS = 1.0
LOOK_EVERY_SECONDS = 0.1
LATER = timedelta(days=1)
ROWS_MAX = 10_000
INTERRUPTED_MAX = (
    3  # kills of one command: the app gives a rollback 15 minutes and any command a day, and then calls a person
)


class Killer:
    """Kills the host of one world, and starts it again."""

    def __init__(self, world: World, store: AzureTablesStore, seed: int) -> None:
        self._world, self._store, self._random = world, store, random.Random(seed)
        self._dead: set[str] = set()  # instances, as the owners of claims name them
        self.kills = self.within_claim = 0
        self.kinds = Counter[str]()  # of commands that were claimed when the host died
        self.interrupted = Counter[str]()  # how often each command was claimed when the host or the storage went away
        self.storage_stops = 0

    async def strike(self, answered: asyncio.Event) -> None:
        """Wait for the moment, kill, see that it is dead, and start it again. ``answered`` is set at each 2xx to a source."""
        if self.kills % AT_AN_ANSWER_EVERY == FIRST_AT_AN_ANSWER:
            answered.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answered.wait(), PATIENCE_SECONDS)
            await self._freeze()
        else:
            await self._freeze_within_claim()
        claims = await self.claims()
        await asyncio.to_thread(self._world.host.kill)
        self.kills += 1
        self.within_claim += bool(claims)
        self.kinds.update(kind_of(row.command) for row in claims)
        self.interrupted.update(row.command.id for row in claims)
        self._dead |= {_instance(row) for row in claims}
        await asyncio.to_thread(self._world.start_host)

    async def take_storage_away(self) -> None:
        """Stop the storage while the host is at work, as its makers mean it to be stopped, and bring it back."""
        await self._freeze()
        self.interrupted.update(row.command.id for row in await self.claims())
        await asyncio.to_thread(self._world.azurite.stop)
        self._world.host.signal(signal.SIGCONT)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(self._world.azurite.start)
        self.storage_stops += 1

    async def claims(self) -> list[CommandRow]:
        """The commands that the host which is alive has claimed."""
        now = datetime.now(UTC)
        rows = await self._store.sendable(now + LATER, ROWS_MAX)
        held = [row for row in rows if row.state == "claimed" and row.claimed_until and row.claimed_until > now]
        return [row for row in held if _instance(row) not in self._dead]

    async def _freeze_within_claim(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            while not await self.claims() and time.monotonic() < deadline:  # noqa: ASYNC110 - the host sets no event of ours
                await asyncio.sleep(LOOK_EVERY_SECONDS)
            await asyncio.sleep(self._random.uniform(0.0, LINGER_SECONDS_MAX))
            await self._freeze()
            if await self._worth_a_blow() or time.monotonic() >= deadline:
                return
            self._world.host.signal(signal.SIGCONT)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _worth_a_blow(self) -> bool:
        claims = await self.claims()
        return bool(claims) and all(self.interrupted[row.command.id] < INTERRUPTED_MAX for row in claims)

    async def _freeze(self) -> None:
        self._world.host.signal(signal.SIGSTOP)
        await asyncio.sleep(SETTLE_SECONDS)


def _instance(row: CommandRow) -> str:
    return row.owner.partition("/")[0]
