"""Goal 8: what closing a window costs: three scores of every feature, for 10,000 models."""

from collections.abc import Iterator, Sequence
from time import perf_counter

import numpy as np

from benchmarks.telemetry import ours
from benchmarks.telemetry.models import profiles
from benchmarks.telemetry.reading import rows as shown
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.state import data_of
from benchmarks.telemetry.turns import interleaved, timed
from benchmarks.telemetry.verdicts import Reading
from shared.telemetry.partials import DataPartial
from shared.telemetry.profiles import ReferenceProfile

MODELS, MODELS_QUICK = 10_000, 256
CHUNK = 64
SECONDS = 0.5  # a turn goes on with the next models for about so long, so that none is closed twice soon

Window = tuple[DataPartial, ReferenceProfile]


def scores(run: Run) -> Iterator[Reading | str]:
    """Windows of models with profiles of their own, windows of one profile, and whylogs with one model."""
    count = run.sized(MODELS, MODELS_QUICK)
    counted = data_of(ours.state_of(run.packed, run.known), run.profile)
    fleet = [(_like(counted, number, each), each) for number, each in enumerate(profiles(run, count))]
    same = [(_like(counted, number, run.profile), run.profile) for number in range(count)]
    turns = {
        "app: each its own profile": timed(Chunks(fleet)),
        "app: one profile": timed(Chunks(same)),
        "whylogs: drift scores": run.peer("whylogs").turn("drift"),
    }
    found = interleaved(turns, run.rounds)
    yield from shown(f"closing a window, {count:,} models", found, "app: each its own profile", "model")
    yield Reading("microseconds", found.microseconds("app: each its own profile"))
    yield Reading("whylogs", found.ratio("whylogs: drift scores", "app: each its own profile"))


class Chunks:
    """Scores windows, chunk after chunk, round and round."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows, self._at = windows, 0

    def __call__(self) -> int:
        """About as many as fit in a turn."""
        began, done = perf_counter(), 0
        while perf_counter() - began < SECONDS and done < len(self._windows):
            chunk = self._windows[self._at : self._at + CHUNK]
            ours.scores_of(chunk)
            self._at = (self._at + CHUNK) % len(self._windows)
            done += len(chunk)
        return done


def _like(counted: DataPartial, seed: int, profile: ReferenceProfile) -> DataPartial:
    """Another window of the same size: counts that chance has moved."""
    return DataPartial(
        deployment=counted.deployment,
        start=counted.start,
        length=counted.length,
        digest=profile.digest,
        rows=counted.rows,
        predictions=counted.predictions,
        counts=np.random.default_rng(seed).poisson(counted.counts).astype(np.int64),
    )
