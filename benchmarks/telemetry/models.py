"""Goal 7: the same batch of 256 one-row messages, from one model up to 10,000, each with edges of its own.

Owns the fleet of profiles. The cost of counting alone and that of the whole way from bytes are told apart.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from typing import Any

import msgspec
import numpy as np

from benchmarks.telemetry import floors, material, ours
from benchmarks.telemetry.prototype import Model
from benchmarks.telemetry.reading import rows as shown
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.turns import Comparison, Turn, interleaved, timed, told
from benchmarks.telemetry.verdicts import Reading
from shared.domain.observations import Telemetry
from shared.services.intake import MODELS_MAX
from shared.telemetry.profiles import FeatureReference, NumericReference, ReferenceProfile, encode_profile

Told = Iterator[Reading | str]
MODELS, MODELS_QUICK = (1, 100, 1_000, 10_000), (1, 10, 100)
BATCHES, STRANGERS = 8, 16


def growth(run: Run) -> Told:
    """What an event costs among many models: with all of them ready, and with as many as the app keeps ready."""
    sizes = MODELS_QUICK if run.quick else MODELS
    told(f"meeting {sizes[-1]:,} models")
    stored = {material.deployment(at): encode_profile(each) for at, each in enumerate(profiles(run, sizes[-1]))}
    ready = ours.Known(stored, ready_max=sizes[-1]).learn_all()
    kept = ours.Known(stored, ready_max=run.sized(MODELS_MAX, sizes[-1] // 5)).learn_all()
    batches = {size: _batches(run, size, run.sized(BATCHES, 1)) for size in sizes}
    turns = {"group loop, 1 models": timed(partial(_loop, list(_typed(batches[1])), run.profile))}
    for size in sizes:
        heard = [ours.read(bodies, ready) for bodies in batches[size]]
        turns[f"counting alone, {size:,} models"] = timed(partial(_counting, heard, ready))
        turns[f"from bytes, all ready, {size:,} models"] = timed(partial(_whole, batches[size], ready))
    turns[f"from bytes, {sizes[-1]:,} models"] = timed(OneAfterTheOther(_batches(run, sizes[-1], STRANGERS), kept))
    found = _with_a_frozen_fleet(turns, run.rounds)
    yield from shown("one-row messages, 256 in a batch", found, "group loop, 1 models", "event")
    yield Reading("growth_counting", _growth(found, "counting alone", sizes[-1]))
    yield Reading("growth_ready", _growth(found, "from bytes, all ready", sizes[-1]))
    yield Reading("growth_whole", found.ratio(f"from bytes, {sizes[-1]:,} models", "from bytes, all ready, 1 models"))
    yield Reading("group_loop", found.ratio("counting alone, 1 models", "group loop, 1 models"))


def _with_a_frozen_fleet(turns: Mapping[str, Turn], rounds: int) -> Comparison:
    """The comparison, in which no collection of garbage goes through all that 10,000 models are made of."""
    gc.collect()
    gc.freeze()
    try:
        return interleaved(turns, rounds)
    finally:
        gc.unfreeze()


def _growth(found: Comparison, way: str, size: int) -> float:
    return found.ratio(f"{way}, {size:,} models", f"{way}, 1 models")


class OneAfterTheOther:
    """A batch a turn, each of models that most likely are not ready: so many batches that none is repeated too soon."""

    def __init__(self, batches: Sequence[Sequence[bytes]], known: ours.Known) -> None:
        self._batches, self._known = cycle(batches), known

    def __call__(self) -> int:
        """Take the next batch."""
        return _whole([next(self._batches)], self._known)


def _batches(run: Run, models: int, count: int) -> list[list[bytes]]:
    """Batches in which each row is a message, from a model that is drawn at random."""
    drawn = np.random.default_rng(models)
    return [
        [material.packed(one, int(drawn.integers(models))) for one in batch.batches(1)]
        for batch in islice(cycle(run.window.batches()), count)
    ]


def _loop(batches: Sequence[tuple[list[Any], list[Any]]], profile: ReferenceProfile) -> int:
    """The naive loop over rows that are parsed already, each batch as one group of rows."""
    model = Model(profile)
    for inputs, outputs in batches:
        model.add(inputs, outputs)
    return len(batches) * material.BATCH


def _typed(batches: Sequence[Sequence[bytes]]) -> Iterator[tuple[list[Any], list[Any]]]:
    """Typed rows of inputs and of outputs, batch by batch."""
    for bodies in batches:
        events = [floors.parse(body) for body in bodies]
        inputs = [row for found, _ in events for event in found for row in event.data]
        yield inputs, [row for _, found in events for event in found for row in event.data]


def _counting(heard: Sequence[Sequence[Telemetry]], known: ours.Known) -> int:
    for messages in heard:
        ours.counted(messages, known)
    return len(heard) * material.BATCH


def _whole(batches: Sequence[Sequence[bytes]], known: ours.Known) -> int:
    for bodies in batches:
        ours.state_of(bodies, known)
    return len(batches) * material.BATCH


def profiles(run: Run, count: int) -> Iterator[ReferenceProfile]:
    """So many profiles: the same features, the edges of each a little wider."""
    return (widened(run.profile, 1 + number / count) for number in range(count))


def widened(profile: ReferenceProfile, factor: float) -> ReferenceProfile:
    """The same profile with edges that lie so many times further out."""

    def of(feature: FeatureReference) -> FeatureReference:
        if not isinstance(feature, NumericReference):
            return feature
        return msgspec.structs.replace(feature, edges=tuple((feature.edges_array * factor).tolist()))

    return ReferenceProfile(rows=profile.rows, features={name: of(each) for name, each in profile.features.items()})
