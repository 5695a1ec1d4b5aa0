"""Azurite for the contracts: one for each test process, and a fresh set of tables for each test that asks for it."""

import os
import secrets
from collections.abc import Iterator

import pytest

from local import azurite as emulator
from shared.adapters.azure_storage_account import Addresses


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
