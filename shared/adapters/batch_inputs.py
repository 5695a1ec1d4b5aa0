"""What an invocation of a batch endpoint is given: an asset by its version, also where a label was named, or a folder's address.

Owns the resolution and the shape of an input on the wire. Uploads nothing, and reads no data.
Wire format: ai-docs how-to-access-data-batch-endpoints-jobs (REST).
"""

from azure.core.exceptions import HttpResponseError

from shared.adapters.arm_names import asset_name
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.domain.outcomes import Failed

INPUT_TYPES = {"uri_folder": "UriFolder", "uri_file": "UriFile", "mltable": "MLTable"}
LATEST = "latest"


def bound(workspace: str, data: str, attempt: Attempt) -> tuple[str, Json] | Failed:
    """The data by version, and the same as the invocation takes it: an asset by its id, a folder by its address.

    ``Failed`` with ``missing: input`` when the workspace has no such asset.
    """
    if data.startswith(("azureml://", "https://")):
        return data, {"jobInputType": "UriFolder", "uri": data}
    asset = _version(workspace, data, attempt)
    if isinstance(asset, Failed):
        return asset
    name = asset_name(data).name
    kind = str(asset["properties"].get("dataType") or "uri_folder")
    where = f"{workspace.rstrip('/')}/data/{name}/versions/{asset['name']}"
    return f"azureml:{name}:{asset['name']}", {"jobInputType": INPUT_TYPES.get(kind, "UriFolder"), "uri": where}


def _version(workspace: str, data: str, attempt: Attempt) -> Json | Failed:
    """The document of the version that is meant, the newest when that is asked for."""
    wanted = asset_name(data)
    versions = f"{workspace.rstrip('/')}/data/{wanted.name}/versions"
    if wanted.label not in {None, LATEST}:
        reason = f"{data}: of labels only @{LATEST} can be resolved; name a version"
        return Failed(retryable=False, reason=reason)
    if wanted.version is not None:
        found = attempt.arm.find(f"{versions}/{wanted.version}")
        return found if found is not None else _missing(data)
    try:
        page = attempt.arm.get(versions, **{"$orderBy": "createdtime desc", "$top": "1"})
    except HttpResponseError as problem:
        if problem.status_code != 404:
            raise
        return _missing(data)
    newest: list[Json] = page.get("value") or []
    return newest[0] if newest else _missing(data)


def _missing(data: str) -> Failed:
    return Failed(retryable=False, reason=f"the workspace has no data asset {data}", data={"missing": "input"})
