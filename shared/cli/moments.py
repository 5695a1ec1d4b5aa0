"""Moments as people type them: so long ago, or a date with or without a time.

Owns the reading of options such as ``--since``. The present is an argument.
"""

from datetime import UTC, datetime

from shared.cli.problems import CommandError
from shared.domain.durations import parse_duration


def moment_of(text: str, now: datetime, option: str) -> datetime | None:
    """The moment that a text means, in UTC unless it says otherwise; None for no text. Raises CommandError."""
    if not text:
        return None
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{option} {text!r} is neither a duration such as 2h nor a time such as 2026-03-01T12:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
