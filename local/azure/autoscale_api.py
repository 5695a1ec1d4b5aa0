"""The ARM side of autoscale settings: the list of a resource group.

Owns that answer. Nothing here scales by itself, so there is none; who writes the number of instances asks first all the same.
"""

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.documents import page

_SETTINGS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Insights/autoscalesettings"


class AutoscaleApi:
    """The route of the list."""

    def routes(self) -> list[ArmRoute]:
        """What it answers."""
        return [ArmRoute("GET", _SETTINGS, self._list)]

    async def _list(self, request: ArmRequest) -> ArmAnswer:
        del request
        return ArmAnswer(page([]))
