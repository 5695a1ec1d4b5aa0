"""Whether the second half of the story happened: budget, infrastructure, compliance, pause, the bad hour, the images.

Owns these checks. Each reads the ledger, the journal and what people were sent, and names what it saw.
"""

from collections.abc import Callable, Sequence

from local.story.evidence import Check, Evidence, production_traffic
from local.story.forms import WORKLOAD as FORMS
from local.story.images import KEPT_ONE_IN
from local.story.images import WORKLOAD as DIGITS
from shared.domain.commands import kind_of
from shared.domain.decisions import Decision

FLIGHTS = "flight-delay"


def _codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.reasons}


def _kinds(decision: Decision) -> list[str]:
    return [kind_of(command) for command in decision.commands]


def _with(decisions: Sequence[Decision], cause: str, verdict: str, *codes: str) -> list[Decision]:
    """The decisions about a kind of signal, with this verdict and at least these reasons."""
    alike = (d for d in decisions if (d.cause_kind, d.verdict) == (cause, verdict))
    return [decision for decision in alike if set(codes) <= _codes(decision)]


def _told_of_budget(evidence: Evidence) -> Check:
    heard = [d for d in evidence.heard("BudgetCrossed") if d.subject.startswith("budget/")]
    cards = [card for card in evidence.cards if "retraining is frozen" in str(card)]
    mails = [mail for mail in evidence.mails if "retraining is frozen" in str(mail)]
    repeats = [decision for decision in heard if "tier_told" in _codes(decision)]
    people = sorted({to for mail in mails for to in mail["to"]})
    passed = len(heard) == 2 and len(repeats) == 1 and len(cards) == 1
    passed = passed and people == ["mlops@contoso.com", "project-owner@contoso.com"] and len(mails) == 2
    seen = f"{len(heard)} alerts decided on, {len(repeats)} of them a repeat; {len(cards)} card, {len(mails)} mails to {people}"
    return Check("of three budget alerts one was told, to each of the tier's people once", passed, seen)


def _held_by_budget(evidence: Evidence) -> Check:
    held = _with(evidence.about(FLIGHTS), "WindowClosed", "hold", "budget_freeze", "cooldown")
    incidents = [known for known in evidence.facts.incidents if known.kind == "data_drift" and known.version == "2"]
    # Nothing was ordered for it, and it closed when version 4 took over: the drift was version 2's.
    waits = [known for known in incidents if known.closed_as == "promoted" and not known.remedy]
    until = sorted(
        {f"{reason.code} until {reason.until:%Y-%m-%d %H:%M}" for d in held for reason in d.reasons if reason.until}
    )
    passed = len(held) == len(incidents) == len(waits) == 1
    name = "version 2's drift was held by the budget freeze and by the cooldown, both listed"
    return Check(name, passed, "; ".join(until) or f"{len(held)} held, {len(incidents)} incidents")


def _not_ours(evidence: Evidence) -> Check:
    decisions = _with(evidence.about(FLIGHTS), "AlertFired", "act", "not_attributed")
    cards = [
        card for card in evidence.cards if card["channel"] == "infrastructure" and "what changed last" in card["facts"]
    ]
    first = cards[0]["facts"] if cards else {}
    told = "version 2 began serving" in first.get("what changed last", "") and "nothing by itself" in first.get(
        "what is done", ""
    )
    passed = len(decisions) == 1 and _kinds(decisions[0]) == ["Notify"] and told and len(cards) == 2
    name = "an alert long after any rollout went to the infrastructure team, with what changed last, and nothing else was done"
    return Check(
        name, passed, f"{len(decisions)} decision; {first.get('what changed last')}; {first.get('what is done')}"
    )


def _resolved(evidence: Evidence) -> Check:
    incidents = [known for known in evidence.facts.incidents if known.kind == "infrastructure"]
    closed = [known.closed_as or known.state for known in incidents]
    cards = [card for card in evidence.cards if card["channel"] == "infrastructure" and "is resolved" in card["title"]]
    passed = closed == ["resolved", "open"] and len(cards) == 1
    return Check(
        "the resolved alert closed that incident, and the team heard of it once", passed, f"incidents: {closed}"
    )


def _paused(evidence: Evidence) -> Check:
    asked = [(d.subject, d.verdict) for d in evidence.heard("OperatorAsked") if d.rule == "operator"]
    wanted = [(f"workload/{name}", "act") for name in (FLIGHTS, DIGITS, FORMS)] * 2
    return Check("pause --all and resume --all reached every workload", sorted(asked) == sorted(wanted), str(asked))


def _kept_out(evidence: Evidence) -> Check:
    decisions = [d for d in evidence.about(FLIGHTS) if d.rule == "promotion"]
    both = _with(decisions, "ModelRegistered", "hold", "paused", "noncompliant")
    alone = [d for d in _with(decisions, "HoldElapsed", "hold", "noncompliant") if "paused" not in _codes(d)]
    mended = _with(evidence.about(FLIGHTS), "ComplianceChanged", "act", "mended")
    shared = [
        entry for entry in evidence.effects("model_shared") if entry["target"].endswith("/flight-delay/versions/4")
    ]
    passed = bool(len(both) == len(mended) == len(shared) == 1 and alone)
    passed = passed and shared[0]["at"] > mended[0].decided_at.isoformat()
    seen = f"held {len(both)} times by both, {len(alone)} by compliance alone; shared {len(shared)} times, after it was mended"
    name = "pause and compliance held version 4, then compliance alone; it was touched only when the workspace complied"
    return Check(name, passed, seen)


def _went_back(evidence: Evidence) -> Check:
    blamed = _with(evidence.about(FLIGHTS), "AlertFired", "act", "attributed")
    orders = [kind for decision in blamed for kind in _kinds(decision)]
    freezes = [f for f in evidence.facts.freezes.values() if blamed and f.since < blamed[0].decided_at < f.until]
    frozen = [freeze for freeze in freezes if not freeze.lifted_by]
    writes = [traffic for traffic in production_traffic(evidence) if traffic == {"version-4": 100}]
    after = production_traffic(evidence)[-1:] == [{"version-2": 100}]
    passed = len(blamed) == len(writes) == len(frozen) == 1 and orders.count("RollBackTraffic") == 1 and after
    why = next(
        (reason.text for d in blamed for reason in d.reasons if reason.code == "attributed"), "nothing was blamed"
    )
    name = "the same alert soon after version 4 took over sent it back by one write, while the budget's freeze was in force"
    return Check(name, passed, f"{why}; {len(frozen)} freeze in force")


def _annotated(evidence: Evidence) -> Check:
    incidents = [known for known in evidence.digits.incidents if (known.kind, known.state) == ("annotation", "open")]
    cards = [card for card in evidence.cards if card["channel"] == "annotation"]
    kept = 3 * 250 // KEPT_ONE_IN
    retrained = [d for d in evidence.about(DIGITS) if "Retrain" in _kinds(d)]
    passed = len(incidents) == len(cards) == 1 and evidence.captured == kept and not retrained
    address = cards[0]["facts"].get("sampled inputs", "") if cards else "no card"
    name = "darker images opened one annotation task, which says where the sampled inputs lie; nothing was retrained"
    return Check(name, passed, f"{len(cards)} card; {evidence.captured} images at {address}")


CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    _told_of_budget,
    _held_by_budget,
    _not_ours,
    _resolved,
    _paused,
    _kept_out,
    _went_back,
    _annotated,
)
