"""How long to wait is what the service says in a number, and no longer than an hour."""

import pytest

from shared.adapters.retry_after import SECONDS_MAX, asked_data, asked_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"x-ms-retry-after-ms": "2500"}, 2.5),
        ({"x-ms-retry-after-ms": "2500", "retry-after": "7"}, 2.5),
        ({"x-ms-retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "9" * 5000}, SECONDS_MAX),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_in_seconds(headers, seconds):
    assert asked_seconds(headers) == seconds
    assert asked_data(headers) == ({} if seconds is None else {"retry_after_seconds": seconds})
