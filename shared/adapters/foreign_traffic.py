"""Traffic that is not ours when we come to write: seen, said in the outcome, and remembered when a rollback writes over it.

Owns that judgement and its words. The map is read and written as a whole, and no header of the service's makes a write depend on
what was read (REST API 2025-12-01, online and batch endpoints, create or update: no If-Match): between the two lie
the milliseconds of one call. What was written over stands in a tag of the very write, so that a lost answer loses nothing.
"""

from collections.abc import Iterable, Mapping

from shared.adapters.arm_session import Json
from shared.domain.commands import RollBackTraffic, SetTraffic
from shared.domain.endpoint_seen import shown_traffic
from shared.domain.outcomes import Failed

OVERWROTE_TAG = "outerloop.overwrote"
TAG_CHARACTERS_MAX = 256  # of a value, by Azure's limit

TrafficCommand = SetTraffic | RollBackTraffic
Traffic = Mapping[str, int]


def is_foreign(command: TrafficCommand, found: Traffic) -> bool:
    """Whether this map is neither what we left nor what is ordered: an earlier try may have written that."""
    return bool(command.expected) and _plain(found) not in _plain_all((*command.expected, command.traffic))


def refusal(command: SetTraffic, found: Traffic) -> Failed:
    """The end of a step that met traffic which somebody else set: nothing was written."""
    left = " or ".join(shown_traffic(one) for one in command.expected)
    reason = f"somebody else set the traffic: found {shown_traffic(found)}, we left it at {left}; nothing was written"
    return Failed(retryable=False, reason=reason, data={"traffic": shown_traffic(found), **met(found, written=False)})


def met(found: Traffic, *, written: bool) -> dict[str, str | float]:
    """What an outcome holds for the rules: the foreign map, and whether ours was in force before it."""
    return {"by_hand": shown_traffic(_plain(found)), "written": float(written)}


def overwritten(command: TrafficCommand, found: Traffic, tags: Json, marked: str) -> str:
    """What a rollback writes over, or has written over by an earlier try; empty when it was ours."""
    if is_foreign(command, found):
        return shown_traffic(found)[:TAG_CHARACTERS_MAX]
    return str(tags.get(OVERWROTE_TAG, "")) if marked == command.id else ""


def _plain(traffic: Traffic) -> dict[str, int]:
    """A map as two of them are compared: Azure's names have no case, and an absent deployment is one with 0 %."""
    return {name.lower(): int(share) for name, share in traffic.items() if share}


def _plain_all(maps: Iterable[Traffic]) -> list[dict[str, int]]:
    return [_plain(one) for one in maps]
