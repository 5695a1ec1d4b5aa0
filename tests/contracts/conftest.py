"""Azurite for the contracts: one for each test process, and a fresh set of tables for each test that asks for it."""

import os
import secrets
from collections.abc import Iterator

import pytest

from local import azurite as emulator
from local.azure.journal import Journal
from shared.adapters.azure_storage_account import Addresses
from shared.adapters.sqlite_store import SqliteStore
from tests.contracts.faulty_wire import FaultyWire, wired
from tests.unit.adapters.scripted_azure import serving


@pytest.fixture(scope="session")
def azurite(tmp_path_factory) -> Iterator[emulator.Azurite]:
    script = emulator.find()
    if script is None and os.environ.get("CI"):  # noqa: TID251 - the gate installs what it needs: nothing is skipped there
        pytest.fail("Azurite is missing: python -m local.azurite install")
    if script is None:
        pytest.skip("Azurite is missing: python -m local.azurite install")
    running = emulator.Azurite(script, tmp_path_factory.mktemp("azurite") / "azurite.log")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def addresses(azurite: emulator.Azurite) -> Addresses:
    """An account with nothing in it: nobody else's tables begin with this name."""
    return Addresses(azurite.connection_string, name=f"t{secrets.token_hex(4)}")


class Front:
    """One address with TLS, behind which each test puts what it needs."""

    def __init__(self):
        self.url, self.ca_file, self.app = "", None, None

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def front(tmp_path_factory) -> Iterator[Front]:
    """The address, whose authority this process trusts."""
    app = Front()
    with pytest.MonkeyPatch.context() as patch, serving(app, tmp_path_factory.mktemp("tls")) as (url, ca_file):
        patch.setenv("SSL_CERT_FILE", str(ca_file))
        patch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
        app.url, app.ca_file = url, ca_file
        yield app


@pytest.fixture(scope="module")
def front_line(front) -> Iterator[FaultyWire]:
    """The wire before that address."""
    with wired(front.url, str(front.ca_file)) as line:
        yield line


@pytest.fixture
def journal(tmp_path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
async def ledger(tmp_path):
    """An open store on a file."""
    file = SqliteStore(tmp_path / "outerloop.db")
    await file.open()
    yield file
    await file.close()
