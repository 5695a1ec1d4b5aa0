"""A rollout that stands still until a person answers, where the policy wants no step back without one.

Owns the freeze, its reminders and the answer. A person's going back is ``ending``'s, as at any other time.
"""

from datetime import timedelta

from shared.domain import guards
from shared.domain.decisions import Reason
from shared.domain.facts import Rollout
from shared.domain.rules.ending import give_up
from shared.domain.rules.steps import advance, share_of
from shared.domain.signals import OperatorAsked
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "rollout"
REMIND_AFTER = timedelta(hours=4)  # the usual interval of repeats
WHY_MAX = 1000  # characters


def stand_still(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    """Leave the traffic as it is, take no further step, and call a person with the exact commands."""
    why = "; ".join(reason.text for reason in reasons)[:WHY_MAX]
    frozen = because("frozen", f"{share_of(rollout)} stays in force until a person answers", release=_go_on(situation))
    return _call(situation, replace(rollout, frozen=why), *reasons, frozen)


def remind(situation: Situation, rollout: Rollout) -> Ruling:
    """Nobody has answered yet: call again. A policy that wants no freeze any more takes the traffic back."""
    why = because("frozen", f"it has stood still since then: {rollout.frozen}", release=_go_on(situation))
    if situation.workload.promotion.rollout.on_failure == "rollback":
        return give_up(situation, rollout, why)
    return _call(situation, replace(rollout, looks=rollout.looks + 1), why)


def _call(situation: Situation, rollout: Rollout, *reasons: Reason) -> Ruling:
    name = situation.workload.name
    title = f"{name}: the rollout of version {rollout.version} stands still at {share_of(rollout)} and waits for you"
    told = {reason.code: reason.text for reason in reasons}
    told |= {"to go back": f"outerloop ask rollback {name} --by YOU --why WHY", "to go on": _go_on(situation)}
    message = situation.tell(situation.workload.owner, title, told)
    again = situation.wake("bake", rollout.look, situation.now + REMIND_AFTER)
    facts = replace(situation.facts, rollout=rollout)
    return Ruling("escalate", RULE, reasons, facts, commands=(message,), holds=(again,))


def on_continue_asked(situation: Situation, signal: OperatorAsked) -> Ruling:
    """A person has looked: the step counts as passed, and the next one is judged anew."""
    rollout, paused = situation.facts.rollout, guards.paused(situation)
    if rollout is None or not rollout.frozen:
        text = "no rollout stands still: one that is under way goes on by itself"
        return ignore(situation, RULE, because("not_frozen", text))
    if paused:
        return ignore(situation, RULE, paused)
    return advance(
        situation, rollout, because("asked", f"{signal.by} lets it go on: {signal.why or 'without saying why'}")
    )


def _go_on(situation: Situation) -> str:
    return f"outerloop ask continue {situation.workload.name} --by YOU --why WHY"
