"""How many of our requests Azure Resource Manager answered 429, by subscription, since somebody asked.

Owns the count. Knows nothing of requests beyond their path, and nothing of what follows.
"""

import re
import threading
from collections import Counter
from collections.abc import Mapping

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/?]+)", re.IGNORECASE)
THROTTLED = 429


class ArmThrottling:
    """The port ``Throttling``. Any thread may count."""

    def __init__(self) -> None:
        self._lock, self._counts = threading.Lock(), Counter[str]()

    def note(self, url: str, status: int) -> None:
        """Take an answer into account; one outside any subscription is nobody's."""
        found = _SUBSCRIPTION.search(url) if status == THROTTLED else None
        if found:
            with self._lock:
                self._counts[found[1].lower()] += 1

    def take(self) -> Mapping[str, int]:
        """What was counted since the last time, which is counted no more."""
        with self._lock:
            counts, self._counts = self._counts, Counter[str]()
            return dict(counts)
