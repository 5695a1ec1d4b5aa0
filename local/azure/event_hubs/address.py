"""The node addresses of Event Hubs: hub, consumer group and partition in a path.

Format: the AMQP protocol guide of Event Hubs, `hub`, `hub/Partitions/0` and `hub/ConsumerGroups/$Default/Partitions/0`,
with or without a scheme and host in front. Whether such a node exists is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"^(?:\w+://[^/]+)?/?(?P<hub>[^/]+)(?:/ConsumerGroups/(?P<group>[^/]+))?(?:/Partitions/(?P<partition>[^/]+))?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a link leads; the consumer group in lower case, as groups are equal whatever their case."""

    hub: str
    group: str | None
    partition: str | None


def parse_address(text: str) -> Address | None:
    """The parts of the address, or None if it is none of Event Hubs' forms."""
    match = _ADDRESS.match(text)
    if match is None:
        return None
    group = match["group"]
    return Address(match["hub"], group and group.lower(), match["partition"])
