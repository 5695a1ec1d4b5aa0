"""Whether a signal, a batch of telemetry and an idle sweep cost more among 10,000 workloads than among 10.

Owns the stores that hold the state of so many: each workload with the facts of a champion and, on SQLite, with a
watermark and a window that is open. They are filled in bulk; what is measured takes the product's own path.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

from benchmarks.decisions.costs import FACTS, Fixed, policy_of
from benchmarks.decisions.policies import NOW, RULES_OF_A_WORKLOAD, SHAPES, all_of_one, workspace_of
from benchmarks.signals.paths import Services, services_on, settle, take
from benchmarks.signals.stores import Meter, Open, Opened
from shared.adapters.azure_tables_keys import bucket, key
from shared.adapters.azure_tables_rows import WRITES_MAX, Rows, Write, row_of
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.adapters.system_clock import SystemClock
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry
from shared.domain.values import encode
from shared.ports import Stored
from shared.telemetry.accumulate import accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.fold import WindowState, encode_window
from shared.telemetry.profiles import ReferenceProfile, encode_profile, profile_from_tags

T = TypeVar("T")
ROWS = 20  # of one message
WINDOW = "1mo"
TAGS = {
    "outerloop.reference": '{"rows": 100, "features": ["distance"]}',
    "outerloop.reference.distance": '{"kind": "numeric", "edges": [1.0, 2.0], "counts": [30, 40, 30]}',
}


@cache
def among(workloads: int) -> Fixed:
    """The clock and the policy of so many workloads."""
    return Fixed(policy_of(SHAPES[0], workloads * RULES_OF_A_WORKLOAD))


@asynccontextmanager
async def sqlite_among(workloads: int, folder: Path) -> AsyncIterator[Opened]:
    """The embedded store in a file that knows so many workloads. Filled in memory: that spares a write to disk for each."""
    file, filled = folder / f"among-{workloads}.db", SqliteStore(":memory:")
    await filled.open()
    opened = Opened(filled, SqliteQueue(filled.database, SystemClock()), Meter())
    for number in range(workloads):
        await settle(opened, f"model-{number}")
    await filled.save_fold(windows_among(workloads), [])
    await filled.save_document(f"profiles/{deployment_of(workloads // 2).key}", encode_profile(profile()), "")
    await filled.database.read(lambda connection: connection.execute("VACUUM INTO ?", (str(file),)))
    await filled.close()
    store = SqliteStore(str(file))
    await store.open()
    # Waiting for the disk costs the same among any number: it would only hide what grows.
    await store.database.read(lambda connection: connection.execute("PRAGMA synchronous = OFF"))
    yield Opened(store, SqliteQueue(store.database, SystemClock()), Meter())
    await store.close()


@asynccontextmanager
async def azure_among(workloads: int, opening: Open) -> AsyncIterator[Opened]:
    """The store on Azure that knows so many workloads by their facts."""
    async with opening() as opened:
        assert isinstance(opened.store, AzureTablesStore)  # noqa: S101  # that is what ``azure_on`` opens
        ledger = Rows(opened.store.account, "ledger")
        places: dict[str, list[Write]] = {}
        for number in range(workloads):
            subject = f"workload/model-{number}"
            row = row_of(bucket(subject), key("facts", subject), Subject=subject, Commits="1", Body=encode(FACTS))
            places.setdefault(bucket(subject), []).append(Write("insert", row))
        for writes in places.values():
            for some in chunks(writes, WRITES_MAX):
                await ledger.write(some)
        yield opened


def chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The things in order, so many at a time."""
    return (things[first : first + size] for first in range(0, len(things), size))


@cache
def profile() -> ReferenceProfile:
    """The reference of every deployment."""
    return profile_from_tags(TAGS)


def deployment_of(number: int) -> DeploymentRef:
    """The champion's deployment of a workload."""
    return DeploymentRef(workspace=workspace_of(number).lower(), endpoint=f"model-{number}", deployment="version-1")


def windows_among(workloads: int) -> Mapping[str, Stored[bytes]]:
    """An open window and a watermark for each."""
    found: dict[str, Stored[bytes]] = {"watermarks": Stored(b"moved")}
    for number in range(workloads):
        ref = deployment_of(number)
        rows = RowsCollected(ref, NOW, "model_inputs", "c", [{"distance": 1.5}] * ROWS)
        (partial,) = accumulate(
            [Telemetry(rows=(rows,))], {ref.key: RowCounter(profile())}, {ref.key: (WINDOW,)}, "1m"
        ).partials
        name = f"data/{ref.key}/{partial.start.isoformat()}/{WINDOW}/{profile().digest}"
        found[name] = Stored(encode_window(WindowState(partial, {"0": number})))
        found[f"watermark/{ref.key}"] = Stored(NOW.isoformat().encode())
    return found


@dataclass
class Among:
    """What is heard about one workload in the middle of so many."""

    opened: Opened
    workloads: int
    turns: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        fixed = among(self.workloads)
        self.services: Services = services_on(self.opened.store, self.opened.queue, fixed)

    async def signal(self) -> int:
        """Take one, of another kind in every turn. A unit is one signal."""
        turn = next(self.turns)
        heard = all_of_one(self.workloads // 2, "CPU of the node", derive("turn", turn))
        await take(self.services.ingest, heard[turn % len(heard)])
        return 1

    async def telemetry(self) -> int:
        """Take a message of rows and fold it. A unit is one message."""
        number = next(self.turns)
        at = NOW + timedelta(seconds=number % 3600)
        if await self.services.aggregator.take("0", [(number, self._rows(at.isoformat()))]) != 1:
            raise AssertionError("the message was not taken")
        return await self.services.aggregator.fold()

    async def sweep(self) -> int:
        """Sweep with nothing to do. A unit is one sweep."""
        swept = await self.services.sweeper.run()
        if swept.decided or swept.closed or swept.woken or swept.folded:
            raise AssertionError(f"there was something to do: {swept}")
        return 1

    def _rows(self, at: str) -> bytes:
        ref = deployment_of(self.workloads // 2)
        source = f"{ref.workspace}/onlineEndpoints/{ref.endpoint}/deployments/{ref.deployment}"
        event = {"specversion": "1.0", "id": "e", "type": "azureml.inference.model_inputs", "time": at}
        event |= {"source": source, "correlationid": "c", "xrequestid": "x"}
        return json.dumps(event | {"data": [{"distance": 1.5}] * ROWS}).encode()
