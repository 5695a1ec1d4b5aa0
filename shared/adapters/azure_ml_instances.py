"""The instances of an online deployment: their number by one PATCH, and new ones by one PUT.

Owns both writes and what keeps a number from being written: somebody else set another, or autoscale has it. Knows nothing of why.
Azure ML documents no call that restarts an online deployment. What makes new instances is an update of the deployment, so an
environment variable changes, and nothing else; that this replaces them is assumed.
Wire format: learn.microsoft.com/rest/api/azureml/online-deployments (update, create-or-update), .../rest/api/monitor/autoscale-settings.
"""

from shared.adapters.arm_names import deployment_id, workspace_name
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.adapters.azure_ml_endpoints import FENCE_TAG, FINAL_STATES, READ_ONLY, marks, state
from shared.adapters.azure_ml_inventory import listed
from shared.domain.commands import RestartDeployment, ScaleDeployment
from shared.domain.effects import Relieving
from shared.domain.outcomes import Failed, Outcome, Succeeded

RESTART_VARIABLE = "OUTERLOOP_RESTARTED_BY"
AUTOSCALE_VERSION = "2022-10-01"
KEPT = ("location", "kind", "sku", "identity")


def begin_relief(command: Relieving, attempt: Attempt) -> Outcome:
    """Write once, unless it was done already or the deployment is not as it is believed to be."""
    resource = _resource(command)
    document = attempt.arm.find(resource)
    if document is None:
        return _gone(command)
    ours = _owner(document) == command.id
    if state(document) not in FINAL_STATES:
        busy = f"busy: deployment {command.deployment} is {state(document)}"
        return attempt.started(resource) if ours else Failed(retryable=True, reason=busy)
    if ours:  # by an earlier try, the answer to which was lost
        return _finished(command, document)
    if state(document) != "Succeeded":
        reason = f"deployment {command.deployment} is {state(document)}: it has to be deployed anew"
        return Failed(retryable=False, reason=reason)
    refused = _begin_scaling(command, document, attempt) if isinstance(command, ScaleDeployment) else None
    if isinstance(command, RestartDeployment):
        attempt.arm.put(resource, _with_new_variable(command, document))
    return refused or attempt.started(resource)


def look_relief(command: Relieving, operation: str, attempt: Attempt) -> Outcome:
    """In force, still under way, refused, or overwritten by somebody else."""
    document = attempt.arm.find(operation)
    if document is None:
        return _gone(command)
    if state(document) not in FINAL_STATES:
        return attempt.started(operation)
    return _finished(command, document)


def _begin_scaling(command: ScaleDeployment, document: Json, attempt: Attempt) -> Outcome | None:
    found = _instances(document)
    if found == command.instances:
        return _succeeded(command, found)
    if found != command.expected:
        return _by_somebody_else(command, found)
    scaler = _scaled_by(command, document, attempt)
    if scaler:
        reason = f"{scaler} decides how many instances {command.deployment} has: it would undo this; raise its maximum"
        return Failed(retryable=False, reason=reason)
    sku = {"name": str((document.get("sku") or {}).get("name") or "Default"), "capacity": command.instances}
    tags = {**(document.get("tags") or {}), **marks(command)}
    attempt.arm.patch(_resource(command), {"sku": sku, "tags": tags})
    return None


def _scaled_by(command: ScaleDeployment, document: Json, attempt: Attempt) -> str:
    """What scales the deployment by itself; empty when nothing does."""
    if ((document.get("properties") or {}).get("scaleSettings") or {}).get("scaleType") == "TargetUtilization":
        return "its own scale setting (TargetUtilization)"
    place, resource = workspace_name(command.workspace), _resource(command).lower()
    group = f"/subscriptions/{place.subscription}/resourceGroups/{place.group}"
    settings = listed(attempt.arm, f"{group}/providers/Microsoft.Insights/autoscalesettings", AUTOSCALE_VERSION)
    found = (
        str(one.get("name"))
        for one in settings
        if str(one["properties"].get("targetResourceUri") or "").lower() == resource
        and one["properties"].get("enabled", True)
    )
    name = next(found, "")
    return f"the autoscale setting {name}" if name else ""


def _with_new_variable(command: RestartDeployment, document: Json) -> Json:
    """The document as it is to be written: all as it was, but for the mark and one variable."""
    properties = {key: value for key, value in document["properties"].items() if key not in READ_ONLY}
    variables = {**(properties.get("environmentVariables") or {}), RESTART_VARIABLE: command.id}
    return {
        **{key: document[key] for key in KEPT if document.get(key)},
        "tags": {**(document.get("tags") or {}), **marks(command)},
        "properties": {**properties, "environmentVariables": variables},
    }


def _finished(command: Relieving, document: Json) -> Outcome:
    if _owner(document) != command.id:
        return Failed(retryable=False, reason=f"changed by somebody else: deployment {command.deployment}")
    if state(document) != "Succeeded":
        reason = f"deployment {command.deployment} of endpoint {command.endpoint} is {state(document)} after it"
        return Failed(retryable=False, reason=reason)
    found = _instances(document)
    if isinstance(command, ScaleDeployment) and found != command.instances:
        return _by_somebody_else(command, found)
    return _succeeded(command, found)


def _succeeded(command: Relieving, instances: int) -> Succeeded:
    return Succeeded(data={"deployment": command.deployment, "instances": float(instances)})


def _by_somebody_else(command: ScaleDeployment, found: int) -> Failed:
    reason = f"changed by somebody else: {command.deployment} was expected to have {command.expected} instances, and has {found}"
    return Failed(retryable=False, reason=reason, data={"deployment": command.deployment, "instances": float(found)})


def _gone(command: Relieving) -> Failed:
    return Failed(retryable=False, reason=f"there is no deployment {command.deployment} on {command.endpoint}")


def _instances(document: Json) -> int:
    return int((document.get("sku") or {}).get("capacity") or 1)


def _owner(document: Json) -> str:
    return str((document.get("tags") or {}).get(FENCE_TAG) or "")


def _resource(command: Relieving) -> str:
    return deployment_id(command.workspace, command.endpoint, command.deployment, command.endpoint_kind)
