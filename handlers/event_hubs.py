"""Event Hubs: telemetry in batches of one partition.

Owns the way of a batch into the aggregator. With the store down it raises, and the retry policy keeps the checkpoint
where it is: without one the host would move on, exception or not.
"""

from typing import Any, List  # noqa: UP035  # Microsoft's indexer refuses list[...]

import azure.functions as func

from shared.runtime import application

blueprint = func.Blueprint()


@blueprint.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%OUTERLOOP_TELEMETRY_HUB%",
    connection="OUTERLOOP_TELEMETRY_CONNECTION",
    cardinality="many",
    consumer_group="$Default",
)
@blueprint.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:01",
    maximum_interval="00:01:00",
)
async def on_telemetry(events: List[func.EventHubEvent]) -> None:  # noqa: UP006
    """One batch: written with its cursor before this returns."""
    messages = [(event.sequence_number or 0, event.get_body()) for event in events]
    await (await application()).aggregator.take(_partition(events[0]), messages)


def _partition(event: func.EventHubEvent) -> str:
    context: Any = (event.metadata or {}).get("PartitionContext") or {}
    return f"{context.get('EventHubName', 'telemetry')}/{context.get('PartitionId', '0')}"
