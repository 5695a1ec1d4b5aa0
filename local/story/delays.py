"""The airline's own system: a month after the flights it tells which of them were late, by the ids of its requests.

Owns when that job runs, and that it is a program of its own, with nothing but the hub's address in its environment. How labels
are sent is the example's own (``examples/flight_delays/tell_delays.py``).
"""

import asyncio
import os
import sys

from local.story.scene import Story
from local.story.world import EXAMPLE, ROOT, StoryError


async def tell_delays(story: Story, month: int) -> None:
    """Send the labels of a month's flights into the Event Hub that the endpoint writes to. Raises StoryError unless all were taken."""
    log = story.world.state / "data" / f"requests-2013-{month:02d}.jsonl"
    flights = story.log.write(month, log)
    file = await asyncio.to_thread(story.flights.month_file, month)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE / "tell_delays.py"), "--requests", str(log), "--flights", str(file)),
        env={**os.environ, **story.world.settings, "PYTHONPATH": str(ROOT / "emitter")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise StoryError(f"the delays of month {month} were not told: {output.decode()[-2000:]}")
    story.progress.say(f"the airline told which of {flights} scored flights of month {month} were late")
