"""What people ask for that changes how the loop behaves, and what is said about commands that nobody waits for.

Owns pause and resume. A pause stops everything but rollback and notification.
"""

from shared.domain.outcomes import Succeeded
from shared.domain.signals import CommandFinished, OperatorAsked
from shared.domain.situation import Ruling, Setting, Situation, because
from shared.domain.values import replace

RULE = "operator"


def pause(situation: Situation, signal: OperatorAsked) -> Ruling:
    """From now on promotions and retrainings are held."""
    reason = because("asked", f"{signal.by} paused it: {signal.why or 'without saying why'}")
    return Ruling("act", RULE, (reason,), replace(situation.facts, paused=True))


def resume(situation: Situation, signal: OperatorAsked) -> Ruling:
    """From now on the loop acts again; what was held is evaluated at once, and giving up starts anew."""
    reason = because("asked", f"{signal.by} resumed it: {signal.why or 'without saying why'}")
    relief = replace(situation.facts.relief, fruitless=0)
    facts = replace(situation.facts, paused=False, fruitless=0, relief=relief)
    again = [*situation.again()]
    if facts.rollout and facts.rollout.waits:  # its bake time is over: only the pause held the next step
        again.append(situation.wake("bake", facts.rollout.look, situation.now))
        facts = replace(facts, rollout=replace(facts.rollout, waits=False))
    return Ruling("act", RULE, (reason,), facts, holds=tuple(again))


def on_other_finished(situation: Setting, signal: CommandFinished) -> Ruling:
    """Notifications and clean-up end here: success needs nothing, failure is said loudly in the ledger."""
    if isinstance(signal.outcome, Succeeded):
        done = because("done", f"{signal.command_kind} is done; nothing waited for it")
        return Ruling("suppress", RULE, (done,), situation.facts)
    failed = because("failed", f"{signal.command_kind}: {signal.outcome.reason}")
    return Ruling("escalate", RULE, (failed,), situation.facts)
