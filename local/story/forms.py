"""The third workload: scanned forms, whose digits are read every night through a batch endpoint.

Owns what the scanner leaves in the blob store, and what people do about the versions that read it. The images are the example's own
(``examples/handwritten_digits/data.py``).
"""

import asyncio
from pathlib import Path

from local.story.console import outerloop
from local.story.data import example_data
from local.story.promotions import through_approval
from local.story.scene import Story
from local.story.training import submit_forms_training
from local.story.world import DIGITS, DIGITS_DEVELOPMENT, DIGITS_PRODUCTION

WORKLOAD = "scanned-forms"
FORMS, FIELDS = 40, 12  # of one night
FEW = 300  # labelled images that the first version learns from; the second has all of them
COMPARISON_SECONDS = 120.0


async def into_production(story: Story) -> None:
    """Version 1 is trained on few images, staged, approved, scored alone, and becomes the default, while other stories go on.

    Version 2 is trained on all images right after it, and waits for its yes until its own chapter.
    """
    example = example_data(DIGITS)
    folder = story.world.state / "data"
    await asyncio.to_thread(_scan, folder / "scanned-forms", example.production_images(FORMS * FIELDS))
    await _publish(story, DIGITS_PRODUCTION, "scanned-forms", "1", folder / "scanned-forms")
    await asyncio.to_thread(example.write_labelled, folder / "forms-labelled-2")
    await asyncio.to_thread(_first, folder / "forms-labelled-2", folder / "forms-labelled-1")
    await _publish(story, DIGITS_DEVELOPMENT, "forms-labelled", "1", folder / "forms-labelled-1")
    await submit_forms_training(story.world, "train-forms-1")
    await through_approval(story, "1", WORKLOAD)
    await story.wait_version("1", "serving", within_seconds=COMPARISON_SECONDS, workload=WORKLOAD)
    story.progress.say(
        "meanwhile: version 1 of the forms scored a night alone, and is the default of its batch endpoint"
    )
    await _publish(story, DIGITS_DEVELOPMENT, "forms-labelled", "2", folder / "forms-labelled-2")
    await submit_forms_training(story.world, "train-forms-2")


async def another_reader(story: Story) -> None:
    """Version 2 learnt from more images: both score the same night, it becomes the default, and a person wants version 1 back."""
    say = story.progress.say
    story.progress.chapter("11. Forms are read by night")
    if story.forms:
        await story.forms
    await through_approval(story, "2", WORKLOAD)
    version = await story.wait_version("2", "serving", within_seconds=COMPARISON_SECONDS, workload=WORKLOAD)
    say(f"version 2 is the default: {version.checks[-1].detail}")
    wish = ("--by", "bob@contoso.com", "--why", "the night shift reads sevens as ones")
    say(f"outerloop ask rollback: {await outerloop(story.world, 'ask', 'rollback', WORKLOAD, *wish)}")
    await story.wait_version("2", "rolled_back", within_seconds=30, workload=WORKLOAD)
    say("version 1 is the default again, by one write")


async def _publish(story: Story, workspace: str, name: str, version: str, folder: Path) -> None:
    place = {"workspace": workspace, "name": name, "version": version}
    await story.control.order("data-assets", **place, folder=str(folder))


def _scan(folder: Path, images: list[list[int]]) -> None:
    """A night's forms, a file each, with a line for each field."""
    folder.mkdir(parents=True)
    for number in range(FORMS):
        fields = images[number * FIELDS : (number + 1) * FIELDS]
        lines = [",".join(str(pixel) for pixel in field) for field in fields]
        (folder / f"form-{number:03d}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _first(source: Path, folder: Path) -> None:
    """The first few labelled images."""
    folder.mkdir(parents=True)
    lines = (source / "digits.csv").read_text(encoding="utf-8").splitlines()[:FEW]
    (folder / "digits.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
