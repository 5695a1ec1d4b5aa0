"""The host: joins a function app, its triggers and what drives them, in one event loop.

Owns start and stop, in their order, and the file that tells the driver where the host is. Each trigger type is driven
by its own module; this one knows none of their rules.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette

from local.host.bindings import Function, Index, IndexingError, connection_string, index
from local.host.checkpoints import Checkpoints
from local.host.command_queue import STORE_SETTING, CommandQueueSource
from local.host.event_grid import PATH, EventGridEntry
from local.host.event_hubs import Delivery, EventHubListener
from local.host.host_json import HostJson, read_host_json
from local.host.http import HttpEntry
from local.host.invocation import Invoker
from local.host.principals import WHO_SETTING, Users, read_users
from local.host.queues import QueueListener
from local.host.state_file import StateFile
from local.host.supervision import supervise
from local.host.timers import TimerListener
from local.host.web_server import WebServer

KEY_SETTING = "LOCAL_HOST_KEY"
QUEUE_SETTING = "LOCAL_COMMAND_QUEUE"
THREADS_MAX = 8
DRAIN_SECONDS_MAX = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What to run, and where: the app as ``module:attribute``, the folder for state, the port (0: any free one).

    ``settings`` are the app settings; every ``twice_every``-th Event Hubs batch
    and queue message is delivered twice (0: none).
    """

    app: str
    state: Path
    settings: Mapping[str, str] = field(repr=False)
    port: int = 0
    users: Path | None = None
    twice_every: int = 0


class AppHost:
    """A function app at work, from ``start`` to ``stop``."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="function")
        self._invoker = Invoker(self._threads)
        self._listeners: list[asyncio.Task[None]] = []
        self._queue = CommandQueueSource(options.settings)
        self._web: WebServer | None = None
        self.url = ""
        self.key = ""

    async def start(self) -> None:
        """Index the app, drive all of its triggers, then write ``app_host.json``.

        Raises:
            IndexingError: the app would not start in Azure, or not as meant, or asks for what this host does not do.
            HostJsonError: host.json cannot be obeyed.
            UnknownUserError, ValueError: the file of users is wrong.
            StoreUnavailableError: the store with the command queue cannot be opened.
            OSError: the port is taken, or a file cannot be read or written.
        """
        options = self._options
        users = read_users(options.users, options.settings.get(WHO_SETTING, ""))
        found = index(options.app, options.settings)
        host_json = read_host_json(found.folder)
        self.key = self._known_key()
        listeners = [*self._hub_listeners(found, host_json), *self._timer_listeners(found)]
        self._web = WebServer(self._web_app(found, host_json, users))
        listeners += await self._queue_listeners(found, host_json)
        self.url = self._web.start(options.port)
        for name, listen in listeners:
            self._listeners.append(asyncio.get_running_loop().create_task(supervise(name, listen)))
        self._announce()

    async def stop(self) -> None:
        """Take nothing new, let what was begun come to its end, and close; also after a start that failed."""
        if self._web is not None:
            await self._web.stop()
        for task in self._listeners:
            task.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        await self._invoker.drain(DRAIN_SECONDS_MAX)
        await self._queue.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _known_key(self) -> str:
        """The key in the settings, else one that stays the same when the host starts again: it is part of URLs."""
        if self._options.settings.get(KEY_SETTING):
            return self._options.settings[KEY_SETTING]
        file = StateFile(self._options.state / "host_keys.json")
        keys = file.read() or {"host": secrets.token_urlsafe(24)}
        file.write(keys)
        return str(keys["host"])

    def _web_app(self, found: Index, host_json: HostJson, users: Users) -> Starlette:
        events = EventGridEntry(found.triggered_by("eventGridTrigger"), self._invoker, self.key)
        http = HttpEntry(self._invoker, users, self.key)
        return Starlette(
            routes=[events.route(), *http.routes(found.triggered_by("httpTrigger"), host_json.route_prefix)]
        )

    def _hub_listeners(self, found: Index, host_json: HostJson) -> "list[_Listener]":
        functions = found.triggered_by("eventHubTrigger")
        checkpoints = Checkpoints(StateFile(self._options.state / "checkpoints.json"))
        delivery = Delivery(host_json.event_batch_size_max, self._options.twice_every)
        connections = [connection_string(function.trigger, self._options.settings) for function in functions]
        return [
            (each.name, EventHubListener(each, connection, checkpoints, self._invoker, delivery).listen)
            for each, connection in zip(functions, connections, strict=True)
        ]

    def _timer_listeners(self, found: Index) -> "list[_Listener]":
        status = StateFile(self._options.state / "timers.json")
        timers = found.triggered_by("timerTrigger")
        return [(each.name, TimerListener(each, status, self._invoker).listen) for each in timers]

    async def _queue_listeners(self, found: Index, host_json: HostJson) -> "list[_Listener]":
        function = _command_queue(found.triggered_by("queueTrigger"), self._options.settings)
        if function is None:
            return []
        if not self._options.settings.get(STORE_SETTING):
            raise IndexingError(f"the setting {STORE_SETTING}, the store with the queue of {function.name}, is missing")
        queue = await self._queue.open()
        return [
            (function.name, QueueListener(function, queue, self._invoker, host_json, self._options.twice_every).listen)
        ]

    def _announce(self) -> None:
        template = f"{self.url}{PATH}?functionName={{function}}&code={self.key}"
        about = {"url": self.url, "event_grid_url": template, "key": self.key}
        StateFile(self._options.state / "app_host.json").write(about)


_Listener = tuple[str, Callable[[], Awaitable[None]]]


def _command_queue(functions: list[Function], settings: Mapping[str, str]) -> Function | None:
    """The function that the store's one queue belongs to: the only one, or the one whose queue the setting names."""
    if len(functions) < 2:
        return functions[0] if functions else None
    wanted = settings.get(QUEUE_SETTING)
    chosen = [function for function in functions if function.trigger.values["queueName"] == wanted]
    if not chosen:
        raise IndexingError(
            f"set {QUEUE_SETTING} to the queue that the store carries: there are several queue triggers"
        )
    for function in functions:
        if function not in chosen:
            logger.warning("%s is idle: there is no local queue for it", function.name)
    return chosen[0]


async def run(options: Options, stopping: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Host the app until ``stopping`` is set; ``ready`` is told the URL.

    Raises:
        Exception: whatever ``AppHost.start`` raises, after everything was closed again.
    """
    host = AppHost(options)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start()
        ready(host.url)
        await stopping.wait()
