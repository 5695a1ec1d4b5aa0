"""The four kinds of links: publishers and requests come in, subscriptions and replies go out.

A link counts credit and deliveries, puts multi-frame messages together and hands them on. It speaks to the peer only
through its `Line`; it does not know channels, sessions or sockets. Rules: OASIS AMQP 1.0 part 2, section 2.6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Protocol

from local.azure.event_hubs.codec import CodecError
from local.azure.event_hubs.frames import MESSAGE_BYTES_MAX, Fault
from local.azure.event_hubs.messages import Reply, Request, encode_reply, parse_request, partition_key_of, unbatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure.event_hubs.namespace import Hub
    from local.azure.event_hubs.partition import Partition
    from local.azure.event_hubs.performatives import Transfer

CREDIT_MESSAGES = 1000  # what a sending peer may have under way; topped up at half
REPLIES_WAITING_MAX = 100


class Line(Protocol):
    """A link's way to its counterpart."""

    def has_room(self) -> bool:
        """Whether a message may be written now; if not, the link is pumped once there is room."""

    def transfer(self, message: bytes) -> None:
        """Sends a settled message."""

    def flow(self, delivery_count: int, credit: int) -> None:
        """Allows the peer more messages."""

    def settle(self, delivery_id: int, fault: Fault | None) -> None:
        """Accepts or rejects a message of the peer's."""

    def detach(self, fault: Fault) -> None:
        """Closes the link because of the fault."""


class Outbound(ABC):
    """A link on which messages go to the peer, as many as it gave credit for."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._credit = 0
        self._delivery_count = 0

    def grant(self, delivery_count: int, credit: int) -> None:
        """Takes the peer's credit, which counts from the deliveries that it had seen, and sends what waits."""
        self._credit = delivery_count + credit - self._delivery_count
        self.pump()

    def pump(self) -> None:
        """Sends all that waits, as far as credit and the socket allow."""
        while self._credit > 0 and self._line.has_room():
            message = self._next()
            if message is None:
                return
            self._credit -= 1
            self._delivery_count += 1
            self._line.transfer(message)

    @abstractmethod
    def _next(self) -> bytes | None:
        """The next message, which is then sent; None if nothing waits."""


class Subscription(Outbound):
    """A receiver of one consumer group on one partition. It sends live events as they are stored."""

    def __init__(self, line: Line, partition: Partition, start: int, group: str, epoch: int | None) -> None:
        super().__init__(line)
        self.group = group
        self.epoch = epoch
        self._partition = partition
        self._position = start

    def _next(self) -> bytes | None:
        entry = self._partition.read(self._position)
        if entry is None:
            return None
        self._position = entry.sequence_number + 1
        return entry.message

    def evict(self, reason: str) -> None:
        """Ends the subscription because another receiver took the partition over."""
        self._line.detach(Fault("amqp:link:stolen", reason))

    def leave(self) -> None:
        """Leaves the partition."""
        self._partition.leave(self)


class Replies(Outbound):
    """The way back for answers of one node; they wait for credit, up to `REPLIES_WAITING_MAX` of them."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._waiting: deque[bytes] = deque(maxlen=REPLIES_WAITING_MAX)

    def put(self, message: bytes) -> None:
        """Sends the answer as soon as the peer takes it."""
        self._waiting.append(message)
        self.pump()

    def _next(self) -> bytes | None:
        return self._waiting.popleft() if self._waiting else None


class Inbound(ABC):
    """A link on which the peer sends messages; each is taken and settled at once."""

    def __init__(self, line: Line, delivery_count: int) -> None:
        self._line = line
        self._delivery_count = delivery_count
        self._credit = 0
        self._parts: list[Transfer] = []
        self._size_bytes = 0

    def welcome(self) -> None:
        """Gives the peer its credit."""
        self._credit = CREDIT_MESSAGES
        self._line.flow(self._delivery_count, self._credit)

    def receive(self, part: Transfer) -> None:
        """Takes a message or a part of one; a message over `MESSAGE_BYTES_MAX` closes the link."""
        self._parts.append(part)
        self._size_bytes += len(part.payload)
        if self._size_bytes > MESSAGE_BYTES_MAX:
            self._line.detach(Fault("amqp:link:message-size-exceeded", f"messages hold {MESSAGE_BYTES_MAX} bytes"))
        elif part.is_aborted or not part.has_more:
            self._complete(part.is_aborted)

    def _complete(self, is_aborted: bool) -> None:  # noqa: FBT001  the peer's flag
        parts, self._parts, self._size_bytes = self._parts, [], 0
        self._delivery_count += 1
        self._credit -= 1
        if not is_aborted:
            fault = self._handle(b"".join(part.payload for part in parts), parts[0].message_format or 0)
            if parts[0].delivery_id is not None and not any(part.is_settled for part in parts):
                self._line.settle(parts[0].delivery_id, fault)
        if self._credit <= CREDIT_MESSAGES // 2:
            self.welcome()

    def _handle(self, message: bytes, message_format: int) -> Fault | None:
        try:
            self._take(message, message_format)
        except CodecError as error:
            return Fault("amqp:decode-error", str(error))
        return None

    @abstractmethod
    def _take(self, message: bytes, message_format: int) -> None:
        """Acts on a whole message; raises `CodecError` if it is not one."""


class Publisher(Inbound):
    """A sender of events to a hub, or to one partition of it."""

    def __init__(self, line: Line, delivery_count: int, target: Hub | Partition) -> None:
        super().__init__(line, delivery_count)
        self._target = target

    def _take(self, message: bytes, message_format: int) -> None:
        self._target.append(unbatch(message, message_format), partition_key_of(message))


class Requests(Inbound):
    """A sender of requests to `$cbs` or `$management`; answers go out through the node's replies link."""

    def __init__(
        self,
        line: Line,
        delivery_count: int,
        answer: Callable[[Request], Reply],
        replies: Callable[[], Replies | None],
    ) -> None:
        super().__init__(line, delivery_count)
        self._answer = answer
        self._replies = replies

    def _take(self, message: bytes, message_format: int) -> None:  # noqa: ARG002  requests come one by one
        request = parse_request(message)
        replies = self._replies()
        if replies is None:
            raise CodecError("nobody listens for the answer: attach a receiver first")
        replies.put(encode_reply(request, self._answer(request)))


Link = Subscription | Replies | Publisher | Requests
