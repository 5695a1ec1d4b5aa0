"""The collector that a scoring script calls: a bounded queue and one thread that empties it.

Owns the promise that scoring never waits for telemetry and never fails because of it; whatever goes wrong is counted
and logged. It knows neither the wire format (packing) nor Event Hubs (event_hub).
"""

import atexit
import logging
import os
import queue
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .event_hub import EventHubSender
from .packing import Call, Source, pack

logger = logging.getLogger(__name__)

SEND_SECONDS = 0.1
EXIT_SECONDS_MAX = 2.0


class Collector:
    """Records what a deployment was asked and what it answered; see the README for what it promises.

    `publish` gets each message, in the collector's thread. Without it messages go to the Event Hub that the
    environment names, and nowhere when it names none.
    """

    def __init__(
        self,
        deployment_resource_id: str,
        publish: Callable[[bytes], None] | None = None,
        queue_size_max: int = 1000,
    ) -> None:
        self.dropped = 0
        self._source = Source(deployment_resource_id, os.getenv("OUTERLOOP_MODEL_VERSION", "default"))
        self._publish = publish
        self._hub = EventHubSender.from_environment(deployment_resource_id) if publish is None else None
        self._calls: queue.Queue[Call] = queue.Queue(queue_size_max)
        self._dropped_lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if publish is not None or self._hub is not None:
            self._thread = threading.Thread(target=self._work, name="outerloop-emitter", daemon=True)
            self._thread.start()
            atexit.register(self.close, EXIT_SECONDS_MAX)

    @classmethod
    def from_environment(cls) -> "Collector":
        """The collector of this deployment; one that does nothing when a variable is unset."""
        return cls(os.getenv("OUTERLOOP_DEPLOYMENT_ID", ""))

    def collect(
        self,
        rows: list[dict[str, Any]],
        predictions: list[float],
        event_times: list[str] | None = None,
        correlation_id: str = "",
    ) -> None:
        """Record one scored request; returns at once, never raises, drops with a count when it cannot keep up.

        The three lists go row by row; event times are ISO 8601. The rows may be changed afterwards.
        """
        if self._thread is None:
            return
        if self._closing.is_set():
            self._drop(1)
            return
        try:
            copies = [dict(row) for row in rows]
            times = None if event_times is None else list(event_times)
            now = datetime.now(UTC)  # noqa: TID251 -- this package is the edge: it has no clock to ask
            self._calls.put_nowait(Call(copies, list(predictions), times, correlation_id, now))
        except queue.Full:
            self._drop(1)
        except Exception:
            logger.exception("a scored request could not be recorded")
            self._drop(1)

    def close(self, timeout_seconds: float = EXIT_SECONDS_MAX) -> None:
        """Send what is queued and stop; gives up after the timeout. Later calls to `collect` are dropped."""
        if self._thread is None:
            return
        self._closing.set()
        self._thread.join(timeout_seconds)
        atexit.unregister(self.close)

    def _drop(self, calls: int) -> None:
        with self._dropped_lock:
            self.dropped += calls

    def _work(self) -> None:
        """Every 100 ms send what has come; once more after `close`."""
        self._prepare()
        closing = False
        while not closing:
            closing = self._closing.wait(SEND_SECONDS)
            self._send_waiting()
        if self._hub is not None:
            self._hub.close()

    def _prepare(self) -> None:
        try:
            if self._hub is not None:
                self._hub.prepare()
        except Exception:
            logger.exception("azure-eventhub is not usable: scored requests will be dropped")

    def _send_waiting(self) -> None:
        calls = [self._calls.get_nowait() for _ in range(self._calls.qsize())]
        packed = [messages for messages in map(self._pack, calls) if messages]
        if self._hub is None:
            for messages in packed:
                self._send(messages, 1)
        elif packed:
            self._send([message for messages in packed for message in messages], len(packed))

    def _pack(self, call: Call) -> list[bytes]:
        try:
            return pack(call, self._source, lambda: str(uuid.uuid4()))  # noqa: TID251 -- see collect
        except Exception:
            logger.exception("a scored request could not be packed")
            self._drop(1)
            return []

    def _send(self, messages: list[bytes], calls: int) -> None:
        try:
            if self._hub is not None:
                self._hub.send(messages)
            elif self._publish is not None:
                for message in messages:
                    self._publish(message)
        except Exception:
            logger.exception("%d scored requests could not be sent", calls)
            self._drop(calls)
            self._forget_connection()

    def _forget_connection(self) -> None:
        """A connection that failed once is not trusted again."""
        try:
            if self._hub is not None:
                self._hub.close()
        except Exception:
            logger.exception("the failed connection could not be closed")
