"""Reference profiles: what the training data looked like, feature by feature, in counts.

Owns their shape, their limits, and how they are read from the tags that a training run leaves behind.
Knows nothing of production rows, nor of how tags are fetched.

Bins: ``edges`` part a numeric feature into ``len(edges) + 1`` bins, each with its upper edge, the outermost open.
A categorical feature has one bin for each listed value and a last one for all others.
"""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from shared.domain.ids import derive
from shared.domain.values import Part
from shared.telemetry.tag_parts import TAGS_MAX, fits, gather, spread

TAG = "outerloop.reference"
PREDICTION = "prediction"  # the pseudo-feature that prediction drift is measured on
FEATURES_MAX = 500
EDGES_MAX = 64
CATEGORIES_MAX = 256
_PART = f"{TAG}.part"
EXTRAS = 3  # after the bins of a feature: nulls, type errors, values outside the reference

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class ProfileError(ValueError):
    """A reference profile that cannot be used; the text is a sentence for the person who wrote the training code."""


class NumericReference(Part, frozen=True, kw_only=True, dict=True, tag_field="kind", tag="numeric"):
    """One numeric feature. ``min`` and ``max`` are the reference's range, when it is known."""

    edges: tuple[float, ...]
    counts: tuple[Count, ...]
    nulls: Count = 0
    min: float | None = None
    max: float | None = None

    @cached_property
    def edges_array(self) -> Floats:
        """The edges, ready for ``searchsorted``."""
        return np.array(self.edges, dtype=np.float64)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1

    @property
    def bin_counts(self) -> Counts:
        """The reference's counts, bin by bin."""
        return np.array(self.counts, dtype=np.int64)

    def shape(self) -> tuple[str, ...]:
        """What must be equal for two counts to be added: everything but the reference's own counts."""
        return ("numeric", repr(self.edges), repr(self.min), repr(self.max))

    def faults(self) -> str:
        """What is wrong, as the end of a sentence; empty when nothing is."""
        if len(self.edges) > EDGES_MAX:
            return f"has {len(self.edges)} edges, at most {EDGES_MAX} are allowed"
        if not all(map(math.isfinite, self.edges)) or any(low >= high for low, high in pairwise(self.edges)):
            return "needs finite edges, each greater than the one before"
        if len(self.counts) != self.bins:
            return f"needs {self.bins} counts, one more than its edges, and has {len(self.counts)}"
        return "" if any(self.counts) else "counted no value"


class CategoricalReference(Part, frozen=True, kw_only=True, dict=True, tag_field="kind", tag="categorical"):
    """One categorical feature. ``other`` counts the values that are not listed."""

    counts: dict[str, Count]
    other: Count = 0
    nulls: Count = 0

    @cached_property
    def index(self) -> dict[str, int]:
        """The bin of each listed value: in order of the text, so that order of counting does not matter."""
        return {text: position for position, text in enumerate(sorted(self.counts))}

    @property
    def bins(self) -> int:
        """How many bins there are; the last is for values that are not listed."""
        return len(self.counts) + 1

    @property
    def bin_counts(self) -> Counts:
        """The reference's counts, bin by bin."""
        return np.array([*(self.counts[text] for text in self.index), self.other], dtype=np.int64)

    def shape(self) -> tuple[str, ...]:
        """What must be equal for two counts to be added: the listed values."""
        return ("categorical", *self.index)

    def faults(self) -> str:
        """What is wrong, as the end of a sentence; empty when nothing is."""
        if len(self.counts) > CATEGORIES_MAX:
            return f"lists {len(self.counts)} values, at most {CATEGORIES_MAX} are allowed"
        return "" if any(self.counts.values()) or self.other else "counted no value"


FeatureReference = NumericReference | CategoricalReference


class FeatureCounts(NamedTuple):
    """What one window counted of one feature. ``outside``: beyond the reference's range, or not listed there."""

    bins: Counts
    nulls: int
    type_errors: int
    outside: int


class ReferenceProfile(Part, frozen=True, kw_only=True, dict=True):
    """All features of one model, over ``rows`` reference rows; ``prediction`` among them when it was profiled."""

    rows: int
    features: dict[str, FeatureReference]

    @cached_property
    def digest(self) -> str:
        """Names the edges: counts may be added, and compared with this reference, only under the same digest."""
        parts = [part for name in self.slices for part in ("feature", name, *self.features[name].shape())]
        return derive("profile", *parts)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each feature's bins and extras lie in the one vector of counts that a window keeps."""
        found, start = {}, 0
        for name in sorted(self.features):
            stop = start + self.features[name].bins + EXTRAS
            found[name], start = slice(start, stop), stop
        return found

    @cached_property
    def size(self) -> int:
        """The length of a window's vector of counts."""
        return sum(feature.bins + EXTRAS for feature in self.features.values())

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The features that a model's input rows hold."""
        return tuple(name for name in self.slices if name != PREDICTION)

    @cached_property
    def pick_inputs(self) -> Callable[[Any], Any]:
        """Takes all inputs out of a row at once; raises KeyError when one is missing. Needs at least one input."""
        return itemgetter(*self.inputs)

    def feature_counts(self, counts: Counts) -> dict[str, FeatureCounts]:
        """A window's vector of counts, told apart by feature."""
        found = {}
        for name, where in self.slices.items():
            part = counts[where]
            found[name] = FeatureCounts(part[:-EXTRAS], *(int(extra) for extra in part[-EXTRAS:]))
        return found


class _Summary(msgspec.Struct, frozen=True):
    rows: Count
    features: list[str] = []
    parts: Count = 0  # when the features are told in parts, since they are too many or too long for a tag each


def profile_to_tags(profile: ReferenceProfile) -> dict[str, str]:
    """The tags that a training run leaves, within what a run keeps: the way back is ``profile_from_tags``.

    One readable tag for each feature where they fit; otherwise the whole profile compressed in as few tags as it takes.
    Raises ProfileError when it takes too many.
    """
    features = {name: profile.features[name] for name in profile.slices}
    tags = {TAG: _json({"rows": profile.rows, "features": list(profile.inputs)})}
    tags |= {f"{TAG}.{name}": _json(feature) for name, feature in features.items()}
    if fits(tags):
        return tags
    parts = spread(_PART, encode_profile(profile))
    if len(parts) >= TAGS_MAX:
        raise ProfileError(
            f"The reference profile of {len(features)} features takes {len(parts) + 1} tags, a run keeps {TAGS_MAX} for"
            " it: use fewer bins, or leave features out."
        )
    return {TAG: _json({"rows": profile.rows, "parts": len(parts)}), **parts}


def profile_from_tags(tags: Mapping[str, str]) -> ReferenceProfile:
    """The profile in a training run's tags: ``outerloop.reference`` names the features, one more tag tells of each.

    Raises ProfileError. A tag for ``prediction`` is optional and not named in the list. Or ``outerloop.reference``
    names a number of ``parts``, and the tags ``outerloop.reference.part1`` and so on hold the profile compressed.
    """
    summary = _read(tags, TAG, _Summary)
    if summary.parts:
        return _from_parts(tags, summary.parts)
    if len(summary.features) > FEATURES_MAX:
        raise ProfileError(f"The tag {TAG} names {len(summary.features)} features, at most {FEATURES_MAX} are allowed.")
    if PREDICTION in summary.features:
        raise ProfileError(
            f"The tag {TAG} lists a feature called {PREDICTION}: that name is kept for the model's output."
        )
    names = [*summary.features, *([PREDICTION] if f"{TAG}.{PREDICTION}" in tags else [])]
    features: dict[str, FeatureReference] = {name: _read(tags, f"{TAG}.{name}", FeatureReference) for name in names}
    return _checked(ReferenceProfile(rows=summary.rows, features=features))


def encode_profile(profile: ReferenceProfile) -> bytes:
    """The profile as bytes, the same for equal profiles."""
    return msgspec.json.encode(profile, order="deterministic")


def decode_profile(stored: bytes) -> ReferenceProfile:
    """The profile that ``encode_profile`` wrote; raises ProfileError for anything else."""
    try:
        return _checked(msgspec.json.decode(stored, type=ReferenceProfile))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProfileError(f"The stored reference profile cannot be read: {error}.") from error


def recounted(profile: ReferenceProfile, rows: int, counts: Counts) -> ReferenceProfile:
    """A profile of the same edges, so of the same digest, over what a vector of counts holds. Raises ProfileError."""
    features: dict[str, FeatureReference] = {}
    for name, counted in profile.feature_counts(counts).items():
        feature, bins = profile.features[name], [int(count) for count in counted.bins]
        if isinstance(feature, NumericReference):
            features[name] = msgspec.structs.replace(feature, counts=tuple(bins), nulls=counted.nulls)
        else:
            listed = dict(zip(feature.index, bins[:-1], strict=True))
            features[name] = msgspec.structs.replace(feature, counts=listed, other=bins[-1], nulls=counted.nulls)
    return _checked(ReferenceProfile(rows=rows, features=features))


def _from_parts(tags: Mapping[str, str], parts: int) -> ReferenceProfile:
    try:
        content = gather(_PART, parts, tags)
    except ValueError as error:
        raise ProfileError(f"The reference profile {error}.") from error
    return decode_profile(content)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _read(tags: Mapping[str, str], tag: str, shape: Any) -> Any:
    if tag not in tags:
        raise ProfileError(f"The training run has no tag {tag}.")
    try:
        return msgspec.json.decode(tags[tag], type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProfileError(f"The tag {tag} cannot be read: {error}.") from error


def _checked(profile: ReferenceProfile) -> ReferenceProfile:
    if not profile.features:
        raise ProfileError("The reference profile has no features.")
    for name, feature in profile.features.items():
        if fault := feature.faults():
            raise ProfileError(f"The reference of feature {name!r} {fault}.")
    if isinstance(profile.features.get(PREDICTION), CategoricalReference):
        raise ProfileError(f"The reference of {PREDICTION!r} must be numeric.")
    return profile
