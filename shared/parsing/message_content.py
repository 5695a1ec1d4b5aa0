"""What has been read of one message so far: telemetry, what is only counted, and what was refused.

Owns the counting. Knows nothing of bytes.
"""

from collections import Counter
from datetime import datetime
from typing import get_args

from shared.domain.observations import RequestServed, RowsCollected, RowsElsewhere, RowsRefused, Telemetry
from shared.domain.signals import Rejected, RejectReason
from shared.parsing.data_collector import CollectorEvent, rows_collected, rows_elsewhere
from shared.parsing.diagnostic_records import TRAFFIC_LOG, DiagnosticRecord, request_served
from shared.parsing.fields import FieldError

BY_REFERENCE = "data_by_reference"
CATEGORIES_MAX = 64  # different names that one message may count; the rest is counted together
OTHER_CATEGORIES = "other"

_REASONS: dict[str, RejectReason] = {reason: reason for reason in get_args(RejectReason)}


class MessageContent:
    """The content of one message. ``source`` is the first that spoke (lower-case id), ``latest`` the latest time.

    ``rows_by_category`` counts requests and rows, and also the logs and metrics that are not aggregated.
    Adding raises FieldError, and then has added nothing.
    """

    def __init__(self) -> None:
        self.source = ""
        self.latest: datetime | None = None
        self.rows_by_category: Counter[str] = Counter()
        self._requests: list[RequestServed] = []
        self._rows: list[RowsCollected] = []
        self._elsewhere: list[RowsElsewhere] = []
        self._refused: dict[str, RowsRefused] = {}

    def telemetry(self) -> Telemetry:
        """What windows are made of, and what was refused."""
        return Telemetry(
            requests=tuple(self._requests),
            rows=tuple(self._rows),
            refused=tuple(self._refused.values()),
            elsewhere=tuple(self._elsewhere),
        )

    @property
    def refused_rows(self) -> int:
        """How many records, lines or events were refused, whatever the reason."""
        return sum(refused.count for refused in self._refused.values())

    @property
    def events_elsewhere(self) -> int:
        """How many events keep their rows in a blob."""
        return len(self._elsewhere)

    def refuse(self, reason: str, detail: str) -> None:
        """Count a refusal; the first of each reason keeps its words."""
        before = self._refused.get(reason)
        if before is None:
            self._refused[reason] = RowsRefused(reason, detail)
        else:
            self._refused[reason] = RowsRefused(reason, before.detail, before.count + 1)

    def add_record(self, record: DiagnosticRecord) -> None:
        """One log or metric record: a request of the traffic log, or one more of its category."""
        kind = record.kind
        if kind == TRAFFIC_LOG:
            served = request_served(record)
            self._requests.append(served)
            self._heard(record.resource_id or "", served.at)
        elif record.resource_id and record.time is not None:
            self._heard(record.resource_id, record.at)
        self._count(kind, 1)

    def add_event(self, event: CollectorEvent) -> None:
        """One event of the data collector: its rows, or where they are kept; a refusal when that cannot be understood."""
        where = event.reference
        if where is None:
            collected = rows_collected(event)
            self._rows.append(collected)
            self._heard(event.source or "", collected.at)
            self._count(collected.collection, len(collected.rows))
            return
        collection, deployment, at = event.collection, event.deployment, event.at
        try:
            self._elsewhere.append(rows_elsewhere(event, where))
        except FieldError as error:
            told = f"rows of {collection} of {deployment.deployment} are kept in {where or 'an unnamed blob'}: {error.detail}"
            self.refuse(BY_REFERENCE, told)
        self._heard(deployment.key, at)

    def rejection(self) -> Rejected:
        """Why nothing could be taken from the message: the first refusal, else that there was nothing in it."""
        for refused in self._refused.values():
            reason = _REASONS.get(refused.reason, "malformed_field")
            return Rejected(reason=reason, detail=refused.detail)
        if self.rows_by_category:
            return Rejected(reason="missing_field", detail="no record has both resourceId and time: both are expected")
        return Rejected(reason="not_actionable", detail="the message holds no rows: there is nothing to read")

    def _count(self, category: str, rows: int) -> None:
        known = category in self.rows_by_category or len(self.rows_by_category) < CATEGORIES_MAX
        self.rows_by_category[category if known else OTHER_CATEGORIES] += rows

    def _heard(self, source: str, at: datetime) -> None:
        if not self.source:
            self.source = source.strip().rstrip("/").lower()
        if self.latest is None or at > self.latest:
            self.latest = at
