"""The type of a model's rows, made from its reference profile, so that JSON becomes numbers in one step.

Owns that type: a field for each feature, and nothing else of a row is kept. Text of a category becomes its place among the
feature's bins while it is read; a value that is not listed becomes the last one. Who reads rows of this type gets the same counts
as who reads objects (``columns``), only sooner; a row that does not fit the type has to be read as an object.
Knows nothing of bytes or messages.
"""

from collections.abc import Collection, Sequence
from enum import Enum
from functools import partial
from itertools import starmap
from operator import attrgetter, itemgetter
from struct import Struct, error
from typing import Any, Self
from weakref import WeakValueDictionary

import msgspec
import numpy as np

from shared.telemetry.profiles import PREDICTION, CategoricalReference, Floats, NumericReference, ReferenceProfile

Number = float | bool | str | None  # text: a number in quotes, or something that is none
Loose = str | int | float | bool | None
NAN = float("nan")
UNLISTED = "(another)"  # what a category that the reference does not list is called

_WORDS = frozenset({"true", "false"})


class _Place(float, Enum):
    """A category as its place. A float, since ``struct`` packs those fastest; msgspec finds the member by the category's text."""

    def __new__(cls, place: int, text: str) -> Self:
        member = float.__new__(cls, place)
        member._value_ = text  # the text that stands in the JSON
        return member


class _Listed(_Place):
    """The base of each feature's own places."""

    @classmethod
    def _missing_(cls, _: object) -> Any:
        return cls["UNLISTED"]


class RowTypes:
    """The types of one profile's input and output rows, and how rows of them become columns.

    ``numbers``, ``places`` and ``loose`` name the input features by how they are read: numbers, categories as places, and categories
    whose text may come as a JSON number, and so is judged value by value.
    """

    def __init__(self, profile: ReferenceProfile) -> None:
        of_kind = {name: profile.features[name] for name in profile.inputs}
        self.numbers = tuple(name for name, each in of_kind.items() if isinstance(each, NumericReference))
        listed = {name: each for name, each in of_kind.items() if isinstance(each, CategoricalReference)}
        self.loose = tuple(name for name, each in listed.items() if any(map(_reads_as_number, each.index)))
        self.places = tuple(name for name in listed if name not in self.loose)
        self.null_places = [float(listed[name].bins) for name in self.places]
        fields: list[tuple[str, Any, Any]] = [
            *((name, Number, NAN) for name in self.numbers),
            *((name, _place_type(listed[name]) | None, None) for name in self.places),
            *((name, Loose, None) for name in self.loose),
        ]
        self.input_row = _struct("InputRow", fields)
        self.output_row = _struct("OutputRow", [(PREDICTION, Number, msgspec.NODEFAULT)])
        self._fields = {name: f"f{number}" for number, (name, _, _) in enumerate(fields)}
        packed = len(self.numbers) + len(self.places)
        self._pack = Struct(f"{packed}d").pack
        self._packed: Any = itemgetter(slice(packed)) if self.loose else None

    def columns(self, rows: Sequence[Any]) -> tuple[Floats, Sequence[Sequence[Any]]] | None:
        """Numbers and places of rows of ``input_row``, one row of a matrix for each, and the loose columns.

        None when a number or a place among them is missing or is none: then ``parts`` tells them apart.
        """
        values = list(map(msgspec.structs.astuple, rows))
        try:
            packed = b"".join(starmap(self._pack, map(self._packed, values) if self.loose else values))
        except error:
            return None
        matrix = np.frombuffer(packed, dtype=np.float64).reshape(len(rows), -1)
        loose = list(zip(*values, strict=True))[-len(self.loose) :] if self.loose else ()
        return np.ascontiguousarray(matrix.T), loose

    def column(self, rows: Sequence[Any], name: str) -> list[Any]:
        """One input feature of rows of ``input_row``, as it came; a category that is not listed is ``UNLISTED``, null is None."""
        read = attrgetter(self._fields[name])
        values = [read(row) for row in rows]
        return [_text(value) for value in values] if name in self.places else values

    def objects(self, rows: Sequence[Any], names: Collection[str]) -> list[dict[str, Any]]:
        """Rows of ``input_row`` as objects of these features; those that the profile does not have are left out."""
        known = [name for name in names if name in self._fields]
        columns = [self.column(rows, name) for name in known]
        return [dict(zip(known, values, strict=True)) for values in zip(*columns, strict=True)] or [{} for _ in rows]

    def predictions(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The one column of rows of ``output_row``, as it came."""
        return [row.f0 for row in rows]

    def parts(self, rows: Sequence[Any]) -> tuple[list[Sequence[Any]], list[list[Any]], list[Sequence[Any]]]:
        """The columns of numbers as they came, of places with those of nulls filled in, and the loose ones."""
        columns: list[Sequence[Any]] = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
        begin, end = len(self.numbers), len(self.numbers) + len(self.places)
        filled = [
            [null if place is None else place for place in column]
            for column, null in zip(columns[begin:end], self.null_places, strict=True)
        ]
        return columns[:begin], filled, columns[end:]


_IN_USE: WeakValueDictionary[tuple[Any, ...], RowTypes] = WeakValueDictionary()


def types_of(profile: ReferenceProfile) -> RowTypes:
    """The types of a profile's rows: those of another profile of the same features while anybody uses them, since they are large.

    Edges and counts do not matter to them, so the models that one script has trained share theirs.
    """
    listed = ((name, profile.features[name]) for name in profile.inputs)
    layout = tuple(
        (name, tuple(each.index) if isinstance(each, CategoricalReference) else None) for name, each in listed
    )
    found = _IN_USE.get(layout)
    if found is None:
        found = _IN_USE[layout] = RowTypes(profile)
    return found


def _struct(name: str, fields: Sequence[tuple[str, Any, Any]]) -> type[msgspec.Struct]:
    """A struct whose fields have any names: those of a feature may be no words of Python."""
    plain = [(f"f{number}", kind, default) for number, (_, kind, default) in enumerate(fields)]
    renamed = {f"f{number}": field for number, (field, _, _) in enumerate(fields)}
    make = partial(msgspec.defstruct, name, rename=renamed, gc=False)
    return make([each if each[2] is not msgspec.NODEFAULT else each[:2] for each in plain])


def _place_type(feature: CategoricalReference) -> Any:
    unlisted = ""
    while unlisted in feature.index:
        unlisted += "-"
    members = {f"v{place}": (place, text) for text, place in feature.index.items()}
    make: Any = _Listed  # an Enum with a base of its own is called to make another
    return make("Place", {**members, "UNLISTED": (feature.bins - 1, unlisted)})


def _text(place: Any) -> str | None:
    if place is None:
        return None
    return UNLISTED if place.name == "UNLISTED" else str(place.value)


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in _WORDS
    return True
