"""The history of a workload as the store knows it.

Owns the reading: so many of the newest decisions, the signals of windows as far as they are kept, the commands that mattered.
Changes nothing and draws nothing (``rendering.plot``).
"""

from shared.domain.commands import RollBackTraffic, SetTraffic, Training
from shared.domain.decisions import Decision
from shared.domain.policy import Policy
from shared.domain.routing import subject_of
from shared.domain.telemetry_signals import PerformanceMeasured, WindowClosed
from shared.ports import Store
from shared.rendering.chronicle import LedgerLine, history_of
from shared.rendering.history import History

DECISIONS_READ_MAX = 2000  # of one workload, the newest
SIGNALS_READ_MAX = 200  # of the newest windows; of those before only what their decisions say is shown
ABOUT_WINDOWS = frozenset({WindowClosed.__name__, PerformanceMeasured.__name__})
DOES_SOMETHING = Training | SetTraffic | RollBackTraffic


async def history(store: Store, policy: Policy, name: str) -> History:
    """How a workload's inputs and its performance went, and what was done. Raises StoreUnavailableError."""
    subject = subject_of(name)
    facts = (await store.facts(subject)).value
    decisions = await store.decisions(subject, DECISIONS_READ_MAX)
    asked = [decision.id for decision in decisions if decision.cause_kind in ABOUT_WINDOWS][-SIGNALS_READ_MAX:]
    lines = [
        await _line(store, decision, with_signal=decision.id in asked) for decision in decisions if _matters(decision)
    ]
    versions = {known.deployment: known.version for known in facts.versions.values() if known.deployment}
    settings = next((known for known in policy.workloads if known.name == name), None)
    return history_of(name, settings, versions, lines)


def _matters(decision: Decision) -> bool:
    return decision.cause_kind in ABOUT_WINDOWS or _did_something(decision)


def _did_something(decision: Decision) -> bool:
    return any(isinstance(command, DOES_SOMETHING) for command in decision.commands)


async def _line(store: Store, decision: Decision, *, with_signal: bool) -> LedgerLine:
    row = await store.signal(decision.cause) if with_signal else None
    signal = row.signal if row and isinstance(row.signal, WindowClosed | PerformanceMeasured) else None
    commands = await store.commands(decision.id, decision.subject) if _did_something(decision) else []
    return LedgerLine(decision, signal, tuple(commands))
