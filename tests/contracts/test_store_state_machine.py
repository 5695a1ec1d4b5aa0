"""Whatever is done to a store, in whatever order: the embedded store and the one on Azure storage say the same.

Hypothesis writes the story; both adapters play it, and every answer and every list is compared. Tags differ between
stores, so each keeps its own; a tag is as old in one as in the other.
"""

import asyncio
from collections import defaultdict

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from shared.adapters.azure_tables_store import AzureTablesStore
from shared.adapters.sqlite_store import SqliteStore
from shared.domain.facts import Facts
from shared.domain.outcomes import Failed, Skipped, Started, Succeeded, Unknown
from shared.domain.values import replace
from shared.ports import Stored, StoredDelta
from tests.contracts.announcements_contract import said
from tests.contracts.store_samples import at, evaluation, finished_row, hold, notify, rejected_row, signal_row

BODIES = {"empty": b"", "one": b"1", "large": b"\xff" * 70_000}
EXAMPLES, STEPS = 12, 40

few = st.sampled_from
# Few of each, so that what is done meets what was done before.
keys, names, owners = few(["k/1", "k/2"]), few(["c1", "c2"]), few(["ada", "ada", "bob"])
subjects, hold_ids, minutes = few(["workload/a", "workload/a", "workload/b"]), few(["h1", "h2"]), few([0, 5, 10])
outcomes = few([Unknown(reason="?"), Skipped(reason="lease"), Failed(retryable=True, reason="429")])
document_names, bodies = few(["leases/a", "leases/b", "profiles/c"]), few(["empty", "one", "large"])
ages = few([1, 1, 1, 2])  # which of the tags that were seen is presented: 1 is the newest


class Tags:
    """The tags that each store gave, in the order in which they were given; the first is that of nothing at all."""

    def __init__(self):
        self.seen = defaultdict(lambda: [("", "")])

    def note(self, what, pair):
        if pair != self.seen[what][-1]:
            self.seen[what].append(pair)

    def of(self, what, age):
        return self.seen[what][-min(age, len(self.seen[what]))]


class Stores(RuleBasedStateMachine):
    runner: asyncio.Runner
    addresses = None  # set by the test
    count = 0

    def __init__(self):
        super().__init__()
        Stores.count += 1
        fresh = type(self.addresses)(self.addresses.store, name=f"{self.addresses.name}n{Stores.count}")
        self.stores = (SqliteStore(":memory:"), AzureTablesStore(fresh))
        self.tags, self.decisions, self.ordered = Tags(), 0, set()
        for store in self.stores:
            self.runner.run(store.open())

        decided = evaluation(
            "first", notify("c1"), notify("c2"), subject="workload/a", holds=(hold("workload/ah1", 5),)
        )
        self.both(lambda store, _: store.commit(decided, ""))

    def teardown(self):
        try:
            self.look()
        finally:
            self.close()

    def close(self):
        for store in self.stores:
            self.runner.run(store.close())

    def both(self, call):
        """What both stores answer, or how they refuse; it has to be the same."""
        first, second = (self.answer(call, index) for index in (0, 1))
        assert first == second
        return first

    def answer(self, call, index):
        try:
            return self.runner.run(call(self.stores[index], index))
        except Exception as error:  # noqa: BLE001 - a refusal is an answer, to be compared
            return type(error)

    def note(self, what, read):
        pair = tuple(self.runner.run(read(store)) for store in self.stores)
        assert pair[0].value == pair[1].value
        assert bool(pair[0].etag) == bool(pair[1].etag)
        self.tags.note(what, (pair[0].etag, pair[1].etag))

    @rule(key=keys, minute=minutes)
    def hear(self, key, minute):
        self.both(lambda store, _: store.insert_signal(signal_row(key, minute)))

    @rule(key=keys, subject=subjects)
    def route(self, key, subject):
        self.both(lambda store, _: store.set_route(key, (subject,), "digest"))

    @rule(key=keys)
    def mark_decided(self, key):
        self.both(lambda store, _: store.mark_decided(key))

    @rule(key=keys, minute=minutes)
    def reject(self, key, minute):
        self.both(lambda store, _: store.add_rejected(rejected_row(key, minute)))

    @rule(key=keys, minute=minutes)
    def redrive(self, key, minute):
        self.both(lambda store, _: store.mark_redriven(key, at(minute)))

    @rule(
        subject=subjects,
        age=ages,
        ordered=st.lists(names, max_size=2, unique=True),
        waits=st.lists(st.tuples(hold_ids, minutes), max_size=2, unique_by=lambda wait: wait[0]),
        released=st.lists(hold_ids, max_size=2, unique=True),
        again=few([False, False, False, True]),
        to=st.lists(few(["topic", "hub"]), max_size=2, unique=True),
    )
    def decide(self, subject, age, ordered, waits, released, again, to):  # noqa: PLR0917 - hypothesis names each
        self.note(subject, lambda store: store.facts(subject))
        tags = self.tags.of(subject, age)
        self.decisions += not again
        # Each has a moment of its own: nobody promises an order to what two subjects decide at one moment.
        decided = evaluation(
            f"d{self.decisions}-{subject}",
            *(notify(name) for name in ordered),
            subject=subject,
            minute=self.decisions + 0.5 * (subject == "workload/b"),
            facts=Facts(fruitless=self.decisions),
            holds=tuple(hold(f"{subject}{name}", minute) for name, minute in waits),
            released=tuple(f"{subject}{name}" for name in released),
        )
        announced = (
            said(f"{decided.decision.id}-1", self.decisions, subject),
            said(f"{decided.decision.id}-2", 0, subject),
        )
        decided = replace(decided, announcements=announced, announce_to=tuple(to))
        self.both(lambda store, index: store.commit(decided, tags[index]))

    @rule(name=few(["topic", "hub"]), limit=st.integers(0, 3))
    def publish(self, name, limit):
        told = self.runner.run(self.stores[0].announcements(name, 100))[:limit]
        self.both(lambda store, _: store.forget_announcements(name, told))

    @rule(subject=subjects, name=names, owner=owners, minute=minutes)
    def claim(self, subject, name, owner, minute):
        self.both(lambda store, _: store.claim(subject, name, owner, at(minute), at(minute + 5)))

    @rule(subject=subjects, name=names, owner=owners, minute=minutes)
    def start(self, subject, name, owner, minute):
        started = Started(operation="o", look_again_at=at(minute))
        self.both(lambda store, _: store.record_started(subject, name, owner, started))

    @rule(subject=subjects, name=names, owner=owners, outcome=outcomes, minute=minutes)
    def release(self, subject, name, owner, outcome, minute):
        self.both(lambda store, _: store.release(subject, name, owner, outcome, at(minute)))

    @rule(subject=subjects, name=names, owner=owners, minute=minutes)
    def finish(self, subject, name, owner, minute):
        told = finished_row(f"{subject}-{name}", minute)
        self.both(lambda store, _: store.finish(subject, name, owner, Succeeded(), told))

    @rule(subject=subjects, name=names, minute=minutes)
    def mark_sent(self, subject, name, minute):
        self.both(lambda store, _: store.mark_sent(subject, name, at(minute)))

    @rule(subject=subjects, name=names)
    def reopen(self, subject, name):
        self.both(lambda store, _: store.reopen(subject, name))

    @rule(name=document_names, body=bodies, age=ages)
    def save_document(self, name, body, age):
        self.note(name, lambda store: store.document(name))
        tags = self.tags.of(name, age)
        self.both(lambda store, index: store.save_document(name, BODIES[body], tags[index]))

    @rule(name=document_names, age=ages)
    def delete_document(self, name, age):
        self.note(name, lambda store: store.document(name))
        tags = self.tags.of(name, age)
        self.both(lambda store, index: store.delete_document(name, tags[index]))

    @rule(partition=few(["0", "1"]), through=st.integers(0, 30), age=ages, body=bodies)
    def take_batch(self, partition, through, age, body):
        self.note(f"cursor {partition}", lambda store: store.cursor(partition))
        tags = self.tags.of(f"cursor {partition}", age)
        self.both(lambda store, index: store.append_delta(StoredDelta(partition, through, BODIES[body]), tags[index]))

    @rule(name=few(["w/1", "w/2"]), body=bodies, age=ages, count=st.integers(0, 2))
    def fold(self, name, body, age, count):
        deltas = self.runner.run(self.stores[0].deltas(100))[:count]
        windows = [self.runner.run(store.windows(name)) for store in self.stores]
        self.tags.note(name, tuple(known[name].etag if name in known else "" for known in windows))
        tags = self.tags.of(name, age)
        self.both(lambda store, index: store.save_fold({name: Stored(BODIES[body], tags[index])}, deltas))

    @rule(name=few(["w/1", "w/2"]))
    def delete_window(self, name):
        self.both(lambda store, _: store.delete_windows([name, "w/none"]))

    @rule()
    def look(self):
        self.compare_what_is_kept()
        self.compare_what_is_listed()

    def compare_what_is_kept(self):
        for subject in ("workload/a", "workload/b"):
            self.both(lambda store, _, subject=subject: store.holds(subject))
            self.both(lambda store, _, subject=subject: store.decisions(subject, 5))
            for name in ("c1", "c2", "c3"):
                self.both(lambda store, _, subject=subject, name=name: store.command(subject, name))
        self.both(lambda store, _: store.subjects())
        self.both(lambda store, _: store.rejected(9))
        self.both(lambda store, _: _unfinished(store))
        self.both(lambda store, _: store.decisions(None, 5))
        self.both(lambda store, _: store.documents("leases/"))
        for target in ("topic", "hub"):
            self.both(lambda store, _, target=target: store.announcements_waiting(target))
            self.both(lambda store, _, target=target: _owed(store, target))

    def compare_what_is_listed(self):
        # Equal moments sort as each store likes, so what is listed is compared as a set, and its moments as a list.
        for minute in (5, 15):
            for listed, moment in LISTS:
                self.both(lambda store, _, c=(listed, moment, minute): _ordered(store, *c))
        self.both(lambda store, _: _deltas(store))
        self.both(lambda store, _: _windows(store))


async def _ordered(store, listed, moment, minute):
    found = await getattr(store, listed)(at(minute), 100)
    moments = [getattr(each, moment) for each in found]
    assert moments == sorted(moments)
    return sorted(found, key=repr)


async def _unfinished(store):
    found = await store.unfinished(100)
    assert [each.created_at for each in found] == sorted(each.created_at for each in found)
    return sorted(found, key=repr)


async def _owed(store, target):
    found = await store.announcements(target, 100)
    assert [each.time for each in found] == sorted(each.time for each in found)
    return sorted(found, key=repr)


async def _deltas(store):
    return sorted(await store.deltas(100), key=lambda delta: (delta.partition, delta.through_sequence_number))


async def _windows(store):
    return {name: window.value for name, window in (await store.windows("w/")).items()}


LISTS = (("undecided", "received_at"), ("sendable", "created_at"), ("due_holds", "due"))


def test_both_stores_tell_the_same_story(addresses):
    checks = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # shrinking against a server takes minutes: the story is printed as it was found
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        machine = type("Machine", (Stores,), {"runner": runner, "addresses": addresses})
        run_state_machine_as_test(machine, settings=checks)
