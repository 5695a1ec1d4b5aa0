"""What an approval page shows and what an answer becomes.

Owns the reading of a question's evidence and the signal of an answer. Judges nothing: ``domain.approvals`` does.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Literal

from shared.domain.approvals import objections, objections_to_proposed
from shared.domain.decisions import Decision, Reason
from shared.domain.facts import Facts, Version
from shared.domain.ids import decision_id, derive
from shared.domain.proposals import asked_as
from shared.domain.routing import subject_of
from shared.domain.signals import ApprovalAnswered
from shared.ports import Clock, PolicySource, Store
from shared.rendering.shown import ShownQuestion
from shared.signing import Question

ANSWERS: tuple[Literal["approve", "reject"], ...] = ("approve", "reject")


def counted(decision: Decision) -> bool:
    """Whether an answer counted: one yes of several is taken without anything being done yet; one that made the loop
    ask anew, about other evidence, is not.
    """
    codes = {reason.code for reason in decision.reasons}
    return "evidence_changed" not in codes and (decision.verdict != "suppress" or "approved" in codes)


class AnswerPage:
    """Reads questions and makes answers."""

    def __init__(self, store: Store, policies: PolicySource, clock: Clock) -> None:
        self._store, self._policies, self._clock = store, policies, clock

    async def read(self, question: Question, person: str, groups: tuple[str, ...]) -> ShownQuestion | None:
        """The question as this person sees it; None when it is closed."""
        facts = (await self._store.facts(subject_of(question.workload))).value
        policy = (await self._policies.current()).policy
        if question.workload not in policy.index.by_name:
            return None  # the workload has left the policy while the question was open
        workload = policy.workload(question.workload)
        rule, now = workload.promotion.approval, self._clock.now()
        proposal, version = asked_as(facts, question.approval_id), _version(facts, question)
        if proposal and not proposal.approved:
            owner = policy.personas[workload.owner]
            against = partial(objections_to_proposed, proposal=proposal, rule=rule, persona=owner, now=now)
            shown = ShownQuestion(question.workload, "", proposal.asked, (), may_reject=False, begins=proposal.title)
        elif version and version.approval:
            people = policy.personas[rule.by]
            against = partial(objections, version=version, rule=rule, persona=people, now=now)
            shown = ShownQuestion(question.workload, version.version, version.approval, (), may_reject=False)
        else:
            return None
        return self._judged(question, shown, (person, groups), against)

    def _judged(
        self,
        question: Question,
        shown: ShownQuestion,
        who: tuple[str, tuple[str, ...]],
        against: Callable[[ApprovalAnswered], tuple[Reason, ...]],
    ) -> ShownQuestion:
        """What would stand against an answer by this person, given now to the evidence as it is now."""
        digest = shown.evidence_digest
        approve, reject = (self._answer(question, *who, answer, digest) for answer in ANSWERS)
        return dataclasses.replace(shown, objections=against(approve), may_reject=not against(reject))

    def signal(
        self, question: Question, person: str, groups: tuple[str, ...], answer: str, digest: str, comment: str
    ) -> ApprovalAnswered | None:
        """The answer as a signal, the same for the same person, groups, answer and evidence; None when it is neither yes nor no."""
        known = next((one for one in ANSWERS if one == answer), None)
        return self._answer(question, person, groups, known, digest, comment) if known else None

    def _answer(  # the parts of an answer
        self,
        question: Question,
        person: str,
        groups: tuple[str, ...],
        answer: Literal["approve", "reject"],
        digest: str,
        comment: str = "",
    ) -> ApprovalAnswered:
        return ApprovalAnswered(
            source="outerloop/approvals",
            # With the groups: who joins the right one after a refusal may answer again.
            dedup_key=derive("answer", question.approval_id, person.lower(), answer, digest, *sorted(groups)),
            occurred_at=self._clock.now(),
            subject=subject_of(question.workload),
            workload=question.workload,
            approval_id=question.approval_id,
            answer=answer,
            by=person,
            evidence_digest=digest,
            groups=groups,
            comment=comment[:500],
        )

    async def decision(self, signal: ApprovalAnswered) -> Decision | None:
        """What was decided about an answer."""
        return await self._store.decision(decision_id(signal.dedup_key, signal.subject), signal.subject)


def _version(facts: Facts, question: Question) -> Version | None:
    waiting = (known for known in facts.versions.values() if known.state == "awaiting_approval")
    return next((known for known in waiting if known.approval and known.approval.id == question.approval_id), None)
