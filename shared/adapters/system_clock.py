"""The real present. The only module of the product that reads the machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The port ``Clock`` over the machine's clock."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock
