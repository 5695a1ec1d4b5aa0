"""What the services need from the outside world, as Protocols. Adapters implement them; ``runtime`` joins the two.

Owns the promises. Knows no SDK. Every method that reaches out is async; none waits for a long operation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from shared.domain.capacity import Quota
from shared.domain.commands import CheckEndpoint, RecordReference
from shared.domain.decisions import Decision, Evaluation, Hold
from shared.domain.effects import Message, WorkspaceCommand
from shared.domain.facts import Facts
from shared.domain.outcomes import Failed, Outcome
from shared.domain.policy import Policy
from shared.domain.records import RejectedRow, SignalRow
from shared.ports_aging import Aging
from shared.ports_bookmarks import Bookmark, Bookmarks
from shared.ports_outbox import Outbox
from shared.ports_publishing import Announcements

T = TypeVar("T")


class Clock(Protocol):
    """The only source of the present."""

    def now(self) -> datetime:
        """The present, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy that validated, the digest of its text, and the request bodies that lie beside it."""

    policy: Policy
    digest: str
    payloads: Mapping[str, str]


class PolicySource(Protocol):
    """Where the policy comes from. One that does not validate never replaces one that does."""

    async def current(self) -> LoadedPolicy:
        """The newest policy that validates."""
        ...


class Workspace(Protocol):
    """Azure Machine Learning: one call for each command, classified where a failure is seen."""

    async def begin(self, command: WorkspaceCommand, now: datetime) -> Outcome:
        """Order the effect with one call and return at once: ``Started`` for anything that Azure works on."""
        ...

    async def look(self, command: WorkspaceCommand, operation: str, now: datetime) -> Outcome:
        """Ask by GET what became of a started operation; ``Started`` again while it is under way or cannot be seen.

        ``Failed`` is said of the operation, never of the question: a retryable one is begun anew.
        """
        ...

    async def read_reference(self, command: RecordReference) -> Mapping[str, str] | Failed:
        """The tags ``outerloop.reference*`` of the run that produced a model version."""
        ...


class Datasets(Protocol):
    """Labelled data, as registered in Azure Machine Learning."""

    async def rows(self, workspace: str, data: str) -> int | Failed | None:
        """How many labelled rows a data asset (``azureml:NAME@latest`` or ``:VERSION``) holds in all, by its tag ``rows``.

        None when it carries no such tag, or one that is no whole number. Raises nothing: what went wrong is a ``Failed``.
        """
        ...


class Quotas(Protocol):
    """How much of a machine type a subscription may still use in the region of a workspace."""

    async def quota(self, workspace: str, instance_type: str) -> Quota | Failed:
        """Cores used and allowed of the type's family. Raises nothing: what went wrong is a ``Failed``."""
        ...


class Prober(Protocol):
    """Sends real requests to one deployment of an endpoint."""

    async def probe(self, command: CheckEndpoint, body: str) -> Outcome:
        """Measure: ``Succeeded`` with requests, errors, latency_p50_ms, latency_p95_ms, latency_p99_ms."""
        ...


class Messenger(Protocol):
    """Reaches people on the channels that the settings name."""

    async def send(self, message: Message) -> Outcome:
        """Deliver to every channel of the message; ``Failed`` names the channels that refused."""
        ...


class ConflictError(Exception):
    """Somebody else wrote first: read again and decide again."""


class AlreadyDecidedError(Exception):
    """The decision with this id is in the ledger: nothing is left to do."""


class TooLargeError(ValueError):
    """What was to be committed is larger than any row or transaction may be: sending it again would not mend that."""


class StoreUnavailableError(Exception):
    """The store cannot be reached or written: the source must send again."""


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A value and the tag that its next write has to present. The tag is empty when there is no value yet."""

    value: T
    etag: str = ""


class Inbox(Protocol):
    """Signals, accepted once each."""

    async def insert_signal(self, row: SignalRow) -> bool:
        """Store a signal unless its dedup key is known; False when it is."""
        ...

    async def signal(self, dedup_key: str) -> SignalRow | None:
        """The signal of a key."""
        ...

    async def set_route(self, dedup_key: str, subjects: tuple[str, ...], policy_digest: str) -> SignalRow:
        """Store the route unless there is one; returns the row as it now is, so the first route wins."""
        ...

    async def mark_decided(self, dedup_key: str) -> None:
        """Every subject of the signal has its decision."""
        ...

    async def undecided(self, received_before: datetime, limit: int) -> list[SignalRow]:
        """Signals accepted before a moment that a crash left without all their decisions, oldest first."""
        ...

    async def add_rejected(self, row: RejectedRow) -> None:
        """Keep what could not be taken; the same id again only counts. One that was redriven is listed anew."""
        ...

    async def rejected(self, limit: int, after: RejectedRow | None = None) -> list[RejectedRow]:
        """The newest rejections first, but for those that were redriven; with ``after`` those behind it in this order."""
        ...

    async def rejection(self, row_id: str) -> RejectedRow | None:
        """One rejection, also one that was redriven."""
        ...

    async def mark_redriven(self, row_id: str, at: datetime) -> None:
        """The rejection was taken after all: it is kept, and leaves the list. Does nothing for an unknown one."""
        ...


class Ledger(Protocol):
    """Facts, decisions, commands and holds of each subject, written together."""

    async def facts(self, subject: str) -> Stored[Facts]:
        """The facts of a subject; empty facts and an empty tag when there are none."""
        ...

    async def commit(self, evaluation: Evaluation, facts_etag: str) -> None:
        """Write facts, decision, commands (as pending, unsent), holds (added, released) in one transaction.

        In the same transaction each announcement becomes owed to each target of ``announce_to``.

        Raises AlreadyDecidedError when the decision exists, ConflictError when the facts changed since they were read,
        TooLargeError for facts over 64 KiB, and for a decision that takes more than a transaction holds.
        """
        ...

    async def decision(self, decision_id: str, subject: str | None = None) -> Decision | None:
        """One row of the ledger. Who knows its subject says so: it is found with one look instead of several."""
        ...

    async def decisions(self, subject: str | None, limit: int) -> list[Decision]:
        """The newest decisions, oldest of them first, of one subject or of all."""
        ...

    async def subjects(self) -> list[str]:
        """Every subject that has facts."""
        ...

    async def due_holds(self, now: datetime, limit: int) -> list[Hold]:
        """Holds whose moment came, earliest first. They stay until a decision releases them."""
        ...

    async def holds(self, subject: str) -> list[Hold]:
        """All holds of a subject, earliest first."""
        ...


class Documents(Protocol):
    """Small named bodies, each changed by compare-and-swap: leases, profiles, reservations."""

    async def document(self, name: str) -> Stored[bytes | None]:
        """The body of a name and its tag; None and an empty tag when there is none."""
        ...

    async def save_document(self, name: str, body: bytes, etag: str) -> None:
        """Write a body. An empty tag means that there must be none yet. Raises ConflictError."""
        ...

    async def delete_document(self, name: str, etag: str) -> None:
        """Remove a body. Raises ConflictError."""
        ...

    async def documents(self, prefix: str) -> dict[str, bytes]:
        """All bodies whose name begins with a prefix."""
        ...


@dataclass(frozen=True, slots=True)
class StoredDelta:
    """One batch of a hub partition, aggregated and not yet folded into windows."""

    partition: str
    through_sequence_number: int
    body: bytes


class TelemetryLog(Protocol):
    """Deltas by hub partition with their cursor, and the windows that they are folded into."""

    async def cursor(self, partition: str) -> Stored[int]:
        """The last sequence number taken of a partition, -1 when none was."""
        ...

    async def append_delta(self, delta: StoredDelta, cursor_etag: str, bookmark: Bookmark | None = None) -> None:
        """Write the delta and move the cursor in one transaction, and with them the bookmark of the file it came from.

        Raises ConflictError when the cursor moved, or the bookmark.
        """
        ...

    async def deltas(self, limit: int) -> list[StoredDelta]:
        """Deltas not yet folded, in order within each partition."""
        ...

    async def windows(self, prefix: str) -> dict[str, Stored[bytes]]:
        """Window states by key, for keys that begin with a prefix."""
        ...

    async def save_fold(self, windows: Mapping[str, Stored[bytes]], folded: Sequence[StoredDelta]) -> None:
        """Write windows (each against its tag) and drop the folded deltas, in one transaction. Raises ConflictError."""
        ...

    async def delete_windows(self, keys: Sequence[str]) -> None:
        """Drop windows that are no longer needed."""
        ...


class Store(Inbox, Ledger, Outbox, Announcements, Documents, TelemetryLog, Bookmarks, Aging, Protocol):
    """Everything that is kept. Any method may raise StoreUnavailableError."""


@dataclass(frozen=True, slots=True)
class PoisonMessage:
    """A message that the host gave up on. ``body`` is as it was queued, by whomever; ``receipt`` is proof of this look."""

    id: str
    body: str
    receipt: str
    inserted_at: datetime


class CommandQueue(Protocol):
    """Carries the ids of commands to whoever executes them, at least once. Any method may raise StoreUnavailableError."""

    async def send(self, subject: str, command_id: str, delay_seconds: float = 0.0) -> None:
        """Queue one command, visible after a delay."""
        ...

    async def poisoned(self, limit: int) -> list[PoisonMessage]:
        """Messages that the host gave up on, oldest first. They stay until they are dropped; others may see them too."""
        ...

    async def drop_poisoned(self, message: PoisonMessage) -> None:
        """Remove one of these, since what it says is recorded. Does nothing when it is gone or another look has it."""
        ...
