"""Event Grid: by its own trigger, or by an HTTP web hook where delivery is protected by Entra ID.

Owns the translation of the two envelopes back into bytes, and the answers that Event Grid understands: 500 and 503 make it
send again; 400, 413 and 401 would make it drop the event, so they are never given for an event.
"""

import json
from typing import Any

import azure.functions as func

from shared.parsing import parse
from shared.ports import StoreUnavailableError
from shared.runtime import application

blueprint = func.Blueprint()


@blueprint.event_grid_trigger(arg_name="event")
async def on_event_grid(event: func.EventGridEvent) -> None:
    """One event. Raising makes the host answer 500, and Event Grid send again."""
    body = json.dumps(_envelope(event)).encode()
    await (await application()).ingest.take("event_grid", body, parse(body, "event_grid"))


@blueprint.route(route="events", methods=["POST", "OPTIONS"])
async def receive_events(req: func.HttpRequest) -> func.HttpResponse:
    """A web hook delivery: the handshakes of both schemas, or events in either envelope."""
    if req.method == "OPTIONS":
        origin = req.headers.get("WebHook-Request-Origin", "")
        return func.HttpResponse(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})
    body = req.get_body()
    try:
        receipt = await (await application()).ingest.take("event_grid", body, parse(body, "event_grid"))
    except StoreUnavailableError:
        return func.HttpResponse("the store is not available: send again", status_code=503)
    if receipt.validations:
        answer = {"validationResponse": receipt.validations[0].validation_code}
        return func.HttpResponse(json.dumps(answer), mimetype="application/json")
    return func.HttpResponse(status_code=202)


def _envelope(event: Any) -> dict[str, Any]:
    """The event as it was sent; the trigger hands over a CloudEvent whenever the payload was one."""
    if isinstance(event, func.EventGridEvent):
        return {
            "id": event.id,
            "topic": event.topic,
            "subject": event.subject,
            "eventType": event.event_type,
            "eventTime": event.event_time.isoformat() if event.event_time else None,
            "dataVersion": event.data_version,
            "data": event.get_json(),
        }
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "subject": event.subject,
        "type": event.type,
        "time": event.time.isoformat() if event.time else None,
        "data": event.get_json(),
    }
