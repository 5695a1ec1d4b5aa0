"""Event Hubs: what the platform says by that way, such as Defender's continuous export, the activity log, and alerts.

Owns the way of a batch into the inbox, for private networks too, into which action groups cannot post. With the store down it
raises, and the retry policy keeps the checkpoint where it is. Registered only where its hub is set (``function_app``).
"""

from typing import List  # noqa: UP035  # Microsoft's indexer refuses list[...]

import azure.functions as func

from shared.parsing import parse_platform
from shared.runtime import application

blueprint = func.Blueprint()


@blueprint.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%OUTERLOOP_PLATFORM_HUB%",
    connection="OUTERLOOP_PLATFORM_CONNECTION",
    cardinality="many",
    consumer_group="$Default",
)
@blueprint.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:01",
    maximum_interval="00:01:00",
)
async def on_platform_events(events: List[func.EventHubEvent]) -> None:  # noqa: UP006
    """One batch: every message is stored, as signals or as rejected, before this returns. A repeat counts once."""
    ingest = (await application()).ingest
    for event in events:
        body = event.get_body()
        channel, parsed = parse_platform(body)
        await ingest.take(channel, body, parsed)
