"""The page on which a person answers shows without acting, acts once, and shows nothing to nobody."""

import re
from datetime import timedelta

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from handlers.approvals import answer_approval, show_approval
from shared.domain.facts import Facts, HeldSignal, Proposal
from shared.domain.ids import derive
from shared.domain.values import replace
from shared.signing import FORM_VALID_SECONDS, Question
from tests.unit.services.fakes import SUBJECT, WORKLOAD, decided
from tests.unit.services.test_answers import EVIDENCE, asking

QUESTION = Question(WORKLOAD, "approval-1")
EVE, MALLORY = "eve@contoso.com", "mallory@contoso.com"


class AnHourAgo(TimestampSigner):
    """Signs as it would have been signed just over an hour ago."""

    def get_timestamp(self):
        return super().get_timestamp() - FORM_VALID_SECONDS - 2


@pytest.fixture
async def token(app, commit):
    """The token of a question that is open now."""
    facts = asking()
    version = facts.versions["2"]
    open_now = replace(version.approval, expires_at=app.clock.now() + timedelta(hours=1))
    await commit(decided("asked", facts=facts.with_version(replace(version, approval=open_now))))
    return app.links.token(QUESTION)


@pytest.fixture
def form(app):
    return lambda person=EVE, question=QUESTION, digest=None: app.links.form(
        question, person, digest or asking().versions["2"].approval.evidence_digest
    )


async def state(app):
    """Everything that an answer could change."""
    return (await app.store.facts(SUBJECT), await app.store.decisions(None, 10), await app.store.rejected(10))


def text(answer):
    return answer.get_body().decode()


# Showing


async def test_the_evidence_is_shown_with_a_form(app, token, request_of, signed_in):
    answer = await show_approval(request_of("GET", headers=signed_in(), token=token))
    assert answer.status_code == 200
    assert all(value in text(answer) for value in EVIDENCE.values())
    assert "<form" in text(answer)


async def test_showing_changes_nothing(app, token, request_of, signed_in):
    before = await state(app)
    await show_approval(request_of("GET", headers=signed_in(), token=token))
    assert await state(app) == before


async def test_the_form_that_is_shown_is_the_form_that_counts(app, token, request_of, signed_in, post_of):
    page = text(await show_approval(request_of("GET", headers=signed_in(), token=token)))
    shown = re.search(r'name="form"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="form"', page)
    answer = await answer_approval(post_of(token, {"form": shown[1] or shown[2], "answer": "approve"}))
    assert answer.status_code == 200


async def test_nothing_of_the_page_is_cached_framed_or_told_to_others(app, token, request_of, signed_in):
    answer = await show_approval(request_of("GET", headers=signed_in(), token=token))
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_tampered_token_is_refused(app, token, request_of, signed_in):
    answer = await show_approval(request_of("GET", headers=signed_in(), token=f"x{token}"))
    assert answer.status_code == 403
    assert "flight-delay version 2" not in text(answer)


async def test_who_has_not_signed_in_sees_nothing(app, token, request_of):
    answer = await show_approval(request_of("GET", token=token))
    assert answer.status_code == 403
    assert "flight-delay version 2" not in text(answer)


async def test_without_proof_of_sign_in_the_headers_show_nothing(token, request_of, signed_in, environment):
    environment.delenv("WEBSITE_AUTH_ENABLED")
    assert (await show_approval(request_of("GET", headers=signed_in(), token=token))).status_code == 403


async def test_without_proof_of_sign_in_the_headers_answer_nothing(app, token, post_of, environment, form):
    environment.delenv("WEBSITE_AUTH_ENABLED")
    before = await state(app)
    assert (await answer_approval(post_of(token, {"form": form(), "answer": "approve"}))).status_code == 403
    assert await state(app) == before


async def test_a_closed_question_says_so(app, token, request_of, signed_in, post_of, form):
    await answer_approval(post_of(token, {"form": form(), "answer": "reject"}))
    answer = await show_approval(request_of("GET", headers=signed_in(), token=token))
    assert answer.status_code == 410


# Answering


async def test_a_yes_acts(app, token, post_of, form):
    answer = await answer_approval(post_of(token, {"form": form(), "answer": "approve"}))
    assert answer.status_code == 200
    assert (await app.store.facts(SUBJECT)).value.versions["2"].state == "deploying"
    assert len(await app.queue.receive(10, 30.0)) == 1


async def test_a_no_is_taken_with_its_comment(app, token, post_of, form):
    fields = {"form": form(), "answer": "reject", "comment": "too slow <marquee>"}
    answer = await answer_approval(post_of(token, fields))
    assert answer.status_code == 200
    (decision,) = [each for each in await app.store.decisions(None, 10) if each.cause_kind == "ApprovalAnswered"]
    assert "too slow <marquee>" in decision.reasons[0].text
    assert "<marquee>" not in text(answer)


async def test_posting_twice_acts_once(app, token, post_of, form):
    fields = {"form": form(), "answer": "approve"}
    first = await answer_approval(post_of(token, fields))
    before = await state(app)
    again = await answer_approval(post_of(token, fields))
    assert (again.status_code, text(again)) == (first.status_code, text(first))
    assert await state(app) == before
    assert len(await app.queue.receive(10, 30.0)) == 1


async def test_the_author_is_told_why_the_yes_does_not_count(app, token, post_of, form, signed_in):
    ada = "ada@contoso.com"
    answer = await answer_approval(post_of(token, {"form": form(ada), "answer": "approve"}, signed_in(ada)))
    assert answer.status_code == 409
    assert "somebody else has to approve it" in text(answer)
    assert (await app.store.facts(SUBJECT)).value.versions["2"].state == "awaiting_approval"


async def test_somebody_outside_the_group_is_told_so(app, token, post_of, form, signed_in):
    answer = await answer_approval(post_of(token, {"form": form(), "answer": "approve"}, signed_in(groups=("other",))))
    assert answer.status_code == 409


@pytest.mark.parametrize("word", [None, "", "maybe"])
async def test_any_other_word_is_no_answer(app, token, post_of, form, word):
    before = await state(app)
    fields = {"form": form()} | ({} if word is None else {"answer": word})
    assert (await answer_approval(post_of(token, fields))).status_code == 400
    assert await state(app) == before


async def test_only_an_untouched_fresh_form_of_ones_own_counts(app, token, post_of, form):
    old = URLSafeTimedSerializer("a long random text", salt="outerloop.approval.form", signer=AnHourAgo)
    digest = asking().versions["2"].approval.evidence_digest
    forms = {
        "none": "",
        "tampered": f"x{form()}",
        "somebody else's": form(MALLORY),
        "of another question": form(question=Question(WORKLOAD, "approval-2")),
        "expired": old.dumps(["approval-1", EVE, digest]),
    }
    before = await state(app)
    for name, each in forms.items():
        answer = await answer_approval(post_of(token, {"form": each, "answer": "approve"}))
        assert answer.status_code == 403, name
    assert await state(app) == before


async def test_a_form_about_other_evidence_does_not_count(app, token, post_of, form):
    answer = await answer_approval(post_of(token, {"form": form(digest="older"), "answer": "approve"}))
    assert answer.status_code == 409
    assert "open the page again" in text(answer)


async def test_a_token_of_one_question_with_the_form_of_another_does_not_count(app, token, post_of, form):
    other = app.links.token(Question(WORKLOAD, "approval-2"))
    assert (await answer_approval(post_of(other, {"form": form(), "answer": "approve"}))).status_code == 403


async def test_a_body_that_is_no_form_is_refused(app, token, request_of, signed_in):
    before = await state(app)
    answer = await answer_approval(request_of("POST", b"\xff{", signed_in(), token))
    assert answer.status_code == 403
    assert await state(app) == before


async def test_what_the_question_is_called_cannot_write_into_the_page(app, commit, request_of, signed_in):
    facts = asking()
    version = facts.versions["2"]
    evil = replace(
        version.approval, evidence={"<script>": "<img src=x>"}, expires_at=app.clock.now() + timedelta(hours=1)
    )
    await commit(decided("asked", facts=facts.with_version(replace(version, approval=evil))))
    page = text(await show_approval(request_of("GET", headers=signed_in(), token=app.links.token(QUESTION))))
    assert "<script>" not in page
    assert "<img" not in page


# What would be begun, under ``mode: propose``


@pytest.fixture
async def beginning(app, commit):
    """The token and the form of a question whether a promotion may begin."""
    version = replace(asking().versions["2"], state="registered", approval=None)
    asked = replace(asking().versions["2"].approval, expires_at=app.clock.now() + timedelta(hours=1))
    proposal = Proposal(what="promotion", about="version 2", title="promote version 2", asked=asked)
    held = {derive("hold", SUBJECT, "retry", "version 2"): HeldSignal(dedup_key="registered-2", about="version 2")}
    facts = Facts(versions={"2": version}, proposals={"version 2": proposal}, held=held)
    await commit(decided("asked", facts=facts))
    return app.links.token(QUESTION), app.links.form(QUESTION, EVE, asked.evidence_digest)


async def test_what_would_be_begun_is_shown_with_a_form(beginning, request_of, signed_in):
    answer = await show_approval(request_of("GET", headers=signed_in(), token=beginning[0]))
    assert answer.status_code == 200
    assert "May the loop promote version 2 (flight-delay)?" in text(answer)
    assert "<form" in text(answer)


async def test_a_no_to_a_beginning_is_taken(app, beginning, post_of):
    token, form = beginning
    answer = await answer_approval(post_of(token, {"form": form, "answer": "reject"}))
    assert (answer.status_code, "nothing is begun" in text(answer)) == (200, True)
    facts = (await app.store.facts(SUBJECT)).value
    assert (facts.versions["2"].state, facts.proposals) == ("rejected", {})


async def test_a_yes_to_a_beginning_under_another_policy_is_refused_and_asked_anew(app, beginning, post_of):
    token, form = beginning
    answer = await answer_approval(post_of(token, {"form": form, "answer": "approve"}))
    assert (answer.status_code, "asked anew" in text(answer)) == (409, True)
    assert (await app.store.facts(SUBJECT)).value.versions["2"].state == "registered"
