"""What an approval page shows and what an answer becomes.

Owns the reading of a question's evidence and the signal of an answer. Judges nothing: ``domain.approvals`` does.
"""

from shared.domain.approvals import objections
from shared.domain.commands import RequestApproval
from shared.domain.decisions import Decision, Reason
from shared.domain.facts import Version
from shared.domain.ids import decision_id, derive
from shared.domain.routing import subject_of
from shared.domain.signals import ApprovalAnswered
from shared.ports import Clock, PolicySource, Store
from shared.rendering.shown import ShownQuestion
from shared.signing import Question


def counted(decision: Decision) -> bool:
    """Whether an answer counted: one yes of several is taken without anything being done yet; one that made the loop
    ask anew, about other evidence, is not.
    """
    if any(isinstance(command, RequestApproval) for command in decision.commands):
        return False
    return decision.verdict != "suppress" or any(reason.code == "approved" for reason in decision.reasons)


class AnswerPage:
    """Reads questions and makes answers."""

    def __init__(self, store: Store, policies: PolicySource, clock: Clock) -> None:
        self._store, self._policies, self._clock = store, policies, clock

    async def read(self, question: Question, person: str, groups: tuple[str, ...]) -> ShownQuestion | None:
        """The question as this person sees it; None when it is closed."""
        version = await self._version(question)
        known = {workload.name for workload in (await self._policies.current()).policy.workloads}
        if version is None or version.approval is None or version.state != "awaiting_approval":
            return None
        if question.workload not in known:
            return None  # the workload has left the policy while the question was open
        may_reject = not await self._against(question, version, "reject", (person, groups))
        against = await self._against(question, version, "approve", (person, groups))
        return ShownQuestion(question.workload, version.version, version.approval, against, may_reject)

    async def _against(
        self, question: Question, version: Version, answer: str, who: tuple[str, tuple[str, ...]]
    ) -> tuple[Reason, ...]:
        """What would stand against this answer by this person, given now to the evidence as it is now."""
        policy = (await self._policies.current()).policy
        rule = policy.workload(question.workload).promotion.approval
        digest = version.approval.evidence_digest if version.approval else ""
        trial = self.signal(question, *who, answer, digest, "")
        return objections(trial, version, rule, policy.personas[rule.by], self._clock.now()) if trial else ()

    def signal(
        self, question: Question, person: str, groups: tuple[str, ...], answer: str, digest: str, comment: str
    ) -> ApprovalAnswered | None:
        """The answer as a signal, the same for the same person, groups, answer and evidence; None when it is neither yes nor no."""
        if answer not in ("approve", "reject"):
            return None
        return ApprovalAnswered(
            source="outerloop/approvals",
            # With the groups: who joins the right one after a refusal may answer again.
            dedup_key=derive("answer", question.approval_id, person.lower(), answer, digest, *sorted(groups)),
            occurred_at=self._clock.now(),
            subject=subject_of(question.workload),
            workload=question.workload,
            approval_id=question.approval_id,
            answer="approve" if answer == "approve" else "reject",
            by=person,
            evidence_digest=digest,
            groups=groups,
            comment=comment[:500],
        )

    async def decision(self, signal: ApprovalAnswered) -> Decision | None:
        """What was decided about an answer."""
        return await self._store.decision(decision_id(signal.dedup_key, signal.subject))

    async def _version(self, question: Question) -> Version | None:
        facts = (await self._store.facts(subject_of(question.workload))).value
        versions = facts.versions.values()
        return next((v for v in versions if v.approval and v.approval.id == question.approval_id), None)
