"""Which events we understand, and one event into its signals.

Owns the registry of event types. Knows nothing of their data. To hear of another type, add one line to ``_PARSERS_BY_TYPE``.
"""

from collections.abc import Callable, Mapping

from shared.domain.signals import Rejected, Signal
from shared.parsing import azure_ml, handshake
from shared.parsing.documents import Element, elements
from shared.parsing.envelopes import Envelope, event_type_of, opened, read_envelope
from shared.parsing.fields import FieldError, Fields, shown

Parsed = Signal | Rejected
EventParser = Callable[[Envelope], tuple[Signal, ...]]

_PARSERS_BY_TYPE: Mapping[str, EventParser] = {
    "Microsoft.MachineLearningServices.ModelRegistered": azure_ml.model_registered,
    "Microsoft.MachineLearningServices.ModelDeployed": azure_ml.model_deployed,
    "Microsoft.MachineLearningServices.RunCompleted": azure_ml.run_completed,
    "Microsoft.MachineLearningServices.RunStatusChanged": azure_ml.run_status_changed,
    "Microsoft.MachineLearningServices.DatasetDriftDetected": azure_ml.dataset_drift_detected,
    "Microsoft.EventGrid.SubscriptionValidationEvent": handshake.subscription_validation,
}
PARSERS: Mapping[str, EventParser] = {name.lower(): parser for name, parser in _PARSERS_BY_TYPE.items()}
# Some of Microsoft's samples name a type without its service.
_BY_SHORT_NAME = {name.rpartition(".")[2]: parser for name, parser in PARSERS.items()}


def parser_of(event_type: str) -> EventParser:
    """The parser of a type, in any case, with or without the service's name. Raises FieldError for any other."""
    folded = event_type.lower()
    parser = PARSERS.get(folded) or _BY_SHORT_NAME.get(folded)
    if parser is None:
        known = ", ".join(_PARSERS_BY_TYPE)
        raise FieldError(
            "unknown_event_type", f"the type {shown(event_type)} is not one that is read here: expected one of {known}"
        )
    return parser


def parse_events(body: bytes) -> tuple[Parsed, ...]:
    """Every event of a delivery or a file, each on its own: one that cannot be read leaves its neighbours alone."""
    try:
        found = elements(body)
    except FieldError as error:
        return (Rejected(reason=error.reason, detail=error.detail),)
    return tuple(parsed for index, event in enumerate(opened_elements(found)) for parsed in parse_event(event, index))


def opened_elements(found: list[Element]) -> list[Element]:
    """The events inside dead letters and HTTP samples, in place of these; a FieldError where there is none."""
    return [event for element in found for event in _opened(element)]


def _opened(element: Element) -> list[Element]:
    try:
        return opened(element)
    except FieldError as error:
        return [error]


def parse_event(event: Element, index: int = 0) -> tuple[Parsed, ...]:
    """The signals of one event (a run may have breached several monitor signals), or why there are none."""
    try:
        if isinstance(event, FieldError):
            raise event
        fields = Fields.of(event)
        parser = parser_of(event_type_of(fields))
        return parser(read_envelope(fields))
    except FieldError as error:
        return (Rejected(reason=error.reason, detail=error.detail, index=index),)
    except RecursionError:
        return (Rejected(reason="malformed_field", detail="the event is nested too deeply to be read", index=index),)
