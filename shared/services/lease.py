"""One writer per endpoint: a lease that outlasts the whole call, taken before a write begins and kept until it has ended.

Owns who may write. Azure checks no token of ours, so the lease must outlive any call that was made under it.
A rollback takes the lease from whoever holds it; Azure's own 409 then orders the two writes.
"""

from datetime import datetime

import msgspec

from shared.domain.commands import EndpointCommand, RollBackTraffic
from shared.ports import ConflictError, Store


class Lease(msgspec.Struct, frozen=True):
    """Who may write to an endpoint, until when. ``fence`` rises with every new holder."""

    holder: str
    until: datetime
    fence: int


def lease_name(command: EndpointCommand) -> str:
    """The document that holds the lease of a command's endpoint."""
    return f"leases/{command.workspace.lower()}/{command.endpoint.lower()}"


async def take_lease(store: Store, command: EndpointCommand, now: datetime, until: datetime) -> Lease | None:
    """The lease, held by this command until the given moment; None while another command holds it."""
    stored = await store.document(lease_name(command))
    known = msgspec.json.decode(stored.value, type=Lease) if stored.value else None
    if known and known.holder != command.id and known.until > now and not isinstance(command, RollBackTraffic):
        return None
    fence = (known.fence if known else 0) + (known is None or known.holder != command.id)
    lease = Lease(command.id, until, fence)
    try:
        await store.save_document(lease_name(command), msgspec.json.encode(lease), stored.etag)
    except ConflictError:
        return None
    return lease


async def end_lease(store: Store, command: EndpointCommand, now: datetime) -> None:
    """Give the lease back, if this command still holds it. The fence stays."""
    stored = await store.document(lease_name(command))
    known = msgspec.json.decode(stored.value, type=Lease) if stored.value else None
    if known is None or known.holder != command.id:
        return
    try:
        ended = Lease(known.holder, now, known.fence)
        await store.save_document(lease_name(command), msgspec.json.encode(ended), stored.etag)
    except ConflictError:
        return  # somebody took it over: it is no longer ours to end
