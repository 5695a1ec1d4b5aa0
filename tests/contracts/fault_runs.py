"""The faults of the wire, played to whatever starts runs of somebody else's system and follows them.

Owns what is asked of each: one order is one run at most, and a question that fails says nothing of the run. Which system it is,
and where on its wire the order, the search and the look go, is the fixture ``runs`` of the test that takes this contract.
"""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from shared.domain.outcomes import Failed, Outcome, Started, Succeeded, Unknown
from shared.ports_dispatch import Earlier
from tests.contracts.faulty_wire import Fault, FaultyWire, Request

NUMBERS = itertools.count(1)

# What is refused before the effect: the fault, whether it may be tried again, and the seconds that are asked for.
REFUSED = {
    "409": ({"status": 409}, True, None),
    "429": ({"status": 429}, True, None),
    "429 with a time": ({"status": 429, "headers": {"retry-after": "77"}}, True, 77),
    "401": ({"status": 401}, False, None),
    "403": ({"status": 403}, False, None),
}
# After these nobody knows: they may come after the effect.
BROKEN = {"500": {"status": 500}, "503": {"status": 503, "headers": {"retry-after": "77"}}, "408": {"status": 408}}
DONE = {"lost": {"is_lost": True}, "cut": {"is_cut": True}, "null": {"change": lambda _: None}}
# What befalls a question, and the seconds after which it is asked again, where they are more than usual.
QUESTIONED = {
    **{name: (fault, seconds or 0) for name, (fault, _, seconds) in REFUSED.items()},
    **{name: (fault, 77 if "headers" in fault else 0) for name, fault in BROKEN.items()},
    **{name: (fault, 0) for name, fault in DONE.items()},
}


@dataclass(frozen=True, kw_only=True)
class Runs:
    """One system behind the wire. ``count`` are the runs that have a mark; ``end`` ends the newest, well or badly.

    ``answered_without``: what may befall an answer to an order that tells nothing which is needed.
    """

    wire: FaultyWire
    now: datetime
    begin: Callable[[str, Earlier], Awaitable[Outcome]]
    look: Callable[[str, str], Awaitable[Outcome]]
    order: Request
    search: Request
    poll: Request
    count: Callable[[str], int]
    end: Callable[[bool], None]
    answered_without: frozenset[str] = frozenset()

    async def try_first(self, mark: str) -> Outcome:
        return await self.begin(mark, Earlier(self.now, tried=False))

    async def try_again(self, mark: str) -> Outcome:
        return await self.begin(mark, Earlier(self.now, tried=True))

    async def start(self, mark: str) -> Started:
        begun = await self.try_first(mark)
        assert isinstance(begun, Started), begun
        return begun


class RunFaults:
    """Every fault, by the place where it strikes."""

    @pytest.fixture
    def mark(self):
        return f"{next(NUMBERS) + 0xFA0000:024x}"

    @pytest.mark.parametrize("how", REFUSED)
    async def test_a_refused_order_starts_nothing_and_says_when_to_try_again(self, how, runs, mark):
        fault, retryable, seconds = REFUSED[how]
        runs.wire.play(Fault(runs.order, **fault))
        outcome = await runs.try_first(mark)
        assert runs.wire.is_played()
        assert isinstance(outcome, Failed), outcome
        assert outcome.retryable is retryable, outcome
        assert outcome.reason
        if seconds:
            assert outcome.until == runs.now + timedelta(seconds=seconds)
        assert runs.count(mark) == 0
        assert isinstance(await runs.try_again(mark), Started)
        assert runs.count(mark) == 1

    @pytest.mark.parametrize("how", BROKEN)
    async def test_an_order_that_broke_on_the_other_side_is_unknown_and_looked_for(self, how, runs, mark):
        runs.wire.play(Fault(runs.order, **BROKEN[how]))
        outcome = await runs.try_first(mark)
        assert runs.wire.is_played()
        assert isinstance(outcome, Unknown), outcome
        assert isinstance(await runs.try_again(mark), Started)
        assert runs.count(mark) == 1

    @pytest.mark.parametrize("how", DONE)
    async def test_an_answer_lost_after_the_order_is_unknown_and_the_run_is_found(self, how, runs, mark):
        runs.wire.play(Fault(runs.order, **DONE[how]))
        outcome = await runs.try_first(mark)
        assert runs.wire.is_played()
        assert isinstance(outcome, Started if how in runs.answered_without else Unknown), outcome
        found = await runs.try_again(mark)
        assert isinstance(found, Started), found
        assert runs.count(mark) == 1
        runs.end(True)
        assert isinstance(await runs.look(mark, found.operation), Succeeded)

    @pytest.mark.parametrize("how", QUESTIONED)
    async def test_a_search_that_fails_starts_no_second_run(self, how, runs, mark):
        """Whatever befalls the search is a failure, and never a list without runs."""
        fault, seconds = QUESTIONED[how]
        await runs.start(mark)
        runs.wire.play(Fault(runs.search, **fault))
        outcome = await runs.try_again(mark)
        assert runs.wire.is_played()
        assert isinstance(outcome, Failed), outcome
        assert outcome.retryable is (how not in {"401", "403"}), outcome
        assert outcome.reason
        if seconds:
            assert outcome.until == runs.now + timedelta(seconds=seconds), outcome
        assert runs.count(mark) == 1
        assert isinstance(await runs.try_again(mark), Started)
        assert runs.count(mark) == 1

    @pytest.mark.parametrize("how", QUESTIONED)
    async def test_a_look_that_fails_leaves_the_run_started_and_is_repeated_when_asked(self, how, runs, mark):
        fault, seconds = QUESTIONED[how]
        found = await runs.start(mark)
        runs.wire.play(Fault(runs.poll, **fault))
        looked = await runs.look(mark, found.operation)
        assert runs.wire.is_played()
        assert isinstance(looked, Started), looked
        assert looked.operation == found.operation
        assert looked.look_again_at >= runs.now + timedelta(seconds=seconds)
        assert looked.look_again_at > runs.now
        runs.end(True)
        assert isinstance(await runs.look(mark, found.operation), Succeeded)

    async def test_a_run_that_ends_badly_is_a_failure_with_its_reason(self, runs, mark):
        found = await runs.start(mark)
        runs.end(False)
        outcome = await runs.look(mark, found.operation)
        assert isinstance(outcome, Failed), outcome
        assert not outcome.retryable
        assert outcome.reason
