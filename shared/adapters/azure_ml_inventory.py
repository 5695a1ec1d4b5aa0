"""What there is in Azure Machine Learning, behind the port ``Inventory``: an endpoint by one GET, its deployments by one list.

Owns these reads and what counts as not there: a 404 of the endpoint in a workspace that answers, or absence from a list that was
read to its end. Writes nothing, and knows nothing of what was expected.
Wire format: learn.microsoft.com/rest/api/azureml (online-endpoints, online-deployments).
"""

import asyncio
import logging
from collections.abc import Iterator

from shared.adapters import azure_ml_failures as failures
from shared.adapters.arm_names import endpoint_id
from shared.adapters.arm_session import API_VERSION, ArmCalls, Json
from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_endpoints import shares, state
from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.outcomes import Failed

PAGES_MAX = 10  # Azure ML allows 20 deployments of an endpoint

log = logging.getLogger(__name__)


class IncompleteListError(Exception):
    """A list has more pages than are read, or leads to another host: what is missing from it may be there."""


class AzureMlInventory:
    """The port ``Inventory`` over real Azure, or over anything that speaks its wire protocol.

    ``answer_seconds`` bounds the wait for one look.
    """

    def __init__(self, clients: AzureMlClients, answer_seconds: float) -> None:
        self._clients, self._answer_seconds = clients, answer_seconds

    async def endpoint(self, workspace: str, endpoint: str) -> EndpointSeen | Failed:
        """The endpoint and its deployments as they are now. Raises nothing: every failure is a ``Failed``."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.to_thread(self._endpoint, workspace, endpoint)
        except TimeoutError:
            return Failed(retryable=True, reason=f"Azure did not answer within {self._answer_seconds:g} s")

    def _endpoint(self, workspace: str, endpoint: str) -> EndpointSeen | Failed:
        try:
            return _seen(self._clients.calls(), workspace, endpoint)
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            return failed_look(problem)


def _seen(arm: ArmCalls, workspace: str, endpoint: str) -> EndpointSeen:
    resource = endpoint_id(workspace, endpoint)
    document = arm.find(resource)
    if document is None:
        arm.get(workspace)  # a 404 of the workspace, or no permission to see it, says nothing about the endpoint
        return EndpointSeen(exists=False)
    deployments = {_name(one): state(one) for one in listed(arm, f"{resource}/deployments")}
    traffic = {name.lower(): share for name, share in shares(document["properties"].get("traffic")).items()}
    return EndpointSeen(state=state(document), traffic=traffic, deployments=deployments)


def listed(arm: ArmCalls, path: str, api_version: str = API_VERSION, **query: str) -> Iterator[Json]:
    """Every element of a list, page by page. Raises IncompleteListError rather than to end too soon."""
    page = arm.get(path, api_version, **query)
    for _ in range(PAGES_MAX):
        yield from page.get("value") or ()
        following = page.get("nextLink")
        if not following:
            return
        if not arm.is_own(following):
            raise IncompleteListError(f"the list {path} goes on at another host: {following.partition('?')[0]}")
        page = arm.get(following, api_version=None)
    raise IncompleteListError(f"the list {path} has more than {PAGES_MAX} pages")


def _name(document: Json) -> str:
    return str(document.get("name") or str(document["id"]).rpartition("/")[2]).lower()


def failed_look(problem: Exception) -> Failed:
    """What it means that a read went wrong, with the time that Azure asks to wait."""
    if isinstance(problem, IncompleteListError):
        return Failed(retryable=False, reason=str(problem))
    outcome = failures.classify(problem, None)
    log.info("Azure could not be looked at: %s", outcome.reason)
    return outcome if isinstance(outcome, Failed) else Failed(retryable=True, reason=outcome.reason)
