"""Messages that hold records of the endpoints' traffic log and nothing else, decoded in one step: most of what diagnostic settings send.

Owns that step, and when it may be taken: every record has every column that is used, in its usual spelling and within its range.
Anything else gives None, and is then read record by record (``diagnostic_records``, which says what each column means).
"""

import math
from typing import Literal

import msgspec

from shared.domain.observations import RequestServed
from shared.parsing.deployments import deployment_of
from shared.parsing.diagnostic_records import CALLER_STATUS_CODES, TRAFFIC_LOG, USUAL_STATUS_CODES
from shared.parsing.fields import FieldError, time_of


class _Columns(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    deployment_name: str
    response_code: str | int
    model_status_code: str | int | None
    total_duration_ms: float
    request_throttling_delay_ms: float = 0.0
    response_throttling_delay_ms: float = 0.0


class _Record(msgspec.Struct, frozen=True, rename="camel", gc=False):
    time: str
    resource_id: str
    category: Literal[TRAFFIC_LOG]  # type: ignore[valid-type]
    properties: _Columns


class _Message(msgspec.Struct, frozen=True, gc=False):
    records: list[_Record]


_DECODER = msgspec.json.Decoder(_Message, strict=False)  # numbers may be text


def read_traffic(body: bytes) -> tuple[RequestServed, ...] | None:
    """The requests of a message; None when it has to be read record by record."""
    try:
        records = _DECODER.decode(body).records
        return tuple(_requests(records)) if records else None
    except (FieldError, KeyError, ValueError, RecursionError):  # KeyError: a status that is no usual number
        return None


def _requests(records: list[_Record]) -> list[RequestServed]:
    served, codes = list[RequestServed](), USUAL_STATUS_CODES
    resource_id = name = ""
    for record in records:
        columns = record.properties
        if record.resource_id != resource_id or columns.deployment_name != name:
            resource_id, name = record.resource_id, columns.deployment_name
            deployment = deployment_of(resource_id, name)
        duration, model = columns.total_duration_ms, columns.model_status_code
        delay = columns.request_throttling_delay_ms + columns.response_throttling_delay_ms
        if not (0.0 <= duration < math.inf and 0.0 <= delay < math.inf):
            raise ValueError
        status = codes[columns.response_code]
        failed = status >= 400 and status not in CALLER_STATUS_CODES
        at = time_of(record.time, "time")
        served.append(RequestServed(deployment, at, status, codes[model] if model else None, duration, failed, delay))
    return served
