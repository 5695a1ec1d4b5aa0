"""One writer per endpoint; a rollback waits for nobody."""

from datetime import timedelta

from shared.adapters.sqlite_store import SqliteStore
from shared.services.lease import Lease, end_lease, lease_name, take_lease
from tests.unit.services.fakes import NOON
from tests.unit.services.signals import deploy, roll_back, set_traffic

UNTIL = NOON + timedelta(minutes=10)


async def test_a_free_endpoint_is_leased_with_the_first_fence(store):
    assert await take_lease(store, deploy(), NOON, UNTIL) == Lease("deploy-1", UNTIL, 1)


async def test_a_second_writer_does_not_get_it(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    assert await take_lease(store, set_traffic(), NOON, UNTIL) is None


async def test_another_endpoint_is_leased_all_the_same(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    assert await take_lease(store, set_traffic(endpoint="flight-delay-stg"), NOON, UNTIL) is not None


async def test_an_endpoint_is_the_same_in_any_case(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    assert await take_lease(store, set_traffic(endpoint="FLIGHT-Delay"), NOON, UNTIL) is None


async def test_the_holder_prolongs_it_under_the_same_fence(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    later = UNTIL + timedelta(minutes=5)
    assert await take_lease(store, deploy(), NOON, later) == Lease("deploy-1", later, 1)


async def test_it_runs_out(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    assert await take_lease(store, set_traffic(), UNTIL, UNTIL + timedelta(minutes=10)) is not None


async def test_a_rollback_takes_it_from_its_holder_with_a_higher_fence(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    assert await take_lease(store, roll_back(), NOON, UNTIL) == Lease("rollback-1", UNTIL, 2)


async def test_while_a_rollback_holds_it_nobody_else_gets_it(store):
    await take_lease(store, roll_back(), NOON, UNTIL)
    assert await take_lease(store, set_traffic(), NOON, UNTIL) is None


async def test_given_back_it_is_free_and_the_fence_stays(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    await end_lease(store, deploy(), NOON)
    assert await take_lease(store, set_traffic(), NOON, UNTIL) == Lease("traffic-1", UNTIL, 2)


async def test_who_lost_it_cannot_give_it_back(store):
    await take_lease(store, deploy(), NOON, UNTIL)
    await take_lease(store, roll_back(), NOON, UNTIL)
    await end_lease(store, deploy(), NOON)
    assert await take_lease(store, set_traffic(), NOON, UNTIL) is None


async def test_giving_back_what_nobody_holds_does_nothing(store):
    await end_lease(store, deploy(), NOON)
    assert (await store.document(lease_name(deploy()))).value is None


class RivalAtTheDoor(SqliteStore):
    """The embedded store with another writer who takes each lease between our read and our write."""

    async def save_document(self, name, body, etag):
        await super().save_document(name, b'{"holder":"rival","until":"2030-01-01T00:00:00Z","fence":9}', etag)
        await super().save_document(name, body, etag)


async def test_of_two_that_try_at_the_same_time_one_gets_it():
    store = RivalAtTheDoor(":memory:")
    await store.open()
    assert await take_lease(store, deploy(), NOON, UNTIL) is None
    assert b"rival" in (await store.document(lease_name(deploy()))).value
    await store.close()
