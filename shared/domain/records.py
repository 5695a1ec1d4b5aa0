"""The rows that outlive a process: what the store keeps, as values.

Owns the shapes of rows and their states. Knows nothing of tables, partitions or transactions (``ports.Store``).
"""

from datetime import datetime
from typing import Literal

from shared.domain.effects import AnyCommand
from shared.domain.outcomes import Outcome
from shared.domain.signals import Signal
from shared.domain.values import Part

CommandState = Literal["pending", "claimed", "started", "finished"]


class SignalRow(Part, frozen=True, kw_only=True):
    """An accepted signal. ``subjects`` is None until it was routed, which happens once; then it never changes."""

    signal: Signal
    received_at: datetime
    subjects: tuple[str, ...] | None = None
    policy_digest: str = ""
    decided: bool = False  # every subject has its decision


class RejectedRow(Part, frozen=True, kw_only=True):
    """Something that was heard and could not be taken, with its raw body, so that nothing is lost.

    ``index`` is its place in the body. ``whole``: of a message of telemetry nothing else was counted, so that it can be
    counted later. ``redriven_at``: when it was taken after all, which removes it from the list.
    """

    id: str
    channel: str
    reason: str
    detail: str
    received_at: datetime
    body: bytes
    times: int = 1
    index: int = 0
    whole: bool = False
    redriven_at: datetime | None = None


class CommandRow(Part, frozen=True, kw_only=True):
    """An order in the outbox, its claim and what came of it.

    ``attempts`` counts claims. ``not_before`` is when a command may be sent or looked at (again).
    """

    command: AnyCommand
    subject: str
    decision: str
    state: CommandState
    depth: int
    created_at: datetime
    attempts: int = 0
    sent: bool = False
    owner: str = ""
    claimed_until: datetime | None = None
    not_before: datetime | None = None
    outcome: Outcome | None = None
    finished_at: datetime | None = None


class RoutedSubject(Part, frozen=True, kw_only=True):
    """One subject that a signal was routed to and that has no decision yet."""

    dedup_key: str
    subject: str
