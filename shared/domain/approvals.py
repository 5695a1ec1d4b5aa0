"""Whether a person's answer counts: bound to evidence, in time, by the right group, not by the author.

Owns the judgement of answers and the digest of evidence. Knows nothing of pages, tokens or sign-in.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from shared.domain.decisions import Reason
from shared.domain.facts import ApprovalAsked, Proposal, Version
from shared.domain.policy import Persona
from shared.domain.policy_promotion import Approval
from shared.domain.signals import ApprovalAnswered
from shared.domain.situation import because

UNKNOWN_AUTHOR_QUORUM = 2  # nobody can prove that the one who says yes is not the author


def digest_of(evidence: Mapping[str, str]) -> str:
    """The digest of what a person is shown: any change of it voids the answer."""
    return hashlib.sha256(json.dumps(dict(evidence), sort_keys=True).encode()).hexdigest()


def quorum_for(approval: Approval, author: str) -> int:
    """How many people have to say yes: one more than one when the author is unknown and must not approve."""
    if approval.not_by_author and not author:
        return max(approval.quorum, UNKNOWN_AUTHOR_QUORUM)
    return approval.quorum


def objections(
    answer: ApprovalAnswered, version: Version, rule: Approval, persona: Persona, now: datetime
) -> tuple[Reason, ...]:
    """Every reason why an answer about a version does not count; none when it does."""
    if version.approval is None or version.state != "awaiting_approval":
        return (_closed(),)
    return _objections(answer, version.approval, version.author if rule.not_by_author else "", persona, now)


def objections_to_proposed(
    answer: ApprovalAnswered, proposal: Proposal, rule: Approval, persona: Persona, now: datetime
) -> tuple[Reason, ...]:
    """Every reason why an answer about something that would be begun does not count; none when it does."""
    if proposal.approved:
        return (_closed(),)
    return _objections(answer, proposal.asked, proposal.author if rule.not_by_author else "", persona, now)


def _objections(
    answer: ApprovalAnswered, asked: ApprovalAsked, author: str, persona: Persona, now: datetime
) -> tuple[Reason, ...]:
    if asked.id != answer.approval_id:
        return (_closed(),)
    found = (
        _late(asked, now),
        _other_evidence(asked, answer),
        _outsider(persona, answer),
        _by_author(author, answer),
        _again(asked, answer),
    )
    return tuple(reason for reason in found if reason)


def _closed() -> Reason:
    return because("not_asked", "this question is closed: it was answered, has expired or was replaced")


def _late(asked: ApprovalAsked, now: datetime) -> Reason | None:
    if now < asked.expires_at:
        return None
    return because("expired", f"the question expired at {asked.expires_at:%Y-%m-%d %H:%M:%S} UTC", until=None)


def _other_evidence(asked: ApprovalAsked, answer: ApprovalAnswered) -> Reason | None:
    if asked.evidence_digest == answer.evidence_digest:
        return None
    return because("evidence_changed", "the evidence is no longer what was shown: open the page again")


def _outsider(persona: Persona, answer: ApprovalAnswered) -> Reason | None:
    if persona.group in answer.groups:
        return None
    return because("not_in_group", f"{answer.by} is not in the group {persona.group} that may answer")


def _by_author(author: str, answer: ApprovalAnswered) -> Reason | None:
    if not author or answer.answer == "reject" or answer.by.lower() != author.lower():
        return None
    return because("own_work", f"{answer.by} made this version: somebody else has to approve it")


def _again(asked: ApprovalAsked, answer: ApprovalAnswered) -> Reason | None:
    if all(given.by.lower() != answer.by.lower() for given in asked.answers):
        return None
    return because("answered_before", f"{answer.by} has said yes already: somebody else has to")
