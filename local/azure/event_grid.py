"""Event Grid: one topic that delivers to web hooks with the promises the real one makes, and no better ones.

Owns the handshake, both envelopes, and delivery: at least once (here: several times on purpose), in no order, retried
until 200-204, dropped on 400, 401 and 413 (azure-docs delivery-and-retry; the waits here are shortened). It knows
nothing of the events' meaning.
"""

import asyncio
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

Schema = Literal["eventgrid", "cloudevents", "alternating"]

RETRY_DELAYS_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
ATTEMPTS_MAX = 30
ANSWER_SECONDS_MAX = 30.0
SHUFFLE_SECONDS_MAX = 0.3
ORIGIN = "eventgrid.azure.net"


class HandshakeFailed(Exception):  # noqa: N818 -- a fact in the past tense, as every event here
    """A web hook did not prove that it wants events; the text says what it answered."""


@dataclass(frozen=True)
class Event:
    """One event, in no envelope yet."""

    event_id: str
    topic: str
    event_type: str
    subject: str
    at: str
    data: dict[str, Any]

    def as_event_grid(self) -> list[dict[str, Any]]:
        """The Event Grid schema: an array of one."""
        return [
            {
                "id": self.event_id,
                "topic": self.topic,
                "subject": self.subject,
                "eventType": self.event_type,
                "eventTime": self.at,
                "data": self.data,
                "dataVersion": "2",
                "metadataVersion": "1",
            }
        ]

    def as_cloud_event(self) -> dict[str, Any]:
        """CloudEvents 1.0: a single object."""
        return {
            "specversion": "1.0",
            "id": self.event_id,
            "source": self.topic,
            "subject": self.subject,
            "type": self.event_type,
            "time": self.at,
            "data": self.data,
        }


@dataclass(frozen=True)
class Subscription:
    """Where events go, and in which envelope."""

    name: str
    url: str
    schema: Schema


@dataclass(frozen=True)
class Dropped:
    """A delivery that was given up: the last status (0 when nobody answered) and the number of attempts."""

    event_id: str
    url: str
    status: int
    attempts: int


class EventGrid:
    """Use within one event loop; `deliveries` copies of each event go to every subscription, order seeded."""

    def __init__(
        self,
        deliveries: int = 2,
        seed: int = 0,
        retry_delays_seconds: Sequence[float] = RETRY_DELAYS_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.dropped: list[Dropped] = []
        self._deliveries = deliveries
        self._random = random.Random(seed)  # noqa: S311 -- repeatable disorder, not a secret
        self._retry_delays_seconds = retry_delays_seconds
        self._subscriptions: list[Subscription] = []
        self._pending: set[asyncio.Task[None]] = set()
        self._count = 0
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False, transport=transport)

    async def subscribe(self, url: str, schema: Schema = "alternating") -> None:
        """Validate the web hook, then deliver every later event to it.

        `eventgrid` and `alternating` are validated by the Event Grid handshake, `cloudevents` by OPTIONS.
        `alternating` changes the envelope from one delivery to the next.

        Raises:
            HandshakeFailed: it did not answer as the handshake asks, or not at all.
        """
        subscription = Subscription(f"sub-{len(self._subscriptions) + 1}", url, schema)
        try:
            await (self._ask_options(url) if schema == "cloudevents" else self._ask_validation(subscription))
        except httpx.HTTPError as error:
            raise HandshakeFailed(f"no answer: {error!r}") from error
        self._subscriptions.append(subscription)

    def raise_event(
        self, topic: str, event_type: str, subject: str, data: dict[str, Any], event_id: str | None = None
    ) -> None:
        """Queue one event for every present subscription and return; without any it is lost, as in Azure."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
        event = Event(event_id or str(uuid.uuid4()), topic, event_type, subject, at, data)
        for subscription in self._subscriptions:
            for _ in range(self._deliveries):
                self._count += 1
                cloud = subscription.schema == "cloudevents" or (
                    subscription.schema == "alternating" and self._count % 2 == 0
                )
                delay_seconds = self._random.uniform(0, SHUFFLE_SECONDS_MAX)
                task = asyncio.get_running_loop().create_task(self._deliver(event, subscription, cloud, delay_seconds))
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)

    async def drain(self) -> None:
        """Wait until every delivery has been taken or dropped."""
        while self._pending:
            await asyncio.wait(set(self._pending))

    async def close(self) -> None:
        """Give up what is pending and close the connections."""
        for task in list(self._pending):
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        await self._client.aclose()

    async def _ask_validation(self, subscription: Subscription) -> None:
        code = str(uuid.uuid4())
        event = Event(
            event_id=str(uuid.uuid4()),
            topic="/subscriptions/00000000-0000-0000-0000-000000000000",
            event_type="Microsoft.EventGrid.SubscriptionValidationEvent",
            subject="",
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z",
            data={"validationCode": code, "validationUrl": f"https://{ORIGIN}:553/validate?id={code}"},
        )
        headers = {"aeg-event-type": "SubscriptionValidation", "aeg-subscription-name": subscription.name}
        reply = await self._client.post(subscription.url, json=event.as_event_grid(), headers=headers)
        if reply.status_code != 200:
            raise HandshakeFailed(f"answered {reply.status_code}, not 200: {reply.text[:200]}")
        try:
            answered = reply.json()["validationResponse"]
        except (ValueError, KeyError, TypeError) as error:
            raise HandshakeFailed(f"no validationResponse in {reply.text[:200]}") from error
        if answered != code:
            raise HandshakeFailed("the validationResponse is not the code that was sent")

    async def _ask_options(self, url: str) -> None:
        reply = await self._client.request("OPTIONS", url, headers={"WebHook-Request-Origin": ORIGIN})
        allowed = reply.headers.get("webhook-allowed-origin")
        if reply.status_code != 200 or allowed not in {ORIGIN, "*"}:
            raise HandshakeFailed(f"answered {reply.status_code} with WebHook-Allowed-Origin {allowed}")

    async def _deliver(self, event: Event, subscription: Subscription, cloud: bool, delay_seconds: float) -> None:  # noqa: FBT001
        await asyncio.sleep(delay_seconds)
        status = 0
        for attempt in range(ATTEMPTS_MAX):
            status = await self._post(event, subscription, cloud, attempt)
            if 200 <= status <= 204:
                return
            if status in {400, 401, 413}:
                self.dropped.append(Dropped(event.event_id, subscription.url, status, attempt + 1))
                return
            await asyncio.sleep(self._retry_delays_seconds[min(attempt, len(self._retry_delays_seconds) - 1)])
        self.dropped.append(Dropped(event.event_id, subscription.url, status, ATTEMPTS_MAX))

    async def _post(self, event: Event, subscription: Subscription, cloud: bool, attempt: int) -> int:  # noqa: FBT001
        """One attempt; the status, or 0 when nobody answered in time."""
        headers = {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": subscription.name,
            "aeg-delivery-count": str(attempt),
            "content-type": "application/cloudevents+json; charset=utf-8" if cloud else "application/json",
        }
        body = event.as_cloud_event() if cloud else event.as_event_grid()
        try:
            reply = await self._client.post(subscription.url, json=body, headers=headers)
        except httpx.HTTPError:
            return 0
        return reply.status_code
