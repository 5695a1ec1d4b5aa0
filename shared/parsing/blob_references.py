"""Where the rows of a collector event are kept, from the text that names the place.

Owns the ways in which Azure names a blob: by its URL, by Hadoop's address of it, by a datastore's path, by a path alone. The address
itself is never used for anything else: who reads makes one of the policy's own account. Knows nothing of what a blob holds.
Forms: Microsoft Learn, collect production data (``datainblob``: a blob's URL); azureml-assets, model_monitoring ``store_url.py``
(whatever ``dataref`` may be there).
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from shared.parsing.fields import FieldError, shown

REFERENCE_CHARACTERS_MAX = 4096  # the path of a blob has at most 1024, each of which may take three

# The whole host, so that nobody's `account.blob.core.windows.net.elsewhere.org` passes as the account.
_HOST = r"(?P<account>[a-z0-9]{3,24})(?:\.privatelink)?\.(?:blob|dfs)\.core\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)"
_CONTAINER = r"(?P<container>[$a-z0-9-]{3,63})"
_URL = re.compile(rf"https://{_HOST}/{_CONTAINER}/(?P<path>.+)", re.IGNORECASE)
_HADOOP = re.compile(rf"(?:abfss|wasbs)://{_CONTAINER}@{_HOST}/(?P<path>.+)", re.IGNORECASE)
_DATASTORE = re.compile(r"azureml://(?:.*?/)?datastores/[^/]+/paths/(?P<path>.+)", re.IGNORECASE)
_ANOTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NO_PATH = re.compile(r"^[/.]|[\x00-\x1f\x7f\\]")

EXPECTED = "expected https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH, azureml://datastores/NAME/paths/PATH or a path in the container"


class BlobPlace(NamedTuple):
    """A blob. Account and container are empty where the text leaves them to the one who reads: those of the collector."""

    account: str
    container: str
    path: str


def blob_place(reference: str) -> BlobPlace:
    """The blob that a reference (without any query) names. Raises FieldError that says which forms are read."""
    if len(reference) > REFERENCE_CHARACTERS_MAX:
        raise _unreadable(reference)
    url, hadoop = _URL.fullmatch(reference), _HADOOP.fullmatch(reference)
    found = url or hadoop
    if found is not None:
        path = _decoded(reference, found["path"]) if url else found["path"]
        return _checked(reference, BlobPlace(found["account"].lower(), found["container"], path))
    datastore = _DATASTORE.fullmatch(reference)
    if datastore is None and _ANOTHER_SCHEME.match(reference):
        raise _unreadable(reference)
    return _checked(reference, BlobPlace("", "", datastore["path"] if datastore else reference))


def _decoded(reference: str, path: str) -> str:
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise _unreadable(reference) from error


def _checked(reference: str, place: BlobPlace) -> BlobPlace:
    if not place.path or _NO_PATH.search(place.path):
        raise _unreadable(reference)
    return place


def _unreadable(reference: str) -> FieldError:
    return FieldError("malformed_field", f"{shown(reference)} names no blob: {EXPECTED}")
