"""A container registry's web hooks: how we hear that an image waits in quarantine, of which Event Grid tells nothing.

Owns the answers. A registry is told 202 once the notification is stored, or 503 with the store down; what cannot be read
is stored as rejected and answered 202, since sending it again would not mend it.
"""

import logging

import azure.functions as func

from shared.parsing import parse
from shared.ports import StoreUnavailableError
from shared.runtime import application

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.route(route="registry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def receive_registry_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Take one notification: a push, a deletion or a quarantine."""
    body = req.get_body()
    try:
        await (await application()).ingest.take("registry_webhook", body, parse(body, "registry_webhook"))
    except StoreUnavailableError:
        return func.HttpResponse("the store is not available: send again", status_code=503)
    except Exception:  # a policy or a setting that is wrong, a fault of ours: a 500 would lose it
        log.exception("nothing could be stored: the sender is asked to send again")
        return func.HttpResponse("it could not be stored: send again", status_code=503)
    return func.HttpResponse(status_code=202)
