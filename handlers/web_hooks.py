"""How every web hook but Event Grid's is answered: stored, or to be sent again.

Owns that answer. Action groups send again on 408, 429, 503 and 504 only, so whatever keeps a body from being stored is a 503;
what is stored, also as rejected, is a 202, since sending it again would not mend it.
"""

import logging

import azure.functions as func

from shared.parsing import Channel, parse
from shared.ports import StoreUnavailableError
from shared.runtime import application

log = logging.getLogger(__name__)


async def store(channel: Channel, body: bytes) -> func.HttpResponse:
    """Take a body that came by a channel, and answer its sender. Raises nothing."""
    try:
        await (await application()).ingest.take(channel, body, parse(body, channel))
    except StoreUnavailableError:
        return func.HttpResponse("the store is not available: send again", status_code=503)
    except Exception:  # a policy or a setting that is wrong, a fault of ours: a 500 would lose it
        log.exception("nothing could be stored: the sender is asked to send again")
        return func.HttpResponse("it could not be stored: send again", status_code=503)
    return func.HttpResponse(status_code=202)
