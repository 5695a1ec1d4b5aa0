"""Which deployment speaks: from the ids that telemetry carries.

Owns the shape of endpoint and deployment ids. Sources disagree about case, so every part is lower case.
"""

import re
from functools import lru_cache

from shared.domain.observations import DeploymentRef
from shared.parsing.fields import FieldError, shown

ID_CHARACTERS_MAX = 2_048  # longer is no ARM id, and must not fill the cache
IDS_CACHED_MAX = 16_384

_ID = re.compile(
    r"(?P<workspace>/.*/workspaces/[^/]+)/onlineendpoints/(?P<endpoint>[^/]+)(?:/deployments/(?P<deployment>[^/]+))?/?"
)


@lru_cache(maxsize=IDS_CACHED_MAX)
def deployment_of(resource_id: str, deployment_name: str = "") -> DeploymentRef:
    """The deployment that an id names; ``deployment_name`` completes the id of an endpoint.

    Raises FieldError that says what was expected.
    """
    match = _ID.fullmatch(resource_id.strip().lower()) if len(resource_id) <= ID_CHARACTERS_MAX else None
    if match is None:
        raise FieldError(
            "malformed_field",
            f"the id {shown(resource_id)} names no online endpoint: expected …/workspaces/NAME/onlineEndpoints/NAME",
        )
    deployment = match["deployment"] or deployment_name.strip().lower()
    if not deployment:
        raise FieldError("missing_field", "DeploymentName is missing: expected the deployment that served the request")
    if len(deployment) > ID_CHARACTERS_MAX:
        raise FieldError("malformed_field", f"DeploymentName {shown(deployment)} is too long to be a name")
    return DeploymentRef(workspace=match["workspace"], endpoint=match["endpoint"], deployment=deployment)
