"""Which lists are read, and what of them is known already."""

from datetime import timedelta

import pytest

from shared.domain.outcomes import Failed
from shared.services.missed import MissedAlerts, MissedModels
from shared.services.read_back import ReadBack
from shared.services.rounds import Rounds
from tests.unit.services.fakes import NOON, WORKLOAD
from tests.unit.services.signals import registered, serving

EVERY = timedelta(minutes=15)


class FakeModels:
    """The versions of flight-delay; the other workload of the example has none."""

    def __init__(self, *versions):
        self.versions, self.asked = versions, []

    async def registered(self, workspace, models, after, until):
        if not models.startswith("flight"):
            return ()
        self.asked.append((workspace, models))
        if self.versions and isinstance(self.versions[0], Failed):
            return self.versions[0]
        return tuple(one for one in self.versions if after < one.occurred_at <= until)


def at(number, moment, **fields):
    return registered(number, key=f"listed-{number}", occurred_at=moment, **fields)


@pytest.fixture
def reading(world):
    def of(models):
        rounds = Rounds(world.store, world.clock, "models", EVERY, "one")
        source = MissedModels(models, world.store)
        return ReadBack(world.store, world.clock, world.policies, world.ingest, rounds, source)

    return of


async def test_a_version_that_nobody_told_of_starts_its_promotion(world, reading):
    models = FakeModels(at("7", NOON - timedelta(minutes=20)))
    assert await reading(models).run() == 1
    assert (await world.facts()).versions["7"].state == "staging"
    development = world.policies.environments.development.workspace
    assert models.asked == [(development, world.policies.loaded.policy.workload(WORKLOAD).model)]


async def test_a_version_whose_event_came_is_heard_once(world, reading):
    await world.ingest.tell(registered("7", key="the event"))
    assert await reading(FakeModels(at("7", NOON - timedelta(minutes=20)))).run() == 0
    assert len(await world.ledger()) == 1


async def test_the_event_that_comes_after_all_is_known(world, reading):
    await reading(FakeModels(at("7", NOON - timedelta(minutes=20)))).run()
    await world.ingest.tell(registered("7", key="the event"))
    assert (await world.ledger())["the event"].reasons[0].code == "known_version"


async def test_a_version_of_a_minute_ago_is_left_to_its_event(world, reading):
    back = reading(FakeModels(at("7", NOON - timedelta(minutes=1))))
    assert await back.run() == 0
    world.clock.at += EVERY
    assert await back.run() == 1


async def test_a_version_older_than_the_champion_starts_nothing(world, reading):
    await world.order(facts=serving("6"))
    await reading(FakeModels(at("5", NOON - timedelta(days=60)))).run()
    assert "5" not in (await world.facts()).versions


async def test_an_azure_that_does_not_answer_is_asked_again(world, reading):
    failing = FakeModels(Failed(retryable=True, reason="HTTP 503"))
    back = reading(failing)
    assert await back.run() == 0
    failing.versions = (at("7", NOON - timedelta(minutes=20)),)
    world.clock.at += timedelta(minutes=1)
    await back.run()
    world.clock.at += EVERY
    assert await back.run() == 1


def test_alerts_are_read_by_group_and_models_by_workload(world):
    policy = world.policies.loaded.policy
    assert MissedModels(FakeModels(), world.store).places(policy) == tuple(sorted(policy.index.by_name))
    assert all("/providers/" not in place for place in MissedAlerts(None).places(policy))
