from datetime import UTC, datetime, timedelta

from shared.adapters.system_clock import SystemClock


def test_the_clock_tells_the_present_in_utc():
    told = SystemClock().now()
    assert told.tzinfo is UTC
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)  # noqa: TID251 - compared with the machine's clock
