"""The sending thread: it takes what waits, packs it, and tries to send it until it is sent or given up.

Owns lingering, retries with backoff, and the log. It knows neither the wire format (packing) nor Event Hubs.
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator

from .buffer import Buffer, Waiting
from .calls import Call
from .drop_log import LOG_SECONDS_MIN, DropLog
from .limits import Limits
from .packing import Message, Source, pack
from .pieces import Piece, pieces_of
from .senders import Sender, TooLargeError
from .served import Served, told
from .tally import Reason, Tally

logger = logging.getLogger(__name__)

TAKE_BYTES = 2 * 1_048_576  # of calls that are packed and sent together; they no longer wait in the buffer


class Courier:
    """Empties a buffer until the buffer is closed; `preparing` is held while the sender's SDK is imported."""

    def __init__(self, buffer: Buffer, sender: Sender, tally: Tally, source: Source, limits: Limits) -> None:
        self.preparing = threading.Lock()
        self._buffer, self._sender, self._tally = buffer, sender, tally
        self._source, self._limits = source, limits
        self._pause_seconds = limits.backoff_seconds
        self._thread: threading.Thread | None = None
        self._log = DropLog(tally)

    def start(self) -> None:
        """Start the thread; raises RuntimeError when the process may not have another."""
        thread = threading.Thread(target=self._run, name="outerloop-emitter", daemon=True)
        thread.start()
        self._thread = thread

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread to end, for so long at most."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        self._prepare()
        closing = False
        while not closing:
            self._buffer.news.wait(LOG_SECONDS_MIN if self._log.is_behind else None)
            self._buffer.hurry.wait(self._limits.linger_seconds)
            closing = self._buffer.closed.is_set()
            self._empty()
            self._log.write_when_due(at_once=closing)
        self._disconnect()

    def _prepare(self) -> None:
        with self.preparing:
            try:
                self._sender.prepare()
            except Exception:
                logger.exception("telemetry cannot be sent from here")

    def _empty(self) -> None:
        while calls := self._buffer.take(TAKE_BYTES):
            self._deliver(self._packed(calls))

    def _packed(self, waited: list[Waiting]) -> deque[Message]:
        served = [each for each in waited if isinstance(each, Served)]
        calls = [each for each in waited if isinstance(each, Call)]
        return deque([*self._told(served), *self._collected(calls)])

    def _told(self, served: list[Served]) -> list[Message]:
        try:
            return told(served, self._source, self._limits.message_bytes_max)
        except Exception as error:  # a defect of ours, as below
            logger.exception("%d requests could not be told", len(served))
            self._drop("unreadable", len(served), type(error).__name__)
            return []

    def _collected(self, calls: list[Call]) -> list[Message]:
        try:
            packed = pack(self._readable(calls), self._source, _new_id, self._limits.message_bytes_max)
        except Exception as error:  # a defect of ours: it must neither end the thread nor hide what it costs
            logger.exception("%d calls could not be packed", len(calls))
            self._drop("unreadable", sum(call.rows for call in calls), type(error).__name__)
            return []
        self._drop("too_large", packed.too_large)
        return packed.messages

    def _readable(self, calls: Iterable[Call]) -> Iterator[Piece]:
        for call in calls:
            time.sleep(0)  # noqa: TID251 -- lets a request have the interpreter between two calls
            try:
                yield from pieces_of(call)
            except Exception as error:  # noqa: BLE001 -- whatever was passed, its neighbours are sent
                self._drop("unreadable", call.rows, type(error).__name__)

    def _deliver(self, messages: deque[Message]) -> None:
        """Send all messages, or give them up: when they are too old, or when an attempt fails that began while closing."""
        give_up_at = time.monotonic() + self._limits.retry_seconds_max
        while messages:
            is_last_attempt = self._buffer.closed.is_set() or time.monotonic() >= give_up_at
            try:
                taken = self._sender.send([message.body for message in messages])
            except TooLargeError:
                self._drop("too_large", messages.popleft().rows)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the hub has not taken them
                self._failed(error)
                if is_last_attempt:
                    self._drop("unsent", sum(message.rows for message in messages))
                    return
                self._wait()
            else:
                self._sent(sum(messages.popleft().rows for _ in range(taken)))

    def _sent(self, rows: int) -> None:
        self._tally.send(rows)
        self._buffer.settle(rows)
        self._pause_seconds = self._limits.backoff_seconds
        self._log.recovered()

    def _failed(self, error: Exception) -> None:
        """A connection that failed once is not trusted again."""
        self._log.failed(error)
        self._disconnect()
        self._log.write_when_due(at_once=False)

    def _wait(self) -> None:
        """Pause before the next attempt; closing ends the pause."""
        self._buffer.closed.wait(self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, self._limits.backoff_seconds_max)

    def _drop(self, reason: Reason, rows: int, problem: str = "") -> None:
        self._tally.drop(reason, rows, problem)
        self._buffer.settle(rows)

    def _disconnect(self) -> None:
        try:
            self._sender.close()
        except Exception as error:  # noqa: BLE001 -- the connection is given up in any case
            logger.debug("the connection could not be closed: %r", error)


def _new_id() -> str:
    return str(uuid.uuid4())  # noqa: TID251 -- this package is the edge: it has nobody to ask for an id
