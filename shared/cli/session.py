"""The application of the settings, open for as long as one command runs.

Owns opening and closing. Refuses to look into a store that does not exist: an empty answer would be a wrong one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from shared.cli.problems import CommandError
from shared.services.views import Link, link_by
from shared.settings import Settings, is_azure_storage, read_settings

if TYPE_CHECKING:
    from shared.domain.policy import Policy
    from shared.runtime import Application

T = TypeVar("T")


def with_application(work: Callable[["Application"], Awaitable[T]]) -> T:
    """Do something with the application that the environment's settings describe.

    Raises SettingsError, CommandError, PolicyError or StoreUnavailableError.
    """
    settings = read_settings()
    if not is_azure_storage(settings.store) and not Path(settings.store).is_file():
        raise CommandError(
            f"there is no store at {settings.store}: start the app first, or set OUTERLOOP_STORE to its file"
        )
    return asyncio.run(_with_application(settings, work))


async def _with_application(settings: Settings, work: Callable[["Application"], Awaitable[T]]) -> T:
    from shared.runtime import build  # noqa: PLC0415  # brings every adapter along

    app = await build(settings)
    await app.announcer.stop()  # what a command decides becomes owed like anything else; the app's sweep says it
    try:
        return await work(app)
    finally:
        close = getattr(app.store, "close", None)  # the port promises no end: not every store has one
        if close is not None:
            await close()


async def policy_of(app: "Application") -> "Policy":
    """The policy in force. Raises PolicyError."""
    return (await app.policies.current()).policy


def link_of(app: "Application") -> Link:
    """How the application addresses the page of an approval."""
    return link_by(app.links, app.settings.public_url)
