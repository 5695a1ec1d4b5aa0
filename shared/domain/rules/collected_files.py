"""Files that the model data collector of the production endpoint writes: read on each time one has grown.

Owns what follows from the events of such a file, and what is said of its reading. They are telemetry, so they count for no
``when: data_arrived``, and no guard holds them. Which files these are is said by the policy's ``collector:``.
"""

from shared.domain.commands import ReadCollected
from shared.domain.outcomes import Succeeded
from shared.domain.platform_signals import BlobEvent, DataArrived, DataDeleted
from shared.domain.policy_index import plain_id
from shared.domain.signals import CommandFinished
from shared.domain.situation import Ruling, Situation, because, ignore

RULE = "collected_files"
LINES = ".jsonl"
MIB = 1024 * 1024
NAME_MAX = 300


def on_arrived(situation: Situation, signal: DataArrived) -> Ruling:
    """Order what was written to be counted, unless it is no file of lines."""
    collector = situation.workload.environments.production.collector
    if collector is None or not signal.path.lower().endswith(LINES):
        text = f"{_named(signal)} holds no lines of the collector (its name ends with {LINES})"
        return ignore(situation, RULE, because("not_lines", text))
    why = because(
        "collected", f"{_named(signal)} was written to: what is new in it is counted", observed=signal.size_bytes
    )
    command = situation.order(
        ReadCollected,
        f"{signal.container}/{signal.path}",
        "the collector wrote rows",
        storage=plain_id(collector.storage),
        container=signal.container,
        path=signal.path,
        bytes_max=collector.file_mib_max * MIB,
    )
    return Ruling("act", RULE, (why,), situation.facts, commands=(command,))


def on_deleted(situation: Situation, signal: DataDeleted) -> Ruling:
    """What was counted of the file stays counted."""
    return ignore(situation, RULE, because("collected_deleted", f"{_named(signal)} was deleted; its rows stay counted"))


def on_read(situation: Situation, signal: CommandFinished) -> Ruling:
    """Say how much was counted; a file that could not be read is for a person to look at."""
    outcome = signal.outcome
    if isinstance(outcome, Succeeded):
        lines, through = outcome.data.get("lines", 0.0), outcome.data.get("through", 0.0)
        text = f"{lines:.0f} new lines were counted, up to byte {through:.0f}"
        return ignore(situation, RULE, because("counted_lines", text, observed=lines))
    return Ruling("escalate", RULE, (because("not_read", outcome.reason),), situation.facts)


def _named(signal: BlobEvent) -> str:
    return f"{signal.account}/{signal.container}/{signal.path}"[:NAME_MAX]
