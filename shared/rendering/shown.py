"""What people are shown of the loop: questions, workloads, holds, the ledger, explanations.

Owns the shapes that pages, the status route and the command line print. Services fill them; nothing here knows a store.
Times are UTC; traffic is in percent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.domain.decisions import Decision, Reason
from shared.domain.facts import ApprovalAsked, Incident, Version
from shared.domain.records import CommandRow, RejectedRow, SignalRow


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A question with its evidence, and why this person may not say yes, if so. ``may_reject``: a no would count.

    ``begins`` is what the loop would begin after a yes (``mode: propose``); empty when a version asks to go to production.
    """

    workload: str
    version: str
    asked: ApprovalAsked
    objections: tuple[Reason, ...]
    may_reject: bool
    begins: str = ""

    @property
    def title(self) -> str:
        """The question."""
        if self.begins:
            return f"May the loop {self.begins} ({self.workload})?"
        return f"Approve version {self.version} of {self.workload} for production?"

    @property
    def otherwise(self) -> str:
        """What happens when nobody answers."""
        return "nothing is begun" if self.begins else "the version is rejected"

    @property
    def evidence_digest(self) -> str:
        """The digest of what is shown."""
        return self.asked.evidence_digest


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that waits for people, and the address of the page that answers it.

    ``begins`` is what the loop would begin after a yes; empty when a version asks to go to production.
    """

    workload: str
    version: str
    approval_id: str
    asked_at: datetime
    expires_at: datetime
    quorum: int
    said_yes: tuple[str, ...]
    link: str
    begins: str = ""

    @property
    def title(self) -> str:
        """What a yes would be said to."""
        return self.begins or f"approve version {self.version}"


@dataclass(frozen=True, slots=True)
class ShownHold:
    """A moment that is waited for, what happens then, and every guard that made it necessary.

    ``about`` is the key by which the rules know what it is about, ``words`` says it to people.
    """

    id: str
    due: datetime
    purpose: str
    about: str
    words: str
    then: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class ShownFreeze:
    """Why nothing is retrained: which budget, how much of it is spent, until when, and what a person does to lift it."""

    budget: str
    ratio: float
    since: datetime
    until: datetime
    lift: str


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """What somebody does not want to hear of, until when, why, and what a person does to end it."""

    id: str
    what: str
    by: str
    comment: str
    until: datetime
    expire: str


@dataclass(frozen=True, slots=True)
class ShownRollout:
    """A rollout under way. ``step`` counts from 1; ``in_force_since`` is None until Azure has set the step's traffic."""

    version: str
    champion: str
    step: int
    steps: int
    percent: int
    in_force_since: datetime | None
    look_at: datetime | None
    failures: int
    inconclusive: int
    no_data: int
    errors: int = 0
    mirror: int = 0  # percent of the requests that it only gets a copy of
    frozen: str = ""  # why it stands still until a person answers


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """What the champion's newest window said to one rule. ``compared`` is what the rule compared with its limit."""

    rule: str
    window: str
    verdict: str
    compared: float
    rows: int
    start: datetime


@dataclass(frozen=True, slots=True)
class ShownOrigin:
    """Features of one origin on which many models drift right now; ``close`` is what a person does to end that."""

    name: str
    incident: Incident
    features: tuple[str, ...]
    models: tuple[str, ...]
    close: str


@dataclass(frozen=True, slots=True)
class ShownWorkload:
    """One workload: who serves, what is under way, what waits. ``mode`` is empty when the policy no longer names it.

    ``freezes`` and ``silences`` are those that are in force; ``resume`` is what a person does to end a pause.
    """

    name: str
    task: str
    mode: str
    paused: bool
    resume: str
    champion: str
    standby: str
    standby_until: datetime | None
    traffic: Mapping[str, int]
    rollout: ShownRollout | None
    versions: tuple[Version, ...]
    incidents: tuple[Incident, ...]
    holds: tuple[ShownHold, ...]
    freezes: tuple[ShownFreeze, ...]
    silences: tuple[ShownSilence, ...]
    questions: tuple[OpenQuestion, ...]
    verdicts: tuple[ShownVerdict, ...] = ()
    standby_cost: str = ""  # of each hour, where the policy gives a price

    @property
    def held(self) -> tuple[ShownHold, ...]:
        """What a guard holds back."""
        return tuple(hold for hold in self.holds if hold.purpose == "retry")

    @property
    def awaited(self) -> tuple[ShownHold, ...]:
        """Moments that come by themselves."""
        return tuple(hold for hold in self.holds if hold.purpose != "retry")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A decision, and its commands as far as they have come."""

    decision: Decision
    commands: tuple[CommandRow, ...]


@dataclass(frozen=True, slots=True)
class ShownTarget:
    """A target of announcements: how many are owed to it, since when it takes none and why, how many were given up."""

    name: str
    waiting: int
    failing_since: datetime | None
    retry_at: datetime | None
    reason: str
    given_up: int


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """An order as far as it has come. ``overdue``: its next try is past, and nobody took it."""

    row: CommandRow
    age: timedelta
    next_try: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class ShownAside:
    """Rows of a deployment that wait for its reference profile, since when, and how many were too many or too old."""

    deployment: str
    rows: int
    since: datetime | None
    lost: int


@dataclass(frozen=True, slots=True)
class ShownJudgement:
    """What one window of one version said to one rule. ``compared`` is what the rule compared with its limit."""

    rule: str
    window: str
    version: str
    verdict: str
    compared: float
    rows: int
    start: datetime


@dataclass(frozen=True, slots=True)
class WorkloadPage:
    """Everything about one workload, newest first. ``plot`` is the address of its picture, relative to the page."""

    at: datetime
    workload: ShownWorkload
    judgements: tuple[ShownJudgement, ...]
    ledger: tuple[LedgerEntry, ...]
    plot: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on one page, newest first. Bodies of rejections are left out: they may hold telemetry.

    ``publishing`` is empty where nothing is published; ``overdue`` are the commands that are stuck,
    ``aside`` is the telemetry that waits for a reference profile.
    """

    at: datetime
    workloads: tuple[ShownWorkload, ...]
    ledger: tuple[LedgerEntry, ...]
    rejected: tuple[RejectedRow, ...]
    publishing: tuple[ShownTarget, ...] = ()
    overdue: tuple[ShownCommand, ...] = ()
    origins: tuple[ShownOrigin, ...] = ()
    aside: tuple[ShownAside, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedDecision:
    """A decision with what it heard, what came of it, and what is known now of what it concerns.

    ``hold`` is the wait that it left behind, as long as that lasts.
    """

    entry: LedgerEntry
    signal: SignalRow | None
    hold: ShownHold | None
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why?": every decision about one id, oldest first."""

    id: str
    about: Literal["decision", "command", "incident", "signal", "hold"]
    decisions: tuple[ExplainedDecision, ...]
    incident: Incident | None = None
