"""One call to the collector, as it waits: frozen, compact, and of a known size.

Owns the snapshot. It is taken in the request: the bytes of a pickle cost less there than JSON would, are a copy in
depth, weigh what they say, and give the garbage collector nothing to walk. It knows nothing of queues or messages.
"""

import pickle
from dataclasses import dataclass
from typing import Any, NamedTuple

from .plain import plain_rows, plain_values

CORRELATION_ID_CHARACTERS_MAX = 1_000
OVERHEAD_BYTES = 400  # of a waiting call besides its values


class Call(NamedTuple):
    """A snapshot of one call; `size` is what it takes while it waits, `received_at` is in seconds since 1970."""

    content: bytes
    size: int
    rows: int
    correlation_id: str
    received_at: float


@dataclass(frozen=True, slots=True)
class Content:
    """What was passed, all of one length. `rows` is None for labels; `values` are predictions or labels."""

    rows: list[dict[str, Any]] | None
    values: list[Any]
    times: list[str] | None


def snapshot(rows: Any, values: Any, times: Any, correlation_id: Any, received_at: float) -> Call:
    """What was passed, as it is now. `rows` is None for labels.

    Raises:
        ValueError: the lengths differ, the values have no end, or the correlation id is none.
        Exception: whatever the arguments raise when they are no rows.
    """
    own_values = plain_values(_listed(values))
    own_rows = None if rows is None else plain_rows(_listed(rows))
    own_times = None if times is None else [str(time) for time in plain_values(_listed(times))]
    count = len(own_values)
    if (own_rows is not None and len(own_rows) != count) or (own_times is not None and len(own_times) != count):
        raise ValueError("rows, predictions or labels, and event times differ in length")
    own_id = _id(correlation_id)
    if rows is None and not own_id:
        raise ValueError("labels without the correlation id of their rows belong to none")
    content = pickle.dumps((own_rows, own_values, own_times), protocol=5)
    return Call(content, len(content) + len(own_id) + OVERHEAD_BYTES, count, own_id, received_at)


def content_of(call: Call) -> Content:
    """What was passed in a call."""
    return Content(*pickle.loads(call.content))  # noqa: S301 -- bytes that this process has just written


def rows_in(rows: Any) -> int:
    """How many rows were passed, as far as that can be told of what may be no rows at all: else one."""
    try:
        return len(rows)
    except Exception:  # noqa: BLE001 -- only a count is wanted
        return 1


def _listed(column: Any) -> list[Any]:
    """A list of what may be an array, a series or a data frame."""
    if isinstance(column, list):
        return column
    if hasattr(column, "to_dict") and hasattr(column, "columns"):
        column = column.to_dict("records")
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _id(correlation_id: Any) -> str:
    text = correlation_id if type(correlation_id) is str else "" if correlation_id is None else str(correlation_id)
    if len(text) > CORRELATION_ID_CHARACTERS_MAX:
        raise ValueError(
            f"a correlation id of {len(text)} characters: at most {CORRELATION_ID_CHARACTERS_MAX} are sent"
        )
    return text
