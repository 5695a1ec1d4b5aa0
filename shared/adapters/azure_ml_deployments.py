"""Deployments of endpoints: ensuring the endpoint, creating, updating and deleting, and looking back at it.

Owns the deployment's document. Knows nothing of traffic beyond refusing to delete what takes some; uploads nothing.
The phase of a started operation is its resource: the endpoint's id while the endpoint is made, then the deployment's.
Wire format: learn.microsoft.com/rest/api/azureml/online-deployments.
"""

from azure.core.exceptions import AzureError

from shared.adapters import azure_ml_batch as batch
from shared.adapters.arm_names import AssetKind, asset_id, asset_name, complete_id, deployment_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.adapters.azure_ml_endpoints import (
    FENCE_TAG,
    FINAL_STATES,
    READ_ONLY,
    VERSION_TAG,
    create,
    made_elsewhere,
    marks,
    place_of,
    state,
    traffic_of,
)
from shared.domain.commands import DeployModel, RemoveDeployment
from shared.domain.outcomes import Failed, Outcome, Succeeded

DEPLOYMENT_VARIABLE = "OUTERLOOP_DEPLOYMENT_ID"
REQUESTS_VARIABLE = "OUTERLOOP_TELLS_REQUESTS"
LOG_LINES = 20
LOG_TEXT_MAX = 1500


def begin_deploy(command: DeployModel, attempt: Attempt) -> Outcome:
    """Create the endpoint when there is none, else write the deployment."""
    endpoint = attempt.arm.find(place_of(command))
    if endpoint is None:
        return create(command, attempt.arm.get(command.workspace)["location"], attempt)
    return _after_endpoint(command, endpoint, attempt)


def look_deploy(command: DeployModel, operation: str, attempt: Attempt) -> Outcome:
    """Follow the endpoint's creation, then the deployment's."""
    if operation == place_of(command):
        return _after_endpoint(command, attempt.arm.get(operation), attempt)
    document = attempt.arm.get(operation)
    if state(document) not in FINAL_STATES:
        return attempt.started(operation)
    if (document.get("tags") or {}).get(FENCE_TAG) != command.id:
        return Failed(retryable=False, reason=f"changed by somebody else: deployment {command.deployment}")
    return _finished(command, document, attempt)


def begin_removal(command: RemoveDeployment, attempt: Attempt) -> Outcome:
    """Delete a deployment without traffic; gone already: done."""
    endpoint = attempt.arm.find(place_of(command))
    if endpoint is None:
        return _gone(command)
    share = traffic_of(endpoint, command.endpoint_kind).get(command.deployment, 0)
    if share:
        reason = f"deployment {command.deployment} still takes {share} % of the traffic"
        return Failed(retryable=False, reason=reason, data={"endpoint": command.endpoint, "in_use": command.deployment})
    resource = _resource(command)
    present = attempt.arm.find(resource)
    if present is None:
        return _gone(command)
    if state(present) == "Deleting":  # by an earlier try, the answer to which was lost, or by somebody else
        return attempt.started(resource)
    status = attempt.arm.delete(resource)
    return attempt.started(resource) if status == 202 else _gone(command)


def look_removal(command: RemoveDeployment, operation: str, attempt: Attempt) -> Outcome:
    """Gone, or still going."""
    document = attempt.arm.find(operation)
    if document is None:
        return _gone(command)
    if state(document) == "Failed":
        return Failed(retryable=True, reason=f"deployment {command.deployment} could not be deleted")
    return attempt.started(operation)


def _after_endpoint(command: DeployModel, endpoint: Json, attempt: Attempt) -> Outcome:
    if state(endpoint) not in FINAL_STATES:
        if (endpoint.get("tags") or {}).get(FENCE_TAG) == command.id:
            return attempt.started(place_of(command))
        return Failed(retryable=True, reason=f"busy: endpoint {command.endpoint} is {state(endpoint)}")
    if state(endpoint) != "Succeeded":
        return Failed(retryable=False, reason=f"endpoint {command.endpoint} is {state(endpoint)}")
    if elsewhere := made_elsewhere(command, endpoint):
        return Failed(retryable=False, reason=elsewhere)
    resource = _resource(command)
    present = attempt.arm.find(resource)
    if present is not None and (present.get("tags") or {}).get(FENCE_TAG) == command.id:
        if state(present) == "Succeeded":
            return _finished(command, present, attempt)
        if state(present) not in FINAL_STATES:
            return attempt.started(resource)
    attempt.arm.put(resource, _document(command, endpoint["location"], present, attempt))
    return attempt.started(resource)


def _finished(command: DeployModel, document: Json, attempt: Attempt) -> Outcome:
    if state(document) == "Succeeded":
        return Succeeded(data={"deployment": command.deployment, "version": command.version})
    log = "" if command.endpoint_kind == "batch" else _last_log_lines(command, attempt)  # nothing runs of a batch one
    reason = f"deployment {command.deployment} of endpoint {command.endpoint} is {state(document)}"
    if not log and command.endpoint_kind == "kubernetes_online":  # as of pods that found no room
        reason = f"{reason}; no container has said why: ask the cluster ({command.compute}) with kubectl describe pods"
    return Failed(retryable=False, reason=f"{reason}; its log ends with: {log}" if log else reason)


def _last_log_lines(command: DeployModel, attempt: Attempt) -> str:
    """What the container said last, since the resource itself does not say why it failed; empty when that cannot be read."""
    resource = _resource(command)
    try:
        answer = attempt.arm.post(f"{resource}/getLogs", {"containerType": "InferenceServer", "tail": LOG_LINES})
    except AzureError:  # the failure itself is the outcome; its log is only a help
        return ""
    return str(answer.get("content") or "").strip()[-LOG_TEXT_MAX:]


def _resource(command: DeployModel | RemoveDeployment) -> str:
    return deployment_id(command.workspace, command.endpoint, command.deployment, command.endpoint_kind)


def _gone(command: RemoveDeployment) -> Succeeded:
    return Succeeded(data={"deployment": command.deployment})


def _document(command: DeployModel, location: str, present: Json | None, attempt: Attempt) -> Json:
    """What is to be written. Probes, request settings and data collection of a present deployment are kept."""
    kept = {key: value for key, value in ((present or {}).get("properties") or {}).items() if key not in READ_ONLY}
    tags = {**((present or {}).get("tags") or {}), **marks(command), VERSION_TAG: command.version}
    if command.batch:
        ours = batch.settings_of(command, command.batch) | {
            "model": {"referenceType": "Id", "assetId": _whole_id(command, "models", command.model_ref, attempt)},
            **_code(command, attempt),
        }
        return {"location": location, "tags": tags, "properties": {**kept, **ours}}
    on_cluster = command.endpoint_kind == "kubernetes_online"
    ours = {
        "endpointComputeType": "Kubernetes" if on_cluster else "Managed",
        "model": _whole_id(command, "models", command.model_ref, attempt),
        **({"instanceType": command.instance_type} if command.instance_type else {}),
        "scaleSettings": {"scaleType": "Default"},
        "environmentVariables": {**(kept.get("environmentVariables") or {}), **_variables(command)},
    }
    return {
        "location": location,
        **({} if on_cluster else {"kind": "Managed"}),
        "sku": {"name": "Default", "capacity": command.instance_count},
        "tags": tags,
        "properties": {**kept, **ours, **_code(command, attempt)},
    }


def _code(command: DeployModel, attempt: Attempt) -> Json:
    """The environment and the code, as far as there are any: an MLflow model brings its own."""
    found: Json = {}
    if command.environment:
        found["environmentId"] = _whole_id(command, "environments", command.environment, attempt)
    if command.code:
        code = _whole_id(command, "codes", command.code, attempt)
        found["codeConfiguration"] = {"codeId": code, "scoringScript": command.scoring_script}
    return found


def _variables(command: DeployModel) -> dict[str, str]:
    """What the scoring script's data collector files its rows under, and where it has to tell of its requests itself."""
    unlogged = {REQUESTS_VARIABLE: "1"} if command.endpoint_kind == "kubernetes_online" else {}
    return {DEPLOYMENT_VARIABLE: _resource(command), **unlogged}


def _whole_id(command: DeployModel, kind: AssetKind, reference: str, attempt: Attempt) -> str:
    """The full id behind a reference; a label costs one read."""
    whole = complete_id(reference)
    if whole is not None:
        return whole
    asset = asset_name(reference)
    version = asset.version
    if version is None:
        version = getattr(attempt.clients.workspace(command.workspace), kind).get(asset.name, label=asset.label).version
    return asset_id(command.workspace, kind, asset.name, str(version))
