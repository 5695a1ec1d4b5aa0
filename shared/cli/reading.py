"""The dashboard and explanations as text for a terminal.

Owns the words and their order. Knows nothing of where the values come from.
"""

import json
from collections.abc import Iterator

from shared.cli.output import print_line
from shared.domain.commands import kind_of
from shared.domain.decisions import Decision
from shared.rendering.pages import command_detail, command_state, moment_text, reason_text
from shared.rendering.plain import plain
from shared.rendering.shown import (
    Dashboard,
    ExplainedDecision,
    Explanation,
    ShownAside,
    ShownHold,
    ShownOrigin,
    ShownTarget,
    ShownWorkload,
)

LEDGER_LINES = 10


def print_dashboard(view: Dashboard) -> None:
    """Every workload, then the targets of announcements, then the newest decisions."""
    for shown in view.workloads:
        _print_workload(shown)
    for origin in view.origins:
        _print_origin(origin)
    for target in view.publishing:
        _print_target(target)
    for waiting in view.aside:
        _print_aside(waiting)
    if view.overdue:
        print_line(f"{len(view.overdue)} commands are overdue: outerloop outbox")
    if view.ledger:
        print_line("Newest decisions (outerloop explain ID says more):")
    for decision in (entry.decision for entry in view.ledger[:LEDGER_LINES]):
        print_line(f"{moment_text(decision.decided_at)}  {decision.id}  {decision.subject}", 1)
        print_line(f"{decision.verdict} on {decision.cause_kind}: {_first(decision)}", 2)
    if view.rejected:
        print_line(f"{len(view.rejected)} or more rejections: outerloop rejected list")


def _print_origin(origin: ShownOrigin) -> None:
    models = ", ".join(origin.models)
    print_line(f"upstream {origin.name}: {', '.join(origin.features)} drift in {len(origin.models)} models: {models}")
    print_line(f"incident {origin.incident.id}, opened {moment_text(origin.incident.opened_at)}; {origin.close}", 1)


def _print_target(target: ShownTarget) -> None:
    print_line(f"publishing to the {target.name}: {target.waiting} announcements wait")
    if target.failing_since:
        since, again = moment_text(target.failing_since), moment_text(target.retry_at)
        print_line(f"FAILING since {since}, tried again at {again}: {target.reason}", 1)
    if target.given_up:
        print_line(f"{target.given_up} announcements were given up", 1)


def _print_aside(waiting: ShownAside) -> None:
    since = f" since {moment_text(waiting.since)}" if waiting.since else ""
    print_line(f"telemetry of {waiting.deployment}: {waiting.rows} rows wait for its reference profile{since}")
    if waiting.lost:
        print_line(f"{waiting.lost} rows were too many or too old to be kept", 1)


def _first(decision: Decision) -> str:
    rest = len(decision.reasons) - 1
    return decision.reasons[0].text + (f" (and {rest} more)" if rest > 0 else "") if decision.reasons else ""


def _print_workload(shown: ShownWorkload) -> None:
    paused = ", PAUSED" if shown.paused else ""
    print_line(f"{shown.name} ({shown.mode or 'not in the policy'}{paused})")
    for line in _state(shown):
        print_line(line, 1)
    for hold in shown.holds:
        _print_hold(hold)
    print_line("")


def _state(shown: ShownWorkload) -> Iterator[str]:
    yield f"champion: {'version ' + shown.champion if shown.champion else 'none yet'}"
    if shown.standby:
        cost = f", {shown.standby_cost}" if shown.standby_cost else ""
        yield f"warm standby: version {shown.standby} until {moment_text(shown.standby_until)}{cost}"
    if shown.traffic:
        yield "traffic: " + ", ".join(f"version {version} {percent} %" for version, percent in shown.traffic.items())
    yield from _rollout(shown)
    for seen in shown.verdicts:
        yield f"telemetry: {seen.rule}, {seen.window} from {moment_text(seen.start)}: {seen.verdict} ({seen.compared:g} of {seen.rows} rows)"
    for version in shown.versions:
        yield f"version {version.version}: {version.state} since {moment_text(version.since)}"
    for incident in shown.incidents:
        state = incident.closed_as or incident.state
        yield f"incident {incident.id}: {incident.kind}, {state}, opened {moment_text(incident.opened_at)}"
    for freeze in shown.freezes:
        yield f"frozen: budget {freeze.budget} is at {freeze.ratio:.0%}, until {moment_text(freeze.until)}; {freeze.lift}"
    for silence in shown.silences:
        yield f"silence {silence.id}: {silence.what} until {moment_text(silence.until)} by {silence.by}: {silence.comment}"
    for question in shown.questions:
        waits = f"{question.begins or 'version ' + question.version} waits for approval"
        yield f"{waits} until {moment_text(question.expires_at)}: {question.link}"


def _rollout(shown: ShownWorkload) -> Iterator[str]:
    rollout = shown.rollout
    if rollout:
        share = f"a copy of {rollout.mirror} % of the requests" if rollout.mirror else f"{rollout.percent} %"
        since = f"in force since {moment_text(rollout.in_force_since)}" if rollout.in_force_since else "being set"
        yield f"rollout of version {rollout.version}: step {rollout.step} of {rollout.steps}, {share}, {since}"
        if rollout.frozen:
            yield f"rollout STANDS STILL until a person answers: {rollout.frozen}"


def _print_hold(hold: ShownHold) -> None:
    print_line(f"waits: {hold.words}; at {moment_text(hold.due)} {hold.then} (hold {hold.id})", 1)
    for reason in hold.reasons:
        print_line(f"because {reason_text(reason)} [{reason.code}]", 2)


def print_explanation(found: Explanation) -> None:
    """Every decision about the id, oldest first: heard, decided, why, ordered, and what is known now."""
    print_line(f"{found.about} {found.id}")
    if found.incident:
        state = found.incident.closed_as or found.incident.state
        print_line(f"{found.incident.kind}, {state}: {found.incident.detail}")
    if not found.decisions:
        print_line("Nothing is decided about it yet.")
    for explained in found.decisions:
        print_line("")
        _print_explained(explained)


def _print_explained(explained: ExplainedDecision) -> None:
    decision = explained.entry.decision
    print_line(
        f"{moment_text(decision.decided_at)}  {decision.subject}: {decision.verdict} by the rule {decision.rule}"
        f" (decision {decision.id}, policy {decision.policy_digest[:12]})"
    )
    print_line(f"heard {decision.cause_kind} {decision.cause}", 1)
    for line in _heard(explained):
        print_line(line, 2)
    for reason in decision.reasons:
        print_line(f"because {reason_text(reason)} [{reason.code}]", 1)
    for row in explained.entry.commands:
        detail = command_detail(row)
        state = f"{command_state(row)}{': ' + detail if detail else ''}"
        print_line(f"ordered {kind_of(row.command)} {row.command.id}: {row.command.reason}", 1)
        print_line(f"{state} (attempts {row.attempts})", 2)
    for command in decision.planned:
        print_line(f"would order {kind_of(command)}: {command.reason}", 1)
    if explained.hold:
        print_line(f"waits until {moment_text(explained.hold.due)}, then {explained.hold.then}", 1)
    known = ", ".join(f"{name}: {value}" for name, value in explained.facts.items())
    print_line(f"known now: {known}", 1)


_ENVELOPE = frozenset({"kind", "dedup_key", "subject", "depth"})


def _heard(explained: ExplainedDecision) -> Iterator[str]:
    if explained.signal is None:
        yield "the signal itself is no longer kept"
        return
    for name, value in plain(explained.signal.signal).items():
        if name not in _ENVELOPE and value not in ("", {}, [], None):
            yield f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
