"""From parsed messages to the samples that they add to: predictions and labels to be joined, rows for people to look at.

Owns which rows are drawn, under which key, and what of them is kept: nothing that the policy does not name. Knows nothing of
bytes or storage. A row's key is made of its correlation id and its place in the event, so row n of the predictions, of the
inputs and of the labels with one id meet. What has no id cannot meet its label: it is only counted as seen.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from shared.domain.observations import DeploymentRef, RowsCollected
from shared.telemetry.calendar import WindowFinder
from shared.telemetry.columns import numbers_of, prediction_of
from shared.telemetry.fitting import misfits
from shared.telemetry.profiles import ReferenceProfile
from shared.telemetry.samples import SampleKey, SampleKind, SamplePartial, bounded, code_of
from shared.telemetry.sampling import payloads_sampled, priorities, sampled

GROUND_TRUTH = "ground_truth"
INPUTS, OUTPUTS = ("model_inputs", "inputs"), ("model_outputs", "outputs")
LABELS = ("label", "y_true")
REVIEW_BYTES_MAX = 4 * 1024  # of one row, as JSON
REVIEW_TOTAL_MAX = 128 * 1024  # of one sample
GROUP_LENGTH_MAX = 64

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is drawn from the rows of one deployment.

    ``labelled`` are the window lengths of rules that wait for labels, ``label`` where these are kept when not under a usual name,
    ``sensitive`` the column whose groups are compared. ``reviewed`` are the window lengths that people look at, by ``columns``.
    """

    labelled: tuple[str, ...] = ()
    label: str = ""
    sensitive: str = ""
    reviewed: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: int = 50


def draw(
    events: Iterable[RowsCollected],
    wanted: Mapping[str, Wanted],
    profiles: Mapping[str, ReferenceProfile],
    accepted: tuple[datetime, datetime],
) -> dict[SampleKey, SamplePartial]:
    """The samples of a batch. ``wanted`` and ``profiles`` are by deployment key; event time is bounded by ``accepted``.

    Never raises on what rows hold; raises ValueError for a window length that cannot be read.
    """
    drawn: list[SamplePartial] = []
    by_role: dict[tuple[DeploymentRef, str], list[RowsCollected]] = defaultdict(list)
    for event in events:
        at = _utc(event.at)
        if event.rows and event.deployment.key in wanted and accepted[0] <= at < accepted[1]:
            by_role[event.deployment, _role(event.collection)].append(msgspec.structs.replace(event, at=at))
    for (deployment, role), some in by_role.items():
        wish = wanted[deployment.key]
        if role in ("outputs", "labels"):
            drawn += _numbers(deployment, role, some, wish)
        if role in ("inputs", "outputs") and wish.sensitive:
            drawn += _groups(deployment, some, wish)
        if role == "inputs" and wish.columns:
            drawn += _rows(deployment, some, wish, profiles.get(deployment.key))
    return merged(drawn)


def merged(drawn: Iterable[SamplePartial]) -> dict[SampleKey, SamplePartial]:
    """One sample for each key."""
    found: dict[SampleKey, SamplePartial] = {}
    for partial in drawn:
        known = found.get(partial.key)
        found[partial.key] = known.plus(partial) if known else partial
    return found


def _role(collection: str) -> str:
    if collection in INPUTS:
        return "inputs"
    if collection in OUTPUTS:
        return "outputs"
    return "labels" if collection == GROUND_TRUTH else ""


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _by_window(events: Sequence[RowsCollected], length: str) -> dict[datetime, list[RowsCollected]]:
    finder, found = WindowFinder(length), defaultdict(list)
    for event in events:
        found[finder.start_of(event.at)].append(event)
    return found


def _latest(events: Sequence[RowsCollected]) -> datetime:
    return max(event.at for event in events).astimezone(UTC)


def _numbers(
    deployment: DeploymentRef, role: str, events: Sequence[RowsCollected], wish: Wanted
) -> Iterator[SamplePartial]:
    kind: SampleKind = "predictions" if role == "outputs" else "labels"
    names = (wish.label,) if wish.label else LABELS
    for length in wish.labelled:
        for start, some in _by_window(events, length).items():
            named = [event for event in some if event.correlation_id]
            values = [value for event in named for value in _values(event.rows, names, role)]
            sample = sampled(_keys(named), np.array(values, dtype=np.float64))
            sample = replace(sample, seen=sum(len(event.rows) for event in some))
            yield SamplePartial(kind, deployment, length, start, _latest(some), sample)


def _values(rows: Sequence[Any], names: Sequence[str], role: str) -> Sequence[float]:
    if role == "labels":
        found: Sequence[Any] = [_first(row, names) for row in rows]
    else:
        found = [prediction_of(row) if isinstance(row, dict) else None for row in rows]
    numbers: list[float] = numbers_of(found)[0].tolist()
    return numbers


def _first(row: Any, names: Sequence[str]) -> Any:
    """The value under the first of these names that is there."""
    return next((row[name] for name in names if name in row), None) if isinstance(row, dict) else None


def _keys(events: Sequence[RowsCollected]) -> Any:
    if not events:
        return np.empty(0, dtype=np.uint64)
    return priorities([event.correlation_id for event in events], [len(event.rows) for event in events])


def _groups(deployment: DeploymentRef, events: Sequence[RowsCollected], wish: Wanted) -> Iterator[SamplePartial]:
    holding = [event for event in events if event.correlation_id and _any_has(event, wish.sensitive)]
    for length in wish.labelled:
        for start, some in _by_window(holding, length).items():
            names = [_group(row, wish.sensitive) for event in some for row in event.rows]
            codes = {name: code_of(name) for name in {name for name in names if name is not None}}
            values = np.array([math.nan if name is None else codes[name] for name in names], dtype=np.float64)
            named = bounded((code, name) for name, code in codes.items())
            sample = sampled(_keys(some), values)
            yield SamplePartial("groups", deployment, length, start, _latest(some), sample, named)


def _any_has(event: RowsCollected, column: str) -> bool:
    return any(isinstance(row, dict) and column in row for row in event.rows)


def _group(row: Any, column: str) -> str | None:
    """The group that a row belongs to, as text; None when it says nothing that can name one."""
    value = row.get(column) if isinstance(row, dict) else None
    if value is None or not isinstance(value, str | bool | int | float) or value != value:  # noqa: PLR0124 - NaN
        return None
    return str(value)[:GROUP_LENGTH_MAX]


def _rows(
    deployment: DeploymentRef, events: Sequence[RowsCollected], wish: Wanted, profile: ReferenceProfile | None
) -> Iterator[SamplePartial]:
    for length in wish.reviewed:
        for start, some in _by_window(events, length).items():
            rows = [row for event in some for row in event.rows]
            whole = [(row, _payload(row, wish.columns)) for row in rows]
            keys = _review_keys(some, whole)
            offered = [(int(key), payload) for key, (_, payload) in zip(keys, whole, strict=True)]
            strange = misfits(rows, profile) if profile else set[int]()
            kinds: dict[SampleKind, list[tuple[int, bytes]]] = {
                "inputs": offered,
                "misfits": [offered[place] for place in sorted(strange)],
            }
            for kind, chosen in kinds.items():
                if chosen:
                    sample = payloads_sampled(chosen, wish.rows, REVIEW_TOTAL_MAX, REVIEW_BYTES_MAX)
                    yield SamplePartial(kind, deployment, length, start, _latest(some), sample)


def _review_keys(events: Sequence[RowsCollected], rows: Sequence[tuple[Row, bytes]]) -> Any:
    """The keys of rows; those of events without an id are made of the time and what the row holds."""
    keys, place = [], 0
    for event in events:
        if event.correlation_id:
            keys.append(_keys([event]))
        elif event.rows:
            texts = [f"{event.at.isoformat()}/{payload!r}" for _, payload in rows[place : place + len(event.rows)]]
            keys.append(priorities(texts, [1] * len(texts)))
        place += len(event.rows)
    return np.concatenate(keys) if keys else np.empty(0, dtype=np.uint64)


def _payload(row: Any, columns: Sequence[str]) -> bytes:
    """The allowed columns of a row as JSON; those that cannot be written so are left out."""
    allowed = {name: row[name] for name in columns if name in row} if isinstance(row, dict) else {}
    try:
        return msgspec.json.encode(allowed)
    except (ValueError, TypeError, RecursionError, OverflowError):
        return msgspec.json.encode({name: value for name, value in allowed.items() if _is_plain(value)})


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63)
