"""The page on which a person answers: GET shows and changes nothing, POST acts.

Owns the reading of the platform's sign-in and the way of an answer into the loop. Fails closed: without proof that the
platform's authentication is on, nobody is anybody. Whether an answer counts is judged in ``domain.approvals``.
"""

import azure.functions as func

from handlers.web_page import html
from shared.domain.decisions import Decision
from shared.rendering.pages import answered_page, approval_page, message_page
from shared.runtime import application
from shared.services.answers import AnswerPage, counted
from shared.sign_in import Person, SignInError, person_of
from shared.signing import InvalidLinkError

blueprint = func.Blueprint()


@blueprint.route(route="approvals/{token}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_approval(req: func.HttpRequest) -> func.HttpResponse:
    """The evidence, and a form when this person may answer."""
    try:
        person = person_of(req.headers)
        app = await application()
        question = app.links.question(req.route_params["token"])
    except (SignInError, InvalidLinkError) as error:
        return html(message_page(str(error)), 403)
    page = await AnswerPage(app.store, app.policies, app.clock).read(question, person.name, person.groups)
    if page is None:
        return html(message_page("This question is closed: it was answered, has expired or was replaced."), 410)
    return html(approval_page(page, app.links.form(question, person.name, page.evidence_digest)), 200)


@blueprint.route(route="approvals/{token}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def answer_approval(req: func.HttpRequest) -> func.HttpResponse:
    """Take an answer and say what became of it."""
    try:
        person = person_of(req.headers)
        return await _answer(req, person)
    except (SignInError, InvalidLinkError) as error:
        return html(message_page(str(error)), 403)


async def _answer(req: func.HttpRequest, person: Person) -> func.HttpResponse:
    app, fields = await application(), req.form
    question = app.links.question(req.route_params["token"])
    digest = app.links.evidence_shown(fields.get("form", ""), question, person.name)
    answers = AnswerPage(app.store, app.policies, app.clock)
    signal = answers.signal(
        question, person.name, person.groups, fields.get("answer", ""), digest, fields.get("comment", "")
    )
    if signal is None:
        return html(message_page("Answer with approve or reject."), 400)
    await app.ingest.tell(signal)
    decision = await answers.decision(signal)
    return html(answered_page(decision), _status(decision))


def _status(decision: Decision | None) -> int:
    if decision is None:
        return 202  # stored; ``sweep`` will decide
    return 200 if counted(decision) else 409
