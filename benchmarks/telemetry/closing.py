"""Goal 8: what the scores of closed windows cost, for 10,000 models with profiles of their own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from time import process_time

import numpy as np

from benchmarks.telemetry import ours
from benchmarks.telemetry.models import profiles
from benchmarks.telemetry.reading import rows as shown
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.state import data_of
from benchmarks.telemetry.turns import interleaved, timed, told
from benchmarks.telemetry.verdicts import Reading
from shared.telemetry.partials import DataPartial
from shared.telemetry.scoring import prepare

MODELS, MODELS_QUICK = 10_000, 256
CHUNK = 64
SECONDS = 0.5  # a turn goes on with the next models for about so long, so that none is scored twice soon


def scores(run: Run) -> Iterator[Reading | str]:
    """Windows one by one, as they close alone; windows together, 64 at a time; and whylogs with one model."""
    count = run.sized(MODELS, MODELS_QUICK)
    told(f"windows of {count:,} models")
    known, counted = list(profiles(run, count)), data_of(ours.state_of(run.packed, run.known), run.profile)
    windows = [_like(counted, number) for number in range(count)]
    references, counts = [prepare(profile) for profile in known], np.array([window.counts for window in windows])

    def alone(chunk: slice) -> None:
        for window, profile in zip(windows[chunk], known[chunk], strict=True):
            ours.scored(window, profile)

    def together(chunk: slice) -> None:
        ours.scored_together(references[chunk], counts[chunk])

    turns = {
        "app: one by one": timed(partial(_some, Chunks(count), alone)),
        "app: together, references prepared": timed(partial(_some, Chunks(count), together)),
        "whylogs: drift scores": run.peer("whylogs").turn("drift"),
    }
    found = interleaved(turns, run.rounds)
    yield from shown(f"closing a window, {count:,} models", found, "app: one by one", "model")
    yield Reading("together", found.microseconds("app: together, references prepared"))
    yield Reading("whylogs", found.ratio("whylogs: drift scores", "app: one by one"))


class Chunks:
    """Takes turns at so many models, chunk after chunk, round and round."""

    def __init__(self, count: int) -> None:
        self._count, self._at = count, 0

    def next(self) -> slice:
        """The next chunk."""
        found = slice(self._at, min(self._at + CHUNK, self._count))
        self._at = found.stop % self._count
        return found


def _some(chunks: Chunks, score: Callable[[slice], None]) -> int:
    """About as many as fit in a turn."""
    began, done = process_time(), 0
    while process_time() - began < SECONDS:
        chunk = chunks.next()
        score(chunk)
        done += chunk.stop - chunk.start
    return done


def _like(counted: DataPartial, seed: int) -> DataPartial:
    """Another window of about the same counts."""
    return replace(counted, counts=np.random.default_rng(seed).poisson(counted.counts).astype(np.int64))
