"""Events of Azure Machine Learning workspaces: models, runs, monitors.

Owns the meaning of their ``data``. Knows nothing of envelopes. Each parser takes an envelope, gives signals, and
raises FieldError. Wire format: Microsoft Learn, Event Grid schema of Azure Machine Learning; swagger 2018-01-01.
"""

from shared.domain import ids
from shared.domain.signals import (
    Breach,
    JobStatusChanged,
    ModelDeployed,
    ModelRegistered,
    MonitorBreached,
    MonitorRecovered,
    Signal,
)
from shared.parsing.envelopes import Envelope
from shared.parsing.fields import FieldError, Fields, shown
from shared.parsing.monitor_tags import breaches_by_signal, is_comparison

# azure-ai-ml, _run_history_constants.py
RUN_STATES = (
    "NotStarted",
    "Queued",
    "Preparing",
    "Provisioning",
    "Starting",
    "Running",
    "Finalizing",
    "CancelRequested",
    "Canceled",
    "Completed",
    "Failed",
    "Paused",
    "NotResponding",
)
_STATE_BY_LETTERS = {state.lower(): state for state in RUN_STATES} | {"cancelled": "Canceled"}


def model_registered(event: Envelope) -> tuple[Signal, ...]:
    """A model version was registered. The version is text: Azure sends a number or text."""
    data = event.fields
    return (
        ModelRegistered(
            **event.heard,
            workspace=event.source,
            model_name=data.text("modelName"),
            model_version=data.text("modelVersion"),
            tags=data.texts("modelTags"),
            properties=data.texts("modelProperties"),
        ),
    )


def model_deployed(event: Envelope) -> tuple[Signal, ...]:
    """A service was deployed; ``modelIds`` is one text of ``name:version`` parted by commas."""
    data = event.fields
    models = data.get("modelIds")
    listed = ",".join(str(model) for model in models) if isinstance(models, list) else data.optional_text("modelIds")
    return (
        ModelDeployed(
            **event.heard,
            workspace=event.source,
            service_name=data.text("serviceName"),
            compute_type=data.optional_text("serviceComputeType"),
            models=tuple(model.strip() for model in listed.split(",") if model.strip()),
        ),
    )


def run_completed(event: Envelope) -> tuple[Signal, ...]:
    """A run completed: the status is in the event's type, not in its data."""
    return (_job(event, event.fields, "Completed"),)


def run_status_changed(event: Envelope) -> tuple[Signal, ...]:
    """A run moved on; with a monitor's tag it says that a monitor signal was breached, whatever the status.

    The tag is set while the run is under way: a comparison that completed without one has found no breach.
    """
    data = event.fields
    breached = breaches_by_signal(data.texts("runTags"))
    if breached:
        run_id = data.text("runId")
        return tuple(_breached(event, run_id, signal, rows) for signal, rows in breached.items())
    job = _job(event, data, run_state(data.text("runStatus")))
    return (_recovered(job),) if job.status == "Completed" and is_comparison(job.properties) else (job,)


def dataset_drift_detected(event: Envelope) -> tuple[Signal, ...]:
    """A dataset monitor of Azure ML v1 (retired, still in the schema) measured drift; it sends no threshold."""
    data = event.fields
    drift = Breach(metric="drift_coefficient", value=data.number("driftCoefficient"), threshold=0.0)
    return (
        MonitorBreached(
            **event.heard,
            workspace=event.source,
            run_id=data.text("runId"),
            monitor_signal=data.text("dataDriftName"),
            breaches=(drift,),
            legacy=True,
        ),
    )


def run_state(text: str) -> str:
    """A run's status in its usual spelling. Raises FieldError that lists the states."""
    letters = "".join(character for character in text.lower() if character.isalpha())
    if letters not in _STATE_BY_LETTERS:
        allowed = ", ".join(RUN_STATES)
        raise FieldError("malformed_field", f"data.runStatus is {shown(text)}: expected one of {allowed}")
    return _STATE_BY_LETTERS[letters]


def _job(event: Envelope, data: Fields, status: str) -> JobStatusChanged:
    return JobStatusChanged(
        **event.heard,
        workspace=event.source,
        run_id=data.text("runId"),
        status=status,
        experiment=data.optional_text("experimentName"),
        run_type=data.optional_text("runType"),
        tags=data.texts("runTags"),
        properties=data.texts("runProperties"),
    )


def _recovered(job: JobStatusChanged) -> MonitorRecovered:
    return MonitorRecovered(
        source=job.source,
        dedup_key=ids.derive("monitor_recovered", job.workspace, job.run_id),
        occurred_at=job.occurred_at,
        subject=job.subject,
        workspace=job.workspace,
        run_id=job.run_id,
        experiment=job.experiment,
    )


def _breached(event: Envelope, run_id: str, signal: str, rows: tuple[Breach, ...]) -> MonitorBreached:
    # Several status events of one run carry the same tag: the run and the signal make it one, not the event's id.
    heard = event.heard | {"dedup_key": ids.derive("monitor", event.source, run_id, signal)}
    return MonitorBreached(**heard, workspace=event.source, run_id=run_id, monitor_signal=signal, breaches=rows)
