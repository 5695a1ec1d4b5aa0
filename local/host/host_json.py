"""The part of host.json that this host obeys.

Owns the names and defaults of the settings (azure-docs functions-host-json, extension bundle 4). Ignores every other
setting, as the real host ignores those of extensions that it has not loaded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.host.durations import seconds_of

CONCURRENT_MESSAGES_MAX = 8
LOCK_SECONDS = 30.0  # a message needs some lock while it is worked on; the file's default of zero gives none
POLL_SECONDS_MAX = 0.5


class HostJsonError(Exception):
    """host.json says something that cannot be obeyed; the text names the setting."""


@dataclass(frozen=True, slots=True)
class HostJson:
    """Settings of the extensions, with Azure's defaults where they suit one machine."""

    route_prefix: str = "api"
    event_batch_size_max: int = 100
    messages_at_once: int = CONCURRENT_MESSAGES_MAX
    message_lock_seconds: float = LOCK_SECONDS
    message_tries_max: int = 5
    message_poll_seconds_max: float = POLL_SECONDS_MAX


def read_host_json(folder: Path) -> HostJson:
    """The settings in a function app's folder; the defaults when it has no host.json.

    Raises:
        HostJsonError: the file is not JSON, or a number or duration in it is none.
    """
    path = folder / "host.json"
    try:
        extensions = json.loads(path.read_bytes()).get("extensions", {}) if path.exists() else {}
        return _parsed(extensions.get("http", {}), extensions.get("eventHubs", {}), extensions.get("queues", {}))
    except (ValueError, TypeError, AttributeError) as error:
        raise HostJsonError(f"{path}: {error}") from error


def _parsed(http: Mapping[str, Any], hubs: Mapping[str, Any], queues: Mapping[str, Any]) -> HostJson:
    lock_seconds = seconds_of(queues.get("visibilityTimeout", "00:00:00"))
    poll_seconds_max = seconds_of(queues.get("maxPollingInterval", "00:01:00"))
    return HostJson(
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        event_batch_size_max=_positive(hubs, "maxEventBatchSize", 100),
        messages_at_once=min(_positive(queues, "batchSize", 16), CONCURRENT_MESSAGES_MAX),
        message_lock_seconds=lock_seconds or LOCK_SECONDS,
        message_tries_max=_positive(queues, "maxDequeueCount", 5),
        message_poll_seconds_max=min(poll_seconds_max, POLL_SECONDS_MAX),
    )


def _positive(section: Mapping[str, Any], name: str, default: int) -> int:
    value = section.get(name, default)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number above zero, not {value!r}")
    return value
