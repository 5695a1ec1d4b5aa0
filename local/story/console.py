"""``outerloop`` as a person runs it: a program of its own, with the settings of the loop in its environment.

Owns starting it and reading what it printed.
"""

import asyncio
import os
import sys

from local.story.world import StoryError, World


async def outerloop(world: World, *arguments: str) -> str:
    """Run the command line; the first of the lines that it printed about each workload. Raises StoryError unless it ends with 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.cli", *arguments),
        env={**os.environ, **world.settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise StoryError(f"outerloop {' '.join(arguments)} ended with {process.returncode}: {output.decode()[:2000]}")
    lines = output.decode().splitlines()
    return ", ".join(line.partition(" (")[0] for line in lines if line and not line.startswith(" "))
