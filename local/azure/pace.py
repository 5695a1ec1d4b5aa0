"""How quickly the local Azure answers: a service that needs time before it acts, and again before it says so.

Owns the waiting. Whoever is killed meanwhile does not know whether it was done, which is what such a pace is for.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Paced:
    """An application every answer of which takes ``seconds``: half of them before it acts, half after."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._half_seconds = app, seconds / 2

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._half_seconds)
            await send(message)

        await asyncio.sleep(self._half_seconds)
        await self._app(scope, receive, send_late)
