"""What a run left behind: the rows of the store as they lie there, and the target's own journal.

Owns reading and bringing into a form that two runs can be compared in: without moments, and without what a run names for
itself (its folders, its ports). Judges nothing.
"""

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shared.adapters.azure_tables_store import AzureTablesStore
from shared.domain.commands import kind_of
from shared.domain.outcomes import Failed, Skipped

UNFINISHED = ("open|", "told|", "owed|")  # of the ledger: what somebody still has to do
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00| UTC)?")
DECISIONS_MAX = 100_000
REPEAT = "repeated"
NOTICES = ("card_received", "mail_received")


@dataclass(frozen=True)
class Ended:
    """A command: what it was, and how it ended."""

    kind: str
    subject: str
    title: str
    outcome: str


@dataclass(frozen=True)
class Evidence:
    """Everything that is compared. Ids are those of the store; ``effects`` and ``notices`` are counted by the target."""

    signals: frozenset[str]
    rejected: frozenset[str]
    decisions: frozenset[str]
    commands: dict[str, Ended]
    facts: dict[str, Any]
    effects: Counter[str]
    notices: Counter[str]
    repeats: Counter[str]  # what the target was asked for again and did not do again


async def unfinished(store: AzureTablesStore) -> list[str]:
    """The keys of everything that is not done yet, as it lies in the tables: nothing is repaired by looking."""
    places = [("inbox", "undecided|"), *(("ledger", kind) for kind in UNFINISHED)]
    found = await asyncio.gather(*(_keys(store, table, kind) for table, kind in places))
    return [key for keys in found for key in keys]


async def gather(store: AzureTablesStore, journal: Path) -> Evidence:
    """Read it all, when nothing moves any more."""
    inbox = await _keys(store, "inbox")
    decisions = await store.decisions(None, DECISIONS_MAX)
    commands = dict[str, Ended]()
    for decision in decisions:
        for row in await store.commands(decision.id, decision.subject):
            outcome = type(row.outcome).__name__ if row.state == "finished" else row.state
            reason = row.outcome.reason if isinstance(row.outcome, Failed | Skipped) else ""
            title = getattr(row.command, "title", "")
            ended = Ended(kind_of(row.command), row.subject, title, _timeless(f"{outcome} {reason}".strip()))
            commands[row.command.id] = ended
    facts = {subject: (await store.facts(subject)).value for subject in await store.subjects()}
    effects, notices, repeats = read_journal(await asyncio.to_thread(journal.read_text, "utf-8"))
    return Evidence(
        signals=frozenset(key for key in inbox if key.startswith("signal|")),
        rejected=frozenset(key for key in inbox if key.startswith("rejected|")),
        decisions=frozenset(decision.id for decision in decisions),
        commands=commands,
        facts={subject: json.loads(_timeless(msgspec.json.encode(value).decode())) for subject, value in facts.items()},
        effects=effects,
        notices=notices,
        repeats=repeats,
    )


def read_journal(text: str) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Effects, notices by title, and what was asked for again, each counted."""
    effects, notices, repeats = Counter[str](), Counter[str](), Counter[str]()
    for line in text.splitlines():
        entry = json.loads(line)
        name, target, detail = entry["effect"], entry["target"], entry["detail"]
        if name in NOTICES:
            notices[detail.get("title") or detail.get("subject", "")] += 1
        elif name == REPEAT:
            repeats[f"{detail['of']} {target}"] += 1
        elif name == "traffic_set" and not detail["changed"]:
            repeats[f"{name} {target}"] += 1
        else:
            shares = detail.get("traffic", "")
            effects[f"{name} {target} {detail.get('status', '')}{shares}".strip()] += 1
    return effects, notices, repeats


def _timeless(text: str) -> str:
    return MOMENT.sub("(time)", text)


async def _keys(store: AzureTablesStore, table: str, prefix: str = "") -> list[str]:
    wanted = f"RowKey ge '{prefix}' and RowKey lt '{prefix}~'"

    async def read(_attempt: int) -> list[str]:
        rows = store.account.table(table).query_entities(wanted, select=["RowKey"], results_per_page=1000)
        return [str(row["RowKey"]) async for row in rows]

    return await store.account.patiently(read)
