"""Lines of the Azure ML model data collector: CloudEvents whose ``data`` are the rows that a deployment scored.

Owns their fields and what counts as a row. Knows nothing of messages.
Wire format: Microsoft Learn, collect production data; azureml-assets, model_monitoring ``raw_mdc_data``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from shared.domain.observations import DeploymentRef, RowsCollected, RowsElsewhere, RowsRefused
from shared.parsing.blob_references import blob_place
from shared.parsing.deployments import ID_CHARACTERS_MAX, deployment_of
from shared.parsing.documents import BYTE_ORDER_MARK, load
from shared.parsing.fields import FieldError, shown, time_of

TYPE_PREFIX = "azureml.inference."
ROWS_MAX = 200_000  # of one event: counting takes memory by row, however short they are


class CollectorEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of the collector. Either ``data`` or, for more than 4 MB, ``dataref`` holds the rows."""

    id: Any = None
    type: str | None = None
    source: str | None = None
    time: str | None = None
    data: Any = None
    dataref: str | None = None
    datainblob: str | bool | None = None
    contentrange: Any = None
    correlationid: str | int | None = None
    xrequestid: str | int | None = None

    @property
    def is_as_expected(self) -> bool:
        """Whether every key that may be absent is there in its usual spelling; else it may hide under another."""
        return self.correlationid is not None or self.xrequestid is not None

    @property
    def collection(self) -> str:
        """``model_inputs``, ``model_outputs`` or another collection. Raises FieldError for any other event."""
        name = (self.type or "").strip().lower()
        if not name.startswith(TYPE_PREFIX) or name == TYPE_PREFIX:
            raise FieldError(
                "unknown_schema",
                f"the type {shown(self.type)} is no telemetry: expected {TYPE_PREFIX}<collection>, or an object with records",
            )
        return name[len(TYPE_PREFIX) :]

    @property
    def at(self) -> datetime:
        """When the rows were scored, in UTC. Raises FieldError."""
        if self.time is None:
            raise FieldError("missing_field", "time is missing from a collector event")
        return time_of(self.time, "time")

    @property
    def deployment(self) -> DeploymentRef:
        """Whose rows these are. Raises FieldError."""
        if self.source is None:
            raise FieldError("missing_field", "source is missing from a collector event: expected a deployment's id")
        return deployment_of(self.source)

    @property
    def reference(self) -> str | None:
        """Where the rows are when they are not in the event, without any query (it may hold a signature)."""
        if self.data is None:
            where = self.dataref
        else:
            where = self.data if isinstance(self.data, str) and str(self.datainblob).lower() == "true" else None
        return None if where is None else where.partition("?")[0]


def rows_collected(event: CollectorEvent) -> RowsCollected:
    """The rows of one event whose data are in it. Raises FieldError that names the field."""
    collection = event.collection  # first: what is no collector event at all is refused as that
    return RowsCollected(
        deployment=event.deployment,
        at=event.at,
        collection=collection,
        correlation_id=str(event.correlationid or event.xrequestid or ""),
        rows=rows_of(event.data),
    )


def rows_elsewhere(event: CollectorEvent, where: str) -> RowsElsewhere:
    """The rows of one event that says where they are. Raises FieldError that names the field."""
    collection, deployment, at = event.collection, event.deployment, event.at
    place = blob_place(where)
    return RowsElsewhere(
        deployment=deployment,
        at=at,
        collection=collection,
        correlation_id=str(event.correlationid or event.xrequestid or "")[:ID_CHARACTERS_MAX],
        event_id=_text(event.id),
        content_range=_text(event.contentrange),
        account=place.account,
        container=place.container,
        path=place.path,
    )


def rows_in(blob: bytes) -> Sequence[dict[str, Any]] | RowsRefused:
    """The rows in a blob, which holds the JSON that would have been ``data``; or why there are none to count."""
    try:
        data = load(blob.removeprefix(BYTE_ORDER_MARK).strip())
        if isinstance(data, list) and len(data) > ROWS_MAX:
            return RowsRefused(
                "oversized", f"{len(data)} rows, at most {ROWS_MAX} of one event are counted: collect fewer"
            )
        return rows_of(data)
    except FieldError as error:
        return RowsRefused(error.reason, error.detail)


def rows_of(data: Any) -> Sequence[dict[str, Any]]:
    """Rows from the shapes that the collector writes. Raises FieldError for a text or nothing.

    An object is one row. In a list, each object is a row, each list a row with its positions as names
    (``"0"``, ``"1"``, …), and each single value a row of one column ``"0"``.
    """
    if isinstance(data, dict):
        return (data,)
    if isinstance(data, list):
        return data if all(type(row) is dict for row in data) else [_row(row) for row in data]
    if data is None:
        raise FieldError("missing_field", "data and dataref are missing from a collector event: expected rows")
    # The value itself may be what a user sent to the model: it is never quoted.
    raise FieldError("malformed_field", "data is a single value: expected a JSON object or an array of rows")


def _text(value: Any) -> str:
    return str(value)[:ID_CHARACTERS_MAX] if isinstance(value, str | int) else ""


def _row(row: Any) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    values = row if isinstance(row, list) else [row]
    return {str(position): value for position, value in enumerate(values)}
