"""What the tests of the local host share: tiny function apps, requests to a host that runs in this very process."""

import asyncio
import itertools
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import httpx

from local.host.app_host import AppHost, Options
from local.host.bindings import Index, index

KEY = "host-key"
PATIENCE_SECONDS = 10.0
_numbers = itertools.count(1)

PREAMBLE = """
import asyncio
import typing

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
seen = []
"""


def write_app(folder: Path, source: str) -> str:
    """Writes an app with a module name of its own, importable from now on; returns its ``--app`` name."""
    name = f"tiny_app_{next(_numbers)}"
    (folder / f"{name}.py").write_text(PREAMBLE + textwrap.dedent(source))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return f"{name}:app"


def module_of(app: str) -> ModuleType:
    """The app's module; its ``seen`` is what its functions were given."""
    return sys.modules[app.partition(":")[0]]


def index_of(folder: Path, source: str, **settings: str) -> Index:
    """The index of an app of this source."""
    return index(write_app(folder, source), settings)


async def eventually(holds: Callable[[], object], seconds_max: float = PATIENCE_SECONDS) -> None:
    """Waits until something holds that other tasks or threads bring about."""
    deadline = time.monotonic() + seconds_max
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def hosting(options: Options) -> AsyncIterator[tuple[AppHost, httpx.AsyncClient]]:
    """A started host and a client for its URL; both are gone afterwards."""
    host = AppHost(options)
    try:
        await host.start()
        async with httpx.AsyncClient(base_url=host.url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            yield host, client
    finally:
        await host.stop()
