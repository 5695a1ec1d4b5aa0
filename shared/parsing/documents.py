"""Bytes into JSON elements: one document, an array of them (also nested), or JSON lines.

Owns size, syntax and flattening. Knows nothing of what an element means. An element that cannot be read is a
``FieldError`` in its place, so that its neighbours stay whole.
"""

from typing import Any

import msgspec

from shared.parsing.fields import FieldError

BODY_BYTES_MAX = 1_048_576  # one Event Grid delivery or one Event Hubs message (1 MiB)
ELEMENTS_MAX = 5_000  # the largest batch that Event Grid delivers
NESTING_MAX = 3  # arrays around an element; samples show at most two
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Element = Any  # a JSON value, or the FieldError that stands in its place


def elements(body: bytes) -> list[Element]:
    """Every element of a body, in order. Raises FieldError when the body as a whole cannot be read."""
    if len(body) > BODY_BYTES_MAX:
        raise FieldError("oversized", f"{len(body)} bytes: at most {BODY_BYTES_MAX} are read; send smaller batches")
    text = body.removeprefix(BYTE_ORDER_MARK).strip()
    if not text:
        raise FieldError("not_actionable", "the body is empty: there is nothing to read")
    try:
        return flatten(load(text))
    except FieldError as error:
        found = _lines(text) if error.reason == "malformed_json" else None
        if found is None:
            raise
        return found


def load(text: bytes) -> Any:
    """One JSON document. Raises FieldError that says where it breaks."""
    try:
        return msgspec.json.decode(text)
    except RecursionError as error:
        raise FieldError("malformed_json", "JSON is nested too deeply to be read") from error
    except UnicodeDecodeError as error:
        raise FieldError("malformed_json", f"not UTF-8 text (byte {_undecodable_byte(text)})") from error
    except msgspec.DecodeError as error:
        where = "" if "(byte" in str(error) else f" (of {len(text)} bytes)"
        raise FieldError("malformed_json", f"{error}{where}: expected a JSON object, an array or JSON lines") from error


def _undecodable_byte(text: bytes) -> int:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _lines(text: bytes) -> list[Element] | None:
    """The lines, when at least one of several is a JSON object or array with something in it; else None."""
    lines = text.split(b"\n")
    if len(lines) < 2:
        return None
    _check_count(len(lines))
    loaded = [_line(line.strip()) for line in lines]
    if not any(isinstance(value, dict | list) and value for value in loaded):
        return None
    return flatten(loaded)


def _line(line: bytes) -> Element:
    if not line:
        return FieldError("not_actionable", "an empty line: there is nothing to read")
    try:
        return load(line)
    except FieldError as error:
        return error


def flatten(value: Any) -> list[Element]:
    """The elements of a value that may be an array, or an array in an array, in order."""
    found: list[Element] = []
    pending: list[tuple[Any, int]] = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if not isinstance(item, list):
            found.append(item)
        elif not item:
            found.append(FieldError("not_actionable", "an empty array: there is nothing to read"))
        elif depth == NESTING_MAX:
            found.append(FieldError("unknown_schema", f"more than {NESTING_MAX} arrays around an event: expected 1"))
        else:
            _check_count(len(found) + len(pending) + len(item))
            pending.extend((inner, depth + 1) for inner in reversed(item))
    return found


def _check_count(count: int) -> None:
    if count > ELEMENTS_MAX:
        raise FieldError("oversized", f"{count} elements: at most {ELEMENTS_MAX} are read; send smaller batches")
