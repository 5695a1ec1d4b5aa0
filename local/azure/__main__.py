"""``python -m local.azure --state DIR --seed FILE``: run the local Azure until SIGTERM or Ctrl-C.

Owns the command line and the signals; ``server`` owns the rest.
"""

import argparse
import asyncio
import signal
from pathlib import Path

from local.azure.seed import read_seed
from local.azure.server import LocalAzure


async def run(state: Path, seed: Path) -> None:
    """Serve until a signal comes, then stop everything that was started."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    azure = LocalAzure(state, read_seed(seed))
    try:
        await azure.start()
        print(f"Local Azure answers at {azure.arm_url}; control at {azure.control_url}", flush=True)
        await stopped.wait()
    finally:
        await azure.stop()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m local.azure", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for everything that is kept")
    parser.add_argument("--seed", type=Path, required=True, help="YAML file: what exists at the start")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.state, arguments.seed))


if __name__ == "__main__":
    main()
