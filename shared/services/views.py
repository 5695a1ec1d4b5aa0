"""What people may see of the store: workloads, holds with their reasons, open questions, the ledger, rejections.

Owns the reading. Changes nothing, decides nothing, and knows nothing of pages (``rendering.pages``) or terminals (``cli``).
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from shared.domain.decisions import Decision, Hold, Reason
from shared.domain.facts import ApprovalAsked, Facts, Rollout
from shared.domain.ids import derive
from shared.domain.policy import Policy, Workload
from shared.domain.routing import subject_of, workload_of
from shared.domain.signals import HoldElapsed
from shared.domain.values import replace
from shared.ports import Store
from shared.rendering.shown import (
    Dashboard,
    LedgerEntry,
    OpenQuestion,
    ShownFreeze,
    ShownHold,
    ShownRollout,
    ShownSilence,
    ShownWorkload,
    WorkloadPage,
)
from shared.services import telemetry_views
from shared.signing import ApprovalLinks, Question

Link = Callable[[str, str], str]
"""The address of the page that answers an approval: (workload, approval id)."""

LOOK_BACK_MAX = 300  # decisions of a subject that are searched for the reasons of its holds
LEDGER_SHOWN = 50
REJECTED_SHOWN = 20
BY = "--by YOU --why WHY"

THEN = {
    "retry": "it is evaluated again",
    "bake": "the step of the rollout is judged",
    "approval_expiry": "the question expires, and what it is about is rejected",
    "standby_expiry": "the warm standby is removed",
    "failed_expiry": "its deployment is removed",
    "incident_expiry": "the incident is closed: nothing more was heard of it",
    "verify_deadline": "the incident is closed without proof that its remedy helped",
}


def link_by(links: ApprovalLinks, public_url: str) -> Link:
    """How the application itself addresses the pages of approvals."""
    return lambda workload, approval_id: f"{public_url}/api/approvals/{links.token(Question(workload, approval_id))}"


async def dashboard(store: Store, policy: Policy, now: datetime, link: Link) -> Dashboard:
    """Everything on one page. Raises StoreUnavailableError."""
    shown = await workloads(store, policy, link, now)
    newest = await ledger(store, None, LEDGER_SHOWN)
    refused = [replace(row, body=b"") for row in await store.rejected(REJECTED_SHOWN)]
    origins = await telemetry_views.origins(store, policy)
    return Dashboard(now, tuple(shown), tuple(newest), tuple(refused), origins=origins)


async def workloads(store: Store, policy: Policy, link: Link, now: datetime) -> list[ShownWorkload]:
    """Every workload of the policy, then those that only the store still knows, by name."""
    return [await workload(store, policy, name, link, now) for name in await _names(store, policy)]


async def workload_page(store: Store, policy: Policy, name: str, link: Link, now: datetime) -> WorkloadPage | None:
    """Everything about one workload on one page; None when neither policy nor store knows it. Raises StoreUnavailableError."""
    if not await is_known(store, policy, name):
        return None
    shown, subject = await workload(store, policy, name, link, now), subject_of(name)
    newest = await ledger(store, subject, LEDGER_SHOWN)
    judged = telemetry_views.judgements((await store.facts(subject)).value)
    return WorkloadPage(now, shown, judged, tuple(newest), plot=f"{name}/drift.png")


async def is_known(store: Store, policy: Policy, name: str) -> bool:
    """Whether policy or store knows a workload. Raises StoreUnavailableError."""
    return name in await _names(store, policy)


async def _names(store: Store, policy: Policy) -> list[str]:
    named = [known.name for known in policy.workloads]
    known = sorted(workload_of(subject) for subject in await store.subjects())
    return [*named, *(name for name in known if name and name not in named)]


async def workload(store: Store, policy: Policy, name: str, link: Link, now: datetime) -> ShownWorkload:
    """One workload as it is known now."""
    facts = (await store.facts(subject_of(name))).value
    settings = next((known for known in policy.workloads if known.name == name), None)
    holds = await shown_holds(store, subject_of(name))
    return ShownWorkload(
        name=name,
        task=settings.task if settings else "",
        mode=settings.mode if settings else "",
        paused=facts.paused,
        resume=f"outerloop resume {name} {BY}",
        champion=facts.champion,
        standby=facts.standby,
        standby_until=facts.standby_until,
        standby_cost=f"{settings.deployment.hourly} an hour" if settings and settings.deployment.hourly else "",
        traffic=_traffic(facts, settings),
        rollout=_rollout(facts.rollout, settings, holds) if facts.rollout else None,
        versions=tuple(reversed(facts.versions.values())),
        incidents=tuple(reversed(facts.incidents)),
        holds=tuple(holds),
        freezes=_freezes(name, facts, now),
        silences=_silences(name, facts, now),
        questions=_questions(name, facts, link),
        verdicts=telemetry_views.verdicts(facts),
    )


def _freezes(name: str, facts: Facts, now: datetime) -> tuple[ShownFreeze, ...]:
    lift = f"outerloop ask lift-freeze {name} {BY}"
    return tuple(
        ShownFreeze(known.budget, known.ratio, known.since, known.until, lift)
        for known in facts.freezes.values()
        if known.in_force(now)
    )


def _silences(name: str, facts: Facts, now: datetime) -> tuple[ShownSilence, ...]:
    return tuple(
        ShownSilence(
            known.id,
            known.what,
            known.by,
            known.comment,
            known.until,
            expire=f"outerloop silence expire {name} {known.id} {BY}",
        )
        for known in facts.silences
        if now < known.until
    )


def _questions(name: str, facts: Facts, link: Link) -> tuple[OpenQuestion, ...]:
    waiting = (known for known in facts.versions.values() if known.state == "awaiting_approval")
    into_production = [_question(name, known.approval, link, known.version) for known in waiting if known.approval]
    unanswered = (known for known in facts.proposals.values() if not known.approved)
    before_beginning = [_question(name, known.asked, link, begins=known.title) for known in unanswered]
    return (*into_production, *before_beginning)


def _question(name: str, asked: ApprovalAsked, link: Link, version: str = "", begins: str = "") -> OpenQuestion:
    return OpenQuestion(
        workload=name,
        version=version,
        approval_id=asked.id,
        asked_at=asked.asked_at,
        expires_at=asked.expires_at,
        quorum=asked.quorum,
        said_yes=tuple(answer.by for answer in asked.answers),
        link=link(name, asked.id),
        begins=begins,
    )


async def questions(store: Store, policy: Policy, link: Link) -> list[OpenQuestion]:
    """Every question that waits for a person, the one that expires first at the front."""
    names = await _names(store, policy)
    found = [one for name in names for one in _questions(name, (await store.facts(subject_of(name))).value, link)]
    return sorted(found, key=lambda question: question.expires_at)


def _traffic(facts: Facts, settings: Workload | None) -> Mapping[str, int]:
    """The percent of each version that Azure last confirmed: while a step is being set, that of the step before."""
    rollout = facts.rollout
    if rollout is None:
        return {facts.champion: 100} if facts.champion else {}
    if not rollout.champion:
        return {}
    taken = rollout.percent if rollout.step_started_at else _step_before(rollout, settings)
    return {rollout.champion: 100 - taken, rollout.version: taken}


def _step_before(rollout: Rollout, settings: Workload | None) -> int:
    steps = settings.promotion.rollout.steps if settings and rollout.step else ()
    return max((step for step in steps if step < rollout.percent), default=0)


def _rollout(rollout: Rollout, settings: Workload | None, holds: list[ShownHold]) -> ShownRollout:
    return ShownRollout(
        version=rollout.version,
        champion=rollout.champion,
        step=rollout.step + 1,
        steps=settings.promotion.rollout.stages
        if settings and rollout.champion and not settings.scores_in_batches
        else 1,
        percent=rollout.percent,
        mirror=rollout.mirror,
        in_force_since=rollout.step_started_at,
        look_at=next((hold.due for hold in holds if hold.purpose == "bake"), None),
        failures=rollout.failures,
        inconclusive=rollout.inconclusive,
        no_data=rollout.no_data,
        errors=rollout.errors,
        frozen=rollout.frozen,
    )


async def shown_holds(store: Store, subject: str) -> list[ShownHold]:
    """What a subject waits for, earliest first, each with the reasons of the decision that held it last."""
    waiting = await store.holds(subject)
    held_by = await _reasons_by_cause(store, subject) if waiting else {}
    facts = (await store.facts(subject)).value
    return [_shown_hold(hold, facts, _reasons(hold, subject, held_by)) for hold in waiting]


def _shown_hold(hold: Hold, facts: Facts, reasons: tuple[Reason, ...]) -> ShownHold:
    signal = hold.signal
    words = _words(signal, facts)
    return ShownHold(hold.id, hold.due, signal.purpose, signal.about, words, THEN[signal.purpose], reasons)


def _words(signal: HoldElapsed, facts: Facts) -> str:
    """What a hold is about, for people: the rules know it by keys."""
    about = signal.about
    match signal.purpose:
        case "bake":
            version, step, _ = about.split("/")
            return f"version {version}, step {int(step) + 1} of its rollout"
        case "standby_expiry":
            return f"version {about}, kept warm"
        case "failed_expiry":
            return f"version {about}, kept to be looked into"
        case "approval_expiry":
            return _question_in_words(about, facts)
        case "verify_deadline" | "incident_expiry":
            return _incident_in_words(about, facts)
    return _incident_in_words(about.removeprefix("incident "), facts) if about.startswith("incident ") else about


def _question_in_words(approval_id: str, facts: Facts) -> str:
    for version in facts.versions.values():
        if version.approval and version.approval.id == approval_id:
            return f"the question about version {version.version}"
    proposed = (known.title for known in facts.proposals.values() if known.asked.id == approval_id)
    return next((f"the question whether to begin: {title}" for title in proposed), f"approval {approval_id}")


def _incident_in_words(incident_id: str, facts: Facts) -> str:
    known = next((one for one in facts.incidents if one.id == incident_id), None)
    if known is None:
        return f"incident {incident_id}"
    kind = known.kind.replace("_", " ")
    return f"incident: {kind} of version {known.version}" if known.version else f"incident: {kind}"


async def _reasons_by_cause(store: Store, subject: str) -> dict[str, tuple[Reason, ...]]:
    """The reasons of held decisions, by the hold whose end they answered or the signal that they answered."""
    found: dict[str, tuple[Reason, ...]] = {}
    for decision in await store.decisions(subject, LOOK_BACK_MAX):
        if decision.verdict == "hold":
            found[await hold_or_cause(store, decision)] = decision.reasons
    return found


async def hold_or_cause(store: Store, decision: Decision) -> str:
    """The hold whose end a decision is about, or else the key of its signal."""
    if decision.cause_kind != "HoldElapsed":
        return decision.cause
    row = await store.signal(decision.cause)
    return row.signal.hold_id if row and isinstance(row.signal, HoldElapsed) else decision.cause


def _reasons(hold: Hold, subject: str, held_by: Mapping[str, tuple[Reason, ...]]) -> tuple[Reason, ...]:
    if hold.signal.purpose == "bake":
        step, _, looks = hold.signal.about.rpartition("/")
        before = derive("hold", subject, "bake", f"{step}/{int(looks) - 1}")  # each look is a hold of its own
        return held_by.get(before, ())
    return held_by.get(hold.id) or held_by.get(hold.retries, ())


async def ledger(store: Store, subject: str | None, limit: int) -> list[LedgerEntry]:
    """The newest decisions first, of one subject or of all, with their commands."""
    return [await entry_of(store, decision) for decision in reversed(await store.decisions(subject, limit))]


async def entry_of(store: Store, decision: Decision) -> LedgerEntry:
    """A decision with its commands as far as they have come."""
    return LedgerEntry(decision, tuple(await store.commands(decision.id, decision.subject)))
