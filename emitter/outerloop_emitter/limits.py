"""The bounds of a collector: how much waits, for how long, and how large a message gets.

Owns the defaults. It knows nothing of what is bounded.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a collector holds and how patient it is; each bound is explained in the README.

    `rows_max` and `bytes_max` bound what waits in memory, both at once. What was collected leaves after
    `linger_seconds`, so that calls share messages. A hub that is away is tried again after `backoff_seconds`, then
    after twice as long each time up to `backoff_seconds_max`, and the same messages for at most `retry_seconds_max`.
    """

    rows_max: int = 100_000
    bytes_max: int = 32 * 1_048_576
    message_bytes_max: int = 900_000  # Event Hubs takes 1 MB with its own framing; its Basic tier 256 kB
    linger_seconds: float = 0.5
    backoff_seconds: float = 0.5
    backoff_seconds_max: float = 30.0
    retry_seconds_max: float = 600.0


DEFAULTS = Limits()
