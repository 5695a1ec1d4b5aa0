"""The sources of a crash test: each sends until the app has answered that it took it, and some send again after that.

Owns retrying and repeating. Nothing is given up: a source that stopped would hide what the app lost.
"""

import asyncio
import random
from collections.abc import Callable

import httpx

from tests.crash.load import Delivery, Door

AGAIN_SECONDS = 0.3
REPEATED_SHARE = 0.25
ANSWER_SECONDS_MAX = 15.0
UNDER_WAY_MAX = 24  # deliveries at once: a thousand of them would time each other out, and come again, and again
HEADERS = {"aeg-event-type": "Notification"}


class Sources:
    """Sends deliveries, each as a task of its own."""

    def __init__(self, door: Callable[[Door], str], seed: int) -> None:
        self._door, self._random = door, random.Random(seed)
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False, headers=HEADERS)
        self._under_way = asyncio.Semaphore(UNDER_WAY_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        self.answered = asyncio.Event()  # at each delivery that was taken
        self.signals = self.refused = self.repeated = 0

    def send(self, delivery: Delivery) -> None:
        """Begin to send; ``done`` waits for the end."""
        self._tasks.append(asyncio.create_task(self._all_of(delivery, repeated=self._random.random() < REPEATED_SHARE)))

    async def done(self) -> None:
        """Everything was taken. Raises what went wrong with the sources themselves."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Send no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _all_of(self, delivery: Delivery | None, *, repeated: bool) -> None:
        while delivery is not None:
            await self._until_taken(delivery)
            self.signals += 1
            if repeated:
                await self._until_taken(delivery)
                self.repeated += 1
            delivery = delivery.then

    async def _until_taken(self, delivery: Delivery) -> None:
        while not await self._taken(delivery):
            self.refused += 1
            await asyncio.sleep(AGAIN_SECONDS)
        self.answered.set()

    async def _taken(self, delivery: Delivery) -> bool:
        try:
            async with self._under_way:
                answer = await self._client.post(self._door(delivery.door), json=delivery.body)
        except httpx.TransportError:
            return False
        if answer.status_code in {400, 401, 404, 413}:
            raise AssertionError(f"the app refuses a delivery for good: {answer.status_code} {answer.text}")
        return answer.is_success
