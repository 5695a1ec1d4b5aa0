"""Keeps a listener running: a crash is logged, and after a growing pause it is started again.

Owns the pauses. Knows nothing of what the listener does, but that it has no reason to end.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

PAUSE_SECONDS_FIRST = 0.5
PAUSE_SECONDS_MAX = 30.0
HEALTHY_SECONDS = 60.0

logger = logging.getLogger(__name__)


async def supervise(name: str, listen: Callable[[], Awaitable[object]]) -> NoReturn:
    """Run a listener until this is cancelled.

    The pause doubles up to ``PAUSE_SECONDS_MAX`` and starts anew once the listener ran for ``HEALTHY_SECONDS``.
    """
    pause_seconds = PAUSE_SECONDS_FIRST
    while True:
        began = time.monotonic()
        try:
            await listen()
            logger.error("%s ended by itself; again in %.1f s", name, pause_seconds)
        except Exception:
            logger.exception("%s crashed; again in %.1f s", name, pause_seconds)
        if time.monotonic() - began >= HEALTHY_SECONDS:
            pause_seconds = PAUSE_SECONDS_FIRST
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, PAUSE_SECONDS_MAX)
