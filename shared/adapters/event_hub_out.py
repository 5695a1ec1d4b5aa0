"""Announcements to an Event Hub, one CloudEvent in structured JSON a message.

Owns the azure-eventhub producer, its batches and what its errors mean. What is said of one subject keeps its order,
because it shares a partition. Knows nothing of what is announced, or of retries (``services.announce``).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.adapters.thread_credential import NewCredential, ThreadCredential
from shared.domain.announcements import Announcement
from shared.domain.ids import derive
from shared.domain.outcomes import Failed, Outcome, Succeeded, Unknown
from shared.domain.values import encode
from shared.rendering.cloud_events import EVENT_TYPE, cloud_event

if TYPE_CHECKING:
    from azure.eventhub import EventData
    from azure.eventhub.aio import EventHubProducerClient


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A hub: by a connection string, or by its namespace's host name for the process's own identity."""

    hub: str
    connection: str = field(default="", repr=False)
    namespace: str = ""


class EventHubOut:
    """The port ``Publisher``."""

    def __init__(self, address: HubAddress, source: str, new_credential: NewCredential, timeout_seconds: float) -> None:
        self._address, self._source = address, source
        self._identity = ThreadCredential(new_credential)
        self._timeout_seconds = timeout_seconds

    async def publish(self, announcements: Sequence[Announcement]) -> Outcome:
        """Send them in as few batches as subjects and sizes allow. Raises nothing; no reason holds the connection."""
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415  # slow to import
        from azure.eventhub.exceptions import (  # noqa: PLC0415  # slow to import
            AuthenticationError,
            ConnectError,
            EventHubError,
            OperationTimeoutError,
        )

        try:
            async with self._client() as producer:
                for subject, said in _by_subject(announcements).items():
                    await self._send(producer, derive("partition", subject), said)
        except _TooLargeError as error:
            return Failed(retryable=False, reason=f"the hub takes no message of this size: {error}")
        except (AuthenticationError, ClientAuthenticationError) as error:
            return Failed(retryable=True, reason=f"the hub let us not in: {_first_line(error)}")
        except ConnectError as error:
            return Failed(retryable=True, reason=f"the hub was not reached: {_first_line(error)}")
        except OperationTimeoutError as error:
            return Unknown(reason=f"no answer from the hub: {_first_line(error)}")
        except EventHubError as error:
            return Failed(retryable=True, reason=f"the hub refused: {_first_line(error)}")
        except ValueError as error:
            return Failed(retryable=True, reason=f"the settings name no hub: {_first_line(error)}")
        return Succeeded()

    async def _send(self, producer: "EventHubProducerClient", key: str, said: Sequence[Announcement]) -> None:
        batch = await producer.create_batch(partition_key=key)
        for event in (self._event(one) for one in said):
            try:
                batch.add(event)
            except ValueError:  # the batch is full
                if len(batch):
                    await producer.send_batch(batch)
                batch = await producer.create_batch(partition_key=key)
                _add_alone(batch, event)
        await producer.send_batch(batch)

    def _event(self, announcement: Announcement) -> "EventData":
        from azure.eventhub import EventData  # noqa: PLC0415  # slow to import

        event = EventData(encode(cloud_event(announcement, self._source)))
        event.content_type = f"{EVENT_TYPE}; charset=utf-8"
        event.message_id = announcement.id
        return event

    def _client(self) -> "EventHubProducerClient":
        from azure.eventhub.aio import EventHubProducerClient  # noqa: PLC0415  # slow to import

        address = self._address
        limits: dict[str, Any] = {"retry_total": 0, "auth_timeout": self._timeout_seconds}
        if address.connection:
            return EventHubProducerClient.from_connection_string(
                address.connection, eventhub_name=address.hub, **limits
            )
        return EventHubProducerClient(address.namespace, address.hub, self._identity, **limits)


class _TooLargeError(Exception):
    """One message alone is more than the hub takes."""


def _add_alone(batch: Any, event: "EventData") -> None:
    try:
        batch.add(event)
    except ValueError as error:
        raise _TooLargeError(_first_line(error)) from error


def _by_subject(announcements: Sequence[Announcement]) -> dict[str, list[Announcement]]:
    found: dict[str, list[Announcement]] = defaultdict(list)
    for said in announcements:
        found[said.subject].append(said)
    return found


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
