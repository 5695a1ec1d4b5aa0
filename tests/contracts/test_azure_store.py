"""The store on Azure storage takes the contract against Azurite, as a store that several processes share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.adapters.azure_storage_account import Addresses
from shared.adapters.azure_tables_store import AzureTablesStore
from shared.ports import Store
from tests.contracts.store_contract import SharedStoreContract, StoreContract


async def opened(addresses: Addresses) -> AzureTablesStore:
    store = AzureTablesStore(addresses)
    await store.open()
    return store


@pytest_asyncio.fixture
async def azure_store(addresses: Addresses) -> AsyncIterator[AzureTablesStore]:
    store = await opened(addresses)
    yield store
    await store.close()


class TestAzureTables(StoreContract, SharedStoreContract):
    @pytest_asyncio.fixture
    async def store(self, azure_store: AzureTablesStore) -> Store:
        return azure_store

    @pytest_asyncio.fixture
    async def another_store(self, addresses: Addresses) -> AsyncIterator[Store]:
        store = await opened(addresses)
        yield store
        await store.close()
