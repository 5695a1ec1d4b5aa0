"""Events of storage accounts: data that is there, and data that is gone.

Owns which operation means that a blob is written to its end, and how an address names account, container and path.
Knows nothing of envelopes. Wire format: Microsoft Learn, Azure Blob Storage as an Event Grid source.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.domain.platform_signals import DataArrived, DataDeleted
from shared.domain.signals import Signal
from shared.parsing.envelopes import Envelope
from shared.parsing.fields import FieldError, Fields, shown

# Operations that open a file which is still empty, or (resumable uploads) write a part of it: its end has an event of its own.
BEGUN_BY = frozenset({"createfile", "sftpcreate", "sftpwrite"})
# Operations that end a write where there is a hierarchical namespace; there CopyBlob, too, has only been begun.
ENDED_BY = frozenset({"flushwithclose", "sftpcommit"})
ROOT_CONTAINER = "$root"  # blobs whose address has no container

_ACCOUNT = re.compile(r"/storageaccounts/([^/]+)")
_PATH_STYLE_HOST = re.compile(r"[\d.]+|localhost|::1")  # of an emulator: the account is in the path


@dataclass(frozen=True, slots=True)
class Address:
    """Where a blob is. ``path`` is decoded and keeps its case."""

    host: str
    container: str
    path: str

    @property
    def hierarchical(self) -> bool:
        """Whether the host is that of accounts with a hierarchical namespace."""
        return ".dfs." in self.host

    @property
    def account(self) -> str:
        """The account that the host is named for."""
        return self.host.partition(".")[0]


def blob_created(event: Envelope) -> tuple[Signal, ...]:
    """Data arrived, unless the write has only begun: then FieldError (``not_actionable``) says what to wait for."""
    data = event.fields
    address = address_of(data.text("url"))
    _check_ended(data, address)
    return (DataArrived(**_blob(event, data, address)),)


def blob_renamed(event: Envelope) -> tuple[Signal, ...]:
    """A file got another name: it arrived there. Only accounts with a hierarchical namespace tell of it, without its size."""
    data = event.fields
    return (DataArrived(**_blob(event, data, address_of(data.text("destinationUrl"), "data.destinationUrl"))),)


def blob_deleted(event: Envelope) -> tuple[Signal, ...]:
    """Data are gone, whichever operation deleted them."""
    data = event.fields
    return (DataDeleted(**_blob(event, data, address_of(data.text("url")))),)


def address_of(url: str, field: str = "data.url") -> Address:
    """The parts of a blob's URL, which stands in a field of the event. Its query (it may hold a signature) is dropped. Raises FieldError."""
    try:
        parts = urlsplit(url)
        host, path = (parts.hostname or "").lower(), parts.path
    except ValueError:
        host, path = "", ""
    segments = path.lstrip("/")
    if host and _PATH_STYLE_HOST.fullmatch(host):
        account, _, segments = segments.partition("/")
        host = account.lower()
    container, slash, blob = segments.partition("/")
    if not slash:
        container, blob = ROOT_CONTAINER, segments
    if not host or not blob:
        # Neither quoted with its query, which may hold a signature.
        told = shown(url.partition("?")[0])
        raise FieldError("malformed_field", f"{field} is {told}: expected https://ACCOUNT.blob…/CONTAINER/PATH")
    return Address(host=host, container=unquote(container), path=unquote(blob))


def _check_ended(data: Fields, address: Address) -> None:
    api = data.optional_text("api")
    folded = api.lower()
    if folded in ENDED_BY:
        return
    if address.hierarchical and not folded:
        raise FieldError("missing_field", "data.api is missing: expected FlushWithClose, which ends a write")
    if folded in BEGUN_BY or address.hierarchical:
        ends = "SftpCommit" if folded.startswith("sftp") else "FlushWithClose"
        raise FieldError(
            "not_actionable",
            f"{shown(api)} does not say that the write to {shown(address.path)} has ended: {ends} will",
        )


def _blob(event: Envelope, data: Fields, address: Address) -> dict[str, Any]:
    topic = _ACCOUNT.search(event.source)
    return event.heard | {
        "account": topic[1] if topic else address.account,
        "container": address.container,
        "path": address.path,
        "api": data.optional_text("api"),
        "size_bytes": _size_bytes(data),
        "sequencer": data.optional_text("sequencer"),
    }


def _size_bytes(data: Fields) -> int:
    return int(data.number("contentLength")) if data.get("contentLength") not in (None, "") else 0
