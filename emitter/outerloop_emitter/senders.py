"""Where messages go: what the sending thread needs of a destination, and the simplest one.

Owns the protocol and the callable. It knows nothing of Event Hubs, of retries or of what a message holds.
"""

from collections.abc import Callable, Sequence
from typing import Protocol


class TooLargeError(Exception):
    """The destination will never take the first of the messages: trying again is no use."""


class Sender(Protocol):
    """A destination, used by one thread at a time."""

    def prepare(self) -> None:
        """Do what is slow and can be done before there is a message. Raises when the destination is unusable."""

    def send(self, messages: Sequence[bytes]) -> int:
        """Send the first of the messages, at least one; returns how many. Raises TooLargeError or what went wrong."""

    def close(self) -> None:
        """End the connection, if there is one; the next send opens another."""

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from: not even close it."""


class CallableSender:
    """Gives each message to a callable; an exception means that it was not taken."""

    def __init__(self, publish: Callable[[bytes], object]) -> None:
        self._publish = publish

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def send(self, messages: Sequence[bytes]) -> int:
        """One message at a time; raises what the callable raises."""
        self._publish(messages[0])
        return 1

    def close(self) -> None:
        """There is nothing to close."""

    def forget(self) -> None:
        """There is nothing to leave behind."""
