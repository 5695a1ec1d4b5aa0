"""Reference profiles as tables, and as the files that commands exchange.

Owns the words of a profile's table, and telling a profile from the tags of a run. Knows nothing of the store.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.cli.output import print_line, print_table
from shared.cli.problems import CommandError
from shared.telemetry.drift import jensen_shannon, ks, psi
from shared.telemetry.profiles import (
    TAG,
    FeatureReference,
    NumericReference,
    ProfileError,
    ReferenceProfile,
    decode_profile,
    profile_from_tags,
)

FREQUENT_SHOWN = 3


def read_profile(file: Path) -> ReferenceProfile:
    """The profile in a file, which holds one or the tags of a run. Raises CommandError or OSError."""
    content = file.read_bytes()
    try:
        tags = json.loads(content)
        return profile_from_tags(tags) if isinstance(tags, dict) and TAG in tags else decode_profile(content)
    except (ValueError, RecursionError, TypeError) as error:
        said = str(error) if isinstance(error, ProfileError) else f"it is no JSON ({error})"
        raise CommandError(f"{file} is no reference profile: {said}") from error


def print_profile(profile: ReferenceProfile, notes: Mapping[str, str] | None = None) -> None:
    """One line for each feature, and the notes on those that are left out."""
    notes = notes or {}
    rows = [_row(name, feature, notes.get(name, "")) for name, feature in sorted(profile.features.items())]
    print_table(("feature", "kind", "bins", "nulls", "range or values", "largest bin", "note"), rows)
    for name in sorted(notes.keys() - profile.features.keys()):
        print_line(f"{name}: {notes[name]}")
    print_line(f"{profile.rows} rows, {len(profile.features)} features, edges {profile.digest}")


def _row(name: str, feature: FeatureReference, note: str) -> tuple[object, ...]:
    counts = feature.bin_counts
    total = int(counts.sum())
    nulls = f"{feature.nulls / (total + feature.nulls):.1%}" if feature.nulls else ""
    kind = "numeric" if isinstance(feature, NumericReference) else "categorical"
    return name, kind, feature.bins, nulls, _range(feature), f"{counts.max() / total:.1%}", note


def _range(feature: FeatureReference) -> str:
    if isinstance(feature, NumericReference):
        known = feature.min is not None and feature.max is not None
        return f"{feature.min:g} to {feature.max:g}" if known else "not known"
    frequent = sorted(feature.counts, key=lambda text: (-feature.counts[text], text))
    more = len(frequent) - FREQUENT_SHOWN
    return ", ".join(frequent[:FREQUENT_SHOWN]) + (f" and {more} more" if more > 0 else "")


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two references of one feature: how far apart, or why they cannot be compared."""

    feature: str
    psi: float | None = None
    jensen_shannon: float | None = None
    ks: float | None = None
    nulls: tuple[float, float] | None = None  # shares
    because: str = ""


def compare_profiles(one: ReferenceProfile, other: ReferenceProfile) -> list[Comparison]:
    """Every feature of either profile; those that drifted furthest first, those without an answer last."""
    names = sorted(one.features.keys() | other.features.keys())
    found = [_compared(name, one.features.get(name), other.features.get(name)) for name in names]
    return sorted(found, key=lambda each: (each.psi is None, -(each.psi or 0.0), each.feature))


def _compared(name: str, one: FeatureReference | None, other: FeatureReference | None) -> Comparison:
    if one is None or other is None:
        return Comparison(feature=name, because=f"only the {'second' if one is None else 'first'} profile has it")
    if difference := _difference(one, other):
        return Comparison(feature=name, because=difference)
    counts = (one.bin_counts, other.bin_counts)
    return Comparison(
        feature=name,
        psi=psi(*counts),
        jensen_shannon=jensen_shannon(*counts),
        ks=ks(*counts) if isinstance(one, NumericReference) else None,
        nulls=(_null_share(one), _null_share(other)),
    )


def _difference(one: FeatureReference, other: FeatureReference) -> str:
    """Why the bins of the two are not the same; empty when they are. The known ranges may differ."""
    if isinstance(one, NumericReference) and isinstance(other, NumericReference):
        return "" if one.edges == other.edges else f"other edges: {_edges(one)} and {_edges(other)}"
    if isinstance(one, NumericReference) or isinstance(other, NumericReference):
        return "numeric in one, categorical in the other"
    apart = sorted(one.counts.keys() ^ other.counts.keys())
    return f"other listed values: {', '.join(apart[:FREQUENT_SHOWN])}, {len(apart)} in all" if apart else ""


def _edges(feature: NumericReference) -> str:
    if not feature.edges:
        return "none"
    return f"{len(feature.edges)} from {feature.edges[0]:g} to {feature.edges[-1]:g}"


def _null_share(feature: FeatureReference) -> float:
    total = int(feature.bin_counts.sum()) + feature.nulls
    return feature.nulls / total


def print_comparison(compared: list[Comparison]) -> None:
    """One line for each feature."""
    columns = ("feature", "psi", "jensen-shannon", "ks", "nulls", "")
    print_table(columns, [_comparison_row(each) for each in compared])


def _comparison_row(each: Comparison) -> tuple[Any, ...]:
    scores = tuple("" if score is None else f"{score:.4f}" for score in (each.psi, each.jensen_shannon, each.ks))
    nulls = " and ".join(f"{share:.1%}" for share in each.nulls) if each.nulls else ""
    return each.feature, *scores, nulls, each.because
