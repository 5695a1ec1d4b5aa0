"""Production is looked at in rounds, and what is not as we know it is told once."""

from datetime import timedelta

import pytest

from shared.domain.facts import Facts
from shared.ports import StoreUnavailableError
from shared.services.reconcile import Reconciler
from shared.services.rounds import LEASE, TRY_AGAIN, Rounds
from tests.unit.domain.platform_builders import ENDPOINT, resource_changed
from tests.unit.services.fake_inventory import FakeInventory
from tests.unit.services.fakes import NOON, decided
from tests.unit.services.signals import serving

EVERY = timedelta(minutes=15)
WELL = {"version-2": 100}


class Watch:
    """An instance that looks, and what it has told."""

    def __init__(self, world, inventory=None, holder="one", ingest=None, looks_max=50):
        self.world, self.inventory = world, inventory or FakeInventory()
        rounds = Rounds(world.store, world.clock, "production", EVERY, holder)
        self.reconciler = Reconciler(
            world.store, world.clock, world.policies, self.inventory, ingest or world.ingest, rounds, looks_max
        )

    async def later(self, after=EVERY):
        """One round, so much later."""
        self.world.clock.at += after
        return await self.reconciler.run()

    async def told(self):
        """Every decision about a look, in order."""
        decisions = await self.world.store.decisions(None, 100)
        return [known for known in decisions if known.cause_kind == "EndpointObserved"]


@pytest.fixture
async def watch(world):
    """Version 2 serves for an hour."""
    await world.order(facts=serving("2"))
    world.clock.at += timedelta(hours=1)
    return Watch(world)


async def test_production_as_we_know_it_is_nothing_to_tell(watch):
    watch.inventory.shows(WELL)
    assert [await watch.later() for _ in range(3)] == [0, 0, 0]
    assert watch.inventory.asked == ["flight-delay"] * 3
    assert await watch.told() == []


async def test_what_differs_is_told_once_however_often_it_is_seen(watch):
    watch.inventory.shows({"blue": 100}, {"version-2": "Succeeded", "blue": "Succeeded"})
    assert [await watch.later() for _ in range(4)] == [1, 0, 0, 0]
    (decision,) = await watch.told()
    assert (decision.verdict, decision.reasons[0].code) == ("act", "changed_by_hand")


async def test_the_end_is_told_and_the_same_change_again_too(watch):
    found = []
    for traffic in ({"version-2": 50, "blue": 50}, WELL, {"version-2": 50, "blue": 50}, WELL, WELL):
        watch.inventory.shows(traffic)
        found.append(await watch.later())
    assert found == [1, 1, 1, 1, 0]
    assert [decision.reasons[0].code for decision in await watch.told()] == [
        "changed_by_hand",
        "recovered",
        "changed_by_hand",
        "recovered",
    ]


async def test_the_time_of_a_look_is_when_it_began(watch):
    watch.inventory.shows({"blue": 100})
    await watch.later()
    row = await watch.world.store.signal((await watch.told())[0].cause)
    assert row.signal.occurred_at == NOON + timedelta(hours=1) + EVERY


async def test_a_champion_that_is_gone_is_no_champion_any_more(watch):
    watch.inventory.shows({}, {})
    assert await watch.later() == 1
    assert (await watch.world.facts()).champion == ""
    (decision,) = await watch.told()
    assert decision.verdict == "escalate"
    await watch.later()
    await watch.later()
    assert len([one for one in await watch.told() if one.verdict != "suppress"]) == 1


async def test_what_cannot_be_seen_is_not_gone(watch, caplog):
    for retryable in (True, False):
        watch.inventory.fails(retryable=retryable)
        assert await watch.later() == 0
    assert (await watch.world.facts()).champion == "2"
    assert "production of flight-delay (endpoint flight-delay) could not be seen: HTTP 500" in caplog.text


async def test_nothing_is_told_while_a_write_of_ours_may_be_on_its_way(world):
    await world.order(facts=serving("2"))
    watch = Watch(world)
    watch.inventory.shows({"version-1": 100})
    assert await watch.later(timedelta(minutes=14)) == 0
    assert await watch.later(EVERY) == 1


async def test_an_endpoint_on_which_nothing_of_ours_relies_is_not_asked_about(world):
    await world.order(facts=Facts())
    watch = Watch(world)
    await watch.later()
    assert watch.inventory.asked == []


def production_becomes(watch, **changes):
    loaded = watch.world.policies.loaded
    workload = loaded.policy.workloads[0]
    production = workload.environments.production.model_copy(update=changes)
    environments = workload.environments.model_copy(update={"production": production})
    changed = workload.model_copy(update={"environments": environments})
    policy = loaded.policy.model_copy(update={"workloads": (changed,)})
    watch.world.policies.loaded = loaded.__class__(policy, production.kind, loaded.payloads)


async def test_an_endpoint_on_kubernetes_is_looked_at_like_any_and_a_champion_deleted_there_is_told(watch):
    production_becomes(watch, kind="kubernetes_online", compute="edge")
    watch.inventory.shows({}, {})
    assert await watch.later() == 1
    assert (await watch.world.facts()).champion == ""


async def test_an_endpoint_of_another_kind_is_not_looked_for_among_online_endpoints(watch):
    production_becomes(watch, kind="batch")
    assert await watch.later() == 0
    assert watch.inventory.asked == []
    assert (await watch.world.facts()).champion == "2"


async def test_it_is_looked_at_no_more_often_than_the_setting_says(watch):
    watch.inventory.shows(WELL)
    for _ in range(31):
        await watch.later(timedelta(minutes=1))
    assert len(watch.inventory.asked) == 3


async def test_a_look_that_was_told_and_not_remembered_is_told_again_under_the_same_key(watch):
    watch.inventory.shows({"blue": 100}, {"version-2": "Succeeded"})
    keys = []

    class DiesAfterwards:
        async def tell(self, signal):
            await watch.world.ingest.tell(signal)
            keys.append(signal.dedup_key)
            raise StoreUnavailableError

    dying = Watch(watch.world, watch.inventory, "dying", DiesAfterwards())
    with pytest.raises(StoreUnavailableError):
        await dying.later()
    assert await watch.later(LEASE) == 1
    assert [decision.cause for decision in await watch.told()] == keys


async def test_two_instances_tell_one_thing_once(watch):
    watch.inventory.shows({"blue": 100}, {"version-2": "Succeeded"})
    other = Watch(watch.world.another(), watch.inventory, "two")
    watch.world.clock.at += EVERY
    assert (await watch.reconciler.run(), await other.reconciler.run()) == (1, 0)
    assert watch.inventory.asked == ["flight-delay"]


# Many workloads


def many(world, count):
    """So many workloads, in the order of their names."""
    policy = world.policies.loaded.policy
    example = policy.workloads[0]
    names = [f"w{number:03}" for number in range(count)]
    production = example.environments.production
    copies = tuple(
        example.model_copy(
            update={
                "name": name,
                "environments": example.environments.model_copy(
                    update={"production": production.model_copy(update={"endpoint": name})}
                ),
            }
        )
        for name in names
    )
    loaded = world.policies.loaded
    changed = policy.model_copy(update={"workloads": copies})
    world.policies.loaded = loaded.__class__(changed, "many", loaded.payloads)
    return names


@pytest.fixture
async def fleet(world):
    """Five workloads that all serve, of which a run looks at two."""
    names = many(world, 5)
    watch = Watch(world, looks_max=2)
    for name in names:
        await serve(world, name)
        watch.inventory.shows(WELL, endpoint=name)
    world.clock.at += timedelta(hours=1)
    return watch


async def serve(world, name):

    evaluation = decided(f"cause-{name}", facts=serving("2"), subject=f"workload/{name}")
    await world.store.commit(evaluation, "")


async def test_a_run_looks_at_a_few_and_the_next_one_goes_on(fleet):
    await fleet.reconciler.run()
    assert fleet.inventory.asked == ["w000", "w001"]
    await fleet.reconciler.run()
    await fleet.reconciler.run()
    assert fleet.inventory.asked == ["w000", "w001", "w002", "w003", "w004"]
    await fleet.reconciler.run()
    assert len(fleet.inventory.asked) == 5


async def test_an_azure_that_is_throttled_is_left_alone_and_the_round_goes_on_later(fleet):
    fleet.inventory.fails("w001", retry_after_seconds=120.0)
    await fleet.reconciler.run()
    assert fleet.inventory.asked == ["w000", "w001"]
    await fleet.later(timedelta(seconds=119))
    assert fleet.inventory.asked == ["w000", "w001"]
    await fleet.later(timedelta(seconds=1))
    assert fleet.inventory.asked == ["w000", "w001", "w002", "w003"]


async def test_an_azure_that_is_away_is_tried_again_after_a_minute(fleet):
    fleet.inventory.fails("w000")
    await fleet.reconciler.run()
    await fleet.later(TRY_AGAIN)
    assert fleet.inventory.asked == ["w000", "w001", "w002"]


async def test_one_endpoint_that_may_not_be_read_does_not_keep_the_others_from_being_seen(fleet):
    fleet.inventory.fails("w000", retryable=False)
    await fleet.reconciler.run()
    assert fleet.inventory.asked == ["w000", "w001"]


# What an event says between two looks


async def hear_of_the_endpoint(world, minutes):
    """An event says that somebody has written the endpoint."""
    at = world.clock.now() + timedelta(minutes=minutes)
    world.clock.at = at
    await world.ingest.tell(resource_changed(ENDPOINT, occurred_at=at, dedup_key=f"event {at}"))


async def test_each_change_that_turns_out_to_be_none_is_closed_although_the_looks_find_the_same(watch):
    watch.inventory.shows(WELL)
    for _ in range(2):
        await hear_of_the_endpoint(watch.world, 1)
        assert [known.state for known in (await watch.world.facts()).incidents][-1] == "open"
        assert await watch.later() == 1
        assert {known.state for known in (await watch.world.facts()).incidents} == {"closed"}
