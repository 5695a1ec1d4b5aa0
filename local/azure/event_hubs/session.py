"""One session: its links, and the answers to everything that arrives on its channel.

Decides where an attaching link leads or why it is refused. It writes frames to its `Wire` and knows no sockets. The
peer's session window is not looked at: azure-eventhub counts transfers differently from the specification, so credit
and the socket's buffer are what slows a sender down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from local.azure.event_hubs import frames
from local.azure.event_hubs.address import Address, parse_address
from local.azure.event_hubs.frames import Fault, FrameError, Ids
from local.azure.event_hubs.link import Inbound, Line, Link, Outbound, Publisher, Replies, Requests, Subscription
from local.azure.event_hubs.messages import Reply, Request
from local.azure.event_hubs.namespace import Namespace, UnknownEntityError
from local.azure.event_hubs.partition import SelectorError, StolenError
from local.azure.event_hubs.performatives import Attach, Begin, Detach, Flow, Transfer

if TYPE_CHECKING:
    from local.azure.event_hubs.tokens import Door

LINKS_MAX = 256  # per session; SDKs use three
_TOKENS, _MANAGEMENT = "$cbs", "$management"


class Wire(Protocol):
    """The connection, as its sessions see it."""

    peer_frame_bytes_max: int

    def write(self, data: bytes) -> None:
        """Sends whole frames."""

    def has_room(self) -> bool:
        """Whether messages may be written now; if not, the sessions are pumped once there is room."""


class RefusedError(Exception):
    """A link leads nowhere, for the reason in `fault`."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.fault = Fault(condition, description)


class Session:
    """The links of one channel."""

    def __init__(self, begun: Begin, wire: Wire, door: Door, namespace: Namespace) -> None:
        self._channel = begun.channel
        self._next_incoming_id = begun.next_outgoing_id
        self._next_outgoing_id = 0
        self._wire = wire
        self._door = door
        self._namespace = namespace
        self._links: dict[int, Link] = {}
        self._replies: dict[str, Replies] = {}
        wire.write(frames.begin(self._channel, self._next_outgoing_id))

    def handle(self, asked: Attach | Flow | Transfer | Detach) -> None:
        """Answers one performative.

        Raises:
            FrameError: the peer broke the protocol; the connection cannot go on.
        """
        match asked:
            case Attach():
                self._attach(asked)
            case Flow():
                self._flow(asked)
            case Transfer():
                self._transfer(asked)
            case Detach():
                self._detached(asked.handle)

    def pump(self) -> None:
        """Sends what waits on any link."""
        for link in tuple(self._links.values()):
            if isinstance(link, Outbound):
                link.pump()

    def leave(self) -> None:
        """Lets go of all links."""
        for handle in tuple(self._links):
            self._release(handle)

    def _attach(self, asked: Attach) -> None:
        handle = asked.terminus.handle
        if handle in self._links or len(self._links) >= LINKS_MAX:
            raise FrameError(f"link handle {handle} is taken, or too many links are open")
        self._wire.write(frames.attach(self._channel, asked.terminus))
        try:
            link = self._open(asked, _Line(self, handle))
        except RefusedError as refused:
            self._wire.write(frames.detach(self._channel, handle, refused.fault))
            return
        self._links[handle] = link
        if isinstance(link, Inbound):
            link.welcome()

    def _open(self, asked: Attach, line: Line) -> Link:
        node = asked.address
        if node in (_TOKENS, _MANAGEMENT):
            return self._open_node(asked, line)
        if not self._door.is_open:
            raise RefusedError("amqp:unauthorized-access", "Unauthorized access. A token must be put on $cbs first.")
        address = parse_address(node)
        if address is None:
            raise RefusedError("amqp:not-found", f"'{node}' is no address of a hub or partition")
        try:
            return self._subscribe(asked, address, line) if asked.terminus.is_receiver else self._publish(asked, line)
        except UnknownEntityError as error:
            raise RefusedError("amqp:not-found", str(error)) from error

    def _open_node(self, asked: Attach, line: Line) -> Link:
        node = asked.address
        if asked.terminus.is_receiver:
            replies = self._replies[node] = Replies(line)
            return replies
        answer = self._door.put_token if node == _TOKENS else self._manage
        return Requests(line, asked.initial_delivery_count, answer, lambda: self._replies.get(node))

    def _manage(self, request: Request) -> Reply:
        if not self._door.is_open:
            return Reply(401, "Unauthorized access. A token must be put on $cbs first.")
        return self._namespace.answer(request)

    def _publish(self, asked: Attach, line: Line) -> Link:
        address = parse_address(asked.address)
        if address is None or address.group:
            raise RefusedError("amqp:not-allowed", f"'{asked.address}' takes no events")
        hub = self._namespace.hub(address.hub)
        target = hub.partition(address.partition) if address.partition else hub
        return Publisher(line, asked.initial_delivery_count, target)

    def _subscribe(self, asked: Attach, address: Address, line: Line) -> Link:
        if address.group is None or address.partition is None:
            raise RefusedError("amqp:not-allowed", f"'{asked.address}' is no partition of a consumer group")
        partition = self._namespace.hub(address.hub).partition(address.partition)
        try:
            start = partition.start(asked.selector)
            link = Subscription(line, partition, start, address.group, asked.epoch)
            partition.join(link)
        except SelectorError as error:
            raise RefusedError("amqp:invalid-field", f"unknown filter: {error}") from error
        except StolenError as error:
            raise RefusedError("amqp:link:stolen", str(error)) from error
        return link

    def _flow(self, flow: Flow) -> None:
        link = self._links.get(flow.handle) if flow.handle is not None else None
        if isinstance(link, Outbound):
            link.grant(flow.delivery_count, flow.credit)

    def _transfer(self, part: Transfer) -> None:
        self._next_incoming_id += 1
        link = self._links.get(part.handle)
        if isinstance(link, Inbound):  # else: under way while we detached
            link.receive(part)

    def _detached(self, handle: int) -> None:
        if handle in self._links:
            self.detach(handle, None)

    def detach(self, handle: int, fault: Fault | None) -> None:
        """Closes one of the session's links, for a reason or because the peer did."""
        self._release(handle)
        self._wire.write(frames.detach(self._channel, handle, fault))

    def _release(self, handle: int) -> None:
        link = self._links.pop(handle)
        if isinstance(link, Subscription):
            link.leave()
        self._replies = {node: replies for node, replies in self._replies.items() if replies is not link}

    def has_room(self) -> bool:
        """Whether a message may be written now."""
        return self._wire.has_room()

    def transfer(self, handle: int, message: bytes) -> None:
        """Sends a settled message on a link."""
        parts = frames.transfers(
            self._channel, handle, self._next_outgoing_id, message, self._wire.peer_frame_bytes_max
        )
        self._next_outgoing_id += 1
        self._wire.write(b"".join(parts))

    def flow(self, handle: int, delivery_count: int, credit: int) -> None:
        """Gives credit on a link."""
        ids = Ids(self._next_incoming_id & 0xFFFFFFFF, self._next_outgoing_id)
        self._wire.write(frames.flow(self._channel, ids, handle, delivery_count, credit))

    def settle(self, delivery_id: int, fault: Fault | None) -> None:
        """Settles a message of the peer's."""
        self._wire.write(frames.disposition(self._channel, delivery_id, fault))


class _Line:
    """A session's end of one link."""

    def __init__(self, session: Session, handle: int) -> None:
        self._session = session
        self._handle = handle

    def has_room(self) -> bool:
        return self._session.has_room()

    def transfer(self, message: bytes) -> None:
        self._session.transfer(self._handle, message)

    def flow(self, delivery_count: int, credit: int) -> None:
        self._session.flow(self._handle, delivery_count, credit)

    def settle(self, delivery_id: int, fault: Fault | None) -> None:
        self._session.settle(delivery_id, fault)

    def detach(self, fault: Fault) -> None:
        self._session.detach(self._handle, fault)
