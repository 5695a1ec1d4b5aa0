"""What comes of the question whether something may be begun (``mode: propose``).

Owns the answers: a yes lets what waits be evaluated again at once, a no or no answer ends it without anything being done.
How the question is put is ``domain.proposals``'s; whether an answer counts at all, ``domain.approvals``'s.
"""

import dataclasses

from shared.domain.approvals import objections_to_proposed
from shared.domain.decisions import Hold, Reason
from shared.domain.facts import Answer, Facts, Incident, Proposal, Version
from shared.domain.lifecycle import VersionEvent
from shared.domain.proposals import asks_because, outdated
from shared.domain.rules.candidate import reject
from shared.domain.signals import ApprovalAnswered
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "proposal"


def on_answer(situation: Situation, signal: ApprovalAnswered, proposal: Proposal) -> Ruling:
    """Take a yes or a no, or say why it does not count."""
    workload = situation.workload
    persona = situation.policy.personas[workload.owner]
    against = objections_to_proposed(signal, proposal, workload.promotion.approval, persona, situation.now)
    if against:
        return ignore(situation, RULE, *against)
    if signal.answer == "reject":
        said = f"{signal.by} said no to {proposal.about}: {signal.comment or 'without a comment'}"
        return _end(situation, proposal, "approval_refused", because("refused", said))
    if outdated(situation, proposal):
        text = "the policy or the champion has changed since the question was asked: it is put anew if it still arises"
        return _look_again(situation, proposal, without(situation.facts, proposal), because("evidence_changed", text))
    given = (*proposal.asked.answers, Answer(by=signal.by, at=situation.now))
    said_yes = replace(proposal, asked=replace(proposal.asked, answers=given))
    facts = replace(situation.facts, proposals={**situation.facts.proposals, proposal.about: said_yes})
    reason = because("approved", f"{signal.by} said yes to {proposal.about}: it is evaluated again at once")
    return _look_again(situation, proposal, facts, reason)


def on_expiry(situation: Situation, proposal: Proposal) -> Ruling:
    """Nobody answered in time: the safe answer is no. A yes that other guards kept waiting is void from now on."""
    facts = without(situation.facts, proposal)
    if proposal.approved:
        reason = because("yes_expired", f"the yes to {proposal.about} was not used in time: it is asked for anew")
        return Ruling("suppress", RULE, (reason,), facts)
    if not asks_because(situation.workload, proposal.what):
        reason = because("asks_no_more", "the policy asks no more: what waited is evaluated again")
        return _look_again(situation, proposal, facts, reason)
    limit = proposal.asked.expires_at.isoformat()
    reason = because("expired", f"nobody answered about {proposal.about} in time", limit=limit)
    return _end(situation, proposal, "approval_expired", reason)


def without(facts: Facts, proposal: Proposal) -> Facts:
    """The facts with that question closed."""
    kept = {about: known for about, known in facts.proposals.items() if about != proposal.about}
    return replace(facts, proposals=kept)


def _look_again(situation: Situation, proposal: Proposal, facts: Facts, reason: Reason) -> Ruling:
    return Ruling("act", RULE, (reason,), facts, holds=_woken(situation, proposal))


def _woken(situation: Situation, proposal: Proposal) -> tuple[Hold, ...]:
    return situation.again(lambda about: about == proposal.about)


def _end(situation: Situation, proposal: Proposal, event: VersionEvent, reason: Reason) -> Ruling:
    """Nothing is begun: what waited ends, and its people are told."""
    released = tuple(hold.id for hold in _woken(situation, proposal))
    version, incident = _version(situation.facts, proposal), _incident(situation.facts, proposal)
    if version:
        return dataclasses.replace(reject(situation, version, event, reason), rule=RULE, released=released)
    facts = situation.facts
    if incident:
        facts = facts.with_incident(replace(incident, state="closed", closed_as="refused", closed_at=situation.now))
    title = f"{situation.workload.name}: nothing is begun ({proposal.title})"
    told = situation.tell(situation.workload.owner, title, {"why": reason.text})
    return Ruling("act", RULE, (reason,), facts, commands=(told,), released=released)


def _version(facts: Facts, proposal: Proposal) -> Version | None:
    waiting = (known for known in facts.versions.values() if known.state == "registered")
    return next((known for known in waiting if proposal.about == f"version {known.version}"), None)


def _incident(facts: Facts, proposal: Proposal) -> Incident | None:
    # An alert goes on until it is resolved, whether its remedy is wanted or not.
    waiting = (known for known in facts.incidents if known.state == "open" and known.kind != "infrastructure")
    return next((known for known in waiting if proposal.about == f"incident {known.id}"), None)
