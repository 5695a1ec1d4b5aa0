"""From parsed messages to the delta that they add: the hot path.

Owns which rows count, for which window, and why the others do not. Knows nothing of bytes, of storage or of verdicts.
Rows are gathered by deployment and window across all messages of a batch, then counted column by column.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from itertools import chain
from typing import Any, Literal

from shared.domain.observations import DeploymentRef, RequestServed, RowsCollected, Telemetry
from shared.telemetry.calendar import WindowFinder
from shared.telemetry.counting import Counted, RowCounter
from shared.telemetry.partials import DataPartial, Delta, TrafficPartial
from shared.telemetry.traffic import count_requests

ALL_TIMES = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2970, 1, 1, tzinfo=UTC))
TOO_OLD, FROM_THE_FUTURE = "too_old", "from_the_future"
UNUSED_COLLECTION, NOT_AN_OBJECT = "unused_collection", "row_not_an_object"

Role = Literal["inputs", "outputs"]
_ROLES: dict[str, Role] = {
    "model_inputs": "inputs",
    "model_outputs": "outputs",
    "inputs": "inputs",  # the collector's names before its general availability
    "outputs": "outputs",
}
Slot = tuple[DeploymentRef, datetime]


@dataclass(frozen=True, slots=True)
class _Target:
    """A deployment whose rows we count: against what, and in which windows."""

    key: str
    counter: RowCounter
    windows: WindowFinder


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The rows of one deployment in one window, message by message."""

    target: _Target
    inputs: list[Sequence[Any]] = field(default_factory=list)
    outputs: list[Sequence[Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """What was gathered so far. ``rows`` and ``requests`` are by deployment and window start."""

    accepted: tuple[datetime, datetime]
    find_target: Callable[[DeploymentRef], _Target | None]
    bucket: WindowFinder
    targets: dict[DeploymentRef, _Target | None] = field(default_factory=dict)
    rows: dict[Slot, _Gathered] = field(default_factory=dict)
    requests: dict[Slot, list[RequestServed]] = field(default_factory=lambda: defaultdict(list))
    watermarks: dict[str, datetime] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)


def accumulate(
    messages: Sequence[Telemetry],
    counters: Mapping[str, RowCounter],
    data_windows: Mapping[str, str],
    traffic_bucket: str,
    accepted: tuple[datetime, datetime] = ALL_TIMES,
) -> Delta:
    """What a batch of messages adds to the windows of data and of traffic.

    ``counters`` and ``data_windows`` (lengths such as ``1mo``) are by deployment key; rows of a deployment that lacks
    one are counted aside. ``accepted`` [first, end) bounds event time: one producer with a wrong clock must not move
    a watermark to the end of time. Never raises on what rows hold; raises ValueError for a length that cannot be read.
    """

    def find_target(deployment: DeploymentRef) -> _Target | None:
        key = deployment.key
        if key not in counters or key not in data_windows:
            return None
        return _Target(key, counters[key], WindowFinder(data_windows[key]))

    batch = _Batch(accepted, find_target, WindowFinder(traffic_bucket))
    for message in messages:
        for refused in message.refused:
            batch.refused[refused.reason] += refused.count
        for collected in message.rows:
            _gather_rows(batch, collected)
        _gather_requests(batch, message.requests)
    return _delta(batch)


def _gather_rows(batch: _Batch, collected: RowsCollected) -> None:
    role, count = _ROLES.get(collected.collection), len(collected.rows)
    if role is None:
        batch.refused[UNUSED_COLLECTION] += count
        return
    deployment = collected.deployment
    if deployment not in batch.targets:
        batch.targets[deployment] = batch.find_target(deployment)
    target = batch.targets[deployment]
    if target is None:
        batch.aside[deployment.key] += count
        return
    at = _in_utc(collected.at)
    if refusal := _refusal(at, batch.accepted):
        batch.refused[refusal] += count
        return
    if at > batch.watermarks.get(target.key, ALL_TIMES[0]):
        batch.watermarks[target.key] = at
    slot = (deployment, target.windows.start_of(at))
    gathered = batch.rows.get(slot) or batch.rows.setdefault(slot, _Gathered(target))
    (gathered.inputs if role == "inputs" else gathered.outputs).append(collected.rows)


def _gather_requests(batch: _Batch, requests: Iterable[RequestServed]) -> None:
    for request in requests:
        at = _in_utc(request.at)
        if refusal := _refusal(at, batch.accepted):
            batch.refused[refusal] += 1
        else:
            batch.requests[request.deployment, batch.bucket.start_of(at)].append(request)


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _refusal(at: datetime, accepted: tuple[datetime, datetime]) -> str:
    if at < max(accepted[0], ALL_TIMES[0]):
        return TOO_OLD
    return FROM_THE_FUTURE if at >= min(accepted[1], ALL_TIMES[1]) else ""


def _delta(batch: _Batch) -> Delta:
    data = [_data_partial(batch, slot, gathered) for slot, gathered in batch.rows.items()]
    traffic = [
        count_requests(deployment, start, batch.bucket.length, requests)
        for (deployment, start), requests in batch.requests.items()
    ]
    partials: list[DataPartial | TrafficPartial] = [*data, *traffic]
    return Delta(
        partials=tuple(sorted(partials, key=lambda partial: partial.key)),
        watermarks={key: at.astimezone(UTC) for key, at in batch.watermarks.items()},
        traffic_watermarks=_latest_requests(batch.requests),
        refused=dict(batch.refused),
        aside=dict(batch.aside),
    )


def _data_partial(batch: _Batch, slot: Slot, gathered: _Gathered) -> DataPartial:
    deployment, start = slot
    counter = gathered.target.counter
    input_rows, inputs = _counted(batch, gathered.inputs, counter.types.input_row, counter.inputs)
    output_rows, outputs = _counted(batch, gathered.outputs, counter.types.output_row, counter.outputs)
    counted = (inputs or counter.nothing()) if outputs is None else outputs.plus(inputs) if inputs else outputs
    return DataPartial(
        deployment=deployment,
        start=start,
        length=gathered.target.windows.length,
        digest=counter.profile.digest,
        rows=input_rows,
        predictions=output_rows,
        counts=counted.counts,
        moments=counted.moments,
    )


def _counted(
    batch: _Batch, gathered: Sequence[Sequence[Any]], typed: type, count: Callable[[list[Any]], Counted]
) -> tuple[int, Counted | None]:
    """How many rows there are, and their counts: those of the model's own type, and those that are objects."""
    of_type = [rows for rows in gathered if rows and isinstance(rows[0], typed)]
    others = [row for rows in gathered if not (rows and isinstance(rows[0], typed)) for row in rows]
    objects = [row for row in others if isinstance(row, dict)]
    if len(objects) < len(others):
        batch.refused[NOT_AN_OBJECT] += len(others) - len(objects)
    parts = [rows for rows in (list(chain.from_iterable(of_type)), objects) if rows]
    counted = [count(rows) for rows in parts]
    return sum(map(len, parts)), reduce(Counted.plus, counted) if counted else None


def _latest_requests(requests: Mapping[Slot, Sequence[RequestServed]]) -> dict[str, datetime]:
    watermarks: dict[str, datetime] = {}
    for (deployment, _), served in requests.items():
        at = max(_in_utc(request.at) for request in served).astimezone(UTC)
        watermarks[deployment.key] = max(at, watermarks.get(deployment.key, at))
    return watermarks
