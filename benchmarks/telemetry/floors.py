"""What nothing in Python can beat by much: msgspec's typed parse of the same bytes, of the fields that are needed.

Owns the structs, compiled for one model, and how the lines of a message are told apart: by their place, which only a
benchmark may do. Counts nothing. Values stay what JSON makes of them; a surprise raises.
"""

from collections.abc import Sequence

import msgspec

from benchmarks.telemetry.material import CATEGORICAL, NUMERIC
from shared.telemetry.profiles import PREDICTION

Inputs = msgspec.defstruct(
    "Inputs", [*((name, float) for name in NUMERIC), *((name, str) for name in CATEGORICAL)], gc=False
)
Outputs = msgspec.defstruct("Outputs", [(PREDICTION, float)], gc=False)


class InputsEvent(msgspec.Struct, gc=False):
    """A collector event of inputs: what a window needs of it."""

    source: str
    type: str
    time: str
    correlationid: str
    data: list[Inputs]  # type: ignore[valid-type]  # compiled from the model's features


class OutputsEvent(msgspec.Struct, gc=False):
    """A collector event of outputs: what a window needs of it."""

    source: str
    type: str
    time: str
    correlationid: str
    data: list[Outputs]  # type: ignore[valid-type]  # the same


class TrafficColumns(msgspec.Struct, rename="pascal", gc=False):
    """The columns of the traffic log that a bucket needs."""

    deployment_name: str
    response_code: str
    model_status_code: str
    total_duration_ms: float


class TrafficRecord(msgspec.Struct, rename="camel", gc=False):
    """One request of the traffic log."""

    time: str
    resource_id: str
    category: str
    properties: TrafficColumns


class TrafficEnvelope(msgspec.Struct, gc=False):
    """A diagnostic envelope of nothing else."""

    records: list[TrafficRecord]


_INPUTS = msgspec.json.Decoder(InputsEvent)
_OUTPUTS = msgspec.json.Decoder(OutputsEvent)
_TRAFFIC = msgspec.json.Decoder(TrafficEnvelope)

Parsed = tuple[list[InputsEvent], list[OutputsEvent]]


def parse(body: bytes) -> Parsed:
    """The events of a message whose lines take turns: inputs, outputs."""
    lines = body.split(b"\n")
    return [_INPUTS.decode(line) for line in lines[::2]], [_OUTPUTS.decode(line) for line in lines[1::2]]


def parse_all(bodies: Sequence[bytes]) -> int:
    """Parse messages, one after the other; how many rows of inputs there were."""
    return sum(len(event.data) for body in bodies for event in parse(body)[0])


def parse_traffic(body: bytes) -> TrafficEnvelope:
    """The requests of one envelope."""
    return _TRAFFIC.decode(body)
