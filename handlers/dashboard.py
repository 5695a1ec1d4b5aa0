"""What the loop is doing: as a page for signed-in people, and as JSON for machines.

Owns who may look. On a machine of one's own the setting OUTERLOOP_DASHBOARD=open lets anybody look at the page.
"""

import dataclasses
import json

import azure.functions as func

from handlers.web_page import html
from shared.rendering.pages import dashboard_page, message_page
from shared.rendering.plain import plain
from shared.rendering.shown import Dashboard
from shared.runtime import application
from shared.services import views
from shared.sign_in import SignInError, person_of

blueprint = func.Blueprint()


@blueprint.route(route="dashboard", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """Every workload, what waits, and the newest of the ledger."""
    try:
        if not (await application()).settings.dashboard_open:
            person_of(req.headers)
    except SignInError as error:
        return html(message_page(str(error)), 403)
    return html(dashboard_page(await _view()), 200)


@blueprint.route(route="status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def status(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the binding's signature
    """The same, for machines that hold a function key."""
    return func.HttpResponse(json.dumps(plain(await _view())), mimetype="application/json")


async def _view() -> Dashboard:
    app = await application()
    policy = (await app.policies.current()).policy
    link = views.link_by(app.links, app.settings.public_url)
    view = await views.dashboard(app.store, policy, app.clock.now(), link)
    overdue = tuple(each for each in await app.orders.unfinished() if each.overdue)
    standings, aside = await app.announcer.standings(), await app.aggregator.aside.shown()
    return dataclasses.replace(view, publishing=standings, overdue=overdue, aside=aside)
