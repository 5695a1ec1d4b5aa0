"""A deployment of an endpoint that was written, however Azure says so: how the operation, its end and the resource are read.

Owns what makes such a write a ``ModelDeployed``. Knows nothing of alerts, events or records.
"""

import re
from typing import Any, Literal

from shared.domain import ids
from shared.domain.signals import ModelDeployed
from shared.parsing.fields import FieldError, shown

_WRITE = re.compile(r"(?:.*/)?(?:online|batch)endpoints/deployments/write", re.IGNORECASE)
_DEPLOYMENT = re.compile(r"(/.*/workspaces/[^/]+)/(?:online|batch)endpoints/([^/]+)/deployments/([^/]+)")
# The activity log says Succeeded and Failed, its records in an Event Hub Success and Failure.
_ENDINGS: dict[str, Literal["succeeded", "failed"]] = {
    "succeeded": "succeeded",
    "success": "succeeded",
    "failed": "failed",
    "failure": "failed",
    "canceled": "failed",
    "cancelled": "failed",
}


def is_deployment_write(operation: str) -> bool:
    """Whether an operation, in any case, writes a deployment of an online or batch endpoint."""
    return _WRITE.fullmatch(operation.strip()) is not None


def ending(status: str, operation: str) -> Literal["succeeded", "failed"]:
    """How an operation came to its end. Raises FieldError (``not_actionable``) for one that has only begun."""
    found = _ENDINGS.get(status.strip().lower())
    if found is None:
        text = f"{shown(operation)} is {shown(status)}: it has not come to its end yet, which is told apart"
        raise FieldError("not_actionable", text)
    return found


def deployed(heard: dict[str, Any], resource_id: str, by: str = "") -> ModelDeployed | None:
    """The signal of a deployment that was written, None when the resource (in lower case) is no deployment."""
    match = _DEPLOYMENT.fullmatch(resource_id)
    if match is None:
        return None
    workspace, endpoint, deployment = match.groups()
    return ModelDeployed(**heard, workspace=workspace, service_name=f"{endpoint}/{deployment}", by=by)


def write_key(resource_id: str, correlation_id: str, otherwise: str) -> str:
    """The key of one write, which alerts and records of the activity log both tell: by its correlation id where it has one."""
    return ids.derive("deployed", resource_id, correlation_id.lower()) if correlation_id else otherwise
