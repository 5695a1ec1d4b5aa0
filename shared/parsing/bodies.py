"""A body whose elements are read one by one: each on its own, so that one that cannot be read leaves its neighbours alone.

Owns the loop over elements and how an error becomes a ``Rejected``. Knows nothing of any schema.
"""

from collections.abc import Callable

from shared.domain.signals import Rejected, Signal
from shared.parsing.documents import Element, elements
from shared.parsing.envelopes import opened
from shared.parsing.fields import FieldError, Fields

Parsed = Signal | Rejected
Reader = Callable[[Fields], tuple[Signal, ...]]


def parse_each(body: bytes, read: Reader) -> tuple[Parsed, ...]:
    """What ``read`` makes of every element of a delivery or a file; at least one value, and never an error."""
    try:
        found = elements(body)
    except FieldError as error:
        return (Rejected(reason=error.reason, detail=error.detail),)
    return tuple(
        parsed for index, element in enumerate(opened_elements(found)) for parsed in parse_one(element, read, index)
    )


def parse_one(element: Element, read: Reader, index: int = 0) -> tuple[Parsed, ...]:
    """The signals of one element, or why there are none."""
    try:
        if isinstance(element, FieldError):
            raise element
        return read(Fields.of(element))
    except FieldError as error:
        return (Rejected(reason=error.reason, detail=error.detail, index=index),)
    except RecursionError:
        return (Rejected(reason="malformed_field", detail="the event is nested too deeply to be read", index=index),)


def opened_elements(found: list[Element]) -> list[Element]:
    """The events inside dead letters and HTTP samples, in place of these; a FieldError where there is none."""
    return [event for element in found for event in _opened(element)]


def _opened(element: Element) -> list[Element]:
    try:
        return opened(element)
    except FieldError as error:
        return [error]
