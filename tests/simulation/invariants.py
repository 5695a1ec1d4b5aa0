"""What must be true at the end of every run, whatever went wrong on the way. Each breach is a sentence.

Owns the judgement, from the store's file and the target's journal; it never asks the services what they did.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from shared.domain.facts import Facts
from shared.domain.ids import decision_id
from shared.domain.limits import Limit
from shared.domain.on_unknown import ON_UNKNOWN
from shared.domain.records import CommandRow
from shared.domain.references import deployment_name
from shared.domain.reservations import Reservation
from tests.simulation.world import World
from tests.unit.domain.builders import PRODUCTION, SUBJECT

GRACE = timedelta(minutes=15)
WINDOWS = ("1m", "1mo")  # buckets of traffic, and the window of the rule on drift


def breaches(world: World) -> list[str]:
    """Everything that is wrong at the end of a run; nothing when all is well."""
    checks = (
        _nothing_unexpected,
        _every_signal_is_decided,
        _every_command_has_one_outcome,
        _effects_are_single_or_counted,
        _traffic_is_whole,
        _calls_lie_inside_their_claim,
        _writes_lie_inside_their_lease,
        _no_retrain_beyond_the_limits,
        _no_retrain_beyond_those_of_the_fleet,
        _what_is_reserved_was_spent,
        _holds_are_released,
        _the_champion_serves,
        _telemetry_counts_once,
    )
    return [breach for check in checks for breach in check(world)]


def commands_of(world: World) -> list[CommandRow]:
    """Every command of the run."""
    rows = world.database._inline.execute("SELECT body FROM commands ORDER BY position").fetchall()
    return [msgspec.json.decode(body, type=CommandRow) for (body,) in rows]


def _nothing_unexpected(world: World) -> Iterator[str]:
    yield from (f"an instance raised {text}" for text in dict.fromkeys(world.unexpected))


def _every_signal_is_decided(world: World) -> Iterator[str]:
    left = world.at_once(world.store.undecided(world.scheduler.now, 1000))
    yield from (f"signal {row.signal.dedup_key} ({type(row.signal).__name__}) has no decision" for row in left)
    for key in sorted(world.accepted):
        row = world.at_once(world.store.signal(key))
        if row is None:
            yield f"signal {key} was answered for and is not stored"
            continue
        for subject in row.subjects or ():
            if world.at_once(world.store.decision(decision_id(key, subject))) is None:
                yield f"signal {key} has no decision for {subject}"


def _every_command_has_one_outcome(world: World) -> Iterator[str]:
    for row in commands_of(world):
        if row.state != "finished":
            yield f"{type(row.command).__name__} {row.command.id} never ended: {row.state}, {row.outcome}"


def _effects_are_single_or_counted(world: World) -> Iterator[str]:
    done = Counter((effect.kind, effect.command) for effect in world.target.journal)
    kinds = {kind.__name__: on_unknown for kind, on_unknown in ON_UNKNOWN.items()}
    for (kind, command), times in done.items():
        excused = world.target.excused[command]
        if kinds[kind] == "repeat" and times > 1 + excused:
            yield f"{kind} {command} was done {times} times, and only {excused} of these can be explained"
        if kind in ("Retrain", "RunEvaluation") and times > 1:
            yield f"{kind} {command} started {times} jobs"


def _traffic_is_whole(world: World) -> Iterator[str]:
    for effect in world.target.journal:
        if effect.kind in ("SetTraffic", "RollBackTraffic"):
            total = sum(int(share.partition("=")[2]) for share in effect.detail.split(",") if "=" in share)
            if total not in (0, 100):
                yield f"traffic {effect.detail} sums to {total}"


def _calls_lie_inside_their_claim(world: World) -> Iterator[str]:
    yield from world.target.outside_claim


def _writes_lie_inside_their_lease(world: World) -> Iterator[str]:
    yield from world.target.outside_lease


def _no_retrain_beyond_the_limits(world: World) -> Iterator[str]:
    effective = {effect.command for effect in world.target.journal if effect.kind == "Retrain"}
    for workload in world.policy.workloads:
        rows = [row for row in commands_of(world) if row.command.workload == workload.name]
        ordered = sorted(row.created_at for row in rows if row.command.id in effective)
        yield from (f"{workload.name}: {text}" for text in _too_many(ordered, workload.limits.retrains))


def _no_retrain_beyond_those_of_the_fleet(world: World) -> Iterator[str]:
    """By the moments of the effects, in any window; and by their prices, in the period in which every run lies."""
    effects = {effect.command: effect.at for effect in world.target.journal if effect.kind == "Retrain"}
    yield from (
        f"all: {text}" for text in _too_many(sorted(effects.values()), world.policy.defaults.limits.fleet_retrains)
    )
    prices = {workload.name: workload.retrain.estimated_cost for workload in world.policy.workloads if workload.retrain}
    spent = [prices[row.command.workload] for row in commands_of(world) if row.command.id in effects]
    for rule in world.policy.budgets:
        total = sum(price.amount for price in spent if price)
        if rule.reserve and total > rule.reserve.amount:
            yield f"{total} are spent on {len(spent)} retrainings; the budget reserves {rule.reserve}"


def _too_many(moments: list[datetime], limits: Iterable[Limit]) -> Iterator[str]:
    for limit in limits:
        for start in moments:
            within = [at for at in moments if start <= at < start + limit.window]
            if len(within) > limit.count:
                yield f"{len(within)} retrainings within {limit.window} from {start}; the limit is {limit}"
                break


def _what_is_reserved_was_spent(world: World) -> Iterator[str]:
    """Each training is in the accounts, and nothing else is but what nobody could know."""
    effects = {effect.command for effect in world.target.journal if effect.kind == "Retrain"}
    for name, body in world.at_once(world.store.documents("reservations/")).items():
        entries = {one.command: one for one in msgspec.json.decode(body, type=list[Reservation])}
        for command in sorted(effects - entries.keys()):
            yield f"the training of {command} is missing in {name}"
        for command in sorted(entries.keys() - effects):
            known = not world.target.excused[command] and command not in world.target.doubtful
            if known or not entries[command].kept:
                yield f"{command} had no effect, and is still reserved in {name}"


def _holds_are_released(world: World) -> Iterator[str]:
    for hold in world.at_once(world.store.due_holds(world.scheduler.now - GRACE, 1000)):
        yield f"hold {hold.signal.purpose} {hold.signal.about} was due at {hold.due} and is still there"
    rows = {hold.id for hold in world.at_once(world.store.holds(SUBJECT))}
    facts = world.facts()
    yield from (f"nothing wakes {held.about}" for hold_id, held in facts.held.items() if hold_id not in rows)
    yield from _something_moves_on(facts, rows, world)


def _something_moves_on(facts: Facts, rows: set[str], world: World) -> Iterator[str]:
    del rows
    waiting = {hold.signal.purpose for hold in world.at_once(world.store.holds(SUBJECT))}
    if facts.rollout and "bake" not in waiting and not facts.rollout.waits:
        yield f"the rollout of version {facts.rollout.version} stands still"
    for version in facts.versions.values():
        if version.state == "awaiting_approval" and "approval_expiry" not in waiting:
            yield f"the question about version {version.version} never expires"
        if version.state in ("staging", "testing", "deploying", "probing") and not facts.paused:
            held = any(known.about == f"version {version.version}" for known in facts.held.values())
            if not held:
                yield f"version {version.version} is {version.state} for ever"


def _the_champion_serves(world: World) -> Iterator[str]:
    facts, endpoint = world.facts(), world.target.endpoints.get(f"{PRODUCTION}/flight-delay")
    if endpoint is None or facts.rollout or _a_person_was_called(world):
        return
    world.target.settle(endpoint)
    wanted = {deployment_name(facts.champion): 100} if facts.champion else {}
    if endpoint.traffic != wanted:
        yield f"the endpoint's traffic is {endpoint.traffic}, and the facts say {wanted}"
    if facts.standby and deployment_name(facts.standby) not in endpoint.deployments:
        yield f"the warm standby {facts.standby} is gone: going back would take more than one write"


def _a_person_was_called(world: World) -> bool:
    decisions = world.at_once(world.store.decisions(SUBJECT, 10_000))
    return any(reason.code == "rollback_failed" for decision in decisions for reason in decision.reasons)


def _telemetry_counts_once(world: World) -> Iterator[str]:
    while world.play_out(world.instances["east"].aggregator.fold()):
        pass
    sent = world.callers.sent_requests
    counted = world.requests_counted()
    for length in WINDOWS:
        if counted.get(length, 0) != sent:
            yield f"{sent} requests were sent and {counted.get(length, 0)} were counted in windows of {length}"
