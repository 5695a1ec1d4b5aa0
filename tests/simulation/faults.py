"""What goes wrong, how often, and how often it did: the store that fails before, after or on the way, from the seed.

Owns the chances and the count of every fault. With ``calm`` everything goes well from then on.
"""

import sqlite3
from collections import Counter
from random import Random
from typing import Any

from shared.adapters.sqlite_database import SqliteDatabase, Work, _connect, _in_transaction
from shared.adapters.sqlite_schema import prepare
from shared.adapters.sqlite_store import SqliteStore
from shared.ports import StoreUnavailableError
from tests.simulation.scheduler import moment


class Faults:
    """Draws faults from the seed and counts them by name."""

    def __init__(self, random: Random, chance: float) -> None:
        self._random, self.chance, self.seen = random, chance, Counter[str]()

    def strike(self, name: str, weight: float = 1.0) -> bool:
        """Whether this fault happens now."""
        struck = self._random.random() < self.chance * weight
        self.seen[name] += struck
        return struck

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.chance = 0.0


class InlineDatabase(SqliteDatabase):
    """The embedded store's own database, in memory and on the caller's thread, so that a seed decides every order."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self._inline: sqlite3.Connection = _connect(":memory:", 0.0)
        _in_transaction(self._inline, prepare)

    async def _run(self, work: Work[Any]) -> Any:
        return work(self._inline)

    def count(self, statement: str) -> int:
        """A number from the file, for the judge."""
        return int(self._inline.execute(statement).fetchone()[0])


PORT_METHODS = frozenset(
    name for name in dir(SqliteStore) if not name.startswith("_") and name not in {"open", "close", "database"}
)


class FaultyStore:
    """What one instance sees of the store: every call may fail before it, after it, or leave others room on the way."""

    def __init__(self, store: SqliteStore, faults: Faults) -> None:
        self._store, self._faults = store, faults

    def __getattr__(self, name: str) -> Any:
        if name not in PORT_METHODS:
            raise AttributeError(name)
        real = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            await moment()
            if self._faults.strike("store failed before", 0.25):
                raise StoreUnavailableError(f"{name}: no answer, and nothing was done")
            result = await real(*arguments, **named)
            if self._faults.strike("store failed after", 0.25):
                raise StoreUnavailableError(f"{name}: no answer, and it was done")
            await moment()
            return result

        return call
