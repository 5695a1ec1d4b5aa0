"""Sends what a deployed model was asked and what it answered to Event Hubs, without slowing or failing a request.

The public interface is `Collector`. Importing this package is cheap: it starts nothing and reads no environment.
"""

from .collector import Collector

__all__ = ["Collector"]
