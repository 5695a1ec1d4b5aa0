"""What every store promises about signals and rejections."""

import asyncio

import pytest

from shared.domain.values import replace
from shared.ports import Store
from tests.contracts.store_samples import at, rejected_row, signal_row


class InboxContract:
    async def test_a_signal_is_read_back_as_it_was_written(self, store: Store) -> None:
        assert await store.insert_signal(signal_row("a"))
        assert await store.signal("a") == signal_row("a")

    async def test_an_unknown_signal_is_none(self, store: Store) -> None:
        assert await store.signal("nobody") is None

    async def test_a_known_dedup_key_is_refused_and_the_first_signal_stays(self, store: Store) -> None:
        await store.insert_signal(signal_row("a", minute=1))
        assert not await store.insert_signal(signal_row("a", minute=2))
        assert await store.signal("a") == signal_row("a", minute=1)

    async def test_one_of_many_deliveries_at_once_is_accepted(self, store: Store) -> None:
        accepted = await asyncio.gather(*(store.insert_signal(signal_row("a", minute)) for minute in range(8)))
        assert sorted(accepted) == [False] * 7 + [True]

    async def test_the_first_route_wins(self, store: Store) -> None:
        await store.insert_signal(signal_row("a"))
        first = await store.set_route("a", ("workload/x", "workload/y"), "digest-1")
        second = await store.set_route("a", ("workload/z",), "digest-2")
        assert (
            first == second == replace(signal_row("a"), subjects=("workload/x", "workload/y"), policy_digest="digest-1")
        )
        assert await store.signal("a") == first

    async def test_a_route_to_no_subject_is_a_route(self, store: Store) -> None:
        await store.insert_signal(signal_row("a"))
        await store.set_route("a", (), "digest-1")
        row = await store.set_route("a", ("workload/z",), "digest-2")
        assert row.subjects == ()

    async def test_a_route_for_an_unknown_signal_is_an_error(self, store: Store) -> None:
        with pytest.raises(LookupError, match="nobody"):
            await store.set_route("nobody", ("workload/x",), "digest")

    async def test_undecided_lists_older_signals_oldest_first(self, store: Store) -> None:
        for minute in (3, 1, 2):
            await store.insert_signal(signal_row(f"at-{minute}", minute))
        rows = await store.undecided(at(3), limit=10)
        assert [row.signal.dedup_key for row in rows] == ["at-1", "at-2"]

    async def test_undecided_keeps_to_its_limit(self, store: Store) -> None:
        for minute in range(5):
            await store.insert_signal(signal_row(f"at-{minute}", minute))
        assert len(await store.undecided(at(9), limit=2)) == 2

    async def test_undecided_includes_routed_signals_until_they_are_marked(self, store: Store) -> None:
        await store.insert_signal(signal_row("a"))
        routed = await store.set_route("a", ("workload/x",), "digest")
        assert await store.undecided(at(1), limit=10) == [routed]
        await store.mark_decided("a")
        assert await store.undecided(at(1), limit=10) == []
        assert await store.signal("a") == replace(routed, decided=True)

    async def test_marking_an_unknown_signal_does_nothing(self, store: Store) -> None:
        await store.mark_decided("nobody")
        assert await store.signal("nobody") is None

    async def test_a_rejection_keeps_its_raw_body(self, store: Store) -> None:
        await store.add_rejected(rejected_row("r"))
        assert await store.rejected(10) == [rejected_row("r")]

    async def test_the_same_rejection_again_only_counts(self, store: Store) -> None:
        for minute in range(3):
            await store.add_rejected(rejected_row("r", minute))
        assert await store.rejected(10) == [replace(rejected_row("r"), times=3)]

    async def test_the_newest_rejections_come_first(self, store: Store) -> None:
        for minute in (2, 3, 1):
            await store.add_rejected(rejected_row(f"at-{minute}", minute))
        assert [row.id for row in await store.rejected(2)] == ["at-3", "at-2"]

    async def test_the_list_goes_on_behind_a_rejection_also_among_those_of_one_moment(self, store: Store) -> None:
        rows = [
            rejected_row(f"{name}", minute) for minute in (2, 1) for name in (f"a{minute}", f"a{minute}0", "b" * minute)
        ]
        for row in reversed(rows):
            await store.add_rejected(row)
        seen: list[str] = []
        page = await store.rejected(2)
        while page:
            seen += [row.id for row in page]
            page = await store.rejected(2, page[-1])
        assert seen == [row.id for row in rows]

    async def test_one_rejection_is_found_by_its_id(self, store: Store) -> None:
        await store.add_rejected(rejected_row("r"))
        assert await store.rejection("r") == rejected_row("r")
        assert await store.rejection("nobody") is None

    async def test_a_redriven_rejection_leaves_the_list_and_is_kept(self, store: Store) -> None:
        for minute in (1, 2, 3):
            await store.add_rejected(rejected_row(f"at-{minute}", minute))
        for _ in range(2):
            await store.mark_redriven("at-2", at(5))
        assert [row.id for row in await store.rejected(2)] == ["at-3", "at-1"]
        assert await store.rejection("at-2") == replace(rejected_row("at-2", 2), redriven_at=at(5))

    async def test_the_list_goes_on_behind_a_rejection_that_was_redriven_meanwhile(self, store: Store) -> None:
        for minute in (1, 2, 3):
            await store.add_rejected(rejected_row(f"at-{minute}", minute))
        await store.mark_redriven("at-2", at(5))
        assert [row.id for row in await store.rejected(9, rejected_row("at-2", 2))] == ["at-1"]

    async def test_a_redriven_rejection_that_comes_again_is_listed_anew(self, store: Store) -> None:
        await store.add_rejected(rejected_row("r", 1))
        await store.add_rejected(rejected_row("newer", 2))
        await store.mark_redriven("r", at(5))
        await store.add_rejected(rejected_row("r", 6))
        assert await store.rejected(9) == [replace(rejected_row("r", 6), times=2), rejected_row("newer", 2)]

    async def test_marking_an_unknown_rejection_does_nothing(self, store: Store) -> None:
        await store.mark_redriven("nobody", at(5))
        assert await store.rejected(9) == []
