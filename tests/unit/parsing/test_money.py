"""Amounts are read by rule, whatever culture they were written in; dates of older schemas have the month first."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from shared.parsing.fields import FieldError
from shared.parsing.money import has_currency_mark, money_of
from shared.parsing.us_dates import date_of

AMOUNTS = {
    # Verbatim in Microsoft's samples
    "$11,111.00": 11_111.0,
    "$1111.11": 1_111.11,
    "$25.00": 25.0,
    "100": 100.0,
    "0.8": 0.8,
    # Both marks: the later one is the decimal mark
    "1.234,56 €": 1_234.56,
    "€1.234.567,89": 1_234_567.89,
    "1,234,567.89 USD": 1_234_567.89,
    "₹12,34,567.00": 1_234_567.0,
    # Blanks and apostrophes group
    "1 234,56 kr.": 1_234.56,
    "1\u00a0234,56\u00a0€": 1_234.56,
    "1\u202f234\u202f567,5 €": 1_234_567.5,
    "CHF 1'234.50": 1_234.5,
    "CHF 1\u2019234.50": 1_234.5,
    "Rs.1,000": 1_000.0,
    # One mark, once
    "$12,34": 12.34,
    "12,34": 12.34,
    "$1,111": 1_111.0,
    "1.234 €": 1_234.0,
    "12,345": 12_345.0,
    "$1234,567": 1_234.567,
    "0,125 €": 0.125,
    "0.125": 0.125,
    "12.345": 12.345,
    # One mark, more than once
    "$1,111,111": 1_111_111.0,
    "1.111.111 €": 1_111_111.0,
    "¥1234567": 1_234_567.0,
    # Signs
    "-$5.00": -5.0,
    "($5.00)": -5.0,
    "\u22125,00 €": -5.0,
    "5,00-": -5.0,
    "-5": -5.0,
    "1E+05": 100_000.0,
    " $5.00 ": 5.0,
}


@pytest.mark.parametrize("text", AMOUNTS)
def test_an_amount_is_read_by_its_marks(text):
    assert money_of(text, "SpentAmount") == AMOUNTS[text]


@pytest.mark.parametrize(("value", "amount"), [(5, 5.0), (5.25, 5.25), (0, 0.0)])
def test_a_number_is_an_amount_too(value, amount):
    assert money_of(value, "SpentAmount") == amount


def test_a_currency_with_three_decimals_has_three_decimals():
    assert money_of("KWD 1.234", "SpentAmount", "kwd") == 1.234
    assert money_of("KWD 1.234", "SpentAmount", "USD") == 1_234.0


@pytest.mark.parametrize(
    "value",
    [
        "",
        "$",
        "five",
        "1,,000",
        "1,23,4",
        "1.234,567.89",
        "$1 and $2",
        "1,234 567",
        "NaN",
        "1e999",
        "9" * 70 + "$",
        None,
        True,
        [],
        {},
    ],
)
def test_what_is_no_amount_is_refused_by_the_fields_name(value):
    with pytest.raises(FieldError, match="SpentAmount") as refused:
        money_of(value, "SpentAmount")
    assert refused.value.reason == "malformed_field"


@pytest.mark.parametrize(
    ("value", "marked"), [("$5", True), ("5 €", True), ("USD 5", True), ("5", False), ("1E5", False)]
)
def test_a_currency_is_told_from_a_bare_number(value, marked):
    assert has_currency_mark(value) is marked
    assert has_currency_mark(5) is False


CULTURES = [
    (",", "."),
    (".", ","),
    (" ", ","),
    ("\u00a0", ","),
    ("\u202f", ","),
    ("'", "."),
    ("\u2019", "."),
    ("", "."),
    ("", ","),
]


@seed(1)
@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 10**11),
    st.sampled_from(CULTURES),
    st.sampled_from(["${}", "{} €", "USD {}", "{} kr.", "-${}", "(${})", "-{} €"]),
)
def test_any_amount_in_any_culture_reads_back(cents, marks, pattern):
    grouping, decimal = marks
    whole = f"{cents // 100:,}".replace(",", grouping)
    text = pattern.format(f"{whole}{decimal}{cents % 100:02}")
    sign = -1 if pattern[0] in "-(" else 1
    assert money_of(text, "x") == pytest.approx(sign * cents / 100)


@seed(2)
@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,' \u00a0$€-()kr%eE", max_size=70))
def test_any_text_is_an_amount_or_refused(text):
    try:
        amount = money_of(text, "x")
    except FieldError:
        return
    assert math.isfinite(amount)


DATES = {
    "6/1/2018": datetime(2018, 6, 1, tzinfo=UTC),
    "12/31/2018": datetime(2018, 12, 31, tzinfo=UTC),
    "3/22/2019 1:36:31 PM": datetime(2019, 3, 22, 13, 36, 31, tzinfo=UTC),
    "03/22/2019 01:36:31 am": datetime(2019, 3, 22, 1, 36, 31, tzinfo=UTC),
    "3/22/2019 12:00:00 AM": datetime(2019, 3, 22, 0, 0, 0, tzinfo=UTC),
    "3/22/2019 12:00:00 PM": datetime(2019, 3, 22, 12, 0, 0, tzinfo=UTC),
    "3/22/2019 13:36": datetime(2019, 3, 22, 13, 36, 0, tzinfo=UTC),
    "2022-11-01": datetime(2022, 11, 1, tzinfo=UTC),
    "2018-03-26T09:10:40Z": datetime(2018, 3, 26, 9, 10, 40, tzinfo=UTC),
}


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read_in_either_format(text):
    assert date_of(text, "d") == DATES[text]


@pytest.mark.parametrize(
    "value", ["25/12/2019", "2/30/2019", "3/22/2019 13:00:00 PM", "0/0/0000", "soon", "", 5, None, {}]
)
def test_what_is_no_date_is_refused_by_the_fields_name(value):
    with pytest.raises(FieldError, match="BudgetStartDate"):
        date_of(value, "BudgetStartDate")
