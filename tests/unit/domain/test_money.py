from decimal import Decimal

import pytest

from shared.domain.money import Money, parse_money


@pytest.mark.parametrize(
    ("text", "amount", "currency"), [("40 EUR", "40", "EUR"), ("12.50 USD", "12.50", "USD"), ("7JPY", "7", "JPY")]
)
def test_money_reads_as_people_write_it(text, amount, currency):
    assert parse_money(text) == Money(amount=Decimal(amount), currency=currency)


def test_money_is_written_as_it_is_read():
    assert [str(parse_money(text)) for text in ("40 EUR", "12.50 USD")] == ["40 EUR", "12.50 USD"]


@pytest.mark.parametrize(
    "text", ["40", "EUR", "40 euro", "40 eur", "-1 EUR", "0 EUR", "1,000 EUR", "1e3 EUR", "٤ EUR", ""]
)
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(ValueError, match="such as 40 EUR"):
        parse_money(text)


def test_amounts_are_exact():
    assert sum((parse_money("0.10 EUR").amount for _ in range(3)), Decimal()) == parse_money("0.3 EUR").amount
