"""Sums of numbers that do not depend on the order in which they are added: for mean, deviation, least and greatest.

Owns the fixed point in which values are summed. Floats cannot be added in any order with the same result; whole numbers can,
so each value is first rounded to whole units of its feature. The unit is a power of two that the reference's edges give
(about 1/32,768 of what lies between the outer ones), so counts of the same edges have the same units, and the mean's error
is below half a unit. Values further than ``REACH`` units from the centre count as that far. Knows nothing of bins or rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add

import numpy as np

from shared.telemetry.profiles import Floats, NumericReference

SPAN_BITS = 15  # units between the outer edges, as a power of two
REACH = 2.0**20
ROWS_MAX = 4096  # at a time: so many squares of REACH are still exact in a float
ALL = slice(None)
_EXPONENT_MAX = 960  # beyond that 2.0 ** exponent, or its inverse, is no float


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums and squares, in units from the centre, and extremes, of each number of a profile, in its order.

    Of numbers that never came, ``lowest`` is infinite and ``highest`` minus infinite.
    """

    lowest: Floats
    highest: Floats
    sums: tuple[int, ...]
    squares: tuple[int, ...]

    def plus(self, other: "Moments") -> "Moments":
        """Both together, exactly, whatever the order."""
        return Moments(
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
            tuple(map(add, self.sums, other.sums)),
            tuple(map(add, self.squares, other.squares)),
        )

    def then(self, more: "Moments") -> "Moments":
        """The numbers of this one, followed by other numbers."""
        return Moments(
            np.concatenate([self.lowest, more.lowest]),
            np.concatenate([self.highest, more.highest]),
            (*self.sums, *more.sums),
            (*self.squares, *more.squares),
        )


def no_moments(numbers: int) -> Moments:
    """Of numbers that never came."""
    return Moments(np.full(numbers, np.inf), np.full(numbers, -np.inf), (0,) * numbers, (0,) * numbers)


@dataclass(frozen=True, slots=True)
class Spread:
    """One number of a window, over the values that were there. ``deviation`` is the population's standard deviation."""

    mean: float
    deviation: float
    min: float
    max: float


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Centre and unit of some numbers. ``per_unit`` is 1 / unit; both are powers of two, so that scaling is exact."""

    centres: Floats
    per_unit: Floats

    @classmethod
    def of(cls, features: Sequence[NumericReference]) -> "Units":
        """As the edges give them; where there are fewer than two edges, as the range or the value's size does."""
        spans = [_span(feature) for feature in features]
        exponents = [SPAN_BITS - math.ceil(math.log2(high - low)) for low, high in spans]
        limited = [max(-_EXPONENT_MAX, min(_EXPONENT_MAX, exponent)) for exponent in exponents]
        centres = np.array([low / 2.0 + high / 2.0 for low, high in spans], dtype=np.float64)
        return cls(centres, np.array([2.0**exponent for exponent in limited], dtype=np.float64))

    def rounded(self, values: Floats, here: slice = ALL) -> Floats:
        """Values (one row for each of the numbers ``here``) as whole units from its centre, at most ``REACH``."""
        return in_units(values, self.centres[here, None], self.per_unit[here, None])

    def spread(self, moments: Moments, position: int, count: int) -> Spread | None:
        """Mean = centre + unit * sum / n, variance = unit² * (squares / n - (sum / n)²) of ``count`` values; None of none."""
        if count == 0:
            return None
        low, high = float(moments.lowest[position]), float(moments.highest[position])
        unit, total = 1.0 / float(self.per_unit[position]), moments.sums[position]
        variance = (moments.squares[position] * count - total * total) / count / count  # exact until it is divided
        mean = float(self.centres[position]) + unit * (total / count)
        return Spread(min(max(mean, low), high), unit * math.sqrt(max(variance, 0.0)), low, high)


def in_units(values: Floats, centres: Floats, per_unit: Floats) -> Floats:
    """Values as whole units from their centres, at most ``REACH``."""
    with np.errstate(over="ignore"):  # what becomes infinite is cut off next
        units = values - centres
        units *= per_unit
    np.maximum(units, -REACH, out=units)
    np.minimum(units, REACH, out=units)
    return np.rint(units, out=units)


def moments_of(units: Floats, values: Floats, lowest: Floats) -> Moments:
    """The moments of numbers, one row each, of at most ``ROWS_MAX`` values, whose ``values.min(axis=1)`` is known.

    A value that is missing is NaN in ``values`` and 0 in ``units``.
    """
    highest = values.max(axis=1, initial=-np.inf)
    if np.isnan(lowest).any():
        lowest, highest = (
            np.fmin.reduce(values, axis=1, initial=np.inf),
            np.fmax.reduce(values, axis=1, initial=-np.inf),
        )
    # Adding zero: minus zero equals zero, but not in its bits.
    sums, squares = units.sum(axis=1).tolist(), np.einsum("ij,ij->i", units, units).tolist()
    return Moments(lowest + 0.0, highest + 0.0, tuple(map(int, sums)), tuple(map(int, squares)))


def _span(feature: NumericReference) -> tuple[float, float]:
    known = [*feature.edges[:1], *feature.edges[-1:], *(end for end in (feature.min, feature.max) if end is not None)]
    finite = [value for value in known if math.isfinite(value)]
    if len(feature.edges) > 1:
        low, high = feature.edges[0], feature.edges[-1]
    else:
        low, high = min(finite, default=0.0), max(finite, default=0.0)
    if high / 2.0 - low / 2.0 > 0.0 and math.isfinite(high - low):
        return low, high
    size = max(abs(low), 1.0)
    return (low - size / 2.0, low + size / 2.0) if size < 1e300 else (-size / 2.0, size / 2.0)
