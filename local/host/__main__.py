"""``python -m local.host``: hosts the function app until it is interrupted or terminated.

Owns the command line, the process's settings, its signals and its log. Exit code 1, with one line that says why, when
the app cannot be hosted.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from local.host.app_host import Options, run
from local.host.bindings import IndexingError
from local.host.host_json import HostJsonError
from local.host.principals import UnknownUserError
from shared.ports import StoreUnavailableError

REFUSALS = (IndexingError, HostJsonError, UnknownUserError, StoreUnavailableError, OSError, ValueError)


def main() -> int:
    """Run until a signal; the exit code."""
    options = _options(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("azure", "uamqp", "httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(_host(options))
    except REFUSALS as error:
        print(f"cannot host {options.app}: {error}", file=sys.stderr)
        return 1
    return 0


async def _host(options: Options) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await run(options, stopping, lambda url: print(f"listening on {url}", flush=True))


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser("python -m local.host", description="Host the function app on this machine.")
    parser.add_argument("--app", default="function_app:app", help="module:attribute, from the present folder")
    parser.add_argument("--state", type=Path, required=True, help="folder for checkpoints, keys and app_host.json")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--users", type=Path, help="JSON file {name: {id, groups}} of who may sign in")
    parser.add_argument(
        "--redeliver",
        type=int,
        default=0,
        metavar="N",
        help="deliver every Nth Event Hubs batch and queue message twice",
    )
    given = parser.parse_args(arguments)
    return Options(given.app, given.state, dict(os.environ), given.port, given.users, given.redeliver)


if __name__ == "__main__":
    sys.exit(main())
