"""The collector that a scoring script calls.

Owns the promise that scoring never waits for telemetry and never fails because of it; whatever goes wrong is counted.
It knows neither the wire format (packing) nor Event Hubs (event_hub), nor when something is sent (courier).
"""

import atexit
import os
import time
from collections.abc import Callable
from typing import Any

from .calls import rows_in, snapshot
from .channel import Channel
from .event_hub import EventHubSender
from .limits import DEFAULTS, Limits
from .packing import Source
from .plain import TooManyValuesError
from .senders import CallableSender, Sender
from .served import Request, Served, status_of

EXIT_SECONDS_MAX = 2.0


class Collector:
    """Records what a deployment was asked and what it answered; see the README for what it promises.

    `publish` gets each message, in the collector's thread. Without it messages go to the Event Hub that the
    environment names, and nowhere when it names none.
    """

    def __init__(
        self,
        deployment_resource_id: str,
        publish: Callable[[bytes], object] | None = None,
        limits: Limits = DEFAULTS,
    ) -> None:
        self._rows_max = limits.rows_max
        self._channel: Channel | None = None
        self._tells_requests = os.getenv("OUTERLOOP_TELLS_REQUESTS", "") == "1"
        sender: Sender | None = CallableSender(publish) if publish is not None else None
        sender = sender or EventHubSender.from_environment(deployment_resource_id)
        if sender is not None:
            source = Source(deployment_resource_id, os.getenv("OUTERLOOP_MODEL_VERSION", "default"))
            self._channel = Channel(sender, source, limits)
            atexit.register(self.close, EXIT_SECONDS_MAX)

    @classmethod
    def from_environment(cls) -> "Collector":
        """The collector of this deployment; one that does nothing when a variable is unset."""
        return cls(os.getenv("OUTERLOOP_DEPLOYMENT_ID", ""))

    def collect(self, rows: Any, predictions: Any, event_times: Any = None, correlation_id: Any = "") -> None:
        """Record one scored request; returns at once, never raises, drops with a count when it cannot keep up.

        The three lists go row by row; event times are ISO 8601 or datetimes. The rows may be changed afterwards.
        A request whose labels will be known later needs a `correlation_id`: row n of it is what label n belongs to.
        """
        self._collect(rows, predictions, event_times, correlation_id)

    def collect_labels(self, correlation_id: Any, labels: Any, event_times: Any = None) -> None:
        """Record what turned out true for a request: one label for each of its rows, in their order.

        `correlation_id`, and `event_times` if there were any, are those that were given to `collect`: a request
        whose rows lie in several UTC hours is sent hour by hour, and so are its labels. Returns at once, never raises.
        """
        self._collect(None, labels, event_times, correlation_id)

    def request(self) -> Request:
        """Time one request: put all of `run` into `with collector.request():`. It never raises, and swallows nothing.

        Told only where OUTERLOOP_TELLS_REQUESTS is 1, as on Kubernetes: of a managed endpoint Azure Monitor tells them itself.
        """
        return Request(self._served if self._channel is not None and self._tells_requests else None)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until all that was collected has been sent or dropped; False when the timeout came first.

        For jobs that send many labels, and never for a request.
        """
        if self._channel is None:
            return True
        self._channel.buffer.hurry.set()
        return self._channel.buffer.idle.wait(timeout_seconds)

    def close(self, timeout_seconds: float = EXIT_SECONDS_MAX) -> None:
        """Send what is queued and stop; gives up after the timeout. Later calls to `collect` are dropped."""
        if self._channel is not None:
            self._channel.close(timeout_seconds)
            atexit.unregister(self.close)

    @property
    def sent(self) -> int:
        """Rows that the hub has taken, in this process."""
        return self._channel.tally.sent if self._channel is not None else 0

    @property
    def waiting(self) -> int:
        """Rows that wait or are being sent."""
        return self._channel.buffer.unsettled_rows if self._channel is not None else 0

    @property
    def dropped(self) -> int:
        """Rows that the hub will not see, whatever the reason."""
        return sum(self.drops.values())

    @property
    def drops(self) -> dict[str, int]:
        """The same by reason: buffer_full, too_large, unreadable, unsent, closed."""
        return self._channel.tally.drops if self._channel is not None else {}

    def _collect(self, rows: Any, values: Any, times: Any, correlation_id: Any) -> None:
        channel = self._channel
        if channel is None:
            return
        count = 1
        try:
            count = rows_in(values if rows is None else rows)
            if count > self._rows_max:
                channel.drop("too_large", count)
                return
            now = time.time()  # noqa: TID251 -- this package is the edge: it has no clock to ask
            call = snapshot(rows, values, times, correlation_id, now)
            if call.rows:
                channel.put(call)
        except TooManyValuesError as error:
            channel.drop("too_large", count, type(error).__name__)
        except Exception as error:  # noqa: BLE001 -- whatever was passed, the request goes on
            channel.drop("unreadable", count, type(error).__name__)

    def _served(self, at: float, status: Any, milliseconds: float) -> None:
        channel = self._channel
        if channel is None:
            return
        try:
            channel.put(Served(at, status_of(status), milliseconds))
        except Exception as error:  # noqa: BLE001 -- whatever the script made of its status, the request goes on
            channel.drop("unreadable", 1, type(error).__name__)
