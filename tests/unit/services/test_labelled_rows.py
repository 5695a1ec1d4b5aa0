"""How many labelled rows there are is asked when a retraining may follow; whatever goes wrong is a hold, never a crash."""

from datetime import timedelta

import pytest

from shared.domain.outcomes import Failed
from tests.unit.services.signals import asked, registered

REQUIRES = "      requires: {new_labelled_rows_min: 5000}\n      cooldown: 12h"


@pytest.fixture
def strict(world):
    world.policies.change("      cooldown: 12h", REQUIRES)
    return world


async def ruling(world, signal):
    """The decision about a signal that was just heard."""
    await world.ingest.tell(signal)
    return (await world.ledger())[signal.dedup_key]


def codes(decision):
    return [reason.code for reason in decision.reasons]


async def test_the_data_that_the_training_reads_are_asked_for_in_development(strict):
    strict.datasets.answer = 6000
    assert (await ruling(strict, asked("retrain"))).verdict == "act"
    workspace = strict.policies.environments.development.workspace
    assert strict.datasets.asked == [(workspace, "azureml:flights-labelled@latest")]
    assert (await strict.facts()).labelled_rows == 6000


async def test_nobody_is_asked_when_the_policy_requires_no_rows(world):
    await ruling(world, asked("retrain"))
    assert world.datasets.asked == []


@pytest.mark.parametrize("signal", [registered(), asked("pause")], ids=["registered", "pause"])
async def test_nobody_is_asked_about_what_retrains_nothing(strict, signal):
    await ruling(strict, signal)
    assert strict.datasets.asked == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "has no tag rows"),
        (Failed(retryable=False, reason="HTTP 403: not permitted"), "HTTP 403: not permitted"),
        (RuntimeError("a fault of the adapter"), "RuntimeError: a fault of the adapter"),
    ],
    ids=["no tag", "refused", "a fault of ours"],
)
async def test_rows_that_are_not_known_hold_and_are_asked_for_again_within_the_hour(strict, answer, says):
    strict.datasets.answer = answer
    decision = await ruling(strict, asked("retrain"))
    assert (decision.verdict, codes(decision)) == ("hold", ["asked", "labelled_rows_unknown"])
    assert says in decision.reasons[1].text
    strict.datasets.answer = 5000
    strict.clock.at += timedelta(hours=1)
    await strict.sweeper.run()
    assert [known.state for known in (await strict.facts()).incidents] == ["remedying"]
    assert len(strict.datasets.asked) == 2
