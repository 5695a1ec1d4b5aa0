"""What every store promises about announcements: owed from the commit on, to each target by itself, until forgotten."""

import pytest

from shared.domain.announcements import Announcement, AnnouncementData
from shared.domain.decisions import Evaluation
from shared.domain.facts import Facts
from shared.domain.values import replace
from shared.ports import AlreadyDecidedError, ConflictError, Store
from tests.contracts.store_samples import SUBJECT, at, commit, evaluation, notify

BOTH = ("topic", "hub")


def said(name: str, minute: float = 0, subject: str = SUBJECT) -> Announcement:
    data = AnnouncementData(
        decision=f"decision-of-{name}",
        decided_at=at(minute),
        subject=subject,
        verdict="act",
        rule="rollout",
        signal="key",
        signal_kind="CommandFinished",
        version="7",
    )
    return Announcement(id=name, type="Outerloop.RolloutStarted", subject=subject, time=at(minute), data=data)


def announcing(
    decision: str, *names: str, minute: float = 0, subject: str = SUBJECT, to: tuple[str, ...] = BOTH
) -> Evaluation:
    decided = evaluation(decision, notify(f"n-{decision}"), minute=minute, subject=subject)
    return replace(decided, announcements=tuple(said(name, minute, subject) for name in names), announce_to=to)


async def owed(store: Store, target: str, limit: int = 100) -> list[str]:
    return [known.id for known in await store.announcements(target, limit)]


class AnnouncementsContract:
    async def test_nothing_is_owed_before_anything_was_said(self, store: Store) -> None:
        assert await store.announcements("topic", 10) == []
        assert await store.announcements_waiting("topic") == 0

    async def test_what_was_committed_is_owed_whole_to_each_target(self, store: Store) -> None:
        await commit(store, announcing("d", "a", "b"))
        for target in BOTH:
            assert await store.announcements(target, 10) == [said("a"), said("b")]
            assert await store.announcements_waiting(target) == 2

    async def test_a_commit_without_targets_owes_nobody_anything(self, store: Store) -> None:
        await commit(store, announcing("d", "a", to=()))
        assert await owed(store, "topic") == []

    async def test_each_target_has_its_own_progress(self, store: Store) -> None:
        await commit(store, announcing("d", "a", "b"))
        await store.forget_announcements("topic", [said("a")])
        assert await owed(store, "topic") == ["b"]
        assert await owed(store, "hub") == ["a", "b"]

    async def test_the_oldest_come_first_across_subjects(self, store: Store) -> None:
        await commit(store, announcing("late", "z", minute=3))
        await commit(store, announcing("early", "y", minute=1, subject="workload/other"))
        await commit(store, announcing("middle", "x", minute=2))
        assert await owed(store, "hub") == ["y", "x", "z"]
        assert await owed(store, "hub", limit=2) == ["y", "x"]

    async def test_those_of_one_decision_keep_their_order(self, store: Store) -> None:
        names = ["base", "zebra", "ant", "midge"]
        await commit(store, announcing("d", *names))
        assert await owed(store, "topic") == names

    async def test_many_subjects_that_speak_at_one_moment_are_all_heard(self, store: Store) -> None:
        for number in range(20):
            await commit(store, announcing(f"d-{number}", f"a-{number}", subject=f"workload/number-{number}"))
        assert sorted(await owed(store, "topic")) == sorted(f"a-{number}" for number in range(20))

    async def test_many_are_forgotten_at_once_whatever_their_subjects(self, store: Store) -> None:
        for number in range(30):
            subject = f"workload/number-{number % 3}"
            await commit(store, announcing(f"d-{number}", f"a-{number}", f"b-{number}", minute=number, subject=subject))
        first = await store.announcements("topic", 50)
        await store.forget_announcements("topic", first)
        assert len(await owed(store, "topic")) == 10
        assert await store.announcements_waiting("topic") == 10
        assert await store.announcements_waiting("hub") == 60

    async def test_forgetting_what_is_unknown_or_nothing_at_all_is_harmless(self, store: Store) -> None:
        await commit(store, announcing("d", "a"))
        await store.forget_announcements("topic", [said("b"), said("c", subject="workload/nobody")])
        await store.forget_announcements("topic", [])
        await store.forget_announcements("topic", [said("a"), said("a")])
        await store.forget_announcements("topic", [said("a")])
        assert await owed(store, "topic") == []

    async def test_a_commit_that_fails_owes_nothing(self, store: Store) -> None:
        await commit(store, announcing("one", "a"))
        with pytest.raises(ConflictError):
            await store.commit(announcing("two", "b"), "")
        with pytest.raises(AlreadyDecidedError):
            await commit(store, announcing("one", "c"))
        assert await owed(store, "topic") == ["a"]
        assert (await store.facts(SUBJECT)).value == Facts()
