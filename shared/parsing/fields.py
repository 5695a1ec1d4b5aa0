"""Reading raw JSON: keys in any case, values as text, number or time, and an error that names the field.

Owns coercion and its messages. Knows nothing of any one schema. ``FieldError`` never leaves this package:
each reader turns it into a ``Rejected`` or a ``RowsRefused``.
Key case cannot be relied on: Azure ML's own samples write ``ModelName``, ``modelName`` and ``RunTags``.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.domain.signals import RejectReason

SHOWN_CHARACTERS_MAX = 80  # of a foreign value in a message


class FieldError(Exception):
    """Why something could not be read: a reason from the closed set, and words that a person can act on."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: RejectReason = reason
        self.detail = detail


def shown(value: Any) -> str:
    """A foreign value as it may stand in a message: quoted and cut short."""
    text = repr(value) if isinstance(value, str | int | float | None) else f"a JSON {_json_type(value)}"
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"


def _json_type(value: Any) -> str:
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else type(value).__name__


def _malformed(name: str, value: Any, allowed: str) -> FieldError:
    return FieldError("malformed_field", f"{name} is {shown(value)}: expected {allowed}")


def text_of(value: Any, name: str) -> str:
    """Text, or a number written as text (20 and 20.0 are both ``20``: a model version may be either)."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _malformed(name, value, "text or a number")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number_of(value: Any, name: str) -> float:
    """A finite number, also when it is written as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _malformed(name, value, "a number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise _malformed(name, value, "a number") from error
    if not math.isfinite(number):
        raise _malformed(name, value, "a finite number")
    return number


def time_of(value: Any, name: str) -> datetime:
    """A moment in UTC from ISO 8601 text: any number of fractional digits (cut to microseconds), ``Z`` or an offset.

    A time without either is UTC, as Azure means it.
    """
    if not isinstance(value, str):
        raise _malformed(name, value, "a time such as 2024-03-05T18:16:25Z")
    try:
        text = value if value.endswith("Z") and not value[0].isspace() else value.strip().upper()
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _malformed(name, value, "a time such as 2024-03-05T18:16:25Z") from error


def plain_text_of(value: Any) -> str:
    """Any JSON value as text, for tags and properties: text stays, the rest is written as JSON, null is empty."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value, order="deterministic").decode()


def object_in(text: str) -> Any:
    """The JSON object that a text holds (some services write objects as their text); else the text as it is."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):  # ValueError: msgspec's own errors too
        return text


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | dict | list) and not value)


def canonical(value: Any) -> str:
    """JSON whose text depends on the content only, not on the order of keys."""
    return msgspec.json.encode(value, order="deterministic").decode()


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object, read without regard to the case of its keys. ``path`` names it in messages.

    Every reader takes alternative names, first choice first; null counts as absent.
    """

    values: dict[str, Any]
    path: str = ""

    @classmethod
    def of(cls, raw: Any, path: str = "") -> "Fields":
        """The fields of a JSON object; of two keys that differ only in case, the first that says something counts.

        A sample of Azure's own SDKs has ``runId`` beside ``RunTags``: an empty twin must not hide the one that is filled.
        """
        if not isinstance(raw, dict):
            raise _malformed(path.rstrip(".") or "the event", raw, "a JSON object")
        values: dict[str, Any] = {}
        for key, value in raw.items():
            folded = key.lower()
            if folded not in values or (_says_nothing(values[folded]) and value is not None):
                values[folded] = value
        return cls(values, path)

    def get(self, *names: str) -> Any:
        """The first of these fields that is there, or None."""
        for name in names:
            value = self.values.get(name.lower())
            if value is not None:
                return value
        return None

    def has(self, name: str) -> bool:
        """Whether there is such a key, even with null."""
        return name.lower() in self.values

    def _required(self, *names: str, kind: str) -> Any:
        value = self.get(*names)
        if value is None or value == "":
            others = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
            raise FieldError("missing_field", f"{self.path}{names[0]}{others} is missing or empty: expected {kind}")
        return value

    def _named(self, *names: str) -> str:
        """Of alternative names the one that is there, else the first: what a message should call the field."""
        return self.path + next((name for name in names if self.get(name) is not None), names[0])

    def text(self, *names: str) -> str:
        """Text that must be there and not be empty."""
        text = text_of(self._required(*names, kind="text"), self._named(*names))
        if not text:
            raise FieldError("missing_field", f"{self._named(*names)} is empty: expected text")
        return text

    def optional_text(self, *names: str) -> str:
        """Text, empty when it is not there."""
        value = self.get(*names)
        return "" if value is None else text_of(value, self._named(*names))

    def arm_id(self, *names: str) -> str:
        """The id of an Azure resource, in lower case: sources disagree about the case of ids."""
        return self.text(*names).rstrip("/").lower()

    def number(self, *names: str) -> float:
        """A finite number that must be there."""
        return number_of(self._required(*names, kind="a number"), self._named(*names))

    def time(self, *names: str) -> datetime:
        """A moment in UTC that must be there."""
        return time_of(self._required(*names, kind="a time such as 2024-03-05T18:16:25Z"), self._named(*names))

    def part(self, *names: str) -> "Fields":
        """The JSON object of that name, which must be there."""
        return Fields.of(self._required(*names, kind="a JSON object"), f"{self._named(*names)}.")

    def texts(self, *names: str) -> dict[str, str]:
        """A map of text to text, such as tags, or the JSON text of one; empty when it is not there. Keys keep their case."""
        value = self.get(*names)
        if _says_nothing(value):
            return {}
        if isinstance(value, str):
            value = object_in(value)
        if not isinstance(value, dict):
            raise _malformed(self._named(*names), self.get(*names), "a JSON object of tags or properties")
        return {key: plain_text_of(item) for key, item in value.items()}
