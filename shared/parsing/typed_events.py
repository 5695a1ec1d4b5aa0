"""Collector events of a deployment whose rows' type is known, decoded in one step: most of what a hub delivers.

Owns that step, and when it may be taken: every event of a message comes from one deployment, has its rows in it as an array of
objects that fit the type, and spells every key as usual. Anything else gives None, and is then read element by element.
Knows nothing of what rows mean, nor of where their type is from.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Union

import msgspec

from shared.domain.observations import DeploymentRef, RowsCollected
from shared.parsing.data_collector import TYPE_PREFIX
from shared.parsing.deployments import ID_CHARACTERS_MAX, deployment_of
from shared.parsing.fields import FieldError, time_of

INPUTS, OUTPUTS = "model_inputs", "model_outputs"

_SOURCE = re.compile(rb'"source"\s*:\s*"([^"\\]{1,%d})"' % ID_CHARACTERS_MAX)


class _Event(msgspec.Struct, frozen=True, gc=False):
    source: str
    time: str
    data: list[Any]
    correlationid: str | int | None = None
    xrequestid: str | int | None = None


class EventDecoder:
    """Decodes events whose rows have these types. ``inputs`` is the type of its events of inputs; all others are of outputs."""

    def __init__(self, input_row: type[msgspec.Struct], output_row: type[msgspec.Struct]) -> None:
        self.inputs = _event_type(INPUTS, input_row)
        named, others = (_event_type(OUTPUTS, row) for row in (output_row, dict[str, Any]))
        # Outputs whose column has a name of its own are objects. Which of the two it is does not change from message to message.
        either: list[Any] = [Union[self.inputs, outputs] for outputs in (named, others)]  # noqa: UP007 - made at run time
        self._decoders = [msgspec.json.Decoder(event) for event in either]
        self._arrays = [msgspec.json.Decoder(list.__class_getitem__(event)) for event in either]

    def decode(self, text: bytes) -> Sequence[Any] | None:
        """The events of JSON lines or of an array; None when one of them does not fit."""
        array = text.startswith(b"[")
        decoders = self._arrays if array else self._decoders
        for decoder in decoders:
            try:
                events = decoder.decode(text) if array else decoder.decode_lines(text)
            except (msgspec.DecodeError, ValueError, RecursionError):
                continue
            if decoder is not decoders[0]:
                self._decoders.reverse()
                self._arrays.reverse()
            return events
        return None


def _event_type(collection: str, row: Any) -> Any:
    return msgspec.defstruct(
        collection,
        [("data", list[row])],
        bases=(_Event,),
        tag_field="type",
        tag=TYPE_PREFIX + collection,
        frozen=True,
        gc=False,
    )


FindDecoder = Callable[[DeploymentRef], EventDecoder | None]
"""The decoder of a deployment's events; None while the type of its rows is not known."""


def read_typed(body: bytes, find: FindDecoder) -> tuple[RowsCollected, ...] | None:
    """The rows of a message, all of one deployment that ``find`` knows; None when it has to be read element by element."""
    found = _SOURCE.search(body)
    if found is None:
        return None
    try:
        source = found[1].decode()
        deployment = deployment_of(source)
        decoder = find(deployment)
        events = decoder.decode(body.strip()) if decoder else None
        return _collected(source, deployment, decoder, events) if decoder and events else None
    except (FieldError, ValueError):  # ValueError: the source is not UTF-8
        return None


def _collected(
    source: str, deployment: DeploymentRef, decoder: EventDecoder, events: Sequence[Any]
) -> tuple[RowsCollected, ...] | None:
    rows, times, inputs = list[RowsCollected](), dict[str, datetime](), decoder.inputs
    for event in events:
        correlation = event.correlationid or event.xrequestid
        if event.source != source or correlation is None:
            return None
        at = times.get(event.time) or times.setdefault(event.time, time_of(event.time, "time"))
        collection = INPUTS if type(event) is inputs else OUTPUTS
        rows.append(RowsCollected(deployment, at, collection, str(correlation), event.data))
    return tuple(rows)
