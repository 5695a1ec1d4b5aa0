"""The Functions app: every trigger's blueprint, registered. Nothing else happens at import.

Which triggers there are, and how the worker converts what they hear, is settled before the app runs, so the settings
that decide about that are read here.
"""

import azure.functions as func

from handlers import (
    approvals,
    commands,
    dashboard,
    event_grid,
    event_hubs,
    monitor_alerts,
    platform_events,
    registry_webhooks,
    timers,
    workloads,
)
from shared.settings import hears_platform_hub, wants_fast_event_hub_converter

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (
    event_grid,
    event_hubs,
    commands,
    timers,
    approvals,
    dashboard,
    workloads,
    monitor_alerts,
    registry_webhooks,
):
    app.register_functions(module.blueprint)
if hears_platform_hub():  # a trigger whose hub is not set would keep the host from starting
    app.register_functions(platform_events.blueprint)
if wants_fast_event_hub_converter():
    from handlers import fast_converter

    fast_converter.install()
