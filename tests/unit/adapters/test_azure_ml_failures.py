import socket
from datetime import timedelta
from types import SimpleNamespace

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.adapters.arm_names import MalformedNameError
from shared.adapters.azure_ml import AzureMachineLearning
from shared.adapters.azure_ml_failures import (
    TEXT_MAX,
    classify,
    is_transient,
    retry_after_seconds,
)
from shared.adapters.retry_after import SECONDS_MAX
from shared.domain.outcomes import ASKED_SECONDS, Failed, Unknown
from tests.unit.adapters.orders import NOW, record_reference, set_traffic, share
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, cloud_of, refusal

ORDER = set_traffic(blue=100)


async def begin(azure, workspace, answer):
    azure.on("GET", "/onlineEndpoints/flight", answer)
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    return outcome


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (405, False),
        (408, True),
        (409, True),
        (412, False),
        (422, False),
        (429, True),
        (500, True),
        (502, True),
        (503, True),
        (504, True),
    ],
)
async def test_every_status_is_retryable_or_not(azure, workspace, status, retryable):
    outcome = await begin(azure, workspace, refusal(status, "Code", "what Azure said"))
    assert outcome.retryable is retryable
    assert "what Azure said" in outcome.reason


async def test_a_missing_permission_names_the_role_to_check(azure, workspace):
    outcome = await begin(azure, workspace, refusal(403, "AuthorizationFailed", "no"))
    assert "AzureML Data Scientist" in outcome.reason
    assert "onlineEndpoints/flight" in outcome.reason


async def test_sharing_without_permission_names_the_registry_role(azure, workspace):
    azure.on("GET", "/discovery", refusal(403, "AuthorizationFailed", "no"))
    outcome = await workspace.begin(share(), NOW)
    assert "AzureML Registry User" in outcome.reason


async def test_a_refused_sign_in_points_at_tenant_and_audience(azure, workspace):
    outcome = await begin(azure, workspace, refusal(401, "InvalidAuthenticationTokenAudience", "wrong"))
    assert "audience" in outcome.reason


async def test_a_missing_resource_is_named(azure, workspace):
    outcome = await begin(azure, workspace, refusal(404, "ResourceNotFound", "no such endpoint"))
    assert "not found: prod/onlineEndpoints/flight" in outcome.reason


async def test_throttling_says_how_long_to_wait(azure, workspace):
    outcome = await begin(azure, workspace, refusal(429, "TooManyRequests", "slow down", **{"Retry-After": "12"}))
    assert "retry-after 12.0 s" in outcome.reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12),
        ({"x-ms-retry-after-ms": "2500", "Retry-After": "9"}, 2.5),
        ({"Retry-After": "999999"}, SECONDS_MAX),
    ],
)
async def test_a_refused_write_says_until_when_azure_asks_to_wait_within_a_bound(azure, workspace, headers, seconds):
    outcome = await begin(azure, workspace, refusal(503, "Busy", "later", **headers))
    assert (outcome.until, outcome.data) == (NOW + timedelta(seconds=seconds), {})


@pytest.mark.parametrize("words", ["", "soon", "-3", "Wed, 21 Oct 2026 07:28:00 GMT", "²"])
async def test_a_wait_that_is_no_number_of_seconds_is_none(words):
    problem = HttpResponseError()
    problem.response = SimpleNamespace(headers={"retry-after": words})
    assert retry_after_seconds(problem) is None


async def test_what_will_never_be_taken_names_no_time(azure, workspace):
    assert (await begin(azure, workspace, refusal(403, "No", "never", **{"Retry-After": "12"}))).until is None


async def test_a_read_says_how_long_azure_asks_to_wait(azure, workspace):
    azure.on("GET", "/models/flight-delay/versions/7", refusal(429, "Busy", "later", **{"Retry-After": "12"}))
    assert (await workspace.read_reference(record_reference())).data == {ASKED_SECONDS: 12.0}


async def test_one_call_is_one_request_whatever_the_answer(azure, workspace):
    await begin(azure, workspace, refusal(503, "Busy", "later"))
    assert len(azure.asked) == 1


async def test_an_answer_that_is_not_json_is_still_a_failure(azure, workspace):
    outcome = await begin(azure, workspace, Answer(502, "<html>bad gateway</html>"))
    assert outcome.retryable


async def test_a_connection_that_is_refused_has_no_effect(azure):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    lost = AzureMachineLearning(StaticCredential, cloud_of(f"https://127.0.0.1:{port}"), 2.0, 5.0)
    outcome = await lost.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "nothing was sent" in outcome.reason


async def test_an_unexpected_answer_is_unknown_with_its_type_and_is_logged(azure, workspace, caplog):
    azure.on("GET", "/onlineEndpoints/flight", Answer(200, {"no": "properties"}))
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith("KeyError")
    assert "effect unknown" in caplog.text


async def test_a_workspace_that_is_not_one_is_refused_for_good(workspace):
    from tests.unit.adapters.orders import evaluate  # noqa: PLC0415

    outcome = await workspace.begin(evaluate(workspace="/subscriptions/x", component="no reference"), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


def test_a_credential_that_is_not_available_may_be_tried_again():
    outcome = classify(ClientAuthenticationError("managed identity is unavailable"), ORDER)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "managed identity" in outcome.reason


def test_a_malformed_reference_is_for_a_person_to_correct():
    outcome = classify(MalformedNameError("not azureml:NAME:VERSION"), ORDER)
    assert outcome == Failed(retryable=False, reason="not azureml:NAME:VERSION")


def test_a_refusal_of_the_sdk_before_sending_is_not_retryable():
    from azure.ai.ml.exceptions import ErrorTarget, ValidationException  # noqa: PLC0415

    problem = ValidationException("input 'x' is missing", no_personal_data_message="x", target=ErrorTarget.JOB)
    assert classify(problem, ORDER) == Failed(retryable=False, reason="input 'x' is missing")


def test_reasons_are_cut_to_what_a_person_reads():
    outcome = classify(RuntimeError("x" * 5000), ORDER)
    assert len(outcome.reason) < TEXT_MAX + 50


def test_a_lost_answer_is_unknown_and_a_lost_request_is_not():
    assert isinstance(classify(ServiceResponseError("reset"), ORDER), Unknown)
    assert isinstance(classify(ServiceRequestError("refused"), ORDER), Failed)


def test_only_failures_of_the_way_are_transient():
    assert is_transient(ServiceResponseError("reset"))
    assert is_transient(ServiceRequestError("refused"))
    assert not is_transient(KeyError("properties"))
