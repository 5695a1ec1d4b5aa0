"""What the loop decided about one signal and one subject: a closed set of verdicts, each with its reasons.

Owns decisions and the waits that they ask for. Knows nothing of how they came about, or of how they are carried out.
"""

from datetime import datetime
from typing import Literal

from shared.domain.announcements import Announcement
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts
from shared.domain.signals import HoldElapsed
from shared.domain.values import Part, Value

Verdict = Literal["act", "hold", "suppress", "escalate", "no_match"]


class Reason(Part, frozen=True, kw_only=True):
    """Why: a code for machines, a sentence for people, what was seen, what the limit was, until when it holds."""

    code: str
    text: str
    observed: str | float | None = None
    limit: str | float | None = None
    until: datetime | None = None
    release: str = ""


class Hold(Part, frozen=True, kw_only=True):
    """A moment to be woken at. ``id`` is deterministic; a hold with the same id replaces the older one."""

    id: str
    due: datetime
    signal: HoldElapsed
    retries: str = ""  # the dedup key of the signal that is evaluated again, for the purpose ``retry``


class Decision(Value, frozen=True, kw_only=True):
    """One row of the ledger: what was decided, by which rule of which policy, and why."""

    id: str
    cause: str  # the dedup key of the signal
    cause_kind: str
    subject: str
    verdict: Verdict
    rule: str
    reasons: tuple[Reason, ...]
    commands: tuple[AnyCommand, ...] = ()
    planned: tuple[AnyCommand, ...] = ()  # what a held decision would have ordered
    policy_digest: str = ""
    decided_at: datetime
    depth: int = 0


class Evaluation(Part, frozen=True, kw_only=True):
    """A decision and everything that is stored with it, in one transaction."""

    decision: Decision
    facts: Facts
    holds: tuple[Hold, ...] = ()
    released: tuple[str, ...] = ()  # holds that are no longer needed
    announcements: tuple[Announcement, ...] = ()  # what is to be said about it
    announce_to: tuple[str, ...] = ()  # the targets that each of them is owed to
