"""What every store promises about rows that leave with age."""

from shared.domain.outcomes import Succeeded
from shared.domain.values import replace
from shared.ports import Store
from tests.contracts.store_samples import (
    SUBJECT,
    at,
    commit,
    evaluation,
    finished_row,
    hold,
    notify,
    order,
    rejected_row,
    sendable_ids,
    signal_row,
)

DAY = 24 * 60.0


async def heard(store: Store, *minutes: float) -> None:
    """Signals of these minutes that have all their decisions."""
    for minute in minutes:
        await store.insert_signal(signal_row(f"at-{minute:g}", minute))
        await store.mark_decided(f"at-{minute:g}")


async def names(store: Store, since: float = 0, before: float = DAY, limit: int = 10) -> list[str]:
    return [row.signal.dedup_key for row in await store.decided_signals(at(since), at(before), limit)]


async def finish(store: Store, command_id: str) -> None:
    await store.claim(SUBJECT, command_id, "me", at(0), at(5))
    await store.finish(SUBJECT, command_id, "me", Succeeded(), finished_row(command_id))


class AgingContract:
    async def test_decided_signals_are_listed_oldest_first(self, store: Store) -> None:
        await heard(store, 3, 1, 2)
        assert await names(store) == ["at-1", "at-2", "at-3"]

    async def test_decided_signals_are_listed_from_one_moment_to_just_before_another(self, store: Store) -> None:
        await heard(store, 1, 2, 3)
        assert await names(store, since=2, before=3) == ["at-2"]

    async def test_decided_signals_keep_to_their_limit_with_the_oldest(self, store: Store) -> None:
        await heard(store, *range(12))
        assert await names(store, limit=3) == ["at-0", "at-1", "at-2"]

    async def test_a_signal_without_all_its_decisions_is_not_listed(self, store: Store) -> None:
        await store.insert_signal(signal_row("a"))
        assert await names(store) == []

    async def test_a_signal_that_came_decided_is_listed_as_it_is(self, store: Store) -> None:
        row = replace(signal_row("a", 1), decided=True, subjects=(SUBJECT,))
        await store.insert_signal(row)
        assert await store.decided_signals(at(0), at(2), 10) == [row]

    async def test_a_forgotten_signal_leaves_nothing(self, store: Store) -> None:
        await heard(store, 1, 2)
        assert await store.forget_signals(["at-1"]) == 1
        assert await store.signal("at-1") is None
        assert await names(store) == ["at-2"]

    async def test_a_signal_without_all_its_decisions_stays_whoever_asks(self, store: Store) -> None:
        await store.insert_signal(signal_row("a"))
        assert await store.forget_signals(["a", "nobody"]) == 0
        assert await store.undecided(at(1), 10) == [signal_row("a")]

    async def test_forgetting_no_signals_does_nothing(self, store: Store) -> None:
        assert await store.forget_signals([]) == 0

    async def test_a_signal_that_comes_again_after_it_was_forgotten_is_new(self, store: Store) -> None:
        await heard(store, 1)
        await store.forget_signals(["at-1"])
        again = replace(signal_row("at-1", 1), received_at=at(90))
        assert await store.insert_signal(again)
        assert await store.undecided(at(100), 10) == [again]
        assert await names(store) == []
        assert await store.forget_signals(["at-1"]) == 0

    async def test_old_rejections_leave_and_newer_ones_stay(self, store: Store) -> None:
        for minute in (1, 2, 3):
            await store.add_rejected(rejected_row(f"r-{minute}", minute))
        assert await store.forget_rejected(at(2), 10) == 1
        assert [row.id for row in await store.rejected(10)] == ["r-3", "r-2"]

    async def test_rejections_leave_a_batch_at_a_time(self, store: Store) -> None:
        for minute in range(5):
            await store.add_rejected(rejected_row(f"r-{minute}", minute))
        assert [await store.forget_rejected(at(9), 2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_a_rejection_that_comes_again_after_it_was_forgotten_is_counted_anew(self, store: Store) -> None:
        for _ in range(2):
            await store.add_rejected(rejected_row("r"))
        await store.forget_rejected(at(1), 10)
        await store.add_rejected(rejected_row("r"))
        assert [row.times for row in await store.rejected(10)] == [1]

    async def test_a_redriven_rejection_is_forgotten_as_any(self, store: Store) -> None:
        for minute in (1, 2, 3):
            await store.add_rejected(rejected_row(f"r-{minute}", minute))
        await store.mark_redriven("r-1", at(5))
        assert await store.forget_rejected(at(3), 10) == 2
        assert await store.rejection("r-1") is None
        assert [row.id for row in await store.rejected(10)] == ["r-3"]

    async def test_an_old_decision_leaves_with_its_finished_commands(self, store: Store) -> None:
        await order(store, "n", "m")
        await commit(store, evaluation("newer", minute=1))
        for command_id in ("n", "m"):
            await finish(store, command_id)
        assert await store.forget_decisions(at(1), 10) == 1
        assert [each.id for each in await store.decisions(None, 10)] == ["newer"]
        assert [each.id for each in await store.decisions(SUBJECT, 10)] == ["newer"]
        assert await store.decision("decision-of-n") is None
        assert await store.command(SUBJECT, "n") is None
        assert await store.commands("decision-of-n") == []

    async def test_a_decision_with_a_command_under_way_stays_whole(self, store: Store) -> None:
        await order(store, "n", "m")
        await finish(store, "n")
        assert await store.forget_decisions(at(1), 10) == 0
        assert await store.decision("decision-of-n") is not None
        assert len(await store.commands("decision-of-n")) == 2
        assert await sendable_ids(store, 0) == ["m"]

    async def test_a_decision_with_a_claimed_command_stays(self, store: Store) -> None:
        await order(store, "n")
        await store.claim(SUBJECT, "n", "me", at(0), at(5))
        assert await store.forget_decisions(at(1), 10) == 0

    async def test_a_command_that_an_earlier_decision_ordered_stays_with_that_one(self, store: Store) -> None:
        await order(store, "n", minute=5)
        await commit(store, evaluation("repeats", notify("n"), minute=0))
        assert await store.forget_decisions(at(1), 10) == 1
        assert await store.command(SUBJECT, "n") is not None

    async def test_decisions_leave_a_batch_at_a_time(self, store: Store) -> None:
        for n in range(5):
            await commit(store, evaluation(f"d-{n}", minute=n))
        assert [await store.forget_decisions(at(9), 2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_facts_and_holds_outlive_the_decision_that_wrote_them(self, store: Store) -> None:
        await commit(store, evaluation("d", holds=(hold("h", 5),)))
        before = await store.facts(SUBJECT)
        assert await store.forget_decisions(at(1), 10) == 1
        assert await store.facts(SUBJECT) == before
        assert await store.holds(SUBJECT) == [hold("h", 5)]
        await store.commit(evaluation("next"), before.etag)
