"""Amounts of money that are written for people: ``$11,111.00``, ``1.234,56 €``, ``CHF 1'234.50``.

Owns how such text becomes a number. Knows nothing of budgets. Azure formats money in the culture of the budget's owner and
does not say which, so the marks are told by rule:

* spaces and apostrophes only ever group;
* of ``,`` and ``.`` together, the later one is the decimal mark;
* one of them alone and more than once groups;
* one of them alone and once is the decimal mark, unless exactly three digits follow: money has no three decimals, so then it
  groups (``$1,111``, ``1.234 €``), except in the currencies that do have three, and in a bare number such as ``0.125``.
"""

import re
import unicodedata
from typing import Any

from shared.parsing.fields import FieldError, number_of, shown

TEXT_CHARACTERS_MAX = 64
UNITS_WITH_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})  # ISO 4217

_BARE = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_SPACES = "\\s\u00a0\u2009\u202f"
_NUMBER = re.compile(rf"[0-9]+(?:[{_SPACES}.,'\u2019]+[0-9]+)*")
_NEGATIVE = re.compile(r"[-\u2212(]")


def has_currency_mark(value: Any) -> bool:
    """Whether a value is text with a currency's sign or letters: then it is an amount, and never a ratio."""
    if not isinstance(value, str) or _BARE.fullmatch(value.strip()):
        return False
    return any(unicodedata.category(character) in ("Sc", "Lu", "Ll", "Lo") for character in value)


def money_of(value: Any, name: str, unit: str = "") -> float:
    """An amount, from a number or from text. Raises FieldError that names the field."""
    if not isinstance(value, str) or _BARE.fullmatch(value.strip()):
        return number_of(value, name)
    numbers = _NUMBER.findall(value) if len(value) <= TEXT_CHARACTERS_MAX else []
    if len(numbers) != 1:
        raise _malformed(value, name)
    whole, decimals = _parted(numbers[0], unit)
    if not _grouped(whole) or len(_digits(decimals)) != len(decimals):
        raise _malformed(value, name)
    amount = float(f"{_digits(whole)}.{decimals or 0}")
    before, _, after = value.partition(numbers[0])
    return -amount if _NEGATIVE.search(before) or after.startswith(("-", "\u2212")) else amount


def _parted(number: str, unit: str) -> tuple[str, str]:
    """The whole part with its grouping marks, and the decimals."""
    place = max(number.rfind(","), number.rfind("."))
    if place < 0:
        return number, ""
    mark, decimals = number[place], number[place + 1 :]
    other = "," if mark == "." else "."
    if other not in number and (number.count(mark) > 1 or _groups_by_three(number[:place], decimals, unit)):
        return number, ""
    return number[:place], decimals


def _groups_by_three(whole: str, decimals: str, unit: str) -> bool:
    if len(decimals) != 3 or unit.strip().upper() in UNITS_WITH_THREE_DECIMALS:
        return False
    return 1 <= len(_digits(whole)) <= 3 and not whole.startswith("0")


def _grouped(whole: str) -> bool:
    """Whether the marks stand where marks group: by threes, or as in India by twos before the last three."""
    marks = set(re.sub(r"[0-9]", "", whole))
    groups = re.split(r"[^0-9]", whole)
    if len(groups) == 1:
        return True
    inner = {len(group) for group in groups[1:-1]}
    return len(marks) == 1 and len(groups[0]) <= 3 and len(groups[-1]) == 3 and inner in (set(), {3}, {2})


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _malformed(value: Any, name: str) -> FieldError:
    return FieldError("malformed_field", f"{name} is {shown(value)}: expected an amount such as $1,234.56")
