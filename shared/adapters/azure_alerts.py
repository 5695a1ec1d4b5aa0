"""The alerts API of Azure Monitor behind the port ``AlertList``: one list for each scope, the newest change first.

Owns the query and where reading ends: at the first alert that changed before the time that is asked for. Knows no rules and no
incidents. Wire format: learn.microsoft.com/rest/api/monitor/alertsmanagement/alerts/get-all.
"""

import asyncio
from datetime import datetime

from shared.adapters.arm_session import ArmCalls
from shared.adapters.azure_ml_client import AzureMlClients
from shared.adapters.azure_ml_inventory import failed_look, listed
from shared.domain.outcomes import Failed
from shared.domain.platform_signals import AlertFired, AlertResolved
from shared.parsing.alerts_listed import listed_alerts, modified_at

API_VERSION = "2019-03-01"  # generally available, of any scope
ROLE = "Monitoring Reader on the resource group"
QUERY = {
    "timeRange": "7d",  # an alert that began days ago may have ended a minute ago
    "sortBy": "lastModifiedDateTime",
    "sortOrder": "desc",
    "pageCount": "250",
    "includeContext": "true",
}
Alerts = tuple[AlertFired | AlertResolved, ...]


class AzureAlerts:
    """The port ``AlertList`` over real Azure, or over anything that speaks its wire protocol."""

    def __init__(self, clients: AzureMlClients, answer_seconds: float) -> None:
        self._clients, self._answer_seconds = clients, answer_seconds

    async def changed(self, scope: str, after: datetime, until: datetime) -> Alerts | Failed:
        """The alerts that changed in this time, oldest change first. Raises nothing: every failure is a ``Failed``."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.to_thread(self._changed, scope, after, until)
        except TimeoutError:
            return Failed(retryable=True, reason=f"Azure did not answer within {self._answer_seconds:g} s")

    def _changed(self, scope: str, after: datetime, until: datetime) -> Alerts | Failed:
        try:
            return _read(self._clients.calls(), scope, after, until)
        except Exception as problem:  # noqa: BLE001 - the port promises an answer for whatever went wrong
            failed = failed_look(problem)
            reason = failed.reason.replace("the role 'AzureML Data Scientist' on the workspace", f"the role {ROLE}")
            return Failed(retryable=failed.retryable, reason=reason, data=failed.data)


def _read(arm: ArmCalls, scope: str, after: datetime, until: datetime) -> Alerts:
    found: list[AlertFired | AlertResolved] = []
    path = f"{scope.rstrip('/')}/providers/Microsoft.AlertsManagement/alerts"
    for document in listed(arm, path, API_VERSION, **QUERY):
        modified = modified_at(document)
        if modified is None or modified > until:
            continue
        if modified <= after:
            break
        found += listed_alerts(document)
    return tuple(reversed(found))
