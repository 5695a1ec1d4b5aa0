"""Sends what a deployed model was asked, what it answered and what turned out true to Event Hubs.

It never slows, blocks or fails a request. The public interface is `Collector` and its `Limits`. Importing this package
is cheap: it starts nothing, reads no environment, and loads nothing outside the standard library.
"""

from .collector import Collector
from .limits import Limits

__all__ = ["Collector", "Limits"]
