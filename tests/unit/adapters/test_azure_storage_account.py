"""One URL names the account; its other services are told from it, in any cloud."""

import pytest

from shared.adapters.azure_storage_account import Addresses, AzureStorageAccount, is_url, service_url
from shared.ports import StoreUnavailableError

CONNECTION = "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=c2VjcmV0"


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("https://account.table.core.windows.net", "blob", "https://account.blob.core.windows.net"),
        ("https://account.table.core.windows.net/", "queue", "https://account.queue.core.windows.net/"),
        ("https://account.blob.core.windows.net", "table", "https://account.table.core.windows.net"),
        ("https://account.queue.core.windows.net", "queue", "https://account.queue.core.windows.net"),
        ("https://account.table.core.usgovcloudapi.net", "blob", "https://account.blob.core.usgovcloudapi.net"),
        ("https://account.z12.table.storage.azure.net", "table", "https://account.z12.table.storage.azure.net"),
        ("https://account.z12.table.storage.azure.net", "queue", "https://account.z12.queue.storage.azure.net"),
    ],
)
def test_the_services_of_an_account_differ_in_one_label(url, kind, expected):
    assert service_url(url, kind) == expected


def test_a_url_that_names_no_service_is_refused_by_name():
    with pytest.raises(StoreUnavailableError, match=r"https://storage\.example"):
        service_url("https://storage.example", "blob")


@pytest.mark.parametrize(
    ("address", "expected"), [("https://account.table.core.windows.net", True), (CONNECTION, False)]
)
def test_a_url_is_told_from_a_connection_string(address, expected):
    assert is_url(address) == expected


def test_addresses_are_not_printed_for_they_may_hold_a_key():
    assert "c2VjcmV0" not in repr(Addresses(CONNECTION, CONNECTION))


@pytest.mark.parametrize("broken", ["", "AccountName=a", "AccountName=a;AccountKey=", "no connection string"])
async def test_a_connection_string_that_is_none_is_unavailable_and_not_printed(broken):
    with pytest.raises(StoreUnavailableError, match="connection string"):
        await AzureStorageAccount(Addresses(broken)).open()
