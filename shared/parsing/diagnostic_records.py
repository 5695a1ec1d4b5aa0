"""Records of Azure Monitor's diagnostic export: the traffic log of online endpoints, other logs, platform metrics.

Owns their fields. Knows nothing of messages. Wire format: resource log schema and the traffic log reference of
Microsoft Learn; no public capture exists, so numbers may be text or numbers, and keys in any case (``event_hubs``
folds them).
"""

from datetime import datetime

import msgspec

from shared.domain.observations import RequestServed
from shared.parsing.deployments import deployment_of
from shared.parsing.fields import FieldError, number_of, time_of

TRAFFIC_LOG = "AmlOnlineEndpointTrafficLog"
METRICS = "AllMetrics"  # metric records carry no category; this is the one that their diagnostic setting is named for

# What the caller got wrong: bad request, no or bad credentials, no such path, too large.
CALLER_STATUS_CODES = frozenset({400, 401, 402, 403, 404, 413})

Scalar = str | int | float | None

USUAL_STATUS_CODES: dict[Scalar | msgspec.UnsetType, int] = {
    written: code for code in range(100, 600) for written in (code, str(code))
}


class TrafficProperties(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """The columns of the traffic log that we use. ``TotalDurationMs`` is in milliseconds."""

    deployment_name: str | None = None
    response_code: Scalar = None
    model_status_code: Scalar | msgspec.UnsetType = msgspec.UNSET
    total_duration_ms: Scalar = None
    request_throttling_delay_ms: Scalar = None
    response_throttling_delay_ms: Scalar = None


class DiagnosticRecord(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One record of ``records``. Some services write ``type`` where others write ``category``."""

    time: str | None = None
    resource_id: str | None = None
    category: str | None = None
    type: str | None = None
    metric_name: str | None = None
    properties: TrafficProperties | None = None

    @property
    def is_as_expected(self) -> bool:
        """Whether every key that may be absent is there in its usual spelling; else it may hide under another."""
        known = self.resource_id is not None and self.time is not None
        columns = self.properties
        return known and (columns is None or columns.model_status_code is not msgspec.UNSET or self.kind != TRAFFIC_LOG)

    @property
    def kind(self) -> str:
        """The record's category in its usual spelling. Raises FieldError when it has none."""
        name = self.category or self.type
        if name:
            return TRAFFIC_LOG if name == TRAFFIC_LOG or name.lower() == TRAFFIC_LOG.lower() else name
        if self.metric_name:
            return METRICS
        raise FieldError("unknown_schema", "a record without category or metricName: expected a log or metric record")

    @property
    def at(self) -> datetime:
        """When it happened, in UTC. Raises FieldError."""
        if self.time is None:
            raise FieldError("missing_field", "time is missing from a record: expected such as 2024-03-05T18:16:25Z")
        return time_of(self.time, "time")


def request_served(record: DiagnosticRecord) -> RequestServed:
    """The request that a traffic log record tells of. Raises FieldError that names the field.

    ``failed`` when the response code is 400 or more, except what the caller got wrong (400 to 404, 413): so a
    time-out (408), a failed model (424), throttling (429) and every 5xx are the deployment's failures.
    """
    columns = record.properties
    if columns is None or record.resource_id is None:
        absent = "properties" if columns is None else "resourceId"
        raise FieldError("missing_field", f"{absent} is missing from a traffic log record")
    status = _status_code(columns.response_code, "ResponseCode")
    if status is None:
        raise FieldError("missing_field", "properties.ResponseCode is missing: expected an HTTP status code")
    return RequestServed(
        deployment=deployment_of(record.resource_id, columns.deployment_name or ""),
        at=record.at,
        status_code=status,
        model_status_code=_status_code(columns.model_status_code, "ModelStatusCode"),
        duration_ms=_duration_ms(columns.total_duration_ms),
        failed=status >= 400 and status not in CALLER_STATUS_CODES,
        delay_ms=_delay_ms(columns.request_throttling_delay_ms) + _delay_ms(columns.response_throttling_delay_ms),
    )


def _status_code(value: Scalar | msgspec.UnsetType, name: str) -> int | None:
    usual = USUAL_STATUS_CODES.get(value)
    if usual is not None:
        return usual
    if value is None or isinstance(value, msgspec.UnsetType) or value in {"", "-"}:
        return None
    number = number_of(value, f"properties.{name}")
    if not 100 <= number <= 599 or number != int(number):
        raise FieldError(
            "malformed_field", f"properties.{name} is {number:g}: expected an HTTP status code, 100 to 599"
        )
    return int(number)


_NO_DELAY = frozenset({None, 0, "", "-", "0", "0.0"})


def _delay_ms(value: Scalar) -> float:
    """A delay that cannot be read is none: it must not cost the request."""
    if value in _NO_DELAY:
        return 0.0
    try:
        return max(number_of(value, "delay"), 0.0)
    except FieldError:
        return 0.0


def _duration_ms(value: Scalar) -> float:
    if value is None or value == "":
        raise FieldError("missing_field", "properties.TotalDurationMs is missing: expected milliseconds")
    number = number_of(value, "properties.TotalDurationMs")
    if number < 0:
        raise FieldError(
            "malformed_field", f"properties.TotalDurationMs is {number:g}: expected 0 or more milliseconds"
        )
    return number
