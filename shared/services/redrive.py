"""What could not be taken is taken again: by today's parsers, under today's policy, through the channel that it came by.

Owns which rejections are tried, what becomes of each element of a body, and that a rejection leaves the list only after
its element is safe. A crash between the two repeats an element, which the inbox takes once. Parses and decides nothing itself.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from shared.domain.ids import derive
from shared.domain.records import RejectedRow
from shared.domain.signals import Rejected, Signal, SubscriptionValidation, TelemetryReceived, kind_of
from shared.parsing import Channel, parse, read_message
from shared.ports import Clock, CommandQueue, Store
from shared.services.aggregate import Aggregator
from shared.services.ingest import KEPT_BODY_MAX, Ingest
from shared.services.outbox import send_row
from shared.services.poison import QUEUE_CHANNEL, PoisonError, order_in

PAGE = 50  # rejections that are in memory at once: each may hold a mebibyte
TRIED_MAX = 1000  # of one order, which ends by saying so
TELEMETRY: Channel = "event_hubs"

Became = Literal["accepted", "repeated", "rejected", "impossible"]


@dataclass(frozen=True, slots=True)
class Element:
    """What became of one element of a body. ``says`` names the signal, or why there is none."""

    index: int
    became: Became
    says: str


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one rejection, element by element of its body. ``taken``: it has left the list."""

    id: str
    channel: str
    reason: str
    elements: tuple[Element, ...]
    taken: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rejections to look at: those with this reason, by this channel, received since then. Empty means any."""

    reason: str = ""
    channel: str = ""
    since: datetime | None = None

    def covers(self, row: RejectedRow) -> bool:
        """Whether a rejection is one of those."""
        return (
            self.reason in ("", row.reason)
            and self.channel in ("", row.channel)
            and (self.since is None or row.received_at >= self.since)
        )


class Redriver:
    """Tries rejections again. Any method may raise StoreUnavailableError; what was taken by then stays taken."""

    def __init__(self, store: Store, queue: CommandQueue, clock: Clock, ingest: Ingest, aggregator: Aggregator) -> None:
        self._store, self._queue, self._clock = store, queue, clock
        self._ingest, self._aggregator = ingest, aggregator

    async def one(self, row_id: str) -> Redriven | None:
        """Try one rejection; None when there is none with this id. One that was taken before is told, not tried."""
        row = await self._store.rejection(row_id)
        return None if row is None else await self._redrive(row)

    async def every(self, wanted: Wanted, limit: int = TRIED_MAX) -> list[Redriven]:
        """Try all that are wanted, the oldest first, as they were heard; of more than ``limit`` the newest."""
        ids = [row.id async for row in listed(self._store, wanted, limit)]
        tried = [await self.one(row_id) for row_id in reversed(ids)]
        return [one for one in tried if one is not None]

    async def _redrive(self, row: RejectedRow) -> Redriven:
        if row.redriven_at is not None:
            elements: tuple[Element, ...] = (Element(row.index, "repeated", f"taken already at {row.redriven_at}"),)
        else:
            elements = await self._again(row)
        taken = _is_taken(row, elements)
        if taken and row.redriven_at is None:
            await self._store.mark_redriven(row.id, self._clock.now())
        return Redriven(row.id, row.channel, row.reason, elements, taken)

    async def _again(self, row: RejectedRow) -> tuple[Element, ...]:
        if not row.body:
            return (_impossible(row, "no body was kept with it"),)
        if len(row.body) >= KEPT_BODY_MAX:
            return (_impossible(row, "only the beginning of its body was kept"),)
        if row.channel == QUEUE_CHANNEL:
            return (await self._message(row),)
        if row.channel == TELEMETRY:
            return (await self._telemetry(row),)
        channel = next((known for known in get_args(Channel) if known == row.channel), None)
        parsed = parse(row.body, channel)
        return tuple([await self._element(index, element) for index, element in enumerate(parsed)])

    async def _element(self, position: int, element: Signal | Rejected) -> Element:
        if isinstance(element, Rejected):
            return Element(element.index, "rejected", f"{element.reason}: {element.detail}")
        if isinstance(element, SubscriptionValidation | TelemetryReceived):
            return Element(position, "impossible", f"{kind_of(element)} is answered where it comes in")
        offered = await self._ingest.offer(element)
        if isinstance(offered, Rejected):
            return Element(position, "rejected", f"{offered.reason}: {offered.detail}")
        return Element(position, "accepted" if offered.new else "repeated", f"{kind_of(element)} {element.dedup_key}")

    async def _telemetry(self, row: RejectedRow) -> Element:
        """Count a message of telemetry as a hub partition of its own, whose cursor counts it once."""
        refused = await self._aggregator.refusals(read_message(row.body))
        if refused:
            return Element(0, "rejected", f"{refused[0].reason}: {refused[0].detail}")
        if not row.whole:
            return _impossible(row, "other rows of the same message were counted: they would count twice")
        taken = await self._aggregator.take(f"redriven/{derive('telemetry', row.body.hex())}", [(0, row.body)])
        return Element(0, "accepted" if taken else "repeated", "telemetry, counted into its windows")

    async def _message(self, row: RejectedRow) -> Element:
        """Queue the command again that a message of the command queue was about."""
        try:
            subject, command_id = order_in(row.body)
        except PoisonError as error:
            return Element(0, "rejected", str(error))
        command = await self._store.command(subject, command_id)
        if command is None:
            return Element(0, "rejected", f"there is no command {command_id} of {subject}")
        if command.state == "finished":
            return Element(0, "repeated", f"the command {command_id} is finished")
        await send_row(self._store, self._queue, command, self._clock.now())
        return Element(0, "accepted", f"the command {command_id} is queued again")


async def listed(store: Store, wanted: Wanted, limit: int) -> AsyncIterator[RejectedRow]:
    """The newest rejections that are wanted, at most so many, read a page at a time."""
    page, left = await store.rejected(PAGE), limit
    while page and left > 0:
        for row in page:
            if left > 0 and wanted.covers(row):
                left -= 1
                yield row
        if wanted.since is not None and page[-1].received_at < wanted.since:
            return
        page = await store.rejected(PAGE, page[-1])


def _is_taken(row: RejectedRow, elements: Sequence[Element]) -> bool:
    """Whether the element that was rejected is safe now: something of its body is, and nothing is refused in its place."""
    refused = any(element.became in ("rejected", "impossible") and element.index == row.index for element in elements)
    return not refused and any(element.became in ("accepted", "repeated") for element in elements)


def _impossible(row: RejectedRow, why: str) -> Element:
    return Element(row.index, "impossible", why)
