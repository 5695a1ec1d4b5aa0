"""What a silence leaves of a ruling: everything but the messages that it covers, which are kept as what would have been sent.

Owns that one question. A rollback, what is said with it, and what needs a person at once are never silenced. How silences come
and end is ``silencing``'s.
"""

import dataclasses

from shared.domain import guards
from shared.domain.commands import Notify, RollBackTraffic
from shared.domain.situation import Ruling, Situation


def quietened(situation: Situation, ruling: Ruling) -> Ruling:
    """The ruling without the notifications that a silence covers: they are kept as what would have been sent."""
    messages = tuple(command for command in ruling.commands if isinstance(command, Notify))
    rolling_back = any(isinstance(command, RollBackTraffic) for command in ruling.commands)
    if ruling.minded or not messages or rolling_back or ruling.verdict == "escalate":
        return ruling
    changed = (known.kind for known in ruling.facts.incidents if known not in situation.facts.incidents)
    reason = guards.silenced(situation, ruling.rule, *changed)
    if reason is None:
        return ruling
    rest = tuple(command for command in ruling.commands if not isinstance(command, Notify))
    reasons, planned = (*ruling.reasons, reason), (*ruling.planned, *messages)
    return dataclasses.replace(ruling, reasons=reasons, commands=rest, planned=planned, minded=True)
