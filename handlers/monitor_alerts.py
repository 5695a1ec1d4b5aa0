"""Azure Monitor: alerts and budget alerts, as action groups post them.

Owns the route. Action groups try five times within 75 seconds and then leave the endpoint alone for 15 minutes; how they are
answered is ``web_hooks``'.
"""

import azure.functions as func

from handlers import web_hooks

blueprint = func.Blueprint()


@blueprint.route(route="alerts", methods=["POST"])
async def receive_alerts(req: func.HttpRequest) -> func.HttpResponse:
    """One alert, of any kind, in the common schema or an older one. A body above 1 MiB is kept as oversized, cut to that."""
    return await web_hooks.store("monitor_alerts", req.get_body())
