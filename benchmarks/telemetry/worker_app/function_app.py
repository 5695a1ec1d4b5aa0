"""Three handlers of the same batches: the app's way to window state, the way of Microsoft's samples, and none."""

import json
from typing import List  # noqa: UP035  # Microsoft's indexer refuses list[...]

import azure.functions as func

from benchmarks.telemetry.ours import state_of
from benchmarks.telemetry.worker_app import KNOWN

app = func.FunctionApp()


@app.event_hub_message_trigger(arg_name="events", event_hub_name="telemetry", connection="HUB", cardinality="many")
async def aggregated(events: List[func.EventHubEvent]) -> None:  # noqa: UP006
    """Window state, as the app's own handler asks for it."""
    state_of([event.get_body() for event in events], KNOWN[0])


@app.event_hub_message_trigger(arg_name="events", event_hub_name="telemetry", connection="HUB", cardinality="many")
async def docs_style(events: List[func.EventHubEvent]) -> None:  # noqa: UP006
    """The loop of the samples: it reads every event and counts nothing."""
    for event in events:
        for line in event.get_body().decode("utf-8").splitlines():
            json.loads(line)


@app.event_hub_message_trigger(arg_name="events", event_hub_name="telemetry", connection="HUB", cardinality="many")
async def idle(events: List[func.EventHubEvent]) -> None:  # noqa: UP006
    """Nothing: what is left is the worker's and the converter's."""
