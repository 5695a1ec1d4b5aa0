"""Rows of one collector event that lie in a blob, counted as if they had been in it, once.

Owns the reading: that only what the policy's collector wrote is read, how much of it, and what makes it fail for good. What rows are
is ``parsing``'s, what they mean is the aggregator's. A blob is in memory as a whole, since its rows are one JSON document.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.domain.commands import ReadReferenced
from shared.domain.observations import DeploymentRef, RowsCollected, RowsRefused
from shared.domain.outcomes import Failed, Outcome, Skipped, Succeeded
from shared.domain.values import replace
from shared.parsing.data_collector import rows_in
from shared.ports import Clock, PolicySource
from shared.ports_collected import CollectedFiles, FilePlace, FileVersion
from shared.services.aggregate import Aggregator

MIB = 1024 * 1024
PIECE_BYTES = 4 * MIB  # for each request


class ReferencedReader:
    """Reads blobs of rows. Any method may raise StoreUnavailableError."""

    def __init__(self, clock: Clock, policies: PolicySource, aggregator: Aggregator, files: CollectedFiles) -> None:
        self._clock, self._policies, self._aggregator, self._files = clock, policies, aggregator, files

    async def read(self, command: ReadReferenced, until: datetime) -> Outcome:
        """Count the rows, if nobody has; a blob that is not there yet, or that is too slow, is to be tried again."""
        if not await self._in_scope(command):
            return Skipped(reason="the policy gives this blob to the workload no more")
        if await self._aggregator.counted_event(command.event):
            return Succeeded(data={"rows": 0.0, "bytes": 0.0})
        blob = await self._whole(command, until)
        if isinstance(blob, Failed):
            return blob
        rows = rows_in(blob)
        if isinstance(rows, RowsRefused):
            of = f" ({command.content_range})" if command.content_range else ""
            return Failed(
                retryable=False, reason=f"{_of(command)}{of} holds no rows that can be counted: {rows.detail}"
            )
        counted = await self._aggregator.take_event(command.event, _collected(command, rows))
        return Succeeded(data={"rows": float(counted), "bytes": float(len(blob))})

    async def _in_scope(self, command: ReadReferenced) -> bool:
        workload = (await self._policies.current()).policy.index.by_name.get(command.workload)
        production = workload.environments.production if workload else None
        return production is not None and production.collects(command.storage, command.container, command.path)

    async def _whole(self, command: ReadReferenced, until: datetime) -> bytes | Failed:
        place = FilePlace(command.storage, command.container, command.path)
        version = await self._files.version(place, PIECE_BYTES)
        if isinstance(version, Failed):
            return replace(version, retryable=True)  # an event may come before its blob does
        if version.size > command.bytes_max:
            text = f"{_of(command)} has {version.size} bytes: by event_mib_max only {command.bytes_max} are read; raise it, or collect less"
            return Failed(retryable=False, reason=text)
        return await self._pieces(place, version, until)

    async def _pieces(self, place: FilePlace, version: FileVersion, until: datetime) -> bytes | Failed:
        body = bytearray(version.beginning)
        while len(body) < version.size:
            if self._clock.now() >= until:
                return Failed(retryable=True, reason=f"{place.container}/{place.path} was not read in time")
            piece = await self._files.read(place, version.etag, len(body), PIECE_BYTES)
            if isinstance(piece, Failed):
                return piece
            if not piece:
                return Failed(retryable=True, reason=f"{place.container}/{place.path} is shorter than it says")
            body += piece
        return bytes(body)


def _collected(command: ReadReferenced, rows: Sequence[dict[str, Any]]) -> RowsCollected:
    ref = DeploymentRef(workspace=command.workspace, endpoint=command.endpoint, deployment=command.deployment)
    return RowsCollected(ref, command.at, command.collection, command.correlation_id, rows)


def _of(command: ReadReferenced) -> str:
    return f"{command.container}/{command.path}"
