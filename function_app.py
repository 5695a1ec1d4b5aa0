"""The Functions app: every trigger's blueprint, registered. Nothing else happens at import."""

import azure.functions as func

from handlers import approvals, commands, dashboard, event_grid, event_hubs, monitor_alerts, registry_webhooks, timers

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (event_grid, event_hubs, commands, timers, approvals, dashboard, monitor_alerts, registry_webhooks):
    app.register_functions(module.blueprint)
