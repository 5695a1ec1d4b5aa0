"""The question to a person, and what comes of the answer.

Owns the asking, the counting of answers and the safe answer when nobody comes. Whether an answer counts at all is judged in
``domain.approvals``.
"""

import dataclasses

from shared.domain import guards
from shared.domain.approvals import digest_of, objections, quorum_for
from shared.domain.approved_plan import plan_for
from shared.domain.commands import RequestApproval
from shared.domain.facts import Answer, ApprovalAsked, Version
from shared.domain.ids import derive
from shared.domain.proposals import asked_as
from shared.domain.rules import proposal, quota
from shared.domain.rules.candidate import deployment_of, reject
from shared.domain.signals import ApprovalAnswered, HoldElapsed
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "approval"


def evidence_of(situation: Situation, version: Version) -> dict[str, str]:
    """What a person is shown, and what the answer is bound to: version, checks, policy and the exact plan."""
    champion = situation.facts.champion
    return {
        "model": f"{version.model} version {version.version}",
        "replaces": f"version {champion}" if champion else "nothing: it is the first version",
        "author": version.author or "unknown",
        **({"retrained in staging": version.retraining} if version.retraining else {}),
        **{f"check: {check.name}": check.detail for check in version.checks},
        "plan": plan_for(situation.workload, champion),
        "policy": situation.policy_digest[:12],
    }


def ask(situation: Situation, version: Version) -> Ruling:
    """Ask the persona of the policy, with the evidence that the answer will be bound to."""
    rule, evidence = situation.workload.promotion.approval, evidence_of(situation, version)
    asked = ApprovalAsked(
        id=derive("approval", situation.decision_id, version.version),
        evidence_digest=digest_of(evidence),
        asked_at=situation.now,
        expires_at=situation.now + rule.expires,
        evidence=evidence,
        quorum=quorum_for(rule, version.author),
    )
    title = f"{situation.workload.name}: approve version {version.version} for production?"
    command = situation.order(
        RequestApproval,
        version.version,
        "every staging check passed",
        approval_id=asked.id,
        persona=rule.by,
        channels=situation.policy.personas[rule.by].channels,
        title=title,
        facts=evidence,
        expires_at=asked.expires_at,
    )
    hold = situation.wake("approval_expiry", asked.id, asked.expires_at)
    reasons = [because("check_passed", f"check {check.name}: {check.detail}") for check in version.checks]
    facts = situation.facts.with_version(replace(version, approval=asked))
    return Ruling("act", RULE, tuple(reasons), facts, commands=(command,), holds=(hold,))


def on_answer(situation: Situation, signal: ApprovalAnswered) -> Ruling:
    """Count an answer, or say why it does not count."""
    proposed = asked_as(situation.facts, signal.approval_id)
    if proposed:
        return proposal.on_answer(situation, signal, proposed)
    asked_by = {v.approval.id: v for v in situation.facts.versions.values() if v.approval}
    version = asked_by.get(signal.approval_id)
    if version is None or version.approval is None:
        return ignore(situation, RULE, because("not_asked", "nothing waits for this answer"))
    rule = situation.workload.promotion.approval
    against = objections(signal, version, rule, situation.policy.personas[rule.by], situation.now)
    if against:
        return ignore(situation, RULE, *against)
    if signal.answer == "approve" and digest_of(evidence_of(situation, version)) != version.approval.evidence_digest:
        return _ask_anew(situation, version, version.approval)
    if signal.answer == "reject":
        reason = because("refused", f"{signal.by} said no: {signal.comment or 'without a comment'}")
        return reject(situation, version, "approval_refused", reason)
    return _count_yes(situation, signal, version, version.approval)


def _ask_anew(situation: Situation, version: Version, asked: ApprovalAsked) -> Ruling:
    """What was approved is not what would be done now: the yes does not count, and the question is put again, about that."""
    text = "the policy, the champion or the plan has changed since the question was asked: a new one is on its way"
    ruling, expiry = ask(situation, version), situation.wake("approval_expiry", asked.id, asked.expires_at)
    reasons = (because("evidence_changed", text), *ruling.reasons)
    return dataclasses.replace(ruling, reasons=reasons, released=(expiry.id,))


def _count_yes(situation: Situation, signal: ApprovalAnswered, version: Version, asked: ApprovalAsked) -> Ruling:
    asked = replace(asked, answers=(*asked.answers, Answer(by=signal.by, at=situation.now)))
    version = replace(version, approval=asked)
    reason = because("approved", f"{signal.by} said yes", observed=len(asked.answers), limit=asked.quorum)
    if len(asked.answers) < asked.quorum:
        waiting = because("quorum", f"{asked.quorum - len(asked.answers)} more must say yes")
        return Ruling("suppress", RULE, (reason, waiting), situation.facts.with_version(version))
    production = situation.workload.environments.production
    command = deployment_of(situation, version, production, f"approved by {signal.by}")
    closed = (
        *guards.noncompliant(situation.facts, production),
        *guards.untrusted_images(situation, situation.facts),
        *quota.short_of(situation),
    )
    if closed:  # this yes is heard again when that is mended, unless the question expires before
        about, due = f"version {version.version}", guards.until(closed, situation.now)
        hold, held = situation.wait(about, due, situation.facts)
        told = quota.tell(situation, closed)
        if told or quota.was_told(situation):
            held = held.with_held(hold.id, replace(held.held[hold.id], quota_told=True))
        return Ruling("hold", RULE, (reason, *closed), held, told, planned=(command,), holds=(hold,))
    approved = replace(version.after("approved", situation.now), awaiting=(command.id,), deployment=command.deployment)
    expiry = situation.wake("approval_expiry", asked.id, asked.expires_at)
    facts = situation.facts.with_version(approved)
    facts = replace(facts, relief=facts.relief.with_instances(version.version, command.instance_count))
    return Ruling("act", RULE, (reason,), facts, commands=(command,), released=(expiry.id,))


def on_expiry(situation: Situation, signal: HoldElapsed) -> Ruling:
    """Nobody answered in time: the safe answer is no."""
    for version in situation.facts.versions.values():
        if version.approval and version.approval.id == signal.about and version.state == "awaiting_approval":
            reason = because("expired", "nobody answered in time", limit=version.approval.expires_at.isoformat())
            return reject(situation, version, "approval_expired", reason)
    proposed = asked_as(situation.facts, signal.about)
    if proposed:
        return proposal.on_expiry(situation, proposed)
    return ignore(situation, RULE, because("answered", "the question was answered before it expired"))
