"""Everything that a rule may look at, gathered beforehand, and what a rule answers.

Owns the arguments and the answer of every rule, and how an answer becomes an evaluation. Decides nothing itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.domain import ids
from shared.domain.capacity import Quota
from shared.domain.commands import Command, Notify
from shared.domain.decisions import Decision, Evaluation, Hold, Reason, Verdict
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts, HeldSignal
from shared.domain.observations import TrafficSample
from shared.domain.policy import Policy, Workload
from shared.domain.routing import workload_of
from shared.domain.signals import HoldElapsed, Signal, kind_of
from shared.domain.values import replace

C = TypeVar("C", bound=Command)

PLACE = 100  # ordinals of one rule
FAULT_RETRY = timedelta(hours=1)  # a fault of ours needs a new release, or another policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One signal for one subject, whichever it is: the policy, what is known, and the present.

    ``original`` is the signal that waited, when ``signal`` is the end of its hold. ``place`` tells apart the rules that judge
    one signal, one after the other, so that no two of their commands have one id.
    """

    policy: Policy
    policy_digest: str
    subject: str
    signal: Signal
    facts: Facts
    now: datetime
    original: Signal | None = None
    place: int = 0

    @property
    def heard(self) -> Signal:
        """The signal that the rules judge: the one that waited, if one did."""
        return self.original or self.signal

    @property
    def decision_id(self) -> str:
        """The id of the one decision about this signal and subject."""
        return ids.decision_id(self.signal.dedup_key, self.subject)

    def order(self, kind: type[C], target: str, reason: str, ordinal: int = 0, **fields: Any) -> C:
        """A command with the id that follows from this decision, its kind and its target."""
        identity = ids.command_id(self.decision_id, kind.__name__, target, ordinal + self.place * PLACE)
        return kind(id=identity, workload=workload_of(self.subject), reason=reason, **fields)

    def tell(self, persona: str, title: str, facts: Mapping[str, str], ordinal: int = 0) -> Notify:
        """A notification to a persona of the policy, on its channels."""
        channels = self.policy.personas[persona].channels
        return self.order(
            Notify,
            persona,
            f"{persona} should know",
            ordinal,
            persona=persona,
            channels=channels,
            title=title,
            facts=dict(facts),
        )

    def wait(self, about: str, due: datetime, facts: Facts) -> tuple[Hold, Facts]:
        """A hold that ends with the heard signal being evaluated again, and the facts that know of it."""
        hold = self.wake("retry", about, due, retries=self.heard.dedup_key)
        return hold, facts.with_held(hold.id, HeldSignal(dedup_key=self.heard.dedup_key, about=about))

    def again(self, wanted: Callable[[str], bool] = bool) -> tuple[Hold, ...]:
        """What waits (all of it, or what is about something wanted), to be evaluated again at once."""
        waiting = (held for held in self.facts.held.values() if wanted(held.about))
        return tuple(self.wake("retry", held.about, self.now, held.dedup_key) for held in waiting)

    def wake(self, purpose: Any, about: str, due: datetime, retries: str = "") -> Hold:
        """A hold that ends with ``HoldElapsed(purpose, about)``. The same purpose and subject matter give the same id."""
        hold_id = ids.derive("hold", self.subject, purpose, about)
        waited = isinstance(self.signal, HoldElapsed) and self.signal.purpose == purpose
        signal = HoldElapsed(
            source="outerloop/holds",
            dedup_key=ids.derive("signal", hold_id, due.isoformat(), self.decision_id),
            occurred_at=due,
            subject=self.subject,
            # Waiting longer (a look that leads to the next one is no more) is no further action of ours, and what a person
            # woke stays as near to that person.
            depth=self.signal.depth + (self.original is None and not waited),
            workload=workload_of(self.subject),
            hold_id=hold_id,
            purpose=purpose,
            about=about,
        )
        return Hold(id=hold_id, due=due, signal=signal, retries=retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation(Setting):
    """One signal for one workload.

    ``traffic`` holds, by deployment name in production, what was served since the current step of the rollout began;
    ``traffic_unknown`` says why that could not be read, ``traffic_from`` by whom it was measured when that is not ourselves,
    and over which minutes. ``quota`` is that of the instance type, when a deployment is near.
    ``labelled_rows`` are those of the newest labelled data, where the policy asks for them; else, or when they are not
    known, None: ``rows_unknown`` then says why they could not be read. ``upstream`` holds, by subject, the facts of origins
    on whose features the workload drifts.
    """

    workload: Workload
    traffic: Mapping[str, TrafficSample] = field(default_factory=dict)
    traffic_unknown: str = ""
    traffic_from: str = ""
    quota: Quota | None = None
    labelled_rows: int | None = None
    rows_unknown: str = ""
    upstream: Mapping[str, Facts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule answers: the verdict, why, what to order, what is known from now on, and when to look again.

    ``minded``: its messages were held against the silences already, each by the rule that sends it.
    """

    verdict: Verdict
    rule: str
    reasons: tuple[Reason, ...]
    facts: Facts
    commands: tuple[AnyCommand, ...] = ()
    planned: tuple[AnyCommand, ...] = ()
    holds: tuple[Hold, ...] = ()
    released: tuple[str, ...] = ()
    minded: bool = False


def is_version(about: str) -> bool:
    """Whether what waits is a version's way to production: its start, its staging, or a yes to it."""
    return about.startswith("version ")


def because(code: str, text: str, **details: Any) -> Reason:
    """A reason, written shortly."""
    return Reason(code=code, text=text, **details)


def ignore(situation: Situation, rule: str, *reasons: Reason) -> Ruling:
    """Nothing is done, and the facts stay as they are."""
    return Ruling("suppress", rule, reasons, situation.facts)


def evaluation(situation: Setting, ruling: Ruling) -> Evaluation:
    """The ruling as it is stored: the end of a hold also releases that hold, unless the ruling renewed it."""
    released = set(ruling.released)
    if isinstance(situation.signal, HoldElapsed):
        released.add(situation.signal.hold_id)
    renewed = {hold.id for hold in ruling.holds}
    released -= renewed
    released |= _waits_for_closed(ruling.facts)
    held = {hold_id: key for hold_id, key in ruling.facts.held.items() if hold_id not in released}
    facts = _with_open_questions(replace(ruling.facts, held=held))
    released |= _expiries_of_closed(situation, facts)
    decision = Decision(
        id=situation.decision_id,
        cause=situation.signal.dedup_key,
        cause_kind=kind_of(situation.signal),
        subject=situation.subject,
        verdict=ruling.verdict,
        rule=ruling.rule,
        reasons=ruling.reasons,
        commands=ruling.commands,
        planned=ruling.planned,
        policy_digest=situation.policy_digest,
        decided_at=situation.now,
        depth=situation.signal.depth,
    )
    return Evaluation(decision=decision, facts=facts, holds=ruling.holds, released=tuple(sorted(released)))


def _waits_for_closed(facts: Facts) -> set[str]:
    """The holds of signals that wait about incidents which are closed by now, however they ended."""
    closed = {f"incident {known.id}" for known in facts.incidents if known.state == "closed"}
    return {hold_id for hold_id, held in facts.held.items() if held.about in closed}


def _with_open_questions(facts: Facts) -> Facts:
    """A question about something that waits no more is closed, whether it was begun, refused or overtaken."""
    waiting = {held.about for held in facts.held.values()}
    return replace(facts, proposals={about: one for about, one in facts.proposals.items() if about in waiting})


def _expiries_of_closed(situation: Setting, facts: Facts) -> set[str]:
    """The holds that would have told of the end of questions that are closed by now."""
    still_open = {known.asked.id for known in facts.proposals.values()}
    closed = {known.asked.id for known in situation.facts.proposals.values()} - still_open
    return {situation.wake("approval_expiry", question, situation.now).id for question in closed}


def unmatched(signal: Signal, subject: str, facts: Facts, policy_digest: str, now: datetime) -> Evaluation:
    """The decision about a signal in scope that no workload cares for: recorded, and nothing else."""
    reason = because("no_workload", "no workload of the policy matches this signal")
    return _bare("no_match", reason, signal, subject, facts, policy_digest, now)


def put_off(signal: HoldElapsed, subject: str, facts: Facts, policy_digest: str, now: datetime) -> Evaluation:
    """The decision about the end of a hold that was renewed meanwhile: the hold stays, as renewed."""
    reason = because("put_off", "this wait was renewed before its end was heard: it ends later")
    bare = _bare("no_match", reason, signal, subject, facts, policy_digest, now)
    return replace(bare, released=())


def failed(situation: Setting, error: Exception) -> Evaluation:
    """The decision when a rule itself broke: said loudly, with the facts as they were, so that nothing else is held up."""
    text = f"a rule failed ({type(error).__name__}: {error}): this is a fault of Outerloop, please report it"
    return _as_it_was(situation, because("rule_failed", text))


def refused(situation: Setting, why: str) -> Evaluation:
    """The decision when what was decided is more than the store can keep: a person has to look, and the facts stay."""
    text = f"the decision could not be stored: {why}; nothing of it was done"
    return _as_it_was(situation, because("too_large", text))


def _as_it_was(situation: Setting, reason: Reason) -> Evaluation:
    signal, facts, now = situation.signal, situation.facts, situation.now
    bare = _bare("escalate", reason, signal, situation.subject, facts, situation.policy_digest, now)
    if not isinstance(signal, HoldElapsed):
        return bare
    # What waited goes on waiting: a rollout that nobody looks at any more would stay where it is for ever.
    held = facts.held.get(signal.hold_id)
    again = situation.wake(signal.purpose, signal.about, now + FAULT_RETRY, held.dedup_key if held else "")
    return replace(bare, holds=(again,))


def _bare(  # noqa: PLR0913, PLR0917  # the parts of a decision that no rule made
    verdict: Verdict, reason: Reason, signal: Signal, subject: str, facts: Facts, policy_digest: str, now: datetime
) -> Evaluation:
    decision = Decision(
        id=ids.decision_id(signal.dedup_key, subject),
        cause=signal.dedup_key,
        cause_kind=kind_of(signal),
        subject=subject,
        verdict=verdict,
        rule="none",
        reasons=(reason,),
        policy_digest=policy_digest,
        decided_at=now,
        depth=signal.depth,
    )
    released = (signal.hold_id,) if isinstance(signal, HoldElapsed) else ()
    return Evaluation(decision=decision, facts=facts, released=released)
