"""A round is done by one instance at a time, a piece in each sweep, and begins anew when it is due."""

from datetime import timedelta

import pytest

from shared.ports import ConflictError
from shared.services.rounds import LEASE, Rounds
from tests.unit.services.fakes import NOON

EVERY = timedelta(minutes=15)


@pytest.fixture
def rounds(world):
    def of(holder="one", store=None):
        return Rounds(store or world.store, world.clock, "production", EVERY, holder)

    return of


async def test_a_new_round_begins_at_once_and_at_its_beginning(rounds):
    turn = await rounds().take()
    assert (turn.at.after, turn.at.begun_at) == ("", NOON)


async def test_the_next_round_is_due_when_the_time_has_passed_since_this_one_began(rounds, world):
    ours = rounds()
    turn = await ours.take()
    world.clock.at += timedelta(minutes=2)
    await ours.end(turn)
    world.clock.at = NOON + EVERY - timedelta(seconds=1)
    assert await ours.take() is None
    world.clock.at = NOON + EVERY
    assert await ours.take() is not None


async def test_a_round_that_took_longer_than_that_is_followed_by_the_next(rounds, world):
    ours = rounds()
    turn = await ours.take()
    world.clock.at += 2 * EVERY
    await ours.end(turn)
    assert (await ours.take()).at.begun_at == NOON + 2 * EVERY


async def test_a_round_goes_on_where_it_stopped_also_on_another_instance(rounds):
    first, second = rounds("one"), rounds("two")
    await first.pause(await first.take(), "workload-50", NOON)
    assert (await second.take()).at.after == "workload-50"


async def test_two_instances_never_have_the_same_round(rounds):
    assert await rounds("one").take() is not None
    assert await rounds("two").take() is None


async def test_a_round_that_an_instance_left_is_taken_up_when_its_lease_ran_out(rounds, world):
    await rounds("one").take()
    world.clock.at += LEASE - timedelta(seconds=1)
    assert await rounds("two").take() is None
    world.clock.at += timedelta(seconds=1)
    assert await rounds("two").take() is not None


async def test_who_comes_back_too_late_changes_nothing(rounds, world):
    slow, quick = rounds("slow"), rounds("quick")
    turn = await slow.take()
    world.clock.at += LEASE
    theirs = await quick.take()
    await slow.pause(turn, "far behind", NOON)
    assert (await quick.take()).at.after == theirs.at.after


async def test_between_two_rounds_nothing_is_read(rounds, world):
    class Counted:
        def __init__(self):
            self.reads = 0

        async def document(self, name):
            self.reads += 1
            return await world.store.document(name)

        async def save_document(self, name, body, etag):
            await world.store.save_document(name, body, etag)

    counted = Counted()
    ours = rounds(store=counted)
    await ours.end(await ours.take())
    await ours.take()
    reads = counted.reads
    for _ in range(10):
        world.clock.at += timedelta(minutes=1)
        assert await ours.take() is None
    assert counted.reads == reads


async def test_of_two_who_take_at_the_same_moment_one_goes_without(rounds, world):
    class Lost:
        document = world.store.document

        async def save_document(self, *_):
            raise ConflictError

    assert await rounds(store=Lost()).take() is None
