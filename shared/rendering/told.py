"""What the ledger says about windows, read back from the sentences of its reasons.

Owns that reading, the other way round than ``domain.rules.verdicts`` writes them. Decisions outlive the signals that they answer
by a year, and months are told by them. Days are all that such a sentence keeps of a window.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.decisions import Reason

DAYS = {"d": 1, "w": 7}
VALUE_MAX = 1e6  # what is larger is shown as this: an axis has to end somewhere
_TOLD = re.compile(
    r"(?:(?P<label>[a-z0-9_-]+): )?(?P<deployment>\S+), (?P<start>\d{4}-\d\d-\d\d) to (?P<end>\d{4}-\d\d-\d\d): "
    r"(?P<verdict>pass|suspected|detected|no_data|error); "
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a decision says about one window. ``label`` names the rule, ``value`` is what it compared with its limit."""

    label: str
    deployment: str
    start: datetime
    end: datetime
    verdict: str
    value: float

    def lasts(self, window: str) -> bool:
        """Whether the window is as long as a rule's (``1mo``, ``7d``). Of shorter ones than a day too little is kept to tell."""
        if window.endswith("mo"):
            months = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
            return (self.start.day, self.end.day, months) == (1, 1, int(window.removesuffix("mo")))
        return (self.end - self.start).days == DAYS.get(window[-1], 0) * int(window[:-1]) > 0


def told(reason: Reason) -> Told | None:
    """What the reason of a decision says about a window; None when it is about something else."""
    match = _TOLD.match(reason.text) if reason.code == "window" else None
    if match is None or isinstance(reason.observed, str):
        return None
    start, end = _day(match["start"]), _day(match["end"])
    if start is None or end is None:
        return None
    return Told(
        label=match["label"] or "data_drift",
        deployment=match["deployment"],
        start=start,
        end=end,
        verdict=match["verdict"],
        value=bounded(reason.observed or 0.0),
    )


def bounded(value: float) -> float:
    """A value that fits an axis."""
    return max(-VALUE_MAX, min(VALUE_MAX, value))


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
