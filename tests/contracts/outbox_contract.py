"""What every store promises about commands: claims, outcomes, and what is to be queued."""

import asyncio

import pytest

from shared.domain.outcomes import Failed, Skipped, Started, Succeeded, Unknown
from shared.domain.records import CommandRow
from shared.domain.values import replace
from shared.ports import ConflictError, Store
from tests.contracts.store_samples import SUBJECT, at, finished_row, notify, order, sendable_ids

STARTED = Started(operation="operations/1", look_again_at=at(10))
FAILED = Failed(retryable=True, reason="429")
DONE = Succeeded(data={"sent": 1.0})
PENDING = CommandRow(
    command=notify("c"), subject=SUBJECT, decision="decision-of-c", state="pending", depth=1, created_at=at(0)
)


async def claimed(store: Store, owner: str = "me", minute: float = 0, until: float = 5) -> CommandRow:
    row = await store.claim(SUBJECT, "c", owner, at(minute), at(until))
    assert row is not None
    return row


async def stored(store: Store) -> CommandRow:
    row = await store.command(SUBJECT, "c")
    assert row is not None
    return row


class ClaimContract:
    async def test_an_ordered_command_is_pending_and_unsent(self, store: Store) -> None:
        await order(store, "c")
        assert await store.command(SUBJECT, "c") == PENDING

    async def test_an_unknown_command_is_none_and_cannot_be_claimed(self, store: Store) -> None:
        assert await store.command(SUBJECT, "nobody") is None
        assert await store.claim(SUBJECT, "nobody", "me", at(0), at(5)) is None

    async def test_a_claim_tells_the_state_before_it(self, store: Store) -> None:
        await order(store, "c")
        row = await claimed(store)
        assert row == replace(PENDING, owner="me", claimed_until=at(5), attempts=1)
        assert (await stored(store)).state == "claimed"

    async def test_a_live_claim_keeps_everybody_out(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        assert await store.claim(SUBJECT, "c", "other", at(4.9), at(9)) is None
        assert await store.claim(SUBJECT, "c", "me", at(4.9), at(9)) is None

    async def test_an_expired_claim_is_to_be_had_and_shows_that_it_was_in_mid_effect(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        row = await claimed(store, "other", minute=5, until=9)
        assert (row.state, row.owner, row.attempts, row.claimed_until) == ("claimed", "other", 2, at(9))

    async def test_one_of_many_claims_at_once_wins(self, store: Store) -> None:
        await order(store, "c")
        claims = (store.claim(SUBJECT, "c", f"owner-{n}", at(0), at(5)) for n in range(8))
        won = [row for row in await asyncio.gather(*claims) if row is not None]
        assert len(won) == 1
        assert (await stored(store)).owner == won[0].owner

    async def test_a_started_command_is_claimed_once_it_is_due(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.record_started(SUBJECT, "c", "me", STARTED)
        assert await store.claim(SUBJECT, "c", "other", at(9), at(12)) is None
        row = await claimed(store, "other", minute=10, until=12)
        assert (row.state, row.outcome, row.attempts) == ("started", STARTED, 2)

    async def test_recording_a_started_operation_ends_the_claim(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.record_started(SUBJECT, "c", "me", STARTED)
        expected = replace(PENDING, state="started", attempts=1, outcome=STARTED, not_before=at(10))
        assert await stored(store) == expected

    async def test_a_released_command_is_pending_again_with_what_happened(self, store: Store) -> None:
        await order(store, "c")
        await store.mark_sent(SUBJECT, "c", at(60))
        await claimed(store)
        await store.release(SUBJECT, "c", "me", FAILED, at(3))
        assert await stored(store) == replace(PENDING, attempts=1, outcome=FAILED, not_before=at(3))

    async def test_a_released_command_cannot_be_claimed_before_it_is_due(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.release(SUBJECT, "c", "me", Unknown(reason="time-out"), at(3))
        assert await store.claim(SUBJECT, "c", "me", at(2.9), at(9)) is None
        assert (await claimed(store, minute=3)).state == "pending"

    @pytest.mark.parametrize("outcome", [Unknown(reason="time-out"), Skipped(reason="lease"), STARTED])
    async def test_a_release_while_looking_keeps_the_operation(
        self, store: Store, outcome: Unknown | Skipped | Started
    ) -> None:
        await order(store, "c")
        await claimed(store)
        await store.record_started(SUBJECT, "c", "me", STARTED)
        await claimed(store, "other", minute=10, until=12)
        await store.release(SUBJECT, "c", "other", outcome, at(15))
        row = await stored(store)
        assert (row.state, row.outcome, row.not_before) == ("started", STARTED, at(15))

    async def test_an_operation_that_failed_for_now_is_pending_and_begins_anew(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.record_started(SUBJECT, "c", "me", STARTED)
        await claimed(store, "other", minute=10, until=12)
        await store.release(SUBJECT, "c", "other", FAILED, at(15))
        row = await stored(store)
        assert (row.state, row.outcome, row.not_before) == ("pending", FAILED, at(15))

    async def test_to_have_waited_is_no_attempt(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.release(SUBJECT, "c", "me", Skipped(reason="lease"), at(3))
        assert (await stored(store)).attempts == 0
        await claimed(store, minute=3)
        await store.release(SUBJECT, "c", "me", FAILED, at(6))
        assert (await stored(store)).attempts == 1

    async def test_a_crash_while_looking_keeps_the_operation(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.record_started(SUBJECT, "c", "me", STARTED)
        await claimed(store, "crashed", minute=10, until=12)
        row = await claimed(store, "other", minute=12, until=14)
        assert (row.state, row.outcome) == ("claimed", STARTED)

    @pytest.mark.parametrize("outcome", [DONE, Skipped(reason="paused"), Failed(retryable=False, reason="400")])
    async def test_finishing_keeps_the_outcome_and_accepts_its_signal(
        self, store: Store, outcome: Succeeded | Skipped | Failed
    ) -> None:
        await order(store, "c")
        await claimed(store)
        await store.finish(SUBJECT, "c", "me", outcome, finished_row("c", minute=2))
        expected = replace(PENDING, state="finished", attempts=1, outcome=outcome, finished_at=at(2))
        assert await stored(store) == expected
        assert await store.undecided(at(3), 10) == [finished_row("c", minute=2)]

    async def test_a_finished_command_is_never_claimed_again(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.finish(SUBJECT, "c", "me", DONE, finished_row("c"))
        assert await store.claim(SUBJECT, "c", "other", at(10_000), at(10_001)) is None

    async def test_finishing_when_the_signal_is_known_keeps_the_first_signal(self, store: Store) -> None:
        await order(store, "c")
        await store.insert_signal(finished_row("c", minute=1))
        await claimed(store)
        await store.finish(SUBJECT, "c", "me", DONE, finished_row("c", minute=2))
        assert await store.signal("finished-c") == finished_row("c", minute=1)
        assert (await stored(store)).state == "finished"

    @pytest.mark.parametrize("owner", ["loser", ""])
    async def test_who_lost_the_claim_changes_nothing(self, store: Store, owner: str) -> None:
        await order(store, "c")
        await claimed(store, owner or "loser")
        await claimed(store, "winner", minute=5, until=9)
        before = await stored(store)
        with pytest.raises(ConflictError):
            await store.record_started(SUBJECT, "c", owner, STARTED)
        with pytest.raises(ConflictError):
            await store.release(SUBJECT, "c", owner, FAILED, at(3))
        with pytest.raises(ConflictError):
            await store.finish(SUBJECT, "c", owner, DONE, finished_row("c"))
        assert await stored(store) == before
        assert await store.signal("finished-c") is None

    async def test_nobody_owns_a_command_that_is_not_claimed(self, store: Store) -> None:
        await order(store, "c")
        with pytest.raises(ConflictError):
            await store.finish(SUBJECT, "c", "", DONE, finished_row("c"))
        with pytest.raises(ConflictError):
            await store.release(SUBJECT, "unknown", "me", FAILED, at(3))

    async def test_a_command_is_finished_once(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.finish(SUBJECT, "c", "me", DONE, finished_row("c"))
        with pytest.raises(ConflictError):
            await store.finish(SUBJECT, "c", "me", FAILED, finished_row("c"))
        assert (await stored(store)).outcome == DONE


class ReopeningContract:
    async def test_what_has_no_end_is_listed_oldest_first_whatever_its_state(self, store: Store) -> None:
        for minute, name in enumerate(("pending", "claimed", "started", "finished")):
            await order(store, name, minute=minute)
        for name in ("claimed", "started", "finished"):
            await store.claim(SUBJECT, name, "me", at(5), at(9))
        await store.record_started(SUBJECT, "started", "me", STARTED)
        await store.finish(SUBJECT, "finished", "me", DONE, finished_row("finished"))
        assert [row.command.id for row in await store.unfinished(9)] == ["pending", "claimed", "started"]
        assert [row.command.id for row in await store.unfinished(2)] == ["pending", "claimed"]

    async def test_a_failed_command_is_reopened_with_no_attempts_and_can_end_again(self, store: Store) -> None:
        failed = Failed(retryable=False, reason="400")
        await order(store, "c")
        await claimed(store)
        await store.finish(SUBJECT, "c", "me", failed, finished_row("c", minute=2))
        reopened = await store.reopen(SUBJECT, "c")
        assert reopened == await stored(store) == replace(PENDING, outcome=failed)
        assert await sendable_ids(store, 0) == ["c"]
        assert (await claimed(store, "other")).attempts == 1
        await store.finish(SUBJECT, "c", "other", DONE, finished_row("c", minute=3))
        assert (await stored(store)).outcome == DONE
        assert await store.signal("finished-c") == finished_row("c", minute=2)
        assert await store.unfinished(9) == []

    async def test_nothing_else_is_reopened(self, store: Store) -> None:
        await order(store, "c")
        assert await store.reopen(SUBJECT, "c") is None
        await claimed(store)
        assert await store.reopen(SUBJECT, "c") is None
        await store.finish(SUBJECT, "c", "me", DONE, finished_row("c"))
        assert await store.reopen(SUBJECT, "c") is None
        assert await store.reopen(SUBJECT, "nobody") is None
        assert (await stored(store)).state == "finished"


class SendingContract:
    async def test_what_was_committed_and_never_sent_is_sendable(self, store: Store) -> None:
        await order(store, "c")
        assert await store.sendable(at(0), 10) == [PENDING]

    async def test_a_sent_command_is_sendable_again_when_the_queue_seems_to_have_lost_it(self, store: Store) -> None:
        await order(store, "c")
        await store.mark_sent(SUBJECT, "c", at(10))
        assert await sendable_ids(store, 9.9) == []
        assert await sendable_ids(store, 10) == ["c"]

    async def test_a_sent_command_can_be_claimed(self, store: Store) -> None:
        await order(store, "c")
        await store.mark_sent(SUBJECT, "c", at(10))
        assert (await claimed(store)).sent
        assert not (await stored(store)).sent

    async def test_a_claimed_command_is_sendable_when_its_claim_expires(self, store: Store) -> None:
        await order(store, "c")
        await store.mark_sent(SUBJECT, "c", at(60))
        await claimed(store)
        assert await sendable_ids(store, 4.9) == []
        assert await sendable_ids(store, 5) == ["c"]

    async def test_an_expired_claim_that_was_queued_again_is_not_queued_twice(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.mark_sent(SUBJECT, "c", at(8))
        assert await sendable_ids(store, 7) == []
        assert await sendable_ids(store, 8) == ["c"]

    async def test_being_sent_never_shortens_a_claim(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.mark_sent(SUBJECT, "c", at(1))
        assert await sendable_ids(store, 4.9) == []

    async def test_a_released_command_is_sendable_once_it_is_due(self, store: Store) -> None:
        await order(store, "c")
        await store.mark_sent(SUBJECT, "c", at(60))
        await claimed(store)
        await store.release(SUBJECT, "c", "me", FAILED, at(3))
        assert await sendable_ids(store, 2.9) == []
        assert await sendable_ids(store, 3) == ["c"]

    async def test_a_command_that_was_queued_while_it_was_claimed_is_unsent_when_it_is_given_back(
        self, store: Store
    ) -> None:
        await order(store, "c")
        await claimed(store)
        await store.mark_sent(SUBJECT, "c", at(60))
        await store.release(SUBJECT, "c", "me", FAILED, at(3))
        assert not (await stored(store)).sent
        assert await sendable_ids(store, 3) == ["c"]

    async def test_a_started_command_is_sendable_once_it_is_due_and_not_while_it_is_queued(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.record_started(SUBJECT, "c", "me", STARTED)
        assert await sendable_ids(store, 9.9) == []
        assert await sendable_ids(store, 10) == ["c"]
        await store.mark_sent(SUBJECT, "c", at(20))
        assert await sendable_ids(store, 19.9) == []
        assert await sendable_ids(store, 20) == ["c"]

    async def test_a_finished_command_is_never_sendable(self, store: Store) -> None:
        await order(store, "c")
        await claimed(store)
        await store.finish(SUBJECT, "c", "me", DONE, finished_row("c"))
        await store.mark_sent(SUBJECT, "c", at(1))
        assert await sendable_ids(store, 10_000) == []
        assert not (await stored(store)).sent

    async def test_marking_an_unknown_command_does_nothing(self, store: Store) -> None:
        await store.mark_sent(SUBJECT, "nobody", at(1))
        assert await store.command(SUBJECT, "nobody") is None

    async def test_the_oldest_orders_are_sent_first(self, store: Store) -> None:
        await order(store, "late", minute=3)
        await order(store, "first", "second", minute=1)
        assert await sendable_ids(store, 5) == ["first", "second", "late"]
        assert await sendable_ids(store, 5, limit=2) == ["first", "second"]


class OutboxContract(ClaimContract, ReopeningContract, SendingContract):
    """Commands from their order to their outcome."""
