"""What every store promises about facts, decisions and holds."""

import asyncio

import pytest

from shared.domain.facts import Facts
from shared.ports import AlreadyDecidedError, ConflictError, Store, Stored, TooLargeError
from tests.contracts.store_samples import SUBJECT, at, commit, evaluation, hold, notify, set_traffic
from tests.unit.domain.builders import ENDLESS
from tests.unit.domain.full_facts import full_facts

SEEN = Facts(champion="7", fruitless=2, retrained_at=(at(0), at(0.0001)))


class LedgerContract:
    async def test_a_new_subject_has_empty_facts_and_no_tag(self, store: Store) -> None:
        assert await store.facts(SUBJECT) == Stored(Facts(), "")

    async def test_a_commit_is_read_back_whole(self, store: Store) -> None:
        decided = evaluation("d", notify("n"), set_traffic("t"), facts=SEEN, holds=(hold("h", 5),))
        await store.commit(decided, "")
        stored = await store.facts(SUBJECT)
        assert stored.value == SEEN
        assert stored.etag
        assert await store.decision("d") == decided.decision
        assert [row.command for row in await store.commands("d")] == [notify("n"), set_traffic("t")]
        assert await store.holds(SUBJECT) == [hold("h", 5)]

    async def test_an_unknown_decision_is_none(self, store: Store) -> None:
        assert await store.decision("nobody") is None

    async def test_a_decision_is_found_with_its_subject_and_not_with_another(self, store: Store) -> None:
        decided = evaluation("d", notify("n"))
        await store.commit(decided, "")
        assert await store.decision("d", SUBJECT) == decided.decision
        assert [row.command.id for row in await store.commands("d", SUBJECT)] == ["n"]
        assert await store.decision("d", "workload/other") is None
        assert await store.commands("d", "workload/other") == []

    async def test_tidying_takes_nothing_that_is_kept(self, store: Store) -> None:
        decided = evaluation("d", notify("n"), facts=SEEN, holds=(hold("h", 5),))
        await store.commit(decided, "")
        assert await store.tidy(at(60 * 24 * 365)) == 0
        assert await store.decision("d") == decided.decision
        assert (await store.facts(SUBJECT)).value == SEEN

    async def test_a_first_commit_needs_the_empty_tag(self, store: Store) -> None:
        with pytest.raises(ConflictError):
            await store.commit(evaluation("d"), "1")
        assert await store.subjects() == []

    async def test_a_second_first_commit_is_a_conflict(self, store: Store) -> None:
        await store.commit(evaluation("one"), "")
        with pytest.raises(ConflictError):
            await store.commit(evaluation("two"), "")

    async def test_a_stale_etag_is_refused(self, store: Store) -> None:
        await commit(store, evaluation("one"))
        stale = await store.facts(SUBJECT)
        await store.commit(evaluation("two"), stale.etag)
        with pytest.raises(ConflictError):
            await store.commit(evaluation("three"), stale.etag)

    async def test_a_tag_that_no_store_gave_is_a_conflict(self, store: Store) -> None:
        await commit(store, evaluation("one"))
        with pytest.raises(ConflictError):
            await store.commit(evaluation("two"), 'W/"datetime"')

    async def test_a_conflict_writes_nothing(self, store: Store) -> None:
        await store.commit(evaluation("one", facts=SEEN, holds=(hold("h", 5),)), "")
        before = await store.facts(SUBJECT)
        refused = evaluation("two", notify("n"), holds=(hold("new", 6),), released=("h",))
        with pytest.raises(ConflictError):
            await store.commit(refused, "")
        assert await store.facts(SUBJECT) == before
        assert await store.decision("two") is None
        assert await store.commands("two") == []
        assert await store.holds(SUBJECT) == [hold("h", 5)]

    async def test_a_decision_that_exists_changes_nothing(self, store: Store) -> None:
        await store.commit(evaluation("d", notify("n"), facts=SEEN, holds=(hold("h", 5),)), "")
        before = await store.facts(SUBJECT)
        again = evaluation("d", notify("n"), notify("m"), facts=Facts(), holds=(hold("new", 6),), released=("h",))
        with pytest.raises(AlreadyDecidedError):
            await store.commit(again, before.etag)
        assert await store.facts(SUBJECT) == before
        assert len(await store.commands("d")) == 1
        assert await store.holds(SUBJECT) == [hold("h", 5)]

    async def test_already_decided_wins_over_a_conflict(self, store: Store) -> None:
        await store.commit(evaluation("d"), "")
        with pytest.raises(AlreadyDecidedError):
            await store.commit(evaluation("d"), "stale")

    async def test_one_of_many_commits_at_once_succeeds(self, store: Store) -> None:
        commits = (store.commit(evaluation(f"d-{n}", notify(f"n-{n}")), "") for n in range(6))
        results = await asyncio.gather(*commits, return_exceptions=True)
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, ConflictError) for result in results) == 5
        assert len(await store.decisions(SUBJECT, 10)) == 1

    async def test_a_command_that_exists_keeps_its_state(self, store: Store) -> None:
        await commit(store, evaluation("one", notify("n")))
        claimed = await store.claim(SUBJECT, "n", "me", at(0), at(5))
        await commit(store, evaluation("two", notify("n")))
        row = await store.command(SUBJECT, "n")
        assert claimed is not None
        assert row is not None
        assert (row.owner, row.decision) == ("me", "one")

    async def test_subjects_do_not_mix(self, store: Store) -> None:
        await store.commit(evaluation("one", facts=SEEN, holds=(hold("h", 5),)), "")
        await store.commit(evaluation("two", subject="workload/other", holds=(hold("h", 6),), released=("x",)), "")
        assert (await store.facts(SUBJECT)).value == SEEN
        assert await store.holds(SUBJECT) == [hold("h", 5)]
        assert sorted(await store.subjects()) == [SUBJECT, "workload/other"]

    async def test_the_newest_decisions_are_listed_oldest_first(self, store: Store) -> None:
        for minute in range(5):
            subject = SUBJECT if minute % 2 == 0 else "workload/other"
            await commit(store, evaluation(f"d-{minute}", subject=subject, minute=minute))
        assert [decision.id for decision in await store.decisions(None, 3)] == ["d-2", "d-3", "d-4"]
        assert [decision.id for decision in await store.decisions(SUBJECT, 2)] == ["d-2", "d-4"]

    async def test_decisions_of_one_moment_keep_their_order(self, store: Store) -> None:
        for name in ("b", "c", "a"):
            await commit(store, evaluation(name))
        assert [decision.id for decision in await store.decisions(SUBJECT, 10)] == ["b", "c", "a"]

    async def test_a_hold_is_due_from_its_moment_on_until_it_is_released(self, store: Store) -> None:
        await commit(store, evaluation("one", holds=(hold("late", 9), hold("soon", 5), hold("never", 60))))
        assert await store.due_holds(at(4.9), 10) == []
        assert await store.due_holds(at(5), 10) == [hold("soon", 5)]
        assert await store.due_holds(at(9), 10) == [hold("soon", 5), hold("late", 9)]
        assert await store.due_holds(at(9), 1) == [hold("soon", 5)]
        await commit(store, evaluation("two", released=("soon",)))
        assert await store.due_holds(at(9), 10) == [hold("late", 9)]

    async def test_a_hold_with_the_same_id_replaces_the_older_one(self, store: Store) -> None:
        await commit(store, evaluation("one", holds=(hold("h", 5),)))
        await commit(store, evaluation("two", holds=(hold("h", 8),)))
        assert await store.holds(SUBJECT) == [hold("h", 8)]

    async def test_a_hold_that_is_released_and_added_at_once_stays(self, store: Store) -> None:
        await commit(store, evaluation("one", holds=(hold("h", 5),)))
        await commit(store, evaluation("two", holds=(hold("h", 8),), released=("h",)))
        assert await store.holds(SUBJECT) == [hold("h", 8)]

    async def test_facts_that_no_row_takes_are_refused_by_name(self, store: Store) -> None:
        with pytest.raises(TooLargeError, match=SUBJECT):
            await store.commit(evaluation("d", facts=Facts(champion=ENDLESS)), "")
        assert await store.decision("d") is None

    async def test_facts_with_everything_in_them_up_to_its_limit_are_kept(self, store: Store) -> None:
        await store.commit(evaluation("d", facts=full_facts()), "")
        assert (await store.facts(SUBJECT)).value == full_facts()
