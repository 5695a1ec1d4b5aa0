"""A link proves that we asked; a form proves who opened it, and when."""

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeSerializer, URLSafeTimedSerializer

from shared.domain.commands import RequestApproval
from shared.signing import FORM_VALID_SECONDS, ApprovalLinks, InvalidLinkError, Question
from tests.unit.services.fakes import NOON

KEY = "a long random text"
QUESTION = Question("flight-delay", "approval-1")
LINKS = ApprovalLinks(KEY, "https://outerloop.example")
FORM_SALT = "outerloop.approval.form"


class AnHourAgo(TimestampSigner):
    """Signs as it would have been signed just over an hour ago."""

    def get_timestamp(self):
        return super().get_timestamp() - FORM_VALID_SECONDS - 2


class JustInTime(TimestampSigner):
    """Signs as it would have been signed almost an hour ago."""

    def get_timestamp(self):
        return super().get_timestamp() - FORM_VALID_SECONDS + 60


def old_form(signer):
    forms = URLSafeTimedSerializer(KEY, salt=FORM_SALT, signer=signer)
    return forms.dumps(["approval-1", "eve", "digest"])


def test_a_token_names_its_question():
    assert LINKS.question(LINKS.token(QUESTION)) == QUESTION


def test_the_link_of_a_message_leads_to_its_question():
    message = RequestApproval(
        id="c",
        workload="flight-delay",
        reason="every check passed",
        approval_id="approval-1",
        persona="ml_engineers",
        channels=("teams:mlops",),
        title="Approve?",
        facts={},
        expires_at=NOON,
    )
    address, _, token = LINKS.for_message(message).rpartition("/")
    assert address == "https://outerloop.example/api/approvals"
    assert LINKS.question(token) == QUESTION


def test_a_token_is_one_segment_of_a_path():
    token = LINKS.token(Question("flight-delay", "approval/1?x=#é "))
    assert all(character.isalnum() or character in "-_." for character in token)


@pytest.mark.parametrize("position", [0, 5, -5, -1])
def test_a_tampered_token_is_refused(position):
    token = list(LINKS.token(QUESTION))
    token[position] = "A" if token[position] != "A" else "B"
    with pytest.raises(InvalidLinkError):
        LINKS.question("".join(token))


def test_a_token_of_another_installation_is_refused():
    with pytest.raises(InvalidLinkError):
        LINKS.question(ApprovalLinks("another key", "").token(QUESTION))


def test_a_form_is_no_token():
    with pytest.raises(InvalidLinkError):
        LINKS.question(LINKS.form(QUESTION, "eve", "digest"))


@pytest.mark.parametrize("content", ["text", 5, None, ["one"], ["one", "two", "three"], {"a": 1}])
def test_what_we_signed_for_something_else_is_refused(content):
    signed = URLSafeSerializer(KEY, salt="outerloop.approval").dumps(content)
    with pytest.raises(InvalidLinkError):
        LINKS.question(signed)


@seed(1)
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_a_token_by_chance(text):
    with pytest.raises(InvalidLinkError):
        LINKS.question(text)
    with pytest.raises(InvalidLinkError):
        LINKS.evidence_shown(text, QUESTION, "eve")


def test_a_form_tells_what_its_opener_was_shown():
    assert LINKS.evidence_shown(LINKS.form(QUESTION, "eve", "digest"), QUESTION, "eve") == "digest"


def test_somebody_elses_form_is_refused():
    with pytest.raises(InvalidLinkError, match="somebody else"):
        LINKS.evidence_shown(LINKS.form(QUESTION, "eve", "digest"), QUESTION, "mallory")


def test_the_form_of_another_question_is_refused():
    form = LINKS.form(Question("flight-delay", "approval-2"), "eve", "digest")
    with pytest.raises(InvalidLinkError):
        LINKS.evidence_shown(form, QUESTION, "eve")


def test_a_form_older_than_an_hour_is_refused():
    with pytest.raises(InvalidLinkError, match="older than an hour"):
        LINKS.evidence_shown(old_form(AnHourAgo), QUESTION, "eve")


def test_a_form_of_almost_an_hour_ago_counts():
    assert LINKS.evidence_shown(old_form(JustInTime), QUESTION, "eve") == "digest"


def test_a_tampered_form_is_refused():
    with pytest.raises(InvalidLinkError):
        LINKS.evidence_shown("x" + LINKS.form(QUESTION, "eve", "digest"), QUESTION, "eve")


def test_a_form_cannot_be_made_from_a_link():
    with pytest.raises(InvalidLinkError):
        LINKS.evidence_shown(LINKS.token(QUESTION), QUESTION, "eve")
