"""Announcements to an Event Grid custom topic whose input schema is CloudEvents 1.0.

Owns the azure-eventgrid client and what its answers mean. Knows nothing of what is announced, or of retries: they are
``services.announce``'s, so the client is told to make none.
"""

import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.adapters.retry_after import asked_data
from shared.adapters.thread_credential import NewCredential, ThreadCredential
from shared.domain.announcements import Announcement
from shared.domain.outcomes import Failed, Outcome, Succeeded, Unknown
from shared.rendering.cloud_events import cloud_event

if TYPE_CHECKING:
    from azure.core.credentials import AzureKeyCredential
    from azure.core.exceptions import HttpResponseError
    from azure.eventgrid.aio import EventGridPublisherClient


class EventGridTopic:
    """The port ``Publisher``. ``key`` is the topic's access key; without one the process's own identity is used."""

    def __init__(
        self, endpoint: str, key: str, source: str, new_credential: NewCredential, timeout_seconds: float
    ) -> None:
        self._endpoint, self._key, self._source = endpoint, key, source
        self._identity = ThreadCredential(new_credential)
        self._timeout_seconds = timeout_seconds

    async def publish(self, announcements: Sequence[Announcement]) -> Outcome:
        """Send them as one batch, which the topic takes whole or not at all. Raises nothing; no reason holds the key."""
        import aiohttp  # noqa: PLC0415  # slow to import, and not needed to decide
        from azure.core.exceptions import (  # noqa: PLC0415  # as above
            ClientAuthenticationError,
            HttpResponseError,
            ServiceRequestError,
            ServiceResponseError,
        )

        events = [cloud_event(said, self._source) for said in announcements]
        try:
            async with self._client() as client:
                await client.send(events)
        except HttpResponseError as error:
            if isinstance(error, ClientAuthenticationError) and not _status(error):  # before anything was sent
                return Failed(retryable=True, reason=f"no token for the topic: {_first_line(error)}")
            return _refused(error)
        except ServiceRequestError as error:
            if isinstance(error.inner_exception, aiohttp.ServerDisconnectedError):  # after it was sent
                return Unknown(reason=f"no answer from the topic: {_first_line(error)}")
            return Failed(retryable=True, reason=f"the topic was not reached: {_first_line(error)}")
        except ServiceResponseError as error:
            return Unknown(reason=f"no answer from the topic: {_first_line(error)}")
        except ValueError as error:
            return Failed(retryable=True, reason=f"the settings name no topic: {_first_line(error)}")
        return Succeeded()

    def _client(self) -> "EventGridPublisherClient":
        import aiohttp  # noqa: PLC0415  # as above
        from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415  # as above
        from azure.eventgrid.aio import EventGridPublisherClient  # noqa: PLC0415  # as above

        # aiohttp keeps the authorities that were trusted when it was imported; these are those of now.
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
        session = aiohttp.ClientSession(connector=connector, trust_env=True, cookie_jar=aiohttp.DummyCookieJar())
        return EventGridPublisherClient(
            self._endpoint,
            self._credential(),
            transport=AioHttpTransport(
                session=session,
                session_owner=True,
                connection_timeout=self._timeout_seconds,
                read_timeout=self._timeout_seconds,
            ),
            retry_total=0,
        )

    def _credential(self) -> "AzureKeyCredential | ThreadCredential":
        from azure.core.credentials import AzureKeyCredential  # noqa: PLC0415  # as above

        return AzureKeyCredential(self._key) if self._key else self._identity


def _refused(error: "HttpResponseError") -> Outcome:
    """Only what is too large can never be taken: a wrong key, schema or address is for a person to mend, and waits."""
    status = _status(error)
    hints = {
        400: ": it must have the input schema CloudEvents v1.0",
        401: ": the key is wrong, or the identity has no right to send",
        403: ": the identity has no right to send (EventGrid Data Sender), or the network is closed",
        404: ": there is no such topic",
        413: ": too large",
    }
    data = asked_data(getattr(error.response, "headers", {})) if status != 413 else {}
    return Failed(retryable=status != 413, reason=f"the topic answered HTTP {status}{hints.get(status, '')}", data=data)


def _status(error: "HttpResponseError") -> int:
    """The answer's status, 0 when there was none. For some statuses the SDK raises an error of its own from the first."""
    return error.status_code or int(getattr(error.__cause__, "status_code", None) or 0)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
