"""The managed identity endpoint, asked by hand and by the unmodified azure-identity."""

import asyncio
import socket

import httpx
import jwt
import pytest
import uvicorn
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential, ManagedIdentityCredential
from starlette.applications import Starlette

from local.azure.identity import ManagedIdentity

TENANT, OBJECT, CLIENT = (f"{digit}" * 8 + "-1111-1111-1111-111111111111" for digit in "abc")
QUERY = {"resource": "https://management.azure.com/", "api-version": "2019-08-01"}


@pytest.fixture
def app():
    return Starlette(routes=ManagedIdentity("the-header", TENANT, OBJECT, CLIENT).routes)


@pytest.fixture
async def client(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://local") as client:
        yield client


@pytest.fixture
async def listening(app):
    """The endpoint on a real port, as azure-identity brings its own HTTP client."""
    listener = socket.create_server(("127.0.0.1", 0))  # takes connections from now on, served a moment later
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/msi/token"
    server.should_exit = True
    await task


async def test_a_token_is_for_the_resource_and_the_identity(client):
    answer = (await client.get("/msi/token", params=QUERY, headers={"X-IDENTITY-HEADER": "the-header"})).json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["tid"], claims["oid"]) == ("https://management.azure.com/", TENANT, OBJECT)
    assert answer["expires_on"] == str(claims["exp"])
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert (answer["token_type"], answer["resource"]) == ("Bearer", QUERY["resource"])


@pytest.mark.parametrize("headers", [{}, {"X-IDENTITY-HEADER": "guessed"}, {"X-IDENTITY-HEADER": "\u00e9"}])
async def test_no_token_is_given_without_the_secret_header(client, headers):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await client.get("/msi/token", params=QUERY, headers=encoded)
    assert answer.status_code == 401
    assert "access_token" not in answer.text


@pytest.mark.parametrize("changed", [{"resource": ""}, {"api-version": "2017-09-01"}])
async def test_a_request_without_resource_or_known_version_is_bad(client, changed):
    answer = await client.get("/msi/token", params=QUERY | changed, headers={"X-IDENTITY-HEADER": "the-header"})
    assert answer.status_code == 400


async def test_the_unmodified_default_credential_finds_the_identity(listening, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", listening)
    monkeypatch.setenv("IDENTITY_HEADER", "the-header")

    def ask():
        with DefaultAzureCredential() as credential:
            return credential.get_token("https://management.azure.com/.default")

    token = await asyncio.to_thread(ask)
    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["tid"] == TENANT
    assert claims["aud"] == "https://management.azure.com"
    assert token.expires_on == claims["exp"]


async def test_azure_identity_gets_nothing_with_a_wrong_header(listening, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", listening)
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")

    def ask():
        with ManagedIdentityCredential() as credential:
            return credential.get_token("https://management.azure.com/.default")

    with pytest.raises((ClientAuthenticationError, CredentialUnavailableError)):
        await asyncio.to_thread(ask)
