"""Files of a model data collector in Azure Blob storage, read in pieces.

Owns addresses, the client and what its errors mean. The address is made of the policy's storage account and of a setting, never
of what an event says. Accounts with a hierarchical namespace are read by their blob endpoint too. Changes nothing.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from shared.adapters.retry_after import asked_data
from shared.adapters.thread_credential import NewCredential, ThreadCredential
from shared.domain.outcomes import Failed
from shared.ports_collected import FilePlace, FileVersion

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob.aio import BlobClient

T = TypeVar("T")

ADDRESS = "https://{account}.blob.core.windows.net"
ROLE = "Storage Blob Data Reader"
CHANGED = frozenset({412, 416})  # another tag; or fewer bytes than there were
RETRYABLE = frozenset({401, 403, 408, 409, 429})  # a role that is missing can be given


class AzureCollectedFiles:
    """The port ``CollectedFiles``.

    ``address`` is where the blobs of an account are, with ``{account}`` for its name, under the process's own identity; or the
    connection string of an emulator, whatever the account.
    """

    def __init__(self, address: str, new_credential: NewCredential, timeout_seconds: float) -> None:
        self._address, self._identity = address or ADDRESS, ThreadCredential(new_credential)
        self._timeout_seconds = timeout_seconds

    async def version(self, place: FilePlace, beginning: int) -> FileVersion | Failed:
        """Its properties, and so many bytes of its beginning."""

        async def ask(blob: "BlobClient") -> FileVersion:
            found = await blob.get_blob_properties()
            begins = await _piece(blob, found.etag, 0, beginning) if found.size else b""
            return FileVersion(found.size, found.etag, begins)

        return await self._asked(place, ask)

    async def read(self, place: FilePlace, etag: str, start: int, length: int) -> bytes | Failed:
        """One range, on the condition that the tag is still the same."""
        return await self._asked(place, lambda blob: _piece(blob, etag, start, length))

    async def _asked(self, place: FilePlace, ask: Callable[["BlobClient"], Awaitable[T]]) -> T | Failed:
        from azure.core.exceptions import AzureError, HttpResponseError  # noqa: PLC0415  # slow to import

        try:
            client = self._client(place)
        except ValueError as error:
            return Failed(retryable=False, reason=f"the settings name no blob storage: {_first_line(error)}")
        try:
            async with client as blob:
                return await ask(blob)
        except HttpResponseError as error:
            return _refused(place, error)
        except AzureError as error:
            return Failed(retryable=True, reason=f"{_named(place)} was not reached: {_first_line(error)}")
        except ValueError as error:  # what the client makes of an answer in another form
            return Failed(retryable=True, reason=f"{_named(place)} was answered otherwise: {_first_line(error)}")

    def _client(self, place: FilePlace) -> "BlobClient":
        from azure.storage.blob.aio import BlobClient  # noqa: PLC0415  # slow to import

        limits: dict[str, Any] = {
            "retry_total": 0,
            "connection_timeout": self._timeout_seconds,
            "read_timeout": self._timeout_seconds,
        }
        if "AccountName=" in self._address:
            return BlobClient.from_connection_string(self._address, place.container, place.path, **limits)
        url = self._address.replace("{account}", _account(place))
        return BlobClient(url, place.container, place.path, credential=self._identity, **limits)


async def _piece(blob: "BlobClient", etag: str, start: int, length: int) -> bytes:
    from azure.core import MatchConditions  # noqa: PLC0415  # slow to import
    from azure.core.exceptions import IncompleteReadError  # noqa: PLC0415  # the same

    same: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    stream = await blob.download_blob(start, length, **same)
    found = bytes(await stream.readall())
    if len(found) != stream.size:
        raise IncompleteReadError(f"{len(found)} of {stream.size} bytes came")
    return found


def _refused(place: FilePlace, error: "HttpResponseError") -> Failed:
    status = error.status_code or 0
    if not 400 <= status < 600:
        return Failed(retryable=True, reason=f"{_named(place)} was not read to its end: {_first_line(error)}")
    if status == 404:
        return Failed(retryable=False, reason=f"{_named(place)} is not there any more")
    if status in CHANGED:
        return Failed(retryable=True, reason=f"{_named(place)} changed while it was read")
    hint = f": the app's identity needs the role {ROLE}" if status in (401, 403) else ""
    reason = f"{_named(place)} could not be read: HTTP {status}{hint}"
    data = asked_data(getattr(error.response, "headers", {}))
    return Failed(retryable=status in RETRYABLE or status >= 500, reason=reason, data=data)


def _account(place: FilePlace) -> str:
    return place.storage.rstrip("/").rpartition("/")[2].lower()


def _named(place: FilePlace) -> str:
    return f"{_account(place)}/{place.container}/{place.path}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
