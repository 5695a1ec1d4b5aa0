"""One call, one answer: what is known of an effect when none came, and that no secret is told."""

import logging
import socket
from datetime import timedelta

import pytest

from shared.adapters.rest_calls import Answer, CallError, RestCalls
from shared.domain.outcomes import Failed, Unknown
from tests.unit.adapters import scripted_azure as scripted
from tests.unit.adapters.orders import NOW

PATH = "/things"


def refused(answer: Answer) -> Failed:
    return Failed(retryable=False, reason=f"{answer.status} {answer.said}")


async def secret_headers():
    return {"Authorization": "Bearer s3cret"}


@pytest.fixture
def calls(azure):
    return RestCalls("the service", azure.url, secret_headers, timeout_seconds=1.0)


async def problem_of(call):
    with pytest.raises(CallError) as caught:
        await call
    return caught.value


async def test_an_answer_is_its_status_and_its_object(azure, calls):
    azure.on("POST", PATH, scripted.Answer(201, {"id": 7}, {"X-Kind": "thing"}))
    answer = await calls.post(PATH, {"a": 1}, refused, version="1")
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (201, {"id": 7}, "thing")
    (asked,) = azure.asked
    assert (asked.body, asked.query, asked.headers["authorization"]) == ({"a": 1}, {"version": "1"}, "Bearer s3cret")


@pytest.mark.parametrize("body", ["", "no json", "[1]", "null"])
async def test_what_is_no_object_is_an_empty_one(azure, calls, body):
    azure.on("POST", PATH, scripted.Answer(200, body))
    assert (await calls.post(PATH, {}, refused)).body == {}


@pytest.mark.parametrize("body", ["", "no json", "[1]", "null", "{}"])
@pytest.mark.parametrize("read", [lambda calls: calls.get(PATH, refused), lambda calls: calls.ask(PATH, {}, refused)])
async def test_a_read_without_a_document_is_a_failure_and_not_an_empty_one(azure, calls, body, read):
    for method in ("GET", "POST"):
        azure.on(method, PATH, scripted.Answer(200, body))
    problem = await problem_of(read(calls))
    assert isinstance(problem.outcome, Failed)
    assert problem.is_transient
    assert "without a document" in problem.outcome.reason


@pytest.mark.parametrize("body", [{"other": []}, {"value": None}, {"value": {}}])
async def test_an_answer_without_its_list_is_no_empty_list(azure, calls, body):
    azure.on("GET", PATH, scripted.Answer(200, body))
    answer = await calls.get(PATH, refused)
    with pytest.raises(CallError, match="without its list 'value'"):
        answer.listed("value")


@pytest.mark.parametrize(("told", "seconds"), [("7", 7), ("soon", None), ("", None), ("²", None), ("9" * 5000, 3600)])
async def test_a_wait_is_as_long_as_the_service_says_in_seconds(told, seconds):
    answer = Answer(True, PATH, 503, {"retry-after": told})
    assert answer.asked_until(NOW) == (NOW + timedelta(seconds=seconds) if seconds else None)


async def test_a_query_by_post_that_breaks_has_no_effect_to_be_unknown(azure, calls):
    azure.on("POST", PATH, scripted.Answer(503))
    problem = await problem_of(calls.ask(PATH, {}, lambda answer: Unknown(reason=str(answer.status))))
    assert problem.outcome == Failed(retryable=True, reason="503")


async def test_a_refusal_means_what_the_service_says(azure, calls):
    azure.on("GET", PATH, scripted.Answer(418, {"message": "a\n teapot"}))
    problem = await problem_of(calls.get(PATH, refused))
    assert (problem.outcome.reason, problem.answer.status, problem.is_transient) == ("418 a teapot", 418, False)


async def test_a_redirect_is_not_followed_with_the_token(azure, calls):
    azure.on("GET", PATH, scripted.Answer(307, "", {"Location": f"{azure.url}/elsewhere"}))
    assert (await problem_of(calls.get(PATH, refused))).answer.status == 307
    assert len(azure.asked) == 1


async def test_an_order_without_an_answer_may_have_been_carried_out(azure, calls):
    azure.on("POST", PATH, scripted.Answer(204, delay_seconds=1.5))
    problem = await problem_of(calls.post(PATH, {}, refused))
    assert isinstance(problem.outcome, Unknown)
    assert problem.is_transient


async def test_a_read_without_an_answer_may_simply_be_repeated(azure, calls):
    azure.on("GET", PATH, scripted.Answer(200, delay_seconds=1.5))
    problem = await problem_of(calls.get(PATH, refused))
    assert isinstance(problem.outcome, Failed)
    assert problem.outcome.retryable


async def test_an_order_whose_answer_is_garbled_may_have_been_carried_out(azure, calls):
    azure.on("POST", PATH, scripted.Answer(200, "no gzip", {"Content-Encoding": "gzip"}))
    assert isinstance((await problem_of(calls.post(PATH, {}, refused))).outcome, Unknown)


async def test_who_is_not_reached_has_done_nothing():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    calls = RestCalls("the service", f"https://127.0.0.1:{port}", secret_headers, 1.0)
    problem = await problem_of(calls.post(PATH, {}, refused))
    assert isinstance(problem.outcome, Failed)
    assert problem.outcome.retryable
    assert "nothing was sent" in problem.outcome.reason


async def test_an_address_that_is_none_is_for_a_person_to_correct():
    problem = await problem_of(RestCalls("the service", "nowhere", secret_headers, 1.0).post(PATH, {}, refused))
    assert problem.outcome == Failed(retryable=False, reason="the address that is set for the service is none")


async def test_the_token_is_in_no_reason_and_no_log(azure, calls, caplog):
    caplog.set_level(logging.DEBUG)
    azure.on("GET", PATH, scripted.Answer(401, {"message": "Bad credentials"}))
    problem = await problem_of(calls.get(PATH, refused))
    assert "s3cret" not in caplog.text + str(problem) + repr(problem.answer)
