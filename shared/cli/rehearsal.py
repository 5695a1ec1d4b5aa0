"""What would be decided: the live path from a parsed event to its evaluation, stopped before anything is written.

Owns the wiring for it, and the copy of the store that it reads. Facts do not carry over from one event to the next.
"""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared.adapters.policy_folder import PolicyFolder
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.adapters.system_clock import SystemClock
from shared.cli.problems import CommandError
from shared.domain import routing
from shared.domain.decisions import Decision
from shared.domain.outcomes import Failed
from shared.domain.signals import Rejected, Signal, SubscriptionValidation, TelemetryReceived, kind_of
from shared.parsing import Parsed
from shared.ports import LoadedPolicy, Store
from shared.rendering.plain import plain
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.decide import Decider

Answer = dict[str, Any]
Found = tuple[str, int, Parsed]
"""The file, the place in it, and what stands there."""

REJECTED = "rejected"  # the decision about what would be kept with a reason, and judged by nobody
NEVER_DECIDED = {
    TelemetryReceived: "telemetry is aggregated; what is decided on are the windows that close",
    SubscriptionValidation: "the handshake is answered at once",
}


class Unread:
    """The port ``Datasets`` of a rehearsal: it asks nobody, so it needs neither a network nor permissions."""

    async def rows(self, workspace: str, data: str) -> Failed:
        """Not known here."""
        return Failed(retryable=False, reason=f"a rehearsal reads nothing from Azure, so not {data} of {workspace}")


async def rehearse(policy: Path, overlay: Path | None, store: Path | None, found: Iterable[Found]) -> list[Answer]:
    """One answer for each element, with its place, and for each subject if it concerns several.

    Raises PolicyError, OSError, CommandError or StoreUnavailableError.
    """
    with TemporaryDirectory(prefix="outerloop-") as folder:
        opened = SqliteStore(_copied(store, Path(folder) / "store.db") if store else ":memory:")
        await opened.open()
        try:
            return await _answers(opened, PolicyFolder(policy, overlay), found)
        finally:
            await opened.close()


def _copied(store: Path, copy: Path) -> str:
    """A copy of the store as it is now: opening the file itself could create or change it."""
    try:
        with (
            closing(sqlite3.connect(_address(store.resolve()), uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.DatabaseError as error:
        raise CommandError(f"{store} cannot be read as a store: {error}") from None
    return str(copy)


def _address(store: Path) -> str:
    """Where SQLite finds it. Reading needs a file beside the store, unless it is said that nobody writes."""
    nobody_writes = not (os.access(store.parent, os.W_OK) or store.with_name(f"{store.name}-wal").exists())
    return f"{store.as_uri()}?mode=ro{'&immutable=1' if nobody_writes else ''}"


async def _answers(store: SqliteStore, policies: PolicyFolder, found: Iterable[Found]) -> list[Answer]:
    clock, loaded = SystemClock(), await policies.current()
    aggregator = Aggregator(store, clock, policies)
    silent = Announcer(store, clock, {})  # a rehearsal is nobody else's business
    decider = Decider(store, SqliteQueue(store.database, clock), clock, policies, aggregator, silent, Unread())
    return [
        {"file": file, "index": index} | answer
        for file, index, element in found
        for answer in await _answer(decider, store, loaded, element)
    ]


async def _answer(decider: Decider, store: Store, loaded: LoadedPolicy, element: Parsed) -> list[Answer]:
    if isinstance(element, Rejected):
        return [_refused("Rejected", element, "parsing")]
    if type(element) in NEVER_DECIDED:
        return [_passed_over(element, "not_decided", NEVER_DECIDED[type(element)])]
    refusal = routing.out_of_scope(loaded.policy, element)
    if refusal:
        return [_refused(kind_of(element), refusal, "scope")]
    if await store.signal(element.dedup_key):
        return [
            _passed_over(element, "repeated", f"the store has heard this before: outerloop explain {element.dedup_key}")
        ]
    return [_decided(element, evaluation.decision) for evaluation in await decider.preview(loaded, element)]


def _refused(kind: str, refusal: Rejected, rule: str) -> Answer:
    return _shape(kind, REJECTED, rule, [{"code": refusal.reason, "text": refusal.detail}])


def _passed_over(signal: Signal, code: str, text: str) -> Answer:
    return _shape(kind_of(signal), "no_match", "none", [{"code": code, "text": text}])


def _decided(signal: Signal, decision: Decision) -> Answer:
    shape = _shape(kind_of(signal), decision.verdict, decision.rule, plain(decision.reasons))
    commands, planned = plain(decision.commands), plain(decision.planned)
    return shape | {"commands": commands, "planned": planned, "subject": decision.subject, "id": decision.id}


def _shape(kind: str, decision: str, rule: str, reasons: list[dict[str, Any]]) -> Answer:
    return {
        "kind": kind,
        "decision": decision,
        "rule": rule,
        "reasons": reasons,
        "commands": [],
        "planned": [],
        "subject": "",
        "id": "",
    }
