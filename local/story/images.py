"""The other workload: a camera's images of handwritten digits, whose lamp fails.

Owns the camera: what it sends to the endpoint, and what it keeps in the blob store. The images, and the same in bad light,
are the example's own (``examples/handwritten_digits/data.py``).
"""

import asyncio
from pathlib import Path
from typing import Any

from local.story.clients import Callers
from local.story.data import example_data
from local.story.promotions import ROLLOUT_SECONDS, through_approval
from local.story.scene import Story
from local.story.training import submit_digits_training
from local.story.world import DIGITS, DIGITS_DEVELOPMENT, DIGITS_PRODUCTION

WORKLOAD = "handwritten-digits"
A_DAY = 250  # images
KEPT_ONE_IN = 10
DRIFT_SECONDS = 60.0
FULL_SPEED = None
DAYS = ("2025-03-03", "2025-03-04", "2025-03-05")  # one in good light, two in bad
LATER = "2025-03-07"  # a day after the last window's end, which closes it


async def into_production(story: Story) -> None:
    """Version 1 of the digits is trained, staged, approved and given all traffic, while the flights' story goes on."""
    say = story.progress.say
    example = example_data(DIGITS)
    labelled = story.world.state / "data" / "digits-labelled"
    await asyncio.to_thread(example.write_labelled, labelled)
    place = {"workspace": DIGITS_DEVELOPMENT, "name": "digits-labelled", "version": "1"}
    await story.control.order("data-assets", **place, folder=str(labelled))
    await submit_digits_training(story.world, "train-digits-1")
    say("meanwhile: somebody submitted a training job on images of handwritten digits")
    await through_approval(story, "1", WORKLOAD)
    await story.wait_version("1", "serving", within_seconds=ROLLOUT_SECONDS, workload=WORKLOAD)
    say("meanwhile: version 1 of the digits serves")


async def dim_light(story: Story) -> None:
    """A day of good light and two of bad: the images drift, and people get an annotation task. Nothing is retrained."""
    say = story.progress.say
    story.progress.chapter("10. Images get darker")
    if story.images:
        await story.images
    example = example_data(DIGITS)
    bright, dark = (example.production_images(A_DAY, light=light) for light in (1.0, example.DIM))
    folder = story.world.state / "data" / "digits-captured"
    kept = await asyncio.to_thread(_keep, example, folder, {DAYS[0]: bright, DAYS[1]: dark, DAYS[2]: dark})
    place = {"workspace": DIGITS_PRODUCTION, "name": "digits-captured", "version": "1"}
    await story.control.order("data-assets", **place, folder=str(folder))
    camera = Callers(story.world, DIGITS_PRODUCTION, WORKLOAD)
    await camera.connect()
    for day, images in zip((*DAYS, LATER), (bright, dark, dark, dark[:50]), strict=True):
        await camera.score(example.request_rows(images, f"{day}T12:00:00Z"), FULL_SPEED)
    say(f"{camera.answered} requests with images of {len(DAYS)} days; one in {KEPT_ONE_IN} is kept, {kept} in all")
    incident = await story.wait_incident("annotation", "open", DRIFT_SECONDS, workload=WORKLOAD)
    say(f"an annotation task is open: {incident.detail}")


def _keep(example: Any, folder: Path, taken: dict[str, list[list[int]]]) -> int:
    """The camera's own sample of what it sends, as files that a labelling project reads; returns how many."""
    folder.mkdir()
    for day, images in taken.items():
        for number, image in enumerate(images[::KEPT_ONE_IN]):
            (folder / f"{day}-{number * KEPT_ONE_IN:03d}.png").write_bytes(example.png(image))
    return len(list(folder.iterdir()))
