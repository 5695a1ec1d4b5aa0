"""What the loop would begin, and the question that a person has to answer first when the policy says ``mode: propose``, or ``start: approval``.

Owns the question: its evidence, whether a yes to it is there, and putting it once. The answer is ``rules.proposal``'s; the
other guards are ``guards``'s. A yes is good for what was shown only: another policy, champion or order is another question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.domain.approvals import digest_of
from shared.domain.ci_runs import SynapseRun, TrainingRun
from shared.domain.commands import Command, RequestApproval, Training, kind_of
from shared.domain.decisions import Hold, Reason
from shared.domain.effects import AnyCommand
from shared.domain.facts import ApprovalAsked, Facts, Proposal
from shared.domain.ids import derive
from shared.domain.policy import Workload
from shared.domain.situation import Situation, because
from shared.domain.values import replace

What = Literal["retraining", "promotion", "relief"]
UNSHOWN = frozenset(Command.__struct_fields__)  # of an order: its id, and the words that go with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Something that would be begun, and every order that it would give at once.

    ``about`` is what waits while it is held; ``names`` are the rule and the kind of incident that want it.
    """

    what: What
    about: str = ""
    title: str = ""
    why: str = ""
    plan: tuple[AnyCommand, ...] = ()
    author: str = ""
    names: tuple[str, ...] = ()

    @property
    def trains(self) -> bool:
        """Whether anything is trained: that is limited, and costs."""
        return self.what == "retraining" or any(isinstance(command, Training) for command in self.plan)


@dataclass(frozen=True, slots=True)
class Asking:
    """What is known, said, ordered and waited for after a beginning was held: with the question, when it was put."""

    facts: Facts
    reasons: tuple[Reason, ...]
    commands: tuple[AnyCommand, ...] = ()
    holds: tuple[Hold, ...] = ()


def asked_as(facts: Facts, question: str) -> Proposal | None:
    """The proposal whose question has this id, if it is open."""
    return next((known for known in facts.proposals.values() if known.asked.id == question), None)


def evidence_of(situation: Situation, beginning: Beginning) -> dict[str, str]:
    """What a person is shown, and what the yes is bound to: why, exactly what would be ordered, and under which policy."""
    orders = {f"would order {kind_of(command)}": _in_words(command) for command in beginning.plan}
    author = {"author": beginning.author} if beginning.author else {}
    return {
        "would begin": beginning.title,
        "why": beginning.why,
        "waits": beginning.about,
        **author,
        **orders,
        **_present(situation),
    }


def _present(situation: Situation) -> dict[str, str]:
    champion = situation.facts.champion
    return {"champion": f"version {champion}" if champion else "none yet", "policy": situation.policy_digest[:12]}


def _in_words(command: AnyCommand) -> str:
    shown = {name: getattr(command, name) for name in command.__struct_fields__ if name not in UNSHOWN}
    return ", ".join(f"{name} {_value(value)}" for name, value in shown.items() if value)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={value[name]}" for name in sorted(value))
    if isinstance(value, TrainingRun | SynapseRun):
        inner = {name: getattr(value, name) for name in value.__struct_fields__}
        return " ".join(f"{name} {_value(one)}" for name, one in inner.items() if one)
    return str(value)


def outdated(situation: Situation, proposal: Proposal) -> bool:
    """Whether the policy or the champion is another by now than the one that was shown."""
    return any(proposal.asked.evidence.get(name) != value for name, value in _present(situation).items())


def unanswered(situation: Situation, beginning: Beginning) -> Reason | None:
    """Why a person's yes is still missing; None when there is one, to exactly this, or the policy asks for none."""
    why = asks_because(situation.workload, beginning.what)
    if not why:
        return None
    owner, known = situation.workload.owner, _asked(situation, beginning)
    release = f"when one of {owner} says yes; outerloop approvals shows the question"
    if known is None:
        text = f"{why}: {owner} has to say yes first, and is asked once nothing else holds it"
        return because("approval", text, release=release)
    if known.approved:
        return None
    return _waiting(known, why, owner, release)


def asks_because(workload: Workload, what: What) -> str:
    """The words of the policy that ask for a yes before such a thing begins; empty when none do."""
    if workload.mode == "propose":
        return "mode is propose"
    gated = what == "promotion" and workload.promotion.start == "approval"
    return "promotion starts by approval" if gated else ""


def _waiting(proposal: Proposal, why: str, owner: str, release: str) -> Reason:
    asked = proposal.asked
    text = f"{why}: {owner} was asked at {asked.asked_at:%Y-%m-%d %H:%M:%S} UTC and has not said yes"
    return because("approval", text, until=asked.expires_at, release=release)


def _asked(situation: Situation, beginning: Beginning) -> Proposal | None:
    """The question about exactly this, unless it was answered with a yes that is too old by now."""
    known = situation.facts.proposals.get(beginning.about)
    if known is None or known.asked.evidence_digest != digest_of(evidence_of(situation, beginning)):
        return None
    return None if known.approved and known.asked.expires_at <= situation.now else known


def put(situation: Situation, facts: Facts, beginning: Beginning, held_by: tuple[Reason, ...]) -> Asking:
    """Ask the owner when nothing but the missing yes holds it, and only once."""
    if [reason.code for reason in held_by] != ["approval"] or _asked(situation, beginning):
        return Asking(facts, held_by)
    proposal = _proposal(situation, beginning)
    facts = replace(facts, proposals={**facts.proposals, beginning.about: proposal})
    (missing,), workload = held_by, situation.workload
    waiting = _waiting(proposal, asks_because(workload, beginning.what), workload.owner, missing.release)
    expiry = situation.wake("approval_expiry", proposal.asked.id, proposal.asked.expires_at)
    return Asking(facts, (waiting,), (_request(situation, proposal),), (expiry,))


def _proposal(situation: Situation, beginning: Beginning) -> Proposal:
    evidence = evidence_of(situation, beginning)
    asked = ApprovalAsked(
        id=derive("approval", situation.decision_id, beginning.about),
        evidence_digest=digest_of(evidence),
        asked_at=situation.now,
        expires_at=situation.now + situation.workload.promotion.approval.expires,
        evidence=evidence,
    )
    return Proposal(
        what=beginning.what, about=beginning.about, title=beginning.title, asked=asked, author=beginning.author
    )


def _request(situation: Situation, proposal: Proposal) -> RequestApproval:
    owner = situation.workload.owner
    return situation.order(
        RequestApproval,
        proposal.about,
        f"{asks_because(situation.workload, proposal.what)}: nothing is begun without a yes",
        approval_id=proposal.asked.id,
        persona=owner,
        channels=situation.policy.personas[owner].channels,
        title=f"{situation.workload.name}: {proposal.title}?",
        facts=proposal.asked.evidence,
        expires_at=proposal.asked.expires_at,
    )
