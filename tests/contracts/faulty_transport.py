"""The wire between the SDKs and Azurite, on which a test can count requests and lose them or their answers."""

from collections import deque

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport

NOT_SENT, ANSWER_LOST, FINE = "not sent", "answer lost", "fine"


class FaultyTransport(AioHttpTransport):
    """Sends requests as the SDKs do; each takes the next fault, if there is one: a word from above, or a status."""

    def __init__(self):
        super().__init__()
        self.faults = deque()
        self.requests = []

    async def send(self, request, **config):
        fault = self.faults.popleft() if self.faults else FINE
        self.requests.append(f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}")
        if fault == NOT_SENT:
            raise ServiceRequestError("the connection was refused")
        if isinstance(fault, int):
            error = HttpResponseError(f"status {fault}")
            error.status_code = fault
            raise error
        response = await super().send(request, **config)
        if fault == ANSWER_LOST:
            raise ServiceResponseError("the connection was cut")
        return response
