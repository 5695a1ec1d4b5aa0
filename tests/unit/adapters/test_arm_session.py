import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

from shared.adapters.arm_session import ArmCalls, ArmSession
from tests.unit.adapters.scripted_azure import Answer, StaticCredential, refusal


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def session(azure):
    return ArmSession(StaticCredential(), azure.url)


@pytest.fixture
def arm(session):
    return ArmCalls(session, budget_seconds=5.0)


def test_a_read_carries_the_api_version_and_the_query(azure, arm):
    azure.on("GET", "/thing", Answer(body={"name": "thing"}))
    assert arm.get("/thing", run_id="r1") == {"name": "thing"}
    assert azure.asked[0].query == {"api-version": "2025-12-01", "run_id": "r1"}


@pytest.mark.parametrize("body", [None, {}, "null"])
def test_an_answer_without_a_document_is_no_empty_list(azure, arm, body):
    azure.on("GET", "/things", Answer(body=body))
    with pytest.raises(ServiceRequestError, match="without a document: /things"):
        arm.get("/things")


@pytest.mark.parametrize("body", ["<html>", '{"value": ['])
def test_a_read_whose_answer_is_garbled_or_ends_too_early_may_be_repeated(azure, arm, body):
    azure.on("GET", "/things", Answer(body=body))
    with pytest.raises(ServiceRequestError, match="no whole answer to a read"):
        arm.get("/things")


def test_a_whole_address_is_used_as_it_is(azure, arm):
    azure.on("GET", "/elsewhere", Answer(body={"name": "thing"}))
    arm.get(f"{azure.url}/elsewhere", api_version=None)
    assert azure.asked[0].query == {}


def test_the_token_is_for_this_cloud(azure, arm):
    azure.on("GET", "/thing", Answer(body={"name": "thing"}))
    arm.get("/thing")
    assert azure.asked[0].headers["user-agent"].startswith("outerloop")
    assert azure.asked[0].headers["authorization"].startswith("Bearer ")


def test_what_is_not_there_is_none_and_other_refusals_are_raised(azure, arm):
    assert arm.find("/nothing") is None
    azure.on("GET", "/forbidden", refusal(403, "AuthorizationFailed", "no"))
    with pytest.raises(HttpResponseError):
        arm.find("/forbidden")


def test_an_empty_answer_to_a_write_is_an_empty_document(azure, arm):
    azure.on("POST", "/import", Answer(202))
    assert arm.post("/import", {"a": 1}) == {}
    assert azure.asked[0].body == {"a": 1}


def test_a_deletion_tells_whether_it_is_done(azure, arm):
    azure.on("DELETE", "/thing", Answer(202), Answer(204))
    assert [arm.delete("/thing"), arm.delete("/thing")] == [202, 204]


def test_a_redirect_is_not_followed(azure, arm):
    azure.on("GET", "/thing", Answer(302, headers={"Location": f"{azure.url}/other"}))
    with pytest.raises(HttpResponseError):
        arm.get("/thing")
    assert len(azure.asked) == 1


def test_nothing_is_sent_once_the_budget_is_used_up(azure, session):
    stopwatch = Stopwatch()
    arm = ArmCalls(session, 5.0, stopwatch)
    azure.on("GET", "/thing", Answer(body={"name": "thing"}))
    arm.get("/thing")
    stopwatch.seconds += 5.0
    with pytest.raises(ServiceRequestTimeoutError):
        arm.put("/thing", {})
    assert azure.writes() == []


def test_a_read_that_times_out_is_a_request_that_had_no_effect(azure, session):
    azure.on("GET", "/slow", Answer(delay_seconds=1.0))
    with pytest.raises(ServiceRequestError):
        ArmCalls(session, 0.2).get("/slow")


def test_a_write_that_times_out_may_have_had_its_effect(azure, session):
    azure.on("PUT", "/slow", Answer(delay_seconds=1.0))
    with pytest.raises(ServiceResponseError):
        ArmCalls(session, 0.2).put("/slow", {})
