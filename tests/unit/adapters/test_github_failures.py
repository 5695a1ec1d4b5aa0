"""What GitHub's refusals mean, and what a person has to do about each."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.github_failures import classify
from shared.adapters.rest_calls import THROTTLED_FOR, Answer
from shared.domain.outcomes import Failed, Unknown

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def meant(status, message="", *, is_order=True, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(is_order, "/x", status, named, {"message": message} if message else {}, "")
    return classify(answer, NOW, "Actions: write")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (301, "another name"),
        (307, "another name"),
        (400, "HTTP 400"),
        (401, "OUTERLOOP_GITHUB_TOKEN is wrong or has expired"),
        (403, "needs Actions: write"),
        (404, "shows no such repository"),
        (410, "HTTP 410"),
        (422, "declare these inputs"),
    ],
)
def test_what_a_person_has_to_mend_is_not_tried_again(status, says):
    outcome = meant(status, "GitHub's own words")
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.until) == (False, None)
    assert says in outcome.reason
    assert "GitHub's own words" in outcome.reason


@pytest.mark.parametrize(
    ("status", "headers", "until"),
    [
        (429, {}, NOW + THROTTLED_FOR),
        (429, {"retry_after": "120"}, NOW + timedelta(seconds=120)),
        (403, {"retry_after": "120"}, NOW + timedelta(seconds=120)),
        (
            403,
            {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1772367000"},
            datetime(2026, 3, 1, 12, 10, tzinfo=UTC),
        ),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1"}, NOW),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "soon"}, NOW + THROTTLED_FOR),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9" * 30}, NOW + THROTTLED_FOR),
        (429, {"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, NOW + THROTTLED_FOR),
        (429, {"retry_after": "9" * 30}, NOW + timedelta(hours=1)),
    ],
)
def test_a_limit_is_waited_out_until_github_says(status, headers, until):
    outcome = meant(status, "slow down", **headers)
    assert (outcome.retryable, outcome.until) == (True, until)


def test_the_secondary_limit_may_be_told_by_its_words_alone():
    outcome = meant(403, "You have exceeded a secondary rate limit")
    assert (outcome.retryable, outcome.until) == (True, NOW + THROTTLED_FOR)


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_an_order_on_which_github_failed_may_have_been_carried_out(status):
    assert isinstance(meant(status), Unknown)


@pytest.mark.parametrize("status", [408, 409, 500, 503])
def test_a_read_on_which_it_failed_may_be_repeated(status):
    outcome = meant(status, is_order=False, retry_after="7")
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.until) == (True, NOW + timedelta(seconds=7))
