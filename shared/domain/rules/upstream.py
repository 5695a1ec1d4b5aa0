"""Many models drift on one feature in the same window: the cause lies where the feature comes from, and is one incident.

Owns that incident and its telling: opened once, with the models listed; later ones are added, and told of no more often than
the policy says; closed when windows come without so many models, or by a person. What each model does about its own drift is
decided for its workload, where ``guards`` hold a retraining as long as the incident is open.
"""

import dataclasses
from datetime import timedelta

from shared.domain.commands import Notify
from shared.domain.facts import Facts, HeldSignal, Incident
from shared.domain.ids import derive
from shared.domain.policy_upstream import Upstream
from shared.domain.routing import drifted_features, shared_origins, upstream_rule
from shared.domain.rules.verdicts import listing
from shared.domain.signals import HoldElapsed, OperatorAsked
from shared.domain.situation import Ruling, Setting, because
from shared.domain.telemetry_signals import WindowClosed
from shared.domain.upstream_facts import UpstreamSeen
from shared.domain.values import replace

RULE = "upstream"
NEWS = "news of further models"  # what a hold waits for between two notifications
DETAIL_MAX = 1000  # characters that the facts keep


def on_drift(setting: Setting, signal: WindowClosed) -> Ruling:
    """One more model drifts on features of this origin."""
    rule = upstream_rule(setting.policy, setting.subject)
    if rule is None:
        return _gone(setting)
    model, features = _drifting(setting, rule, signal)
    known = setting.facts.upstream or UpstreamSeen()
    window = known.window(signal.start, signal.window).with_drift(model, features)
    known, shared = known.with_window(window), window.shared(rule.models_min)
    heard = because(
        "drifts", f"{model} drifts on {listing(features)} in the {signal.window} from {signal.start:%Y-%m-%d %H:%M}"
    )
    incident = setting.facts.open_incident("upstream")
    if not shared:
        most = max((len(models) for models in window.shared(1).values()), default=0)
        text = f"{most} models drift on one feature in the same window; {rule.models_min} are needed"
        few = because("few_models", text, observed=most, limit=rule.models_min)
        return Ruling("suppress", RULE, (heard, few), replace(setting.facts, upstream=known))
    known = known.affecting(shared)
    quiet = _until_quiet(rule, signal)
    if incident is None:
        opened = _opened(setting, known)
        facts = _told(replace(setting.facts, upstream=known).with_incident(opened), setting)
        why = because("incident_opened", f"incident {opened.id} is opened: {opened.detail}", observed=len(known.models))
        expiry = setting.wake("incident_expiry", opened.id, setting.now + quiet)
        told = (_message(setting, rule, opened, known, ""),)
        return Ruling("act", RULE, (heard, why), facts, commands=told, holds=(expiry,))
    expiry = setting.wake("incident_expiry", incident.id, setting.now + quiet)
    facts = replace(setting.facts, upstream=known).with_incident(replace(incident, repeats=incident.repeats + 1))
    ruling = _news(setting, rule, facts, incident)
    return dataclasses.replace(ruling, reasons=(heard, *ruling.reasons), holds=(*ruling.holds, expiry))


def _drifting(setting: Setting, rule: Upstream, signal: WindowClosed) -> tuple[str, tuple[str, ...]]:
    """Which model drifts on which of the origin's features; by the endpoint, which serves one workload."""
    for workload in setting.policy.index.serving(signal.workspace, signal.endpoint):
        features = shared_origins(setting.policy, drifted_features(workload, signal)).get(rule, ())
        if features:
            return workload.name, features
    return signal.deployment, ()  # by a policy that has changed since it was routed


def _until_quiet(rule: Upstream, signal: WindowClosed) -> timedelta:
    """How long nothing has to be heard until it is over: so many windows, and half of one in which the last may be late."""
    return (signal.end - signal.start) * (rule.recovers_after + 0.5)


def _opened(setting: Setting, known: UpstreamSeen) -> Incident:
    text = f"{listing(known.features)} drift in {len(known.models)} models: {listing(known.models)}"
    return Incident(
        id=derive("incident", setting.subject, setting.signal.dedup_key),
        kind="upstream",
        state="open",
        opened_at=setting.now,
        detail=text[:DETAIL_MAX],
    )


def _told(facts: Facts, setting: Setting) -> Facts:
    known = facts.upstream or UpstreamSeen()
    return replace(facts, upstream=replace(known, told=len(known.models), told_at=setting.now))


def _news(setting: Setting, rule: Upstream, facts: Facts, incident: Incident) -> Ruling:
    """Tell of models that joined, or wait until that may be told."""
    known = facts.upstream or UpstreamSeen()
    more = known.models[known.told :]
    counted = because(
        "incident_open", f"incident {incident.id} is open, with {len(known.models)} models: this is counted"
    )
    if not more:
        return Ruling("suppress", RULE, (counted,), facts)
    due = (known.told_at or setting.now) + rule.repeat_interval
    joined = because("models_joined", f"{listing(more)} joined", observed=len(known.models), until=due)
    if setting.now < due:
        hold = setting.wake("retry", NEWS, due)
        held = facts.with_held(hold.id, HeldSignal(dedup_key=setting.signal.dedup_key, about=NEWS))
        return Ruling("suppress", RULE, (counted, joined), held, holds=(hold,))
    told = _message(setting, rule, incident, known, ", more models")
    return Ruling("act", RULE, (counted, joined), _told(facts, setting), commands=(told,))


def on_news(setting: Setting) -> Ruling:
    """The time has come to tell of models that joined meanwhile."""
    rule, incident = upstream_rule(setting.policy, setting.subject), setting.facts.open_incident("upstream")
    if rule is None or incident is None:
        return _gone(setting)
    return _news(setting, rule, setting.facts, incident)


def on_quiet(setting: Setting, signal: HoldElapsed) -> Ruling:
    """So many windows came without so many models: it is over."""
    incident = setting.facts.open_incident("upstream")
    if incident is None or incident.id != signal.about:
        return _gone(setting)
    text = f"incident {incident.id} is closed: windows came in which not so many models drift together"
    return _close(setting, incident, "recovered", "recovery", text)


def on_close_asked(setting: Setting, signal: OperatorAsked) -> Ruling:
    """A person says that it is over, or that the cause is not there: what it held is looked at again within the hour."""
    incident = setting.facts.open_incident("upstream")
    if incident is None or signal.action != "close":
        asked = because("asked", f"{signal.by} asked to {signal.action}: {signal.why or 'without saying why'}")
        none = because(
            "none_open", "no incident of this origin is open; there is nothing else to ask of it than to close one"
        )
        return Ruling("suppress", RULE, (asked, none), setting.facts)
    text = f"{signal.by} closed incident {incident.id}: {signal.why or 'without saying why'}"
    return _close(setting, incident, "done", "asked", text)


def _close(setting: Setting, incident: Incident, closed_as: str, code: str, text: str) -> Ruling:
    known = setting.facts.upstream or UpstreamSeen()
    closed = replace(incident, state="closed", closed_as=closed_as, closed_at=setting.now)
    facts = replace(setting.facts, upstream=known.over(), held={}).with_incident(closed)
    over = (
        setting.wake(purpose, about, setting.now).id
        for purpose, about in (("incident_expiry", incident.id), ("retry", NEWS))
    )
    reason = because("asked" if code == "asked" else "recovery", text)
    rule = upstream_rule(setting.policy, setting.subject)
    shown = {"why": text, "was": incident.detail, "models": listing(known.models)}
    told = (setting.tell(rule.to, f"Upstream {rule.features}: closed", shown),) if rule else ()
    return Ruling("act", RULE, (reason,), facts, commands=told, released=tuple(over))


def _message(setting: Setting, rule: Upstream, incident: Incident, known: UpstreamSeen, what: str) -> Notify:
    shown = {
        "features": listing(known.features),
        "models": f"{len(known.models)}: {listing(known.models)}",
        "held": "retraining that this drift asks for" if rule.holds else "nothing",
        "incident": incident.id,
        "closes": f"after {rule.recovers_after} windows without so many models, or: outerloop ask close '{setting.subject}' --by YOU --why WHY",
    }
    return setting.tell(rule.to, f"Upstream {rule.features}: {len(known.models)} models drift at once{what}", shown)


def _gone(setting: Setting) -> Ruling:
    reason = because("stale", "the policy has no such origin, or no incident of it is open (any more)")
    return Ruling("suppress", RULE, (reason,), setting.facts)
