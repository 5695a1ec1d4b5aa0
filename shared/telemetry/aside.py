"""Rows that cannot be counted yet, because the reference profile of their deployment is not there.

Owns which rows of a batch are kept, how much of a batch, and their stored form. Knows nothing of where they are kept, or for
how long. Rows that no rule asks for are only counted (``accumulate``): no profile would make them useful.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry
from shared.telemetry.encoding import UnreadableState, pack, unpack

BATCH_BYTES_MAX = 1024 * 1024  # compressed, of one deployment in one batch


class _StoredEvent(msgspec.Struct, frozen=True, array_like=True):
    """One collector event: its rows, of a deployment that is named once for all of them."""

    at: datetime
    collection: str
    correlation_id: str
    rows: list[Any]


class _StoredRows(msgspec.Struct, frozen=True, array_like=True):
    deployment: tuple[str, str, str]
    events: list[_StoredEvent]


@dataclass(frozen=True, slots=True)
class Aside:
    """What a batch leaves for later: stored rows by deployment key, and how many rows could not be kept."""

    kept: dict[str, bytes]
    lost: dict[str, int]


def set_aside(messages: Iterable[Telemetry], profiled: Collection[str], watched: Collection[str]) -> Aside:
    """The rows of deployments that a rule watches and that have no profile yet, both given by deployment key."""
    events: dict[DeploymentRef, list[RowsCollected]] = {}
    for message in messages:
        for collected in message.rows:
            key = collected.deployment.key
            if key in watched and key not in profiled:
                events.setdefault(collected.deployment, []).append(collected)
    kept, lost = dict[str, bytes](), dict[str, int]()
    for deployment, collected_rows in events.items():
        stored = _encoded(deployment, collected_rows)
        if stored is not None and len(stored) <= BATCH_BYTES_MAX:
            kept[deployment.key] = stored
        else:
            lost[deployment.key] = count_rows(collected_rows)
    return Aside(kept, lost)


def _encoded(deployment: DeploymentRef, collected: Iterable[RowsCollected]) -> bytes | None:
    try:
        return encode_rows(deployment, collected)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None  # numbers beyond 64 bits, half a surrogate pair: what rows hold must not stop their batch


def count_rows(collected: Iterable[RowsCollected]) -> int:
    """How many rows these events hold."""
    return sum(len(event.rows) for event in collected)


def encode_rows(deployment: DeploymentRef, collected: Iterable[RowsCollected]) -> bytes:
    """Events of one deployment as bytes."""
    events = [_StoredEvent(event.at, event.collection, event.correlation_id, list(event.rows)) for event in collected]
    return pack(_StoredRows((deployment.workspace, deployment.endpoint, deployment.deployment), events))


def decode_rows(stored: bytes) -> tuple[RowsCollected, ...]:
    """The events that ``encode_rows`` wrote; raises UnreadableState for anything else."""
    found: Any = unpack(stored, _StoredRows)
    if not all(found.deployment):
        raise UnreadableState("rows of no deployment")
    workspace, endpoint, name = found.deployment
    ref = DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=name)
    return tuple(
        RowsCollected(ref, event.at, event.collection, event.correlation_id, event.rows) for event in found.events
    )
