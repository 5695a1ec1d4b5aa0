"""An Azure that shows what a test wrote down, and counts who asked."""

from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.outcomes import Failed


class FakeInventory:
    """By endpoint; one that nobody wrote down is not there."""

    def __init__(self):
        self.endpoints = {}
        self.asked = []

    def shows(self, traffic, deployments=None, endpoint="flight-delay", **seen):
        """From now on the endpoint looks like this: its deployments are well unless said otherwise."""
        states = deployments if deployments is not None else dict.fromkeys(traffic, "Succeeded")
        self.endpoints[endpoint] = EndpointSeen(traffic=traffic, deployments=states, **seen)

    def fails(self, endpoint="flight-delay", *, retryable=True, **data):
        """From now on Azure answers nothing of use about this endpoint."""
        self.endpoints[endpoint] = Failed(retryable=retryable, reason="HTTP 500: oh", data=data)

    async def endpoint(self, workspace, endpoint):  # noqa: ARG002  # one workspace
        self.asked.append(endpoint)
        return self.endpoints.get(endpoint, EndpointSeen(exists=False))
