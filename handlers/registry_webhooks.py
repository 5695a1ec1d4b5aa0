"""A container registry's web hooks: how we hear that an image waits in quarantine, of which Event Grid tells nothing.

Owns the route; how a registry is answered is ``web_hooks``'.
"""

import azure.functions as func

from handlers import web_hooks

blueprint = func.Blueprint()


@blueprint.route(route="registry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def receive_registry_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Take one notification: a push, a deletion or a quarantine."""
    return await web_hooks.store("registry_webhook", req.get_body())
