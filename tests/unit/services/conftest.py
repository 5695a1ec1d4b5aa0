"""One instance of the application, on an empty store in memory."""

import pytest

from shared.adapters.sqlite_store import SqliteStore
from tests.unit.services.fakes import World


@pytest.fixture
async def store():
    store = SqliteStore(":memory:")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def world(store):
    return World(store)
