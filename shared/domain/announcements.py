"""What the loop says to other automation: the closed set of announcement types, and the data that each carries.

Owns the published vocabulary, which others build on: a type is never renamed and a field never changes its meaning. Knows
nothing of why something is said (``announcing``) or of envelopes and targets.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from shared.domain.values import Part

Moment = Annotated[datetime, Meta(tz=True)]

AnnouncementType = Literal[
    "Outerloop.DecisionMade",
    "Outerloop.PromotionStarted",
    "Outerloop.PromotionHeld",
    "Outerloop.ApprovalRequested",
    "Outerloop.ApprovalGranted",
    "Outerloop.ApprovalRefused",
    "Outerloop.ApprovalExpired",
    "Outerloop.VersionRejected",
    "Outerloop.VersionRetired",
    "Outerloop.RolloutStarted",
    "Outerloop.RolloutAdvanced",
    "Outerloop.RolloutHeld",
    "Outerloop.RolloutCompleted",
    "Outerloop.RolledBack",
    "Outerloop.RetrainOrdered",
    "Outerloop.RetrainHeld",
    "Outerloop.IncidentOpened",
    "Outerloop.IncidentClosed",
    "Outerloop.PersonTold",
    "Outerloop.PersonNeeded",
    "Outerloop.BudgetCrossed",
    "Outerloop.RetrainingFrozen",
    "Outerloop.FreezeLifted",
    "Outerloop.Paused",
    "Outerloop.Resumed",
    "Outerloop.SilenceBegun",
    "Outerloop.SilenceEnded",
    "Outerloop.CommandSucceeded",
    "Outerloop.CommandFailed",
    "Outerloop.CommandSkipped",
]

MEANINGS: dict[AnnouncementType, str] = {
    "Outerloop.DecisionMade": "A row of the ledger, whatever its verdict. Exactly one for each decision.",
    "Outerloop.PromotionStarted": "A registered version became a candidate and is on its way to staging.",
    "Outerloop.PromotionHeld": "A candidate's next step waits; every guard that holds it is among the reasons.",
    "Outerloop.ApprovalRequested": "People are asked to approve a candidate, or (`mode: propose`) what would be begun.",
    "Outerloop.ApprovalGranted": "Enough people said yes to what `approval` asked.",
    "Outerloop.ApprovalRefused": "A person said no to what `approval` asked.",
    "Outerloop.ApprovalExpired": "Nobody answered in time, which is a no.",
    "Outerloop.VersionRejected": "A candidate's way ended before it took any traffic.",
    "Outerloop.VersionRetired": "A version is needed no more: superseded, or its warm standby is over.",
    "Outerloop.RolloutStarted": "A version begins to take over production traffic.",
    "Outerloop.RolloutAdvanced": "The next step of a rollout was ordered; `percent` is the share that it gives.",
    "Outerloop.RolloutHeld": "A look at a rollout did not let it go on: inconclusive, no data, not readable, failed once, paused, or frozen until a person answers.",
    "Outerloop.RolloutCompleted": "A version serves all traffic: it is the champion.",
    "Outerloop.RolledBack": "All traffic was ordered back to the version before. `CommandSucceeded` says when it is there.",
    "Outerloop.RetrainOrdered": "A training was ordered.",
    "Outerloop.RetrainHeld": "A training is wanted and waits; every guard that holds it is among the reasons.",
    "Outerloop.IncidentOpened": "A problem was seen that was not known to be open.",
    "Outerloop.IncidentClosed": "An incident ended; `closed_as` says how.",
    "Outerloop.PersonTold": "A notification was ordered. Its text goes to its persona only.",
    "Outerloop.PersonNeeded": "The loop does not know what to do next: a person has to look.",
    "Outerloop.BudgetCrossed": "A tier of a budget was crossed for the first time in its period.",
    "Outerloop.RetrainingFrozen": "A budget holds retraining of a workload until its period ends.",
    "Outerloop.FreezeLifted": "A person lifted a freeze before its end.",
    "Outerloop.Paused": "A person stopped everything of a workload but rollback and notification.",
    "Outerloop.Resumed": "A pause is over.",
    "Outerloop.SilenceBegun": "A person wants quiet about something of a workload; the reason says about what and until when.",
    "Outerloop.SilenceEnded": "A person ended a silence before its time. One that runs out ends without a word.",
    "Outerloop.CommandSucceeded": "What a command ordered is there.",
    "Outerloop.CommandFailed": "A command was given up; `outcome.reason` says why.",
    "Outerloop.CommandSkipped": "A command was left undone on purpose.",
}

TEXT_MAX = 1000  # characters of any text: an announcement has to fit into one message of any target
LISTED_MAX = 20  # reasons, and commands, of one announcement
ANNOUNCEMENTS_MAX = 20  # of one decision: they share its transaction, which has a limit


class ReasonSaid(Part, frozen=True, kw_only=True):
    """Why: a stable code, a sentence for people, what was seen, what the limit was, and until when it holds."""

    code: str
    text: str
    observed: str | float | None = None
    limit: str | float | None = None
    until: Moment | None = None


class CommandSaid(Part, frozen=True, kw_only=True):
    """A command by its kind and id. What it holds (links, texts, addresses) is not published."""

    kind: str
    id: str


class OutcomeSaid(Part, frozen=True, kw_only=True):
    """What came of one command."""

    command: CommandSaid
    status: Literal["Succeeded", "Failed", "Skipped"]
    reason: str = ""


class IncidentSaid(Part, frozen=True, kw_only=True):
    """An incident: what kind of problem, on which version if it is about one, and how it was closed, if it was."""

    id: str
    kind: str
    version: str = ""
    closed_as: str = ""


class AnnouncementData(Part, frozen=True, kw_only=True):
    """The decision that is behind an announcement, and what of it the announcement is about.

    Fields that say nothing are left out. Consumers ignore fields that they do not know.
    """

    decision: Annotated[str, Meta(description="Id of the decision: `outerloop explain` takes it.")]
    decided_at: Annotated[Moment, Meta(description="When it was decided.")]
    subject: Annotated[str, Meta(description="`workload/NAME`, `budget/SCOPE`, `upstream/FEATURES` or `unmatched`.")]
    workload: Annotated[str, Meta(description="Name of the workload; left out when it is about none.")] = ""
    verdict: Annotated[
        Literal["act", "hold", "suppress", "escalate", "no_match"], Meta(description="What was decided.")
    ]
    rule: Annotated[str, Meta(description="The rule that decided.")]
    signal: Annotated[str, Meta(description="Key of the signal that was decided on.")]
    signal_kind: Annotated[str, Meta(description="Kind of that signal.")]
    reasons: Annotated[tuple[ReasonSaid, ...], Meta(description="Why, each guard that holds included.")] = ()
    commands: Annotated[tuple[CommandSaid, ...], Meta(description="What was ordered.")] = ()
    planned: Annotated[tuple[CommandSaid, ...], Meta(description="What would have been ordered.")] = ()
    policy_digest: Annotated[str, Meta(description="Digest of the policy that it was decided under.")] = ""
    version: Annotated[str, Meta(description="The model version that the announcement is about.")] = ""
    percent: Annotated[int | None, Meta(description="Share of traffic that a step of a rollout gives.")] = None
    approval: Annotated[str, Meta(description="Id of the question to people.")] = ""
    budget: Annotated[str, Meta(description="Name of the budget.")] = ""
    incident: Annotated[IncidentSaid | None, Meta(description="The incident that opened or closed.")] = None
    outcome: Annotated[OutcomeSaid | None, Meta(description="What came of a command.")] = None


class Announcement(Part, frozen=True, kw_only=True):
    """One thing that is said. ``id`` is deterministic: said again, it is the same, and subscribers take it once."""

    id: str
    type: AnnouncementType
    subject: str
    time: Moment
    data: AnnouncementData
