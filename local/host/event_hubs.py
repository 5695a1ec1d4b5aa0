"""Event Hubs triggers: reads every partition, calls the function for each batch, and keeps the checkpoints.

Owns the promises of Azure's extension: a partition's batches come in order, one at a time; the checkpoint advances
after the function returned *or raised*, unless a retry policy has it called again, with the partition paused
(functions-reliable-event-processing.md). On request it delivers every n-th batch twice, since at-least-once means
that. Knows nothing of what is in an event.
"""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

from local.host.bindings import Function
from local.host.checkpoints import Checkpoints, Place
from local.host.event_batches import batch_argument
from local.host.invocation import Invoker
from local.host.supervision import supervise

FROM_THE_BEGINNING = "-1"
DEFAULT_CONSUMER_GROUP = "$Default"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How batches are made: their largest size, and that every n-th one is delivered twice (0: none)."""

    batch_size_max: int = 100
    twice_every: int = 0


class EventHubListener:
    """Reads all partitions of one function's hub."""

    def __init__(
        self,
        function: Function,
        connection_string: str,
        checkpoints: Checkpoints,
        invoker: Invoker,
        delivery: Delivery = Delivery(),
    ) -> None:
        self._function = function
        self._connection_string = connection_string
        self._checkpoints = checkpoints
        self._invoker = invoker
        self._delivery = delivery
        self._hub: str = function.trigger.values["eventHubName"]
        self._consumer_group: str = function.trigger.values.get("consumerGroup") or DEFAULT_CONSUMER_GROUP
        self._batches = 0

    async def listen(self) -> None:
        """Read until cancelled; a partition that fails is taken up again by itself.

        Raises:
            azure.eventhub.exceptions.EventHubError: the hub cannot be reached or does not exist.
        """
        async with self._client() as client:
            partitions = await client.get_partition_ids()
        async with asyncio.TaskGroup() as group:
            for partition in partitions:
                place = Place(self._hub, self._consumer_group, partition)
                group.create_task(supervise(f"{self._function.name} on {place.key}", partial(self._receive, place)))

    async def take(self, place: Place, events: list[EventData]) -> None:
        """Deliver one batch and advance the checkpoint.

        Raises:
            ValueError: the batch cannot be handed over (an offset that is not a number).
            OSError: the checkpoint was not written.
        """
        through = events[-1].sequence_number
        if through is None:
            raise ValueError(f"an event of {place.key} has no sequence number")

        def settle(succeeded: bool) -> None:  # noqa: FBT001 - called by the invoker
            if not succeeded:
                logger.error("%s: the checkpoint passes %d events that failed", place.key, len(events))
            self._checkpoints.advance(place, through)

        await self._invoker.deliver(self._function, self._argument(place, events), settle)
        self._batches += 1
        if self._delivery.twice_every and self._batches % self._delivery.twice_every == 0:
            logger.info("%s: delivering the batch through %d again, as asked", place.key, through)
            await self._invoker.deliver(self._function, self._argument(place, events), settle)

    def _argument(self, place: Place, events: list[EventData]) -> object:
        return batch_argument(self._function.trigger, place, events)

    def _client(self) -> EventHubConsumerClient:
        return EventHubConsumerClient.from_connection_string(
            self._connection_string, self._consumer_group, eventhub_name=self._hub
        )

    async def _receive(self, place: Place) -> None:
        """Read one partition until it fails.

        The SDK would take a failed partition up where this call began; so its first error ends the call, and the next
        one begins at the checkpoint.
        """
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def on_batch(_: PartitionContext, events: list[EventData]) -> None:
            await self.take(place, events)

        async def on_error(_: PartitionContext, error: Exception) -> None:
            if not failed.done():
                failed.set_exception(error)

        async with self._client() as client:
            receiving = asyncio.get_running_loop().create_task(
                client.receive_batch(
                    on_batch,
                    partition_id=place.partition,
                    max_batch_size=self._delivery.batch_size_max,
                    starting_position=await self._start(client, place),
                    on_error=on_error,
                )
            )
            try:
                await asyncio.wait({receiving, failed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                receiving.cancel()
                await asyncio.wait({receiving})
        if failed.done():
            failed.result()

    async def _start(self, client: EventHubConsumerClient, place: Place) -> str | int:
        taken = self._checkpoints.taken(place)
        if taken is None:
            return FROM_THE_BEGINNING
        properties = await client.get_partition_properties(place.partition)
        if properties["last_enqueued_sequence_number"] < taken:
            logger.warning("%s: the hub was made anew since the checkpoint %d; from its beginning", place.key, taken)
            return FROM_THE_BEGINNING
        return taken
