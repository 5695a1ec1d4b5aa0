"""All drift scores of all features at once, of one window or of thousands.

Owns the arithmetic on whole vectors of counts, and what of a reference can be computed beforehand. The formulas are
those of ``drift``, whose functions give the same numbers to 1e-12. Knows nothing of thresholds, nor of when a window ends.

Every window's vector holds all features one after another, so a sum over a feature's bins is ``reduceat`` at the place
where they begin: no loop over features, and no padding for those with few bins.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.telemetry.drift import SHARE_MIN, divergence_terms
from shared.telemetry.profiles import CategoricalReference, Counts, Floats, ReferenceProfile

_TINY = 1e-300  # stands for 0 in a denominator; the numerator is 0 then
LAYOUTS_KEPT = 1024  # models trained by one script share a layout, and it is larger than a window
CHUNK_VALUES = 6144  # so many bins at once: with more, memory goes back to the system and comes anew in every chunk

Places = npt.NDArray[np.intp]


class Scores(NamedTuple):
    """One row for each window, one column for each feature, in the order of ``ReferenceProfile.slices``.

    NaN where a score does not exist: ``ks`` of categories, both V of numbers, everything of a feature without a value.
    ``cramers_v`` is that of the counts as they are; verdicts go by ``balanced_v`` (see ``drift.ChiSquared``).
    """

    psi: Floats
    jensen_shannon: Floats
    ks: Floats
    cramers_v: Floats
    balanced_v: Floats


class Layout(NamedTuple):
    """Where the bins of each feature lie: references of one layout can be compared in one go.

    ``kinds`` (categorical, number of bins, where they begin) is what makes two layouts equal. ``bins`` are the places of all bins in a window's vector, ``owner`` the
    feature of each of them, and ``starts`` where in ``bins`` each feature begins. The rest is the same for the
    categorical features alone: ``category_bins`` are places in ``bins``.
    """

    kinds: tuple[tuple[bool, int, int], ...]
    size: int
    bins: Places
    owner: Places
    starts: Places
    categorical: Places
    category_bins: Places
    category_owner: Places
    category_starts: Places


class PreparedReference(NamedTuple):
    """The reference's side of every formula. One row; prepare it once for a profile, and keep it."""

    layout: Layout
    shares: Floats
    rows: Floats
    logarithms: Floats  # of the shares, none below SHARE_MIN


def prepare(profile: ReferenceProfile) -> PreparedReference:
    """What the scores need of a profile. Raises ValueError when a feature of it counted nothing."""
    features = [(profile.features[name], where.start) for name, where in profile.slices.items()]
    kinds = tuple((isinstance(feature, CategoricalReference), feature.bins, start) for feature, start in features)
    layout = _layout(kinds, profile.size)
    counts = np.concatenate([feature.bin_counts for feature, _ in features]).astype(np.float64)
    rows = np.add.reduceat(counts, layout.starts)
    if not np.all(rows > 0):
        raise ValueError("a distribution needs at least one count")
    shares = counts / rows[layout.owner]
    return PreparedReference(layout, shares, rows, np.log(np.maximum(shares, SHARE_MIN)))


def score(reference: PreparedReference, counts: Counts) -> Scores:
    """The scores of windows that were all counted under one profile: a vector for each of them, or a single one.

    A single vector gives scores without the first axis. Raises ValueError when a vector is not of the profile's size.
    """
    windows = np.atleast_2d(counts)
    found = _in_chunks(reference.layout, windows, lambda _: reference)
    return found if counts.ndim > 1 else Scores(*(scores[0] for scores in found))


def score_each(references: Sequence[PreparedReference], counts: Counts) -> Scores:
    """The scores of windows that have a reference each, all of one layout: for many models with the same features.

    Raises ValueError for other layouts, or when there are not as many references as windows.
    """
    layouts = {id(reference.layout): reference.layout.kinds for reference in references}  # they are shared: few ids
    if len(set(layouts.values())) != 1:
        raise ValueError("windows are compared together only with references of one layout")
    if len(references) != len(counts):
        raise ValueError(f"{len(references)} references cannot be those of {len(counts)} windows")
    return _in_chunks(references[0].layout, counts, lambda chunk: _stacked(references[chunk]))


def _stacked(references: Sequence[PreparedReference]) -> PreparedReference:
    layout, *sides = zip(*references, strict=True)
    return PreparedReference(layout[0], *(np.concatenate(side).reshape(len(references), -1) for side in sides))


def _in_chunks(layout: Layout, windows: Counts, reference_of: Callable[[slice], PreparedReference]) -> Scores:
    if windows.ndim != 2 or windows.shape[1] != layout.size:
        raise ValueError(f"counts of {windows.shape} are not those of windows of {layout.size} places")
    found = Scores(*(np.full((len(windows), len(layout.starts)), np.nan) for _ in Scores._fields))
    step = max(1, CHUNK_VALUES // len(layout.bins))
    for start in range(0, len(windows), step):
        chunk = slice(start, start + step)
        _score_chunk(reference_of(chunk), windows[chunk], Scores(*(scores[chunk] for scores in found)))
    return found


def _score_chunk(reference: PreparedReference, windows: Counts, found: Scores) -> None:
    layout = reference.layout
    q = windows[:, layout.bins].astype(np.float64)
    rows = np.add.reduceat(q, layout.starts, axis=1)
    some = rows > 0
    q /= np.where(some, rows, 1.0)[:, layout.owner]
    if not some.all():  # a feature without a value takes the reference's shares until its scores are struck out
        q = np.where(some[:, layout.owner], q, reference.shares)
    apart, both = q - reference.shares, q + reference.shares
    lean = apart / np.maximum(both, _TINY)
    np.add.reduceat(_stability_terms(reference, q), layout.starts, axis=1, out=found.psi)
    np.sqrt(np.add.reduceat(divergence_terms(both, lean), layout.starts, axis=1), out=found.jensen_shannon)
    # The sum runs on through all features: the differences of each add up to 0, so the next one starts there.
    gaps = np.cumsum(apart, axis=1)
    np.maximum.reduceat(np.abs(gaps, out=gaps), layout.starts, axis=1, out=found.ks)
    found.ks[:, layout.categorical] = np.nan
    if len(layout.categorical):
        _score_categories(reference, rows, (apart, both, lean), found)
    for scores in found:
        scores[~some] = np.nan


def _stability_terms(reference: PreparedReference, q: Floats) -> Floats:
    terms = np.maximum(q, SHARE_MIN)
    logarithms = np.log(terms)
    logarithms -= reference.logarithms
    terms -= np.maximum(reference.shares, SHARE_MIN)
    terms *= logarithms
    return terms


def _score_categories(
    reference: PreparedReference, rows: Floats, shares: tuple[Floats, Floats, Floats], found: Scores
) -> None:
    layout = reference.layout
    apart, both, lean = (side[:, layout.category_bins] for side in shares)
    weights = (reference.rows / (reference.rows + rows))[:, layout.categorical]
    # w p + (1 - w) q, from p = (both - apart) / 2 and q = (both + apart) / 2
    pooled = both / 2.0 + (0.5 - weights[:, layout.category_owner]) * apart
    counted = np.add.reduceat(apart**2 / np.maximum(pooled, _TINY), layout.category_starts, axis=1)
    found.cramers_v[:, layout.categorical] = np.sqrt(weights * (1.0 - weights) * counted)
    balanced = np.add.reduceat(apart * lean, layout.category_starts, axis=1)
    found.balanced_v[:, layout.categorical] = np.sqrt(balanced / 2.0)


@lru_cache(maxsize=LAYOUTS_KEPT)
def _layout(kinds: tuple[tuple[bool, int, int], ...], size: int) -> Layout:
    of_categories, lengths, begins = (np.array(column) for column in zip(*kinds, strict=True))
    owner = np.repeat(np.arange(len(kinds)), lengths)
    starts = _starts(lengths)
    return Layout(
        kinds=kinds,
        size=size,
        bins=np.arange(len(owner)) + (begins - starts)[owner],
        owner=owner,
        starts=starts,
        categorical=np.flatnonzero(of_categories),
        category_bins=np.flatnonzero(of_categories[owner]),
        category_owner=np.repeat(np.arange(np.count_nonzero(of_categories)), lengths[of_categories]),
        category_starts=_starts(lengths[of_categories]),
    )


def _starts(lengths: Places) -> Places:
    return np.cumsum(lengths) - lengths
