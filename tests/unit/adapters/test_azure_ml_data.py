"""The rows of labelled data are what the asset's tag says, and whatever goes wrong is an answer too."""

import time

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_data import AzureMlDatasets, rows_of
from shared.domain.outcomes import Failed
from tests.unit.adapters.orders import WORKSPACE
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

VERSIONS = "/data/flights/versions"
LATEST, THIRD = "azureml:flights@latest", "azureml:flights:3"


def document(version="3", **tags):
    properties = {"dataType": "uri_folder", "dataUri": "azureml://datastores/d/paths/p", "tags": tags}
    return {"id": f"{WORKSPACE}/data/flights/versions/{version}", "name": version, "properties": properties}


@pytest.fixture
def datasets(azure):
    return AzureMlDatasets(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 30.0)


async def test_the_newest_version_answers_for_the_label(azure, datasets):
    azure.on("GET", "/data/flights", Answer(body={"properties": {"dataType": "uri_folder", "latestVersion": "3"}}))
    azure.on("GET", f"{VERSIONS}/3", Answer(body=document(rows="12000")))
    assert await datasets.rows(WORKSPACE, LATEST) == 12_000
    assert azure.writes() == []


async def test_a_version_answers_for_itself(azure, datasets):
    azure.on("GET", f"{VERSIONS}/3", Answer(body=document(rows="7")))
    assert await datasets.rows(WORKSPACE, THIRD) == 7


@pytest.mark.parametrize(
    ("text", "rows"),
    [("0", 0), (" 42 ", 42), ("", None), ("12,000", None), ("many", None), ("-1", None), ("1.5", None), ("٣", None)],
)
def test_only_a_whole_number_is_a_count(text, rows):
    assert rows_of({"rows": text}) == rows


def test_a_version_without_the_tag_has_no_count():
    assert rows_of({"Rows": "3", "author": "ada"}) is None


@pytest.mark.parametrize(
    ("answer", "retryable", "says"),
    [
        (refusal(404, "ResourceNotFound", "no such data"), False, "not found"),
        (refusal(403, "AuthorizationFailed", "no role"), False, "AzureML Data Scientist"),
        (refusal(429, "TooManyRequests", "slow down"), True, "throttled"),
        (refusal(500, "InternalError", "oh"), True, "HTTP 500"),
    ],
    ids=["404", "403", "429", "500"],
)
async def test_a_refusal_is_a_failure_that_says_what_to_check(azure, datasets, answer, retryable, says):
    azure.on("GET", f"{VERSIONS}/3", answer)
    failed = await datasets.rows(WORKSPACE, THIRD)
    assert isinstance(failed, Failed)
    assert (failed.retryable, says in failed.reason) == (retryable, True), failed.reason


async def test_data_of_which_there_is_no_version_are_a_failure(datasets):
    failed = await datasets.rows(WORKSPACE, LATEST)
    assert isinstance(failed, Failed)
    assert "flights" in failed.reason


async def test_a_reference_that_names_no_asset_is_the_policys_fault(datasets):
    failed = await datasets.rows(WORKSPACE, "flights")
    assert isinstance(failed, Failed)
    assert not failed.retryable
    assert "not azureml:NAME:VERSION or azureml:NAME@LABEL" in failed.reason


async def test_an_answer_that_takes_too_long_is_not_waited_for(azure):
    azure.on("GET", f"{VERSIONS}/3", Answer(body=document(rows="7"), delay_seconds=2.0))
    hasty = AzureMlDatasets(AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0), 0.2)
    begun = time.monotonic()
    failed = await hasty.rows(WORKSPACE, THIRD)
    assert time.monotonic() - begun < 1.5
    assert failed == Failed(retryable=True, reason="Azure did not answer within 0.2 s")
