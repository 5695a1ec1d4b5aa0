"""Events of a batch whose rows lie in blobs: which of them are to be read, and their stored form until that is ordered.

Owns what is taken and why the others are not. The policy says where a collector writes; nothing else is ever read. Knows nothing of
where they are kept meanwhile, nor of reading.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, RowsElsewhere, RowsRefused, Telemetry
from shared.domain.policy import Policy
from shared.domain.telemetry_signals import RowsReferenced
from shared.telemetry.accumulate import UNUSED_COLLECTION, is_counted
from shared.telemetry.drawing import GROUND_TRUTH
from shared.telemetry.encoding import pack, unpack

BY_REFERENCE = "data_by_reference"
TOO_MANY = "too_many_references"
EVENTS_MAX = 10_000  # of one batch: more than a piece of a collector's file holds
NAME_MAX = 300  # characters of a blob's name in a message
CHUNK = 100  # events that are stored, and later ordered to be read, together


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    deployment: tuple[str, str, str]
    at: datetime
    collection: str
    correlation_id: str
    event_id: str
    content_range: str
    account: str
    container: str
    path: str


class ElsewhereEvents:
    """Those of one batch, judged by one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._events: list[RowsElsewhere] = []

    def take(self, message: Telemetry) -> Telemetry:
        """Keep the events that are to be read; the message with a refusal in the place of each of the others."""
        if not message.elsewhere:
            return message
        refused = {known.reason: known for known in message.refused}
        for event in message.elsewhere:
            refusal = self._refusal(event)
            if refusal is None:
                self._events.append(_placed(self._policy, event))
            else:  # the first of each reason keeps its words
                known = refused.get(refusal.reason, dataclasses.replace(refusal, count=0))
                refused[refusal.reason] = dataclasses.replace(known, count=known.count + 1)
        return dataclasses.replace(message, refused=tuple(refused.values()))

    def chunks(self) -> tuple[bytes, ...]:
        """What was kept, as bytes, so many events in each."""
        starts = range(0, len(self._events), CHUNK)
        return tuple(_encoded(self._events[start : start + CHUNK]) for start in starts)

    def _refusal(self, event: RowsElsewhere) -> RowsRefused | None:
        if not is_counted(event.collection) and event.collection != GROUND_TRUTH:
            return RowsRefused(
                UNUSED_COLLECTION, f"rows of {event.collection[:80]} are counted by no rule: their blob is not read"
            )
        outside = refusal_of(self._policy, event)
        if outside is None and len(self._events) >= EVENTS_MAX:
            return RowsRefused(
                TOO_MANY, f"more than {EVENTS_MAX} events of one batch keep their rows in blobs: redrive this one"
            )
        return outside


def refusal_of(policy: Policy, event: RowsElsewhere) -> RowsRefused | None:
    """Why the blob of an event is not read: no collector of the policy that serves from its endpoint writes there."""
    deployment = event.deployment
    serving = policy.index.serving(deployment.workspace, deployment.endpoint)
    if any(each.environments.production.keeps(event.account, event.container, event.path) for each in serving):
        return None
    of = f"rows of {event.collection[:80]} of {deployment.deployment} are kept in {event.named[:NAME_MAX]}"
    why = f"no workload of the policy serves from the endpoint {deployment.endpoint}: add it to environments:"
    if serving:
        why = "that is not read: have collector: in environments.production name this account, container and folder, and redrive"
    return RowsRefused(BY_REFERENCE, f"{of}; {why}")


def _placed(policy: Policy, event: RowsElsewhere) -> RowsElsewhere:
    """The event with its blob named in full: one copy may name it by its URL and another by its path, and both are one event."""
    serving = policy.index.serving(event.deployment.workspace, event.deployment.endpoint)
    kept = (each.environments.production.keeps(event.account, event.container, event.path) for each in serving)
    place = next((one for one in kept if one is not None), None)
    if place is None:
        return event
    storage, container, path = place
    account = storage.lower().rstrip("/").rpartition("/")[2]
    return msgspec.structs.replace(event, account=account, container=container, path=path)


def referenced_rows(chunk: bytes) -> tuple[RowsReferenced, ...]:
    """The events of a chunk as signals, each accepted once. Raises UnreadableState for anything else."""
    found: list[_Stored] = unpack(chunk, list[_Stored])
    return tuple(_signal(each) for each in found)


def _encoded(events: Sequence[RowsElsewhere]) -> bytes:
    return pack(
        [
            _Stored(
                (event.deployment.workspace, event.deployment.endpoint, event.deployment.deployment),
                event.at,
                event.collection,
                event.correlation_id,
                event.event_id,
                event.content_range,
                event.account,
                event.container,
                event.path,
            )
            for event in events
        ]
    )


def _signal(event: _Stored) -> RowsReferenced:
    workspace, endpoint, name = event.deployment
    key = DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=name).key
    # One blob is of one event. Of two events with one id, which should not be, both count when their blobs differ.
    event_id = event.event_id or f"{event.at.isoformat()} {event.correlation_id}"
    blob = f"{event.account}/{event.container}/{event.path}"
    return RowsReferenced(
        source=key,
        dedup_key=derive("signal", "rows elsewhere", key, event.collection, event_id, blob),
        occurred_at=event.at,
        workspace=workspace,
        endpoint=endpoint,
        deployment=name,
        collection=event.collection,
        correlation_id=event.correlation_id,
        content_range=event.content_range,
        account=event.account,
        container=event.container,
        path=event.path,
    )
