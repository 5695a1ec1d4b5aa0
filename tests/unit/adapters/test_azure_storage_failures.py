"""A failed call to Azure storage is made again when that may help, and is named by what it means."""

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.adapters.azure_storage_failures import PAUSES_SECONDS, is_refusal, patiently
from shared.ports import ConflictError, StoreUnavailableError

QUICK = (0.0,) * len(PAUSES_SECONDS)


def answered(status, code="", error=HttpResponseError):
    found = error("the service said no")
    found.status_code, found.error_code = status, code
    return found


class Call:
    """A call that fails as it is told, and then works."""

    def __init__(self, *failures):
        self.failures, self.attempts = list(failures), []

    async def __call__(self, attempt):
        self.attempts.append(attempt)
        if self.failures:
            raise self.failures.pop(0)
        return "done"


PASSING = [
    ServiceRequestError("refused"),
    ServiceResponseError("cut"),
    IncompleteReadError("half an answer"),
    DecodeError("no JSON"),
    answered(202),
    *(answered(status) for status in (408, 429, 500, 502, 503, 504, 507)),
]
SHUT_OUT = [answered(401), answered(403), ClientAuthenticationError("no token"), answered(404, "TableNotFound")]
BUGS = [answered(400), answered(404, "ResourceNotFound"), answered(409), answered(412), answered(413)]


@pytest.mark.parametrize("failure", PASSING, ids=repr)
async def test_what_passes_is_tried_again(failure):
    call = Call(failure, failure)
    assert await patiently(call, QUICK) == "done"
    assert call.attempts == [0, 1, 2]


@pytest.mark.parametrize("failure", PASSING, ids=repr)
async def test_what_does_not_pass_after_all_is_unavailable(failure):
    call = Call(*[failure] * 10)
    with pytest.raises(StoreUnavailableError):
        await patiently(call, QUICK)
    assert call.attempts == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("failure", SHUT_OUT, ids=repr)
async def test_who_is_shut_out_knocks_once(failure):
    call = Call(failure)
    with pytest.raises(StoreUnavailableError):
        await patiently(call, QUICK)
    assert call.attempts == [0]


@pytest.mark.parametrize("failure", [*BUGS, ConflictError("mine"), ValueError("mine")], ids=repr)
async def test_what_trying_again_would_not_mend_is_raised_as_it_is(failure):
    call = Call(failure)
    with pytest.raises(type(failure)) as caught:
        await patiently(call, QUICK)
    assert caught.value is failure
    assert call.attempts == [0]


@pytest.mark.parametrize(
    ("failure", "refused"),
    [
        (answered(409, "EntityAlreadyExists"), True),
        (answered(412, "UpdateConditionNotSatisfied"), True),
        (answered(404, "ResourceNotFound"), True),
        (answered(404, "ResourceNotFound", ResourceNotFoundError), True),
        (answered(409, "EntityAlreadyExists", ResourceExistsError), True),
        (answered(404, "TableNotFound"), False),
        (answered(409, "TableBeingDeleted"), False),
        (answered(400, "InvalidInput"), False),
        (answered(503), False),
    ],
    ids=repr,
)
def test_a_row_that_is_not_as_required_is_told_from_a_table_that_is_not_there(failure, refused):
    assert is_refusal(failure) == refused


def test_the_tries_are_over_within_a_few_seconds():
    assert sum(PAUSES_SECONDS) * 1.5 < 6
