"""Limits that span workloads, reserved by compare-and-swap before a retraining begins, and given back when it had no effect.

Owns the accounts: one document for each limit (``domain.reservations`` knows their arithmetic). The executor keeps this order:

1. the command is claimed;
2. ``reserve``: its id is written into every account, or it is refused. The same id again only moves it to the present, never back;
3. the effect;
4. ``keep``: it has an effect, or it is unknown whether it has one: the reservation is kept until its window or period is over;
5. the outcome is recorded with the command;
6. ``release``: a command that ended, and was not kept, gives its reservation back.

A process may die after any of these. After 2, 3 or 4 the claim expires, and whoever claims the command next finds a claim that was
left: the effect is unknown, so ``keep`` comes first. After 5 the command is finished, and ``free_left`` (in ``sweep``) finds the
reservation of a command that has ended or is gone. It is released only after 5, which proves that the claim was still ours: a process
that lost it must not take away what the next one acts under.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from shared.domain.commands import Training
from shared.domain.ids import ID_LENGTH, derive
from shared.domain.money import Money
from shared.domain.outcomes import Failed, Refusal, Skipped
from shared.domain.policy import Policy
from shared.domain.reservations import ACT_WITHIN, ROOT, Account, Reservation, accounts, without
from shared.domain.routing import subject_of
from shared.domain.values import encode, replace
from shared.ports import ConflictError, Store, StoreUnavailableError

TRIES_MAX = 8  # of one change, while others change the same account
AGAIN_SECONDS = (1, 10)  # how long a command waits that found no way into an account: spread by its id
CONTENDED = "contended"

Entries = tuple[Reservation, ...]


async def reserve(store: Store, policy: Policy, command: Training, now: datetime) -> Skipped | None:
    """Reserve room for a command in every account that it counts against. None: it may act, until ``ACT_WITHIN`` from now.

    Refused: every limit without room is named, and until when. Too many others at once: ``CONTENDED``, to be tried again.
    """
    counted, cost = accounts(policy, command.workload, command.workspace)
    for _ in range(TRIES_MAX):
        opened = [(account, await store.document(account.name)) for account in counted]
        known = [(account, stored.etag, _decoded(stored.value)) for account, stored in opened]
        refusals = [
            one
            for account, _, entries in known
            for one in account.refusals(without(entries, command.id, now), cost, now)
        ]
        if refusals:
            return _refused(refusals)
        try:
            for account, etag, entries in known:
                body = encode((*without(entries, command.id, now), _mine(account, entries, command, cost, now)))
                await store.save_document(account.name, body, etag)
        except ConflictError:
            continue
        return None
    return Skipped(reason=CONTENDED, until=now + _spread(command, now))


async def keep(store: Store, command: Training) -> None:
    """From now on a command's reservations last: it has an effect, or may have one. Raises StoreUnavailableError."""

    def kept(entries: Entries) -> Entries:
        return tuple(replace(one, kept=True) if one.command == command.id else one for one in entries)

    for name in await store.documents(ROOT):
        if not await _change(store, name, kept):
            # Nothing may be recorded before this: the claim expires, and the command comes again.
            raise StoreUnavailableError(f"too many others change {name}")


async def release(store: Store, command: Training) -> None:
    """A command that ended without any effect gives back what it reserved. What cannot be given back now, ``sweep`` frees."""

    def released(entries: Entries) -> Entries:
        return tuple(one for one in entries if one.command != command.id or one.kept)

    for name in await store.documents(ROOT):
        await _change(store, name, released)


async def free_left(store: Store, now: datetime) -> int:
    """Free what a crash left: reservations of commands that ended without effect or are gone, and those that are over."""
    freed = 0
    for name, body in (await store.documents(ROOT)).items():
        done = frozenset([one for one in _decoded(body) if one.until <= now or await _ended(store, one)])

        def left(entries: Entries, done: frozenset[Reservation] = done) -> Entries:
            return tuple(
                one for one in entries if one not in done
            )  # what was changed meanwhile is another one, and stays

        if done and await _change(store, name, left):
            freed += len(done)
    return freed


async def _ended(store: Store, entry: Reservation) -> bool:
    """Whether a reservation is of a command that will never use it: it ended without effect, or there is no such command."""
    row = None if entry.kept else await store.command(entry.subject, entry.command)
    ended = row is None or (row.state == "finished" and isinstance(row.outcome, Failed | Skipped))
    return ended and not entry.kept


async def _change(store: Store, name: str, alter: Callable[[Entries], Entries]) -> bool:
    """Change an account by compare-and-swap; False when others were quicker each time."""
    for _ in range(TRIES_MAX):
        stored = await store.document(name)
        before = _decoded(stored.value)
        after = alter(before)
        if after == before:
            return True
        try:
            await store.save_document(name, encode(after), stored.etag)
        except ConflictError:
            continue
        return True
    return False


def _decoded(body: bytes | None) -> Entries:
    return msgspec.json.decode(body, type=Entries) if body else ()


def _mine(account: Account, entries: Entries, command: Training, cost: Money | None, now: datetime) -> Reservation:
    """The command's reservation from now on; one that is kept stays so.

    It never moves back: who stood still since its ``now`` may write after another who took the command over, and acted later.
    """
    own = [one for one in entries if one.command == command.id]
    at = max([now + ACT_WITHIN, *(one.at for one in own)])
    kept = any(one.kept and one.until > now for one in own)
    subject = subject_of(command.workload)
    return Reservation(command=command.id, subject=subject, at=at, until=account.over_at(at), cost=cost, kept=kept)


def _refused(refusals: list[Refusal]) -> Skipped:
    text = "; ".join(one.text for one in refusals)
    return Skipped(reason=f"limit: {text}", until=max(one.until for one in refusals), refusals=tuple(refusals))


def _spread(command: Training, now: datetime) -> timedelta:
    """A wait that differs from command to command and from time to time, so that those who met do not meet again."""
    least, most = AGAIN_SECONDS
    share = int(derive("spread", command.id, now.isoformat()), 16) / 16**ID_LENGTH
    return timedelta(seconds=least + share * (most - least))
