"""Limits that span workloads: reserved before a training begins, given back when it had no effect, whatever dies on the way."""

from datetime import timedelta

import msgspec
import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import Retrain
from shared.domain.ids import derive
from shared.domain.outcomes import Failed, Skipped, Started, Succeeded, Unknown
from shared.domain.reservations import ACT_WITHIN, Reservation
from shared.parsing.policy_file import policy_digest, read_policy
from shared.ports import ConflictError, LoadedPolicy, StoreUnavailableError
from shared.services import views
from shared.services.effects import CALL_MAX
from shared.services.execute import CLAIM_FOR
from shared.services.explain import explain
from shared.services.reservations import AGAIN_SECONDS, CONTENDED, TRIES_MAX, free_left, keep, release, reserve
from tests.unit.services.fakes import EXAMPLE, NOON, SUBJECT, WORKLOAD, ProcessDied, World
from tests.unit.services.signals import RESOURCE_GROUP, retrain

FLEET = "reservations/fleet_retrains"
BUDGET = f"reservations/budget{RESOURCE_GROUP}"
BUSY, FORBIDDEN = Failed(retryable=True, reason="429"), Failed(retryable=False, reason="forbidden")
DONE = Succeeded(data={"model_version": "2"})


def policy(fleet="1/1d", money=""):
    """The example's policy with a limit of the fleet, and a budget that reserves."""
    text = (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")
    text = text.replace('retrains: ["2/1d", "5/7d"]', f'fleet_retrains: ["{fleet}"]')
    if money:
        text = text.replace("give_up_after: 3", "give_up_after: 3\n      estimated_cost: 40 EUR")
        text = text.replace("    tiers:\n", f"    reserve: {money}\n    tiers:\n")
    return read_policy("policy.yaml", text)


def under(world, **limits):
    changed = policy(**limits)
    world.policies.loaded = LoadedPolicy(changed, policy_digest(changed), {})
    return world


@pytest.fixture
async def world(store):
    return under(World(store))


async def entries(store, name=FLEET):
    stored = await store.document(name)
    return msgspec.json.decode(stored.value, type=tuple[Reservation, ...]) if stored.value else ()


async def reserved(store, name=FLEET):
    return {one.command: one.kept for one in await entries(store, name)}


async def spend(store, command_id="another", at=NOON, **limits):
    """Somebody else's training takes room."""
    assert await reserve(store, policy(**limits), retrain(command_id), at) is None


async def ordered_anew(world):
    """The newest training that a decision of the rules has ordered."""
    decisions = await world.store.decisions(SUBJECT, 1000)
    return [one for decision in decisions for one in decision.commands if isinstance(one, Retrain)][-1]


# One training


async def test_what_is_trained_is_reserved_and_stays_so(world):
    world.workspace.answers("Retrain", DONE)
    await world.order(retrain())
    await world.run(retrain())
    (entry,) = await entries(world.store)
    assert (entry.command, entry.subject, entry.kept) == ("retrain-1", SUBJECT, True)
    assert entry.at == NOON + ACT_WITHIN
    assert entry.until == NOON + ACT_WITHIN + timedelta(days=1)


async def test_it_is_reserved_when_it_begins_and_not_when_it_is_ordered(world):
    seen = []

    async def look():
        seen.append(await reserved(world.store))

    world.workspace.meanwhile = look
    await world.order(retrain())
    assert await reserved(world.store) == {}
    await world.run(retrain())
    assert seen == [{"retrain-1": False}]


async def test_a_policy_without_such_limits_reserves_nothing(store):
    world = World(store)
    await world.order(retrain())
    await world.run(retrain())
    assert await store.documents("reservations/") == {}


async def test_a_training_that_could_not_begin_gives_its_room_back(world):
    world.workspace.answers("Retrain", FORBIDDEN)
    await world.order(retrain())
    await world.run(retrain())
    assert await reserved(world.store) == {}


async def test_between_two_tries_it_keeps_its_place_and_the_second_counts_from_its_own_moment(world):
    world.workspace.answers("Retrain", BUSY, DONE)
    await world.order(retrain())
    await world.run(retrain())
    assert await reserved(world.store) == {"retrain-1": False}
    world.clock.pass_seconds(600)
    await world.run(retrain())
    (entry,) = await entries(world.store)
    assert (entry.at, entry.kept) == (NOON + timedelta(seconds=600) + ACT_WITHIN, True)


async def test_a_training_that_ran_and_failed_has_been_paid_for(world):
    world.workspace.answers("Retrain", Started(operation="job", look_again_at=NOON), FORBIDDEN)
    await world.order(retrain())
    await world.run(retrain())
    await world.run(retrain())
    assert (await world.row(retrain())).state == "finished"
    assert await reserved(world.store) == {"retrain-1": True}


@pytest.mark.parametrize("unknown", [Unknown(reason="no answer"), ValueError("a fault of ours")])
async def test_what_is_unknown_stays_reserved_though_later_tries_fail_for_certain(world, unknown):
    world.workspace.answers("Retrain", unknown, FORBIDDEN)
    await world.order(retrain())
    await world.run(retrain())
    assert await reserved(world.store) == {"retrain-1": True}
    world.clock.pass_seconds(10)
    await world.run(retrain())
    assert (await world.row(retrain())).state == "finished"
    assert await reserved(world.store) == {"retrain-1": True}


# A refusal


async def test_without_room_it_is_skipped_with_the_limit_what_is_committed_and_until_when(world):
    await spend(world.store)
    await world.order(retrain())
    outcome = await world.run(retrain())
    assert isinstance(outcome, Skipped)
    assert outcome.until == NOON + ACT_WITHIN + timedelta(days=1)
    assert outcome.reason == "limit: all workloads together are limited to 1/1d, and 1 retrainings are committed"
    assert [(one.code, one.observed, one.limit) for one in outcome.refusals] == [("fleet_limit", 1, "1/1d")]
    assert (await world.row(retrain())).outcome == outcome
    assert world.workspace.journal == []
    assert await reserved(world.store) == {"another": False}


async def test_every_limit_that_has_no_room_is_named(store):
    world = under(World(store), money="70 EUR")
    await spend(store, money="70 EUR")
    await world.order(retrain())
    outcome = await world.run(retrain())
    assert [one.code for one in outcome.refusals] == ["fleet_limit", "budget_reserved"]
    assert outcome.until == outcome.refusals[1].until


async def test_it_is_refused_by_one_account_and_takes_nothing_of_the_other(store):
    world = under(World(store), fleet="9/1d", money="70 EUR")
    await spend(store, fleet="9/1d", money="70 EUR")
    await world.order(retrain())
    outcome = await world.run(retrain())
    assert [one.code for one in outcome.refusals] == ["budget_reserved"]
    assert set(await reserved(store)) == set(await reserved(store, BUDGET)) == {"another"}


async def test_a_refusal_becomes_a_hold_and_the_training_begins_when_there_is_room(world):
    await spend(world.store)
    await world.order(retrain())
    await world.run(retrain())
    (hold,) = await world.store.holds(SUBJECT)
    assert hold.due == NOON + ACT_WITHIN + timedelta(days=1)
    told = (await world.ledger())[derive("signal", "finished", "retrain-1")]
    assert (told.verdict, [reason.code for reason in told.reasons]) == ("hold", ["fleet_limit"])
    world.clock.at = hold.due
    await world.sweeper.run()
    order = await ordered_anew(world)
    assert order.id != "retrain-1"
    assert await world.run(order) == Succeeded()
    assert await reserved(world.store) == {order.id: True}


async def test_being_refused_again_and_again_lies_no_deeper(world):
    await world.order(retrain())
    depths = []
    for day in range(4):
        await spend(world.store, f"another-{day}", world.clock.now())
        row = await world.row(await ordered_anew(world) if day else retrain())
        depths.append(row.depth)
        await world.run(row.command)
        world.clock.at = max(hold.due for hold in await world.store.holds(SUBJECT))
        await world.sweeper.run()
    assert depths == [0, 1, 1, 1]


# Side by side


class Rival(SqliteStore):
    """The embedded store with a rival who takes room just before each of our first writes of an account."""

    def __init__(self, rivals, limits):
        super().__init__(":memory:")
        self.rivals, self.limits = rivals, limits

    async def save_document(self, name, body, etag):
        if name.startswith("reservations/") and self.rivals:
            self.rivals -= 1
            left, self.rivals = self.rivals, 0
            await spend(self, f"rival-{left}", **self.limits)
            self.rivals = left
        await super().save_document(name, body, etag)


async def rivalling(rivals, **limits):
    store = Rival(rivals, limits)
    await store.open()
    return store


async def test_of_two_instances_that_want_the_last_room_one_gets_it():
    store = await rivalling(1, fleet="1/1d")
    world = under(World(store))
    await world.order(retrain())
    outcome = await world.run(retrain())
    assert [one.code for one in outcome.refusals] == ["fleet_limit"]
    assert await reserved(store) == {"rival-0": False}
    await store.close()


async def test_who_lost_a_race_and_finds_room_all_the_same_takes_it():
    store = await rivalling(3, fleet="9/1d")
    assert await reserve(store, policy(fleet="9/1d"), retrain(), NOON) is None
    assert set(await reserved(store)) == {"rival-2", "rival-1", "rival-0", "retrain-1"}
    await store.close()


async def test_who_loses_each_race_tries_again_later_without_having_been_counted():
    store = await rivalling(TRIES_MAX, fleet="50/1d")
    world = under(World(store), fleet="50/1d")
    await world.order(retrain())
    outcome = await world.run(retrain())
    least, most = (NOON + timedelta(seconds=seconds) for seconds in AGAIN_SECONDS)
    assert (outcome.reason, least <= outcome.until <= most) == (CONTENDED, True)
    row = await world.row(retrain())
    assert (row.state, row.attempts, row.not_before) == ("pending", 0, outcome.until)
    world.clock.at = outcome.until
    assert await world.run(retrain()) == Succeeded()
    await store.close()


async def test_those_who_met_do_not_meet_again():
    waits = set()
    for number in range(20):
        store = await rivalling(TRIES_MAX, fleet="50/1d")
        waits.add((await reserve(store, policy(fleet="50/1d"), retrain(f"retrain-{number}"), NOON)).until)
        await store.close()
    assert len(waits) == 20


class Contested(SqliteStore):
    """The embedded store under whose feet every account changes."""

    async def save_document(self, name, body, etag):  # noqa: ARG002
        raise ConflictError(name)


async def test_what_cannot_be_kept_is_not_recorded_either(tmp_path):
    calm, contested = SqliteStore(str(tmp_path / "store")), Contested(str(tmp_path / "store"))
    await calm.open()
    await contested.open()
    await spend(calm, "retrain-1")
    with pytest.raises(StoreUnavailableError):
        await keep(contested, retrain())
    await release(contested, retrain())
    assert await free_left(contested, NOON + timedelta(days=9)) == 0
    assert await reserved(calm) == {"retrain-1": False}
    await calm.close()
    await contested.close()


# Who dies


class Mortal(SqliteStore):
    """The embedded store of a process that dies before or after one of its calls."""

    dies = ("", 0, "")

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        method, left, when = super().__getattribute__("dies")
        if name != method:
            return found
        self.dies = (method, left - 1, when)
        if left:
            return found

        async def die(*arguments):
            if when == "after":
                await found(*arguments)
            self.dies = ("", 0, "")
            raise ProcessDied

        return die


@pytest.fixture
async def mortal():
    store = Mortal(":memory:")
    await store.open()
    world = under(World(store))
    await world.order(retrain())
    yield world
    await store.close()


async def play_on(world):
    """Another process takes over, until nothing is left to do."""
    world.clock.at += CLAIM_FOR
    while (await world.row(retrain())).state != "finished":
        await world.run(retrain(), "second")
        world.clock.pass_seconds(300)
    await world.sweeper.run()
    return await reserved(world.store)


STEPS = [
    ("claim", 0, "after"),
    ("save_document", 0, "before"),  # to reserve
    ("save_document", 0, "after"),
    ("save_document", 1, "before"),  # to keep, after the effect
    ("save_document", 1, "after"),
    ("finish", 0, "before"),
    ("finish", 0, "after"),
]


@pytest.mark.parametrize("step", STEPS, ids=str)
async def test_whoever_dies_where_a_training_is_counted_once(mortal, step):
    mortal.store.dies = step
    with pytest.raises(ProcessDied):
        await mortal.run(retrain())
    mortal.store.dies = ("", 0, "")
    assert await play_on(mortal) == {"retrain-1": True}


@pytest.mark.parametrize(
    ("step", "left"),
    [
        (("claim", 0, "after"), {}),
        (("save_document", 0, "before"), {}),
        (("save_document", 0, "after"), {"retrain-1": True}),  # nobody can tell whether it began
        (("finish", 0, "before"), {"retrain-1": True}),  # nor whether the call was made
        (("finish", 0, "after"), {}),
        (("save_document", 1, "before"), {}),  # to give back
        (("save_document", 1, "after"), {}),
    ],
    ids=str,
)
async def test_whoever_dies_where_nothing_stays_reserved_for_what_is_known_to_have_had_no_effect(mortal, step, left):
    mortal.workspace.answers("Retrain", FORBIDDEN, FORBIDDEN)
    mortal.store.dies = step
    with pytest.raises(ProcessDied):
        await mortal.run(retrain())
    mortal.store.dies = ("", 0, "")
    assert await play_on(mortal) == left


async def test_who_dies_in_mid_call_leaves_it_reserved_though_nobody_wants_it_any_more(mortal):
    mortal.workspace.answers("Retrain", ProcessDied())
    with pytest.raises(ProcessDied):
        await mortal.run(retrain())
    stored = await mortal.store.facts(SUBJECT)
    await mortal.order(cause="closed", facts=type(stored.value)())
    mortal.clock.at += CLAIM_FOR
    assert "stale plan" in (await mortal.run(retrain(), "second")).reason
    await mortal.sweeper.run()
    assert await reserved(mortal.store) == {"retrain-1": True}


class Slow(SqliteStore):
    """The embedded store of a process that stands still after its first write of an account."""

    clock, seconds = None, 0.0

    async def save_document(self, name, body, etag):
        await super().save_document(name, body, etag)
        self.clock.pass_seconds(self.seconds)
        self.seconds = 0.0


@pytest.mark.parametrize("seconds", [CALL_MAX.total_seconds() + 1, CLAIM_FOR.total_seconds()])
async def test_who_stood_still_after_reserving_does_not_act_under_it(seconds):
    store = Slow(":memory:")
    await store.open()
    world = under(World(store))
    store.clock, store.seconds = world.clock, seconds
    await world.order(retrain())
    outcome = await world.run(retrain())
    assert (outcome.reason, world.workspace.journal) == (CONTENDED, [])
    assert await world.run(retrain()) == Succeeded()
    (entry,) = await entries(store)
    assert entry.at == world.clock.now() + ACT_WITHIN
    await store.close()


class Overtaken(SqliteStore):
    """The embedded store of a process that stands still before its first write of an account, while others go on."""

    meanwhile = None

    async def save_document(self, name, body, etag):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            await meanwhile()
        await super().save_document(name, body, etag)


async def test_who_stood_still_while_another_trained_does_not_move_the_training_into_the_past():
    store = Overtaken(":memory:")
    await store.open()
    world = under(World(store), fleet="1/1h")
    trained_at = NOON + CLAIM_FOR

    async def another_takes_over():
        world.clock.at = trained_at
        await world.run(retrain(), "second")

    store.meanwhile = another_takes_over
    await world.order(retrain())
    assert await world.run(retrain(), "first") is None
    assert world.workspace.journal == [("begin", "retrain-1")]
    (entry,) = await entries(store)
    assert (entry.at, entry.kept) == (trained_at + ACT_WITHIN, True)
    hour_after_the_first = NOON + ACT_WITHIN + timedelta(hours=1)
    refused = await reserve(store, policy(fleet="1/1h"), retrain("another"), hour_after_the_first)
    assert refused.until == trained_at + ACT_WITHIN + timedelta(hours=1)
    await store.close()


@pytest.mark.parametrize("name", [FLEET, BUDGET])
async def test_reserving_again_moves_to_the_present_and_never_back(store, name):
    for minutes in (0, 30, 10):
        await spend(store, at=NOON + timedelta(minutes=minutes), money="70 EUR")
    (entry,) = await entries(store, name)
    assert entry.at == NOON + timedelta(minutes=30) + ACT_WITHIN


async def test_nor_does_it_move_back_into_a_period_that_is_over(store):
    april = NOON + timedelta(days=31)
    for at in (april, april - timedelta(hours=13)):
        await spend(store, at=at, money="70 EUR")
    (entry,) = await entries(store, BUDGET)
    assert (entry.at, entry.until.month) == (april + ACT_WITHIN, 5)


# What sweep frees


async def test_sweep_frees_what_is_over(world):
    await spend(world.store, "gone-1")
    await keep(world.store, retrain("gone-1"))
    assert await free_left(world.store, NOON + timedelta(days=1)) == 0
    assert await free_left(world.store, NOON + timedelta(days=1) + ACT_WITHIN) == 1
    assert await reserved(world.store) == {}


async def test_sweep_frees_what_belongs_to_a_command_that_is_gone(world):
    await spend(world.store, "never-written")
    assert (await world.sweeper.run()).freed == 1
    assert await reserved(world.store) == {}


async def test_sweep_leaves_what_may_still_be_used(world):
    world.workspace.answers("Retrain", BUSY)
    await world.order(retrain())
    await world.run(retrain())
    assert await free_left(world.store, NOON) == 0
    assert await reserved(world.store) == {"retrain-1": False}


# What people see


async def test_status_shows_what_it_waits_for_and_explain_why(world):
    await spend(world.store)
    await world.order(retrain())
    outcome = await world.run(retrain())
    shown = await views.workload(world.store, world.policies.loaded.policy, WORKLOAD, lambda *_: "", NOON)
    (hold,) = shown.holds
    (reason,) = hold.reasons
    assert (hold.due, hold.then) == (outcome.until, "it is evaluated again")
    assert (reason.code, reason.observed, reason.limit, reason.until) == ("fleet_limit", 1, "1/1d", outcome.until)
    explained = await explain(world.store, "retrain-1")
    assert [one.entry.decision.verdict for one in explained.decisions] == ["act", "hold"]
    assert explained.decisions[1].hold.id == hold.id
