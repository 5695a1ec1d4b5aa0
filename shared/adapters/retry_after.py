"""How long a service asks to be left alone, as the headers of its answer say.

Owns the two headers that are known for it, and the longest wait that anybody is granted. Knows no service and no client.
"""

from collections.abc import Mapping

from shared.domain.outcomes import ASKED_SECONDS

SECONDS_MAX = 3600.0  # whatever is asked for: by then it is asked again
DIGITS_MAX = 12
UNITS = (("x-ms-retry-after-ms", 1000.0), ("retry-after", 1.0))


def asked_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait in ``x-ms-retry-after-ms``, else in ``Retry-After`` in seconds; None where neither says a number.

    ``headers`` are asked for in lower case.
    """
    for name, scale in UNITS:
        value = str(headers.get(name, ""))
        if value.isascii() and value.isdigit():
            return min(int(value[:DIGITS_MAX]) / scale, SECONDS_MAX)
    return None


def asked_data(headers: Mapping[str, str]) -> dict[str, str | float]:
    """The same as the data of a failure; empty where nothing is asked for."""
    wait = asked_seconds(headers)
    return {} if wait is None else {ASKED_SECONDS: wait}
