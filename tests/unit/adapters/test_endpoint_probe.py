import logging

import pytest

from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.endpoint_probe import WARM_UP_REQUESTS, EndpointProber
from shared.domain.outcomes import Failed, Succeeded
from tests.unit.adapters.orders import check
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

ENDPOINT = "/onlineEndpoints/flight"
PAYLOAD = '{"rows": [1]}'
SCORE = "/score/flight"


@pytest.fixture
def clients(azure):
    return AzureMlClients(StaticCredential, cloud_of(azure.url), 5.0)


@pytest.fixture
def prober(clients):
    return EndpointProber(clients)


@pytest.fixture
def endpoint(azure):
    def with_auth(mode):
        properties = {"authMode": mode, "scoringUri": azure.url + SCORE, "provisioningState": "Succeeded"}
        azure.on("GET", ENDPOINT, Answer(body={"properties": properties}))

    azure.on("GET", ENDPOINT + "/deployments/green", Answer(body={"properties": {}}))
    azure.on("POST", ENDPOINT + "/listKeys", Answer(body={"primaryKey": "k3y", "secondaryKey": "other"}))
    azure.on("POST", ENDPOINT + "/token", Answer(body={"accessToken": "t0ken"}))
    azure.on("POST", SCORE, Answer(body={"result": [0.5]}))
    with_auth("Key")
    return with_auth


def scored(azure):
    return [asked for asked in azure.asked if asked.path == SCORE]


async def test_requests_go_to_the_one_deployment_with_the_payload(azure, prober, endpoint):
    outcome = await prober.probe(check(requests=12), PAYLOAD)

    assert isinstance(outcome, Succeeded)
    assert outcome.data["requests"] == 12
    assert outcome.data["errors"] == 0
    assert outcome.data["error_rate"] == 0
    assert 0 < outcome.data["latency_p50_ms"] <= outcome.data["latency_p95_ms"] <= outcome.data["latency_p99_ms"]
    sent = scored(azure)
    assert len(sent) == 12 + WARM_UP_REQUESTS
    assert {asked.headers["azureml-model-deployment"] for asked in sent} == {"green"}
    assert {asked.headers["authorization"] for asked in sent} == {"Bearer k3y"}
    assert all(asked.body == {"rows": [1]} for asked in sent)


async def test_the_first_requests_are_warm_up_and_not_counted(azure, prober, endpoint):
    slow = [Answer(body={}, delay_seconds=0.3)] * WARM_UP_REQUESTS
    azure.on("POST", SCORE, *slow, Answer(body={}))
    outcome = await prober.probe(check(requests=10), PAYLOAD)
    assert outcome.data["latency_p99_ms"] < 300


async def test_failing_answers_are_errors(azure, prober, endpoint):
    fine = [Answer(body={})] * (WARM_UP_REQUESTS + 5)
    azure.on("POST", SCORE, *fine, Answer(424, {"error": "model"}))
    outcome = await prober.probe(check(requests=10), PAYLOAD)
    assert outcome.data["errors"] == 5
    assert outcome.data["error_rate"] == 0.5


async def test_a_model_that_always_fails_is_measured_and_not_hidden(azure, prober, endpoint):
    azure.on("POST", SCORE, Answer(503))
    outcome = await prober.probe(check(requests=4), PAYLOAD)
    assert isinstance(outcome, Succeeded)
    assert outcome.data["error_rate"] == 1.0
    assert "latency_p95_ms" in outcome.data


async def test_latencies_are_those_of_the_slow_requests(azure, prober, endpoint):
    fine = [Answer(body={})] * (WARM_UP_REQUESTS + 18)
    azure.on("POST", SCORE, *fine, Answer(body={}, delay_seconds=0.4))
    outcome = await prober.probe(check(requests=20), PAYLOAD)
    assert outcome.data["latency_p50_ms"] < 400
    assert outcome.data["latency_p95_ms"] >= 400


@pytest.mark.parametrize(("mode", "secret"), [("AMLToken", "t0ken"), ("key", "k3y")])
async def test_an_endpoint_is_entered_the_way_it_asks_for(azure, prober, endpoint, mode, secret):
    endpoint(mode)
    await prober.probe(check(requests=1), PAYLOAD)
    assert scored(azure)[0].headers["authorization"] == f"Bearer {secret}"


async def test_an_endpoint_with_entra_sign_in_gets_a_token_of_ours(azure, prober, endpoint):
    endpoint("AADToken")
    await prober.probe(check(requests=1), PAYLOAD)
    assert scored(azure)[0].headers["authorization"].count(".") == 2


async def test_a_probe_that_is_not_let_in_is_not_the_models_fault(azure, prober, endpoint):
    azure.on("POST", SCORE, Answer(401))
    outcome = await prober.probe(check(requests=50), PAYLOAD)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert len(scored(azure)) == WARM_UP_REQUESTS


@pytest.mark.parametrize("address", ["https://edge.invalid/score", "https://127.0.0.1:1/score"])
async def test_an_endpoint_that_nobody_can_reach_from_here_is_told_and_not_measured(azure, prober, endpoint, address):
    """As one on a cluster in a private network, or behind a certificate that nobody here trusts."""
    properties = {"authMode": "Key", "scoringUri": address, "provisioningState": "Succeeded"}
    azure.on("GET", ENDPOINT, Answer(body={"properties": properties}))
    outcome = await prober.probe(check(requests=50), PAYLOAD)
    assert isinstance(outcome, Failed)
    assert outcome.retryable, "the network may come back"
    assert f"cannot connect to {address.split('/')[2].partition(':')[0]}" in outcome.reason


async def test_a_deployment_that_does_not_exist_is_named(azure, prober):
    outcome = await prober.probe(check(), PAYLOAD)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "deployments/green" in outcome.reason


async def test_a_missing_permission_to_read_keys_is_for_a_person(azure, prober, endpoint):
    azure.on("POST", ENDPOINT + "/listKeys", refusal(403, "AuthorizationFailed", "listKeys/action"))
    outcome = await prober.probe(check(), PAYLOAD)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


async def test_a_probe_has_an_end(azure, clients, endpoint):
    azure.on("POST", SCORE, Answer(body={}, delay_seconds=2.0))
    outcome = await EndpointProber(clients, probe_timeout_seconds=0.3).probe(check(), PAYLOAD)
    assert isinstance(outcome, Failed)
    assert outcome.retryable


async def test_the_key_is_never_logged(azure, prober, endpoint, caplog):
    caplog.set_level(logging.DEBUG)
    await prober.probe(check(requests=1), PAYLOAD)
    azure.on("POST", SCORE, Answer(401))
    outcome = await prober.probe(check(requests=1), PAYLOAD)
    assert "k3y" not in caplog.text
    assert "k3y" not in str(outcome)
