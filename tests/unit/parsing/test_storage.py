"""Storage events become data that arrived or went, and only when a write has ended."""

import json

import pytest

from shared.domain import ids
from shared.domain.platform_signals import DataArrived, DataDeleted
from shared.domain.signals import Rejected
from shared.parsing import parse
from shared.parsing.fields import FieldError
from shared.parsing.storage import address_of

TOPIC = "/subscriptions/S1/resourceGroups/Storage/providers/Microsoft.Storage/storageAccounts/My-Account"
BLOB = "https://my-account.blob.core.windows.net/testcontainer/new-file.txt"
LAKE = "https://my-account.dfs.core.windows.net/my-file-system/new-file.txt"
CREATED, DELETED = "Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"
DATA = {"api": "PutBlockList", "contentLength": 524288, "url": BLOB, "sequencer": "0000442"}


@pytest.fixture
def read(event):
    """Reads one event of the storage account."""

    def build(data, event_type=CREATED, **changes):
        (parsed,) = parse(json.dumps(event(event_type, data, **{"topic": TOPIC} | changes)).encode())
        return parsed

    return build


def test_a_blob_that_is_written_has_arrived(read):
    signal = read(DATA)
    assert isinstance(signal, DataArrived)
    assert signal.dedup_key == ids.dedup_key(TOPIC, "e-1")
    assert (signal.account, signal.container, signal.path) == ("my-account", "testcontainer", "new-file.txt")
    assert (signal.api, signal.size_bytes, signal.sequencer) == ("PutBlockList", 524288, "0000442")


@pytest.mark.parametrize(
    "api",
    ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit", "putblob", "PutBlobFromUrl", "", None],
)
def test_any_operation_of_the_blob_endpoint_ends_a_write(read, api):
    assert isinstance(read(DATA | {"api": api}), DataArrived)


@pytest.mark.parametrize("api", ["FlushWithClose", "flushwithclose", "FLUSHWITHCLOSE", "SftpCommit"])
@pytest.mark.parametrize("size", [0, 524288])
def test_with_a_hierarchical_namespace_the_close_ends_the_write(read, api, size):
    signal = read({"api": api, "url": LAKE, "contentLength": size})
    assert isinstance(signal, DataArrived)
    assert (signal.container, signal.size_bytes) == ("my-file-system", size)


@pytest.mark.parametrize("api", ["CreateFile", "createfile", "CopyBlob", "PutBlob", "AppendFile", "SftpCreate"])
@pytest.mark.parametrize("size", [0, None, 10])
def test_with_a_hierarchical_namespace_everything_else_only_begins_it(read, api, size):
    rejected = read({"api": api, "url": LAKE, "contentLength": size})
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "not_actionable"
    assert api in rejected.detail
    assert ("SftpCommit" if api.startswith("Sftp") else "FlushWithClose") in rejected.detail


@pytest.mark.parametrize("api", ["CreateFile", "SftpCreate"])
def test_a_file_that_is_only_opened_has_not_arrived_by_any_endpoint(read, api):
    assert read(DATA | {"api": api}).reason == "not_actionable"


def test_with_a_hierarchical_namespace_the_operation_must_be_told(read):
    rejected = read({"url": LAKE})
    assert (rejected.reason, "data.api" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("api", ["DeleteBlob", "DeleteFile", "SftpRemove", None])
@pytest.mark.parametrize("url", [BLOB, LAKE])
def test_a_deletion_is_heard_whatever_deleted_it(read, api, url):
    signal = read({"api": api, "url": url}, DELETED)
    assert isinstance(signal, DataDeleted)
    assert (signal.path, signal.size_bytes) == ("new-file.txt", 0)


@pytest.mark.parametrize(
    "event_type", ["BlobCreated", "microsoft.storage.blobcreated", "MICROSOFT.STORAGE.BLOBCREATED"]
)
def test_the_type_may_be_short_and_in_any_case(read, event_type):
    assert isinstance(read(DATA, event_type), DataArrived)


@pytest.mark.parametrize(
    "event_type", ["Microsoft.Storage.BlobTierChanged", "Microsoft.Storage.DirectoryDeleted", "DirectoryRenamed"]
)
def test_other_storage_events_are_not_read(read, event_type):
    assert read(DATA, event_type).reason == "unknown_event_type"


RENAMED = {
    "api": "RenameFile",
    "destinationUrl": "https://my-account.dfs.core.windows.net/my-file-system/final/new-file.txt",
    "sourceUrl": "https://my-account.dfs.core.windows.net/my-file-system/temporary/new-file.txt",
    "sequencer": "0000442",
}


@pytest.mark.parametrize("event_type", ["Microsoft.Storage.BlobRenamed", "blobrenamed"])
def test_a_file_that_is_renamed_arrives_under_its_new_name(read, event_type):
    signal = read(RENAMED, event_type)
    assert isinstance(signal, DataArrived)
    assert (signal.account, signal.container, signal.path) == ("my-account", "my-file-system", "final/new-file.txt")
    assert (signal.api, signal.size_bytes, signal.sequencer) == ("RenameFile", 0, "0000442")


@pytest.mark.parametrize(("url", "reason"), [(None, "missing_field"), ("no address", "malformed_field")])
def test_a_rename_without_a_destination_says_which_field_is_wrong(read, url, reason):
    rejected = read(RENAMED | {"destinationUrl": url}, "Microsoft.Storage.BlobRenamed")
    assert (rejected.reason, "data.destinationUrl" in rejected.detail) == (reason, True)


@pytest.mark.parametrize("size", ["524288", 524288.0, 524288])
def test_a_size_may_be_text(read, size):
    assert read(DATA | {"contentLength": size}).size_bytes == 524288


@pytest.mark.parametrize("size", [None, ""])
def test_a_size_may_be_missing(read, size):
    assert read(DATA | {"contentLength": size}).size_bytes == 0


def test_a_size_that_is_none_is_refused_by_name(read):
    rejected = read(DATA | {"contentLength": "large"})
    assert (rejected.reason, "data.contentLength" in rejected.detail) == ("malformed_field", True)


@pytest.mark.parametrize(
    "url", [None, "", "not a url", "https://", "https://host", "https://host/", "http://[", "/c/p", "https://h/c/", 5]
)
def test_an_address_that_names_no_blob_is_refused(read, url):
    rejected = read(DATA | {"url": url})
    assert rejected.reason in ("missing_field", "malformed_field")
    assert "data.url" in rejected.detail


def test_the_account_is_that_of_the_topic_else_of_the_address(read):
    assert read(DATA, topic=f"{TOPIC}/").account == "my-account"
    assert read(DATA, topic="/subscriptions/s1").account == "my-account"


def test_the_address_tells_container_and_path_even_where_the_subject_differs(read):
    signal = read(DATA, subject="/blobServices/default/containers/test-container/blobs/other.txt")
    assert (signal.container, signal.path) == ("testcontainer", "new-file.txt")


@pytest.mark.parametrize(
    ("url", "host", "container", "path"),
    [
        ("https://a.blob.core.windows.net/c/p/q/r.csv", "a.blob.core.windows.net", "c", "p/q/r.csv"),
        (
            "https://A.BLOB.core.windows.net/c/Some%20File%23%C3%A4.csv",
            "a.blob.core.windows.net",
            "c",
            "Some File#ä.csv",
        ),
        ("https://a.blob.core.windows.net/c/p?sv=1&sig=secret#x", "a.blob.core.windows.net", "c", "p"),
        ("https://a.blob.core.windows.net/file.txt", "a.blob.core.windows.net", "$root", "file.txt"),
        ("https://a.blob.core.windows.net/$root/file.txt", "a.blob.core.windows.net", "$root", "file.txt"),
        ("http://127.0.0.1:10000/devstoreaccount1/c/p", "devstoreaccount1", "c", "p"),
        ("https://a.z1.dfs.storage.azure.net/c/p", "a.z1.dfs.storage.azure.net", "c", "p"),
        ("https://a.blob.core.windows.net//c/p+q", "a.blob.core.windows.net", "c", "p+q"),
    ],
)
def test_an_address_is_taken_apart_and_decoded(url, host, container, path):
    address = address_of(url)
    assert (address.host, address.container, address.path) == (host, container, path)
    assert address.hierarchical is (".dfs." in url)


def test_a_refused_address_never_shows_its_signature():
    with pytest.raises(FieldError) as refused:
        address_of("https://a.blob.core.windows.net/?sv=1&sig=secret")
    assert "secret" not in refused.value.detail


def test_a_dead_lettered_event_is_the_event(read):
    signal = read(DATA, deadLetterReason="MaxDeliveryAttemptsExceeded", deliveryAttempts=1, publishTime=None)
    assert isinstance(signal, DataArrived)
