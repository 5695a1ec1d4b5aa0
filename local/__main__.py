"""``python -m local run`` plays the closed loop and judges it; ``python -m local dev`` leaves it running.

Owns the command line, the order of the chapters and the exit code: 0 only if every step happened.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from local.azurite import AzuriteError
from local.story import chapters, forms, images, incidents, verdict
from local.story.alerts import ActionGroup
from local.story.clients import Callers, Control
from local.story.data import Flights
from local.story.evidence import gather
from local.story.progress import Progress, timeline
from local.story.request_log import RequestLog
from local.story.run_folder import RunFolderError, held
from local.story.scene import Story
from local.story.state import LoopState
from local.story.world import ROOT, StoryError, World, running
from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.adapters.sqlite_store import SqliteStore
from shared.settings import is_azure_storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Chapter = Callable[[Story], Awaitable[None]]
WHOLE: tuple[Chapter, ...] = (
    chapters.first_version,
    chapters.drift,
    chapters.remedy,
    chapters.broken_version,
    chapters.afterwards,
    incidents.spending,
    incidents.slow_endpoint,
    incidents.closed_workspace,
    incidents.bad_hour,
    images.dim_light,
    forms.another_reader,
    chapters.rest,
)


@asynccontextmanager
async def telling(world: World, progress: Progress, broken: str) -> "AsyncIterator[Story]":
    """A story ready to be told: events subscribed, flights loaded, the app's store open for reading."""
    control, store = Control(world), _store(world.settings["OUTERLOOP_STORE"])
    await store.open()
    try:
        await control.order("subscribe", url=world.settings["STORY_EVENT_GRID_URL"])
        progress.say("Event Grid is subscribed: its handshake was answered")
        flights = await asyncio.to_thread(Flights, world.state / "data")
        progress.say("the flights of January to September 2013 are loaded")
        state, log, monitor = LoopState(store), RequestLog(), ActionGroup(world)
        callers = Callers(world, log=log)
        yield Story(world, control, state, flights, progress, callers, log, monitor, broken)
    finally:
        await store.close()


def _store(address: str) -> SqliteStore | AzureTablesStore:
    return AzureTablesStore(Addresses(address)) if is_azure_storage(address) else SqliteStore(address)


async def run(world: World, progress: Progress, broken: str) -> bool:
    """Play every chapter, print the timeline and the summary; True when every step happened."""
    async with telling(world, progress, broken) as story:
        failure = await _play(story)
        progress.show(await timeline(story.state))
        checks = verdict.judge(evidence := await gather(story))
    figures = verdict.auc_figures(evidence)
    if figures:
        progress.show(f"AUC on the same later flights: version 2 {figures[0]:.4f}, version 1 {figures[1]:.4f}")
    for check in checks:
        mark = Text("yes ", "green") if check.passed else Text("NO  ", "bold red")
        progress.show(mark + Text(f"{check.name}  [{check.seen}]"))
    if failure:
        progress.show(Text(f"The story stopped: {failure}", "bold red"))
    for line in verdict.questions(evidence):
        progress.show(Text(line))
    progress.show(f"Load the settings first: . {world.settings_file}")
    passed = failure is None and all(check.passed for check in checks)
    progress.show(f"{'Every step happened' if passed else 'Not every step happened'}, in {progress.seconds:.0f} s.")
    return passed


async def _play(story: Story) -> StoryError | None:
    try:
        for chapter in WHOLE:
            await chapter(story)
            evidence = await gather(story)
            broken = [f"{check.name} [{check.seen}]" for check in verdict.invariants(evidence) if not check.passed]
            if broken:
                return StoryError("; ".join(broken))
    except StoryError as error:
        return error
    finally:
        for meanwhile in (story.images, story.forms):
            if meanwhile:
                meanwhile.cancel()
    return None


async def dev(world: World, progress: Progress) -> bool:
    """Play every chapter, then leave everything running until Ctrl-C."""
    page = f"{world.app_url}/api/dashboard"
    progress.show(f"Watch it on {page}")
    async with telling(world, progress, "row_by_row") as story:
        failure = await _play(story)
        if failure:
            progress.show(Text(f"The story stopped: {failure}", "bold red"))
        progress.show(f"In another terminal: . {world.settings_file} && .venv/bin/outerloop status")
        progress.show(f"\nThe loop is running. Open {page}   (Ctrl-C stops it)")
        await asyncio.Event().wait()
    return True


def main() -> int:
    """Run the command line; returns the exit code."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # so that what was started is stopped, as after Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a script's background would ignore it
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("azure.ai.ml._utils._experimental").setLevel(logging.ERROR)
    try:
        return _told(options)
    except KeyboardInterrupt:
        return 0 if options.what == "dev" else 130
    except (StoryError, RunFolderError, AzuriteError) as error:
        print(error, file=sys.stderr)
        return 1


def _told(options: argparse.Namespace) -> int:
    progress = Progress()
    with held(options.state) as state:
        progress.show(f"Everything that happens is kept in {options.state}")
        with running(state, options.storage) as world:
            progress.say("the local Azure and the app host are up")
            work = run(world, progress, options.inference) if options.what == "run" else dev(world, progress)
            return 0 if asyncio.run(work) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("what", choices=["run", "dev"])
    parser.add_argument(
        "--state",
        type=Path,
        default=ROOT / ".state" / "run",
        help="where all is kept; what an earlier run left is removed",
    )
    parser.add_argument(
        "--storage", choices=["file", "azurite"], default="file", help="azurite: what Azure would keep it in, emulated"
    )
    parser.add_argument("--inference", default="row_by_row", help="how version 3 scores; vectorised is not broken")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
