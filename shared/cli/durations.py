"""Durations as people read them in a table.

Owns that form. What a policy takes is ``domain.durations``'s.
"""

from datetime import timedelta

from shared.domain.durations import format_duration


def long(duration: timedelta) -> str:
    """A duration as it is read: ``19h30m``, and not ``1170m``."""
    hours, rest = divmod(duration, timedelta(hours=1))
    return f"{hours}h{format_duration(rest)}" if hours and rest else format_duration(duration)
