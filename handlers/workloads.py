"""One workload: its page, and the picture of its drift and performance that stands on it, for signed-in people.

Owns who may look (as ``dashboard`` does), and that a picture which the browser has is not drawn again.
"""

import asyncio

import azure.functions as func

from handlers.web_page import html, png, unchanged
from shared.rendering.pages import message_page, workload_page
from shared.rendering.plot import drawn, etag_of
from shared.runtime import Application, application
from shared.services import views
from shared.services.history import history
from shared.sign_in import SignInError, person_of

blueprint = func.Blueprint()


@blueprint.route(route="workloads/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def workload(req: func.HttpRequest) -> func.HttpResponse:
    """What serves, what waits, what its windows said, the newest of its ledger."""
    try:
        app = await _admitted(req)
    except SignInError as error:
        return html(message_page(str(error)), 403)
    policy = (await app.policies.current()).policy
    link = views.link_by(app.links, app.settings.public_url)
    page = await views.workload_page(app.store, policy, req.route_params["name"], link, app.clock.now())
    return html(workload_page(page), 200) if page else _unknown()


@blueprint.route(route="workloads/{name}/drift.png", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def drift_plot(req: func.HttpRequest) -> func.HttpResponse:
    """Drift and performance over event time; 304 for who has the picture already."""
    try:
        app = await _admitted(req)
    except SignInError as error:
        return html(message_page(str(error)), 403)
    name, policy = req.route_params["name"], (await app.policies.current()).policy
    if not await views.is_known(app.store, policy, name):
        return _unknown()
    shown = await history(app.store, policy, name)
    if req.headers.get("If-None-Match") == etag_of(shown):
        return unchanged(etag_of(shown))
    return png(await asyncio.to_thread(drawn, shown), etag_of(shown))


async def _admitted(req: func.HttpRequest) -> Application:
    """The application, for who may look. Raises SignInError for others."""
    app = await application()
    if not app.settings.dashboard_open:
        person_of(req.headers)
    return app


def _unknown() -> func.HttpResponse:
    return html(message_page("No such workload: neither the policy nor the store knows it."), 404)
