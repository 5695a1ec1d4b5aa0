"""Which events we understand, and one event into its signals.

Owns the registry of event types. Knows nothing of their data. To hear of another type, add one line to ``_PARSERS_BY_TYPE``.
"""

from collections.abc import Callable, Mapping

from shared.domain.signals import Signal
from shared.parsing import azure_ml, compliance, handshake, registry, resources, storage
from shared.parsing.bodies import Parsed, parse_each
from shared.parsing.envelopes import Envelope, event_type_of, read_envelope
from shared.parsing.fields import FieldError, Fields, shown

EventParser = Callable[[Envelope], tuple[Signal, ...]]

_PARSERS_BY_TYPE: Mapping[str, EventParser] = {
    "Microsoft.MachineLearningServices.ModelRegistered": azure_ml.model_registered,
    "Microsoft.MachineLearningServices.ModelDeployed": azure_ml.model_deployed,
    "Microsoft.MachineLearningServices.RunCompleted": azure_ml.run_completed,
    "Microsoft.MachineLearningServices.RunStatusChanged": azure_ml.run_status_changed,
    "Microsoft.MachineLearningServices.DatasetDriftDetected": azure_ml.dataset_drift_detected,
    "Microsoft.EventGrid.SubscriptionValidationEvent": handshake.subscription_validation,
    "Microsoft.Storage.BlobCreated": storage.blob_created,
    "Microsoft.Storage.BlobDeleted": storage.blob_deleted,
    "Microsoft.Storage.BlobRenamed": storage.blob_renamed,
    "Microsoft.ContainerRegistry.ImagePushed": registry.image_pushed,
    "Microsoft.ContainerRegistry.ImageDeleted": registry.image_deleted,
    "Microsoft.PolicyInsights.PolicyStateCreated": compliance.state_created,
    "Microsoft.PolicyInsights.PolicyStateChanged": compliance.state_changed,
    "Microsoft.PolicyInsights.PolicyStateDeleted": compliance.state_deleted,
    "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged": resources.availability_changed,
    "Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated": resources.resource_annotated,
    "Microsoft.ResourceNotifications.Resources.CreatedOrUpdated": resources.resource_written,
    "Microsoft.ResourceNotifications.Resources.Deleted": resources.resource_deleted,
    **{
        f"Microsoft.Resources.Resource{operation}{ending}": resources.operation_ended
        for operation in ("Write", "Delete", "Action")
        for ending in ("Success", "Failure", "Cancel")
    },
}
PARSERS: Mapping[str, EventParser] = {name.lower(): parser for name, parser in _PARSERS_BY_TYPE.items()}
# Some of Microsoft's samples name a type without its service, or without the company. The first only of Microsoft.SERVICE.NAME,
# since the last part of a longer type (``…Resources.Deleted``) says too little to stand alone.
_BY_SHORT_NAME = {name.rpartition(".")[2]: parser for name, parser in PARSERS.items() if name.count(".") == 2} | {
    name.removeprefix("microsoft."): parser for name, parser in PARSERS.items()
}


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
    return parse_each(body, read_event)


def read_event(fields: Fields) -> tuple[Signal, ...]:
    """The signals of one event (a run may have breached several monitor signals). Raises FieldError."""
    parser = parser_of(event_type_of(fields))
    return parser(read_envelope(fields))
