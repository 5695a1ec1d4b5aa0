"""What a data scientist does: submit a training job from the registered component.

Owns the submission, through the product's own adapter and the real SDK, so that it is what ``az ml job create`` would send.
"""

import os
from datetime import UTC, datetime

from local.story.world import DEVELOPMENT, DIGITS_DEVELOPMENT, StoryError, World
from shared.connections import azure_machine_learning
from shared.domain.commands import Retrain
from shared.domain.outcomes import Started
from shared.settings import read_settings


async def submit_training(world: World, name: str, inputs: dict[str, str]) -> None:
    """Start a training job on the newest labelled flights; its model output is registered as flight-delay."""
    job = Retrain(
        id=name,
        workload="flight-delay",
        reason="a data scientist's own job",
        workspace=DEVELOPMENT,
        component="azureml:flight_train@latest",
        data="azureml:flights-labelled@latest",
        experiment="flight-delay",
        model="flight-delay",
        inputs=inputs,
    )
    await _submit(world, job)


async def submit_digits_training(world: World, name: str) -> None:
    """Start a training job on the labelled images; its model output is registered as handwritten-digits."""
    job = Retrain(
        id=name,
        workload="handwritten-digits",
        reason="a data scientist's own job",
        workspace=DIGITS_DEVELOPMENT,
        component="azureml:digits_train@latest",
        data="azureml:digits-labelled@latest",
        experiment="handwritten-digits",
        model="handwritten-digits",
    )
    await _submit(world, job)


async def submit_forms_training(world: World, name: str) -> None:
    """The same on images of forms; its model output is registered as scanned-forms."""
    job = Retrain(
        id=name,
        workload="scanned-forms",
        reason="a data scientist's own job",
        workspace=DIGITS_DEVELOPMENT,
        component="azureml:digits_train@latest",
        data="azureml:forms-labelled@latest",
        experiment="scanned-forms",
        model="scanned-forms",
    )
    await _submit(world, job)


async def _submit(world: World, job: Retrain) -> None:
    os.environ.update(world.settings)
    outcome = await azure_machine_learning(read_settings()).begin(job, datetime.now(UTC))
    if not isinstance(outcome, Started):
        raise StoryError(f"the training job was not accepted: {outcome}")
