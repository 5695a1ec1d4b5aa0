"""An amount in one currency, as a policy writes it: ``40 EUR``.

Owns its reading and writing. It converts nothing: two currencies are never added. Knows nothing of what is paid for.
"""

import re
from decimal import Decimal

from shared.domain.values import Part

_WRITTEN = re.compile(r"(\d{1,12}(?:\.\d{1,4})?) ?([A-Z]{3})", re.ASCII)


class Money(Part, frozen=True, kw_only=True):
    """An amount above zero; ``currency`` is its ISO 4217 code."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


def parse_money(text: str) -> Money:
    """The money that a text such as ``40 EUR`` means. Raises ValueError that says what is allowed."""
    found = _WRITTEN.fullmatch(text)
    if found is None or not Decimal(found[1]):
        raise ValueError(f"{text!r} is no amount of money: write an amount and a currency, such as 40 EUR or 12.50 USD")
    return Money(amount=Decimal(found[1]), currency=found[2])
