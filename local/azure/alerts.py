"""The alerts that were fired, as the alerts API of Azure Monitor lists them.

Owns the list and its REST shape. The messages are the story's: whoever fires an alert tells it here too, as Azure Monitor keeps what
it sends. Nothing is forgotten, and ``timeRange`` is not looked at.
"""

from datetime import datetime
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute

_LIST = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.AlertsManagement/alerts"
_PAGE_MAX = 250


class Alerts:
    """Every alert by its id, in the condition that was told last."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Any]] = {}

    def told(self, body: dict[str, Any]) -> None:
        """Keep an alert, given as an action group sends it in the common schema."""
        essentials = body["data"]["essentials"]
        self._documents[essentials["alertId"].lower()] = listed_document(
            essentials, body["data"].get("alertContext") or {}
        )

    def routes(self) -> list[ArmRoute]:
        """The list of a resource group."""
        return [ArmRoute("GET", _LIST, self._list)]

    async def _list(self, request: ArmRequest) -> ArmAnswer:
        group = f"/subscriptions/{request.names['subscription']}/resourcegroups/{request.names['group']}/".lower()
        found = [one for one in self._documents.values() if _target(one).startswith(group)]
        found.sort(key=_modified, reverse=request.query.get("sortOrder", "desc") == "desc")
        size = min(int(request.query.get("pageCount", "25")), _PAGE_MAX)
        start = int(request.query.get("ctoken", "0"))
        shown = [_shown(one, request.query) for one in found[start : start + size]]
        answer: dict[str, Any] = {"value": shown}
        if start + size < len(found):
            query = "&".join(f"{name}={value}" for name, value in request.query.items() if name != "ctoken")
            answer["nextLink"] = f"{request.base_url}{request.path}?{query}&ctoken={start + size}"
        return ArmAnswer(answer)


def listed_document(essentials: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """An alert in the dress of the list, from that of a message."""
    target = (essentials.get("alertTargetIDs") or [""])[0]
    changed = essentials.get("resolvedDateTime") or essentials["firedDateTime"]
    kept = {
        "severity": essentials.get("severity"),
        "signalType": essentials.get("signalType"),
        "alertState": "New",
        "monitorCondition": essentials["monitorCondition"],
        "monitorService": essentials.get("monitoringService"),
        "targetResource": target,
        "targetResourceName": target.rpartition("/")[2],
        "sourceCreatedId": essentials.get("originAlertId"),
        "alertRule": essentials.get("alertRule"),
        "startDateTime": essentials["firedDateTime"],
        "lastModifiedDateTime": changed,
        "lastModifiedUserName": "System",
        "monitorConditionResolvedDateTime": essentials.get("resolvedDateTime"),
        "description": essentials.get("description"),
    }
    return {
        "properties": {"essentials": {name: value for name, value in kept.items() if value}, "context": context},
        "id": essentials["alertId"],
        "type": "Microsoft.AlertsManagement/alerts",
        "name": essentials.get("alertRule"),
    }


def _shown(document: dict[str, Any], query: Any) -> dict[str, Any]:
    if query.get("includeContext") == "true":
        return document
    return {**document, "properties": {"essentials": document["properties"]["essentials"]}}


def _target(document: dict[str, Any]) -> str:
    return f"{document['properties']['essentials'].get('targetResource', '')}/".lower()


def _modified(document: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(document["properties"]["essentials"]["lastModifiedDateTime"])
