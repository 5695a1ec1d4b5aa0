"""What silences do: they come, they end, and in between notifications of what they cover are not sent.

Owns these rulings. A rollback, what is said with it, and what needs a person at once (an escalation) are never silenced.
"""

from fnmatch import fnmatchcase
from typing import get_args

from shared.domain.facts import IncidentKind
from shared.domain.ids import derive
from shared.domain.rules import (
    absence,
    approval,
    by_hand,
    compliance,
    data_arrival,
    drift,
    fairness,
    idle,
    idle_compute,
    images,
    infrastructure,
    monitoring,
    performance,
    promotion,
    proposal,
    quality,
    remedy,
    rollout,
    schedule,
    security,
)
from shared.domain.silences import Silence, SilenceAdded, SilenceExpired
from shared.domain.situation import Ruling, Situation, because, ignore
from shared.domain.values import replace

RULE = "silence"
TEXT_MAX = 300  # characters of any text that is kept with a silence
KEPT_MAX = 20  # silences of one workload at a time
RULES = frozenset(
    rule.RULE
    for rule in (
        absence,
        approval,
        by_hand,
        compliance,
        data_arrival,
        drift,
        fairness,
        idle,
        idle_compute,
        images,
        infrastructure,
        monitoring,
        performance,
        promotion,
        proposal,
        quality,
        remedy,
        rollout,
        schedule,
        security,
    )
)
NAMES = tuple(sorted(RULES | set(get_args(IncidentKind))))  # that a silence can cover


def on_added(situation: Situation, signal: SilenceAdded) -> Ruling:
    """From now on there is quiet about it."""
    facts, until = situation.facts, signal.until
    text = f"{signal.by} silenced {signal.what} until {until:%Y-%m-%d %H:%M} UTC: {signal.comment}"
    reason = because("asked", text, until=until)
    if until <= situation.now:
        return ignore(situation, RULE, reason, because("over", "that moment has passed"))
    if not any(fnmatchcase(name, signal.what) for name in NAMES):
        text = f"no rule and no kind of incident is called {signal.what[:TEXT_MAX]!r}; there are {', '.join(NAMES)}"
        return ignore(situation, RULE, reason, because("covers_nothing", text))
    living = tuple(known for known in facts.silences if situation.now < known.until)
    if len(living) >= KEPT_MAX:
        return ignore(situation, RULE, reason, because("too_many", f"{KEPT_MAX} silences are in force: let one expire"))
    silence = Silence(
        id=derive("silence", signal.dedup_key),
        what=signal.what[:TEXT_MAX],
        by=signal.by[:TEXT_MAX],
        comment=signal.comment[:TEXT_MAX],
        until=until,
    )
    return Ruling("act", RULE, (reason,), replace(facts, silences=(*living, silence)))


def on_expired(situation: Situation, signal: SilenceExpired) -> Ruling:
    """The quiet is over; what was held is evaluated at once."""
    facts = situation.facts
    reason = because("asked", f"{signal.by} ended the silence: {signal.why or 'without saying why'}")
    kept = tuple(known for known in facts.silences if known.id != signal.silence_id and situation.now < known.until)
    if all(known.id != signal.silence_id or known.until <= situation.now for known in facts.silences):
        return ignore(situation, RULE, reason, because("no_silence", "no such silence is in force"))
    return Ruling("act", RULE, (reason,), replace(facts, silences=kept), holds=situation.again())
