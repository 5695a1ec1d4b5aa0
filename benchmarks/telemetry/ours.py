"""The app's own way, as the benchmark calls it: the one place to change when the hot path changes.

Owns nothing: each function does what ``shared/services`` does (``Intake``, ``WindowCloser``), with no step left out but those
to the store, and none added.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Self
from weakref import WeakKeyDictionary

from benchmarks.decisions.policies import SHAPES
from benchmarks.telemetry import material
from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry
from shared.domain.policy import Policy
from shared.parsing import read_message
from shared.parsing.typed_events import EventDecoder
from shared.services.intake import MODELS_MAX
from shared.services.wishes import Wishes
from shared.telemetry.accumulate import Batch, accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.latency import quantile_ms
from shared.telemetry.partials import DataPartial, Delta, TrafficPartial
from shared.telemetry.profiles import Counts, ReferenceProfile, decode_profile, encode_profile
from shared.telemetry.row_types import RowTypes
from shared.telemetry.scoring import PreparedReference, Scores, prepare, score, score_each
from shared.telemetry.served import widened

WINDOW, BUCKET = "1d", "1m"
RULES = 20
ACCEPTED = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2970, 1, 1, tzinfo=UTC))


class Known:
    """What the app keeps ready of deployments, and where it finds the rest: what ``Intake`` is to the app, without a store.

    ``ready_max`` is how many it keeps; of more, those that were learnt first are forgotten.
    """

    def __init__(self, profiles: Mapping[DeploymentRef, bytes], ready_max: int = MODELS_MAX) -> None:
        self._profiles, self._ready_max = profiles, ready_max
        self.windows = {deployment.key: (WINDOW,) for deployment in profiles}
        self.counters: dict[str, RowCounter] = {}
        self.decoders: dict[DeploymentRef, EventDecoder] = {}
        self._by_types: WeakKeyDictionary[RowTypes, EventDecoder] = WeakKeyDictionary()

    def learn(self, rows: Iterable[RowsCollected]) -> None:
        """Have ready what the deployments of some rows need."""
        for each in rows:
            if each.deployment not in self.decoders and each.deployment in self._profiles:
                self._make_ready(each.deployment)

    def learn_all(self) -> Self:
        """Have as many ready as are kept."""
        for deployment in islice(self._profiles, self._ready_max):
            self._make_ready(deployment)
        return self

    def _make_ready(self, deployment: DeploymentRef) -> None:
        if len(self.decoders) >= self._ready_max:
            oldest = next(iter(self.decoders))
            del self.decoders[oldest], self.counters[oldest.key]
        counter = self.counters[deployment.key] = RowCounter(decode_profile(self._profiles[deployment]))
        self.decoders[deployment] = self._decoder_of(counter.types)

    def _decoder_of(self, types: RowTypes) -> EventDecoder:
        found = self._by_types.get(types)
        if found is None:
            found = self._by_types[types] = EventDecoder(types.input_row, types.output_row)
        return found


NOBODY = Known({})


def known(profile: ReferenceProfile) -> Known:
    """One deployment, ready, with this profile."""
    return Known({material.deployment(): encode_profile(profile)}).learn_all()


def read(bodies: Iterable[bytes], known: Known) -> list[Telemetry]:
    """The first half of the hot path alone: what messages hold."""
    return [read_message(body, known.decoders.get) for body in bodies]


def counted(messages: Iterable[Telemetry], known: Known) -> Delta:
    """The second half alone: what they add to the windows of the deployments that are known."""
    return accumulate(messages, known.counters, known.windows, BUCKET, ACCEPTED)


def state_of(bodies: Iterable[bytes], known: Known) -> Delta:
    """What a batch of raw messages adds to the windows of the deployments that are known."""
    batch, wishes = Batch(known.counters, known.windows, BUCKET, ACCEPTED), Wishes(_policy())

    def find(ref: DeploymentRef) -> EventDecoder | None:
        return None if wishes.needs_objects(ref) else known.decoders.get(ref)

    for body in bodies:
        message = read_message(body, find)
        known.learn(message.rows)
        batch.add(wishes.take(message, known.counters))
    delta = batch.delta()
    samples = wishes.drawn(known.counters, ACCEPTED)
    refs = {each.deployment for each in delta.partials if isinstance(each, TrafficPartial)}
    watched = {ref.key: known.windows[ref.key] for ref in refs if ref.key in known.windows}
    return replace(delta, partials=(*delta.partials, *widened(delta.partials, watched)), samples=samples)


@cache
def _policy() -> Policy:
    """A policy that wants no samples of the rows that are measured."""
    return Policy.model_validate(SHAPES[0].write(RULES))


def scored(partial: DataPartial, profile: ReferenceProfile) -> Scores:
    """The scores of one window, when it closes alone."""
    return score(prepare(profile), partial.counts)


def scored_together(references: Sequence[PreparedReference], counts: Counts) -> Scores:
    """The scores of windows that close together, a row of counts for each, with references that were prepared before."""
    return score_each(references, counts)


def as_one(one: TrafficPartial, others: Iterable[TrafficPartial]) -> TrafficPartial:
    """Buckets of one deployment as one, of the first one's key: what is summed up for a decision."""
    for other in others:
        one = one.plus(replace(other, start=one.start))
    return one


def latencies_ms(bucket: TrafficPartial, shares: Iterable[float]) -> list[float]:
    """The latency below which each share of the requests lies."""
    return [quantile_ms(bucket.latency_counts, share) for share in shares]
