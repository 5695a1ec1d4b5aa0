"""Azure Monitor: alerts and budget alerts, as action groups post them.

Owns the answers that action groups understand: they send again on 408, 429, 503 and 504 only, five times within 75 seconds, and
then leave the endpoint alone for 15 minutes. So a store that is away is a 503, and whatever is stored, also as rejected, a 202.
"""

import logging

import azure.functions as func

from shared.parsing import parse
from shared.ports import StoreUnavailableError
from shared.runtime import application

blueprint = func.Blueprint()
log = logging.getLogger(__name__)


@blueprint.route(route="alerts", methods=["POST"])
async def receive_alerts(req: func.HttpRequest) -> func.HttpResponse:
    """One alert, of any kind, in the common schema or an older one. A body above 1 MiB is kept as oversized, cut to that."""
    body = req.get_body()
    try:
        await (await application()).ingest.take("monitor_alerts", body, parse(body, "monitor_alerts"))
    except StoreUnavailableError:
        return func.HttpResponse("the store is not available: send again", status_code=503)
    except Exception:  # a policy or a setting that is wrong, a fault of ours: a 500 would lose it
        log.exception("nothing could be stored: the sender is asked to send again")
        return func.HttpResponse("it could not be stored: send again", status_code=503)
    return func.HttpResponse(status_code=202)
