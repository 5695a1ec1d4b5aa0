"""What every signal carries, whatever it says.

Owns the common fields of signals. ``source`` is the lower-case ARM id of what spoke (or one of our own names), ``dedup_key``
the key under which the signal is accepted once, ``depth`` how many of our own actions lie behind it.
"""

from datetime import datetime

from shared.domain.values import Value


class Heard(Value, frozen=True, kw_only=True):
    """What every signal carries. ``occurred_at`` (UTC) orders signals; it never decides what is due."""

    source: str
    dedup_key: str
    occurred_at: datetime
    subject: str = ""
    depth: int = 0
