"""A piece of work for people: opened once, told once, repeats counted, closed when a newer version serves or a person says so.

Owns the life of such incidents. What the work is, and who does it, is said by ``annotation`` and ``investigation``.
"""

from collections.abc import Mapping
from typing import Literal

from shared.domain.decisions import Reason
from shared.domain.differences import TRAFFIC
from shared.domain.facts import Facts, Incident, IncidentKind
from shared.domain.ids import derive
from shared.domain.policy_drift import DataDrift, DataQuality
from shared.domain.policy_windows import WindowRule
from shared.domain.references import deployment_name
from shared.domain.rules import persistence, remedy
from shared.domain.signals import MonitorBreached, OperatorAsked
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

KINDS: tuple[IncidentKind, ...] = ("annotation", "investigation")
OF_A_VERSION: tuple[IncidentKind, ...] = (
    *KINDS,
    *("data_drift", "prediction_drift", "data_quality", "model_performance", "fairness", "telemetry_absent"),
)


def open_item(  # noqa: PLR0913, PLR0917  # what a work item is made of
    situation: Situation,
    facts: Facts,
    kind: IncidentKind,
    rule: WindowRule,
    title: str,
    evidence: Mapping[str, str],
    why: tuple[Reason, ...],
) -> Ruling:
    """Open the item and tell its people, with the evidence; while one is open, count only.

    Windows that recover close it, unless a monitor of Azure ML opened it, whose recovery nobody tells.
    """
    known = facts.open_incident(kind)
    if known:
        reason = because("incident_open", f"incident {known.id} is open: this is counted, not told again")
        rules = tuple(dict.fromkeys((*known.rules, rule.key))) if known.rules else ()
        counted = facts.with_incident(replace(known, repeats=known.repeats + 1, rules=rules))
        return Ruling("suppress", kind, (*why, reason), counted)
    incident = Incident(
        id=derive("incident", situation.subject, kind, situation.heard.dedup_key),
        kind=kind,
        state="open",
        opened_at=situation.now,
        version=facts.champion,
        detail="; ".join(reason.text for reason in why)[: remedy.DETAIL_MAX],
        rules=() if isinstance(situation.heard, MonitorBreached) else (rule.key,),
    )
    closes = f"when a newer version serves, or: outerloop ask close {situation.workload.name} --by YOU --why WHY"
    told = {**evidence, "incident": incident.id, "closes": closes}
    command = situation.tell(rule.to or situation.workload.owner, f"{situation.workload.name}: {title}", told)
    return Ruling("act", kind, why, facts.with_incident(incident), commands=(command,))


def evidence_of(situation: Situation, facts: Facts, rule: WindowRule, why: tuple[Reason, ...]) -> dict[str, str]:
    """What people need to begin: what was found, the windows before, who serves and since when."""
    champion = facts.versions.get(facts.champion)
    windows = persistence.seen_by(facts, facts.champion, rule)
    production = situation.workload.environments.production
    by_share = isinstance(rule, DataDrift | DataQuality)
    seen = "; ".join(
        f"{known.start:%Y-%m-%d} {known.verdict} ({f'{known.share:.0%} of features' if by_share else f'{known.share:g}'})"
        for known in windows
    )
    serves = f"version {champion.version} since {champion.since:%Y-%m-%d %H:%M} UTC" if champion else "no version"
    return {
        **{reason.code: reason.text for reason in why},
        "windows": seen or "none was closed yet",
        "champion": serves,
        "endpoint": f"{production.endpoint} in {production.workspace}",
    }


def samples_at(situation: Situation, facts: Facts, written: str) -> str:
    """Where sampled inputs lie: as the rule says, in our own store, or where Azure ML's data collector puts them by default."""
    if written:
        return written
    endpoint, deployment = situation.workload.environments.production.endpoint, deployment_name(facts.champion)
    if situation.workload.telemetry.samples and facts.champion:
        return f"outerloop samples {endpoint}/{deployment}"
    folder = f"{endpoint}/{deployment}/model_inputs" if facts.champion else endpoint
    return f"azureml://datastores/workspaceblobstore/paths/modelDataCollector/{folder}"


def overtaken(situation: Situation, facts: Facts, closed_as: Literal["promoted", "rolled_back"]) -> Facts:
    """Another version serves: work about the one before is done, and drift of it that waits to be retrained matters no more."""
    for known in facts.incidents:
        if known.kind in OF_A_VERSION and known.state == "open" and known.version != facts.champion:
            closed = replace(known, state="closed", closed_as=closed_as, closed_at=situation.now)
            facts = facts.with_incident(closed)
    return facts


def _is_told(incident: Incident) -> bool:
    # A look closes an incident about traffic; a person may where none can. The next write sees for itself whose traffic it is.
    of_traffic = incident.kind == "by_hand" and incident.alert.startswith(TRAFFIC)
    return incident.kind in (*KINDS, "telemetry_absent", "endpoint_idle") or incident.told_only or of_traffic


def on_close_asked(situation: Situation, signal: OperatorAsked) -> Ruling:
    """A person says that the work is done: every open item of the workload is closed, and all of which people were only told."""
    reason = because("asked", f"{signal.by} closed it: {signal.why or 'without saying why'}")
    facts = situation.facts
    items = [known for known in facts.incidents if _is_told(known) and known.state == "open"]
    if not items:
        return ignore(
            situation, "work_item", reason, because("none_open", "no annotation task, investigation or notice is open")
        )
    for known in items:
        facts = facts.with_incident(replace(known, state="closed", closed_as="done", closed_at=situation.now))
    return Ruling("act", "work_item", (reason,), facts)
