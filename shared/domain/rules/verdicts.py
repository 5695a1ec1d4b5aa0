"""What a rule found in one window: one of five verdicts, the number that it compared, and a sentence with the evidence.

Owns that answer and how it is worded. Knows no measure, and nothing of the windows before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.decisions import Reason
from shared.domain.policy_windows import WindowRule
from shared.domain.situation import because
from shared.domain.telemetry_signals import PerformanceMeasured, WindowClosed, WindowVerdict

Window = WindowClosed | PerformanceMeasured
LISTED_MAX = 12  # features, groups or breaches, by name
FAULT_MAX = 300  # characters of what went wrong


@dataclass(frozen=True, slots=True)
class Found:
    """The verdict of one rule on one window. ``value`` is what was compared with ``limit``; ``rows`` were looked at."""

    verdict: WindowVerdict
    value: float
    limit: float
    rows: int
    text: str

    @property
    def reason(self) -> Reason:
        """The verdict as it stands in the ledger."""
        return because("window", self.text, observed=self.value, limit=self.limit)


def found(
    rule: WindowRule, signal: Window, verdict: WindowVerdict, value: float, limit: float, text: str
) -> Found:  # what a verdict is made of
    """A verdict, in a sentence that begins with the rule, the deployment and the window."""
    rows = signal.rows if isinstance(signal, WindowClosed) else signal.pairs
    said = "" if rule.label == "data_drift" else f"{rule.label}: "
    when = f"{signal.start:%Y-%m-%d} to {signal.end:%Y-%m-%d}"
    return Found(verdict, round(value, 4), limit, rows, f"{said}{signal.deployment}, {when}: {verdict}; {text}")


def faulty(rule: WindowRule, signal: Window) -> Found:
    """The window could not be judged: nobody knows whether it was good."""
    return found(rule, signal, "error", 0.0, 0.0, f"it could not be judged: {signal.fault[:FAULT_MAX]}")


def listing(items: Sequence[str]) -> str:
    """The first of a list that may be long: what is kept with an incident has to stay small."""
    rest = len(items) - LISTED_MAX
    return ", ".join(items[:LISTED_MAX]) + (f" and {rest} more" if rest > 0 else "")
