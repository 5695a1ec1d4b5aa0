"""Writes ``schema_1/store.sql``: a store with real content, as the release before announcements (commit 7a21ecb) left it.

Runs on the code of that commit, never on ours, so that nothing of today can leak into what is to stand for yesterday::

    git archive 7a21ecb | tar -x -C EMPTY_FOLDER
    cd EMPTY_FOLDER && PYTHONPATH=. python PATH_OF_THIS_FILE > PATH_OF/schema_1/store.sql

What it holds: a version that serves, one that waits for an approval, an incident whose retraining has started, a signal
that is held, one that was accepted and not decided, a rejection, telemetry folded and not folded, a lease, a message.
"""

import asyncio
import sqlite3
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from shared.adapters.sqlite_queue import SqliteQueue
from shared.domain.commands import kind_of
from shared.domain.outcomes import Started
from shared.domain.records import RejectedRow, SignalRow
from shared.domain.signals import OperatorAsked
from shared.services.aggregate import Aggregator
from shared.services.lease import take_lease
from tests.unit.filled_store import SUBJECT, WORKLOAD, FilledStore, opened
from tests.unit.services.telemetry_messages import TAGS, rows, traffic


async def fill(path):
    filled = FilledStore(await opened(path))
    await filled.until_serving("1")
    await filled.drift()
    await start_retraining(filled)
    await wait_for_approval(filled, "2")
    await filled.ask("pause", why="migration")
    filled.later(minutes=1)
    await filled.register("3")
    await leave_the_rest(filled)
    await filled.store.close()


async def start_retraining(filled):
    """Azure ML works on it; the process ended before it looked again."""
    for row in await filled.unfinished():
        if kind_of(row.command) == "Retrain":
            now = filled.clock.now()
            await filled.store.claim(SUBJECT, row.command.id, "instance-1", now, now + timedelta(minutes=5))
            started = Started(operation="jobs/retrain-1", look_again_at=now + timedelta(seconds=15))
            await filled.store.record_started(SUBJECT, row.command.id, "instance-1", started)


async def wait_for_approval(filled, version):
    await filled.register(version)
    for _ in range(3):
        filled.later(seconds=10)
        await filled.finish("ShareModel", "DeployModel", "CheckEndpoint", "RunEvaluation", "RecordReference")


async def leave_the_rest(filled):
    store, now = filled.store, filled.clock.now()
    late = OperatorAsked(
        source="test", dedup_key="undecided", occurred_at=now, workload=WORKLOAD, action="retrain", by="ada"
    )
    await store.insert_signal(SignalRow(signal=late, received_at=now))
    await store.add_rejected(
        RejectedRow(
            id="r-1", channel="event_grid", reason="malformed_json", detail="no JSON", received_at=now, body=b"\xff{"
        )
    )
    aggregator = Aggregator(store, filled.clock, filled.policies)
    production = (await filled.environments()).production
    await aggregator.save_profile(production, "version-1", TAGS)
    await aggregator.take("telemetry/0", [(0, traffic()), (1, rows(deployment="version-1"))])
    await aggregator.fold()
    await aggregator.take("telemetry/0", [(2, traffic())])
    deploy = next(row for row in await finished(store) if kind_of(row.command) == "DeployModel")
    await take_lease(store, deploy.command, now, now + timedelta(minutes=10))
    await SqliteQueue(store.database, filled.clock).send(SUBJECT, deploy.command.id, 5)


async def finished(store):
    decisions = await store.decisions(SUBJECT, 1000)
    return [row for each in decisions for row in await store.commands(each.id) if row.state == "finished"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outerloop.db"
        asyncio.run(fill(str(path)))
        connection = sqlite3.connect(path)
        sys.stdout.write("".join(f"{line}\n" for line in connection.iterdump()))
        connection.close()


if __name__ == "__main__":
    main()
