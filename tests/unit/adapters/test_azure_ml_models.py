"""Versions are read back as their events would have told them, the newest first and no further than was asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_models import NAMES_MAX, AzureMlModels
from shared.domain.outcomes import Failed
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
VERSIONS = "/models/flight-delay/versions"


def version(number, created, **tags):
    return {
        "name": str(number),
        "systemData": {"createdAt": f"{created:%Y-%m-%dT%H:%M:%S}.1234567Z"},
        "properties": {"tags": tags, "properties": {"run": "r"}},
    }


def page(*documents):
    return Answer(body={"value": list(documents)})


@pytest.fixture
def models(azure):
    azure.on("GET", "/models/flight-delay", Answer(body={"properties": {}}))
    return AzureMlModels(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 30.0)


async def read(models, name="flight-delay"):
    return await models.registered(WORKSPACE, name, NOON - HOUR, NOON)


async def test_versions_of_that_time_are_told_with_the_oldest_first(azure, models):
    azure.on(
        "GET",
        VERSIONS,
        page(
            version(9, NOON + HOUR),
            version(8, NOON - HOUR / 4, author="ada"),
            version(7, NOON - HOUR / 2),
            version(6, NOON - 2 * HOUR),
        ),
    )
    seven, eight = await read(models)
    assert (seven.model_version, eight.model_version) == ("7", "8")
    assert (eight.tags, eight.properties, eight.workspace) == ({"author": "ada"}, {"run": "r"}, WORKSPACE.lower())
    assert eight.occurred_at.replace(microsecond=0) == NOON - HOUR / 4
    assert azure.asked[-1].query["$orderBy"] == "createdtime desc"


async def test_the_same_version_has_the_same_key_each_time(azure, models):
    azure.on("GET", VERSIONS, page(version(8, NOON - HOUR / 4)))
    assert await read(models) == await read(models)


async def test_of_a_glob_each_model_that_fits_is_read(azure, models):
    azure.on("GET", "/models", page({"name": "flight-delay"}, {"name": "house-prices"}))
    azure.on("GET", VERSIONS, page(version(8, NOON - HOUR / 4)))
    assert [one.model_name for one in await read(models, "flight-*")] == ["flight-delay"]
    assert not any("house-prices" in asked.path for asked in azure.asked)


async def test_a_glob_that_fits_too_much_says_so(azure, models):
    azure.on("GET", "/models", page(*({"name": f"m{number}"} for number in range(NAMES_MAX + 1))))
    failed = await read(models, "m*")
    assert isinstance(failed, Failed)
    assert f"more than {NAMES_MAX} models" in failed.reason


async def test_a_model_of_which_there_is_no_version_yet_is_no_failure(azure, models):
    azure.on("GET", "/workspaces/[^/]+", Answer(body={"id": WORKSPACE}))
    assert await read(models, "new-model") == ()


async def test_a_workspace_that_is_not_there_is_one(models):
    assert isinstance(await read(models, "new-model"), Failed)


@pytest.mark.parametrize(
    ("answer", "retryable", "says"),
    [
        (refusal(403, "AuthorizationFailed", "no role"), False, "AzureML Data Scientist"),
        (refusal(404, "NotFound", "gone"), False, "not found"),
        (refusal(429, "TooManyRequests", "slow down"), True, "throttled"),
        (refusal(500, "InternalError", "oh"), True, "HTTP 500"),
        (page({"name": "8"}), True, "KeyError"),
    ],
    ids=["403", "404", "429", "500", "nonsense"],
)
async def test_a_refusal_is_a_failure_that_says_what_to_check(azure, models, answer, retryable, says):
    azure.on("GET", VERSIONS, answer)
    failed = await read(models)
    assert isinstance(failed, Failed)
    assert (failed.retryable, says in failed.reason) == (retryable, True), failed.reason
