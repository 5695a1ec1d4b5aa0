"""From parsed messages to the delta that they add: the hot path.

Owns which rows count, for which window, and why the others do not. Knows nothing of bytes, of storage or of verdicts.
Rows are gathered by deployment and window across the messages of a batch, and counted as soon as there are enough of them
to be counted at once: rows that wait long have left the processor's caches.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from shared.domain.observations import DeploymentRef, RequestServed, RowsCollected, Telemetry
from shared.domain.values import replace
from shared.telemetry.calendar import WindowFinder
from shared.telemetry.counting import RowCounter
from shared.telemetry.gathered import Gathered, Role, count_few_of_many
from shared.telemetry.partials import DataPartial, Delta, TrafficPartial
from shared.telemetry.traffic import count_requests

ALL_TIMES = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2970, 1, 1, tzinfo=UTC))
TOO_OLD, FROM_THE_FUTURE = "too_old", "from_the_future"
UNUSED_COLLECTION, NOT_AN_OBJECT = "unused_collection", "row_not_an_object"
TOO_MANY_WINDOWS = "too_many_windows"
WINDOWS_MAX = 512  # that one batch may add to: each takes as much as its profile, however few rows it has

_ROLES: dict[str, Role] = {
    "model_inputs": "inputs",
    "model_outputs": "outputs",
    "inputs": "inputs",  # the collector's names before its general availability
    "outputs": "outputs",
}


@dataclass(slots=True)
class _Target:
    """A deployment whose rows we count: against what, in which windows, and the rows of each so far."""

    deployment: DeploymentRef
    key: str
    counter: RowCounter
    windows: tuple[WindowFinder, ...]
    watermark: datetime = ALL_TIMES[0]
    slots: dict[tuple[datetime, str], Gathered] = field(default_factory=dict)
    at: datetime | None = None  # of the last event, and its windows: most events are of the same ones
    here: list[Gathered] = field(default_factory=list)

    def add(self, role: Role, at: datetime, rows: Sequence[Any], room: int) -> int | None:
        """Take rows of one event; returns how many of them are neither of the model's type nor objects.

        None, and nothing is taken, when they are of windows that were not opened before, and there is no ``room`` for more.
        """
        if not rows:
            self.watermark = max(self.watermark, at)
            return 0
        if at is not self.at and not self._goes_to(at, room):
            return None
        strangers = 0
        for gathered in self.here:
            strangers = gathered.add(role, rows)
        return strangers

    def _goes_to(self, at: datetime, room: int) -> bool:
        """Have the windows of a moment at hand; False when there is no room to open them."""
        slots = [(windows.start_of(at), windows.length) for windows in self.windows]
        if room <= 0 and not all(slot in self.slots for slot in slots):
            return False
        self.here = [self.slots.get(slot) or self.slots.setdefault(slot, Gathered(self.counter)) for slot in slots]
        self.at, self.watermark = at, max(self.watermark, at)
        return True

    def partials(self) -> list[DataPartial]:
        """What the rows of each window add to it."""
        return [self._partial(start, length, gathered) for (start, length), gathered in self.slots.items()]

    def _partial(self, start: datetime, length: str, gathered: Gathered) -> DataPartial:
        counted = gathered.count()
        return DataPartial(
            deployment=self.deployment,
            start=start,
            length=length,
            digest=self.counter.profile.digest,
            rows=gathered.rows,
            predictions=gathered.predictions,
            counts=counted.counts,
            moments=counted.moments,
        )


class Batch:
    """What some messages add to the windows of data and of traffic.

    ``counters`` and ``data_windows`` (lengths such as ``1mo``) are by deployment key; rows of a deployment that lacks
    one are counted aside. ``accepted`` [first, end) bounds event time: one producer with a wrong clock must not move
    a watermark to the end of time. Never raises on what rows hold; raises ValueError for a length that cannot be read.
    """

    def __init__(
        self,
        counters: Mapping[str, RowCounter],
        data_windows: Mapping[str, Collection[str]],
        traffic_bucket: str,
        accepted: tuple[datetime, datetime] = ALL_TIMES,
    ) -> None:
        self._counters, self._data_windows = counters, data_windows
        self._accepted = max(accepted[0], ALL_TIMES[0]), min(accepted[1], ALL_TIMES[1])
        self._bucket, self._finders = WindowFinder(traffic_bucket), dict[str, WindowFinder]()
        self._opened = 0
        self._targets: dict[DeploymentRef, _Target | None] = {}
        self._last: tuple[DeploymentRef | None, _Target | None] = (None, None)
        self._requests: dict[tuple[DeploymentRef, datetime], list[RequestServed]] = defaultdict(list)
        self._refused: Counter[str] = Counter()
        self._aside: Counter[str] = Counter()

    def add(self, message: Telemetry) -> None:
        """Take one message."""
        for refused in message.refused:
            self._refused[refused.reason] += refused.count
        for collected in message.rows:
            self._add_rows(collected)
        self._add_requests(message.requests)

    def counts(self, deployment: DeploymentRef) -> bool:
        """Whether rows of a deployment are counted, and not counted aside."""
        return self._target(deployment) is not None

    def delta(self) -> Delta:
        """What all messages add, in partials of one order."""
        targets = [target for target in self._targets.values() if target is not None]
        count_few_of_many([gathered for target in targets for gathered in target.slots.values()])
        data = [partial for target in targets for partial in target.partials()]
        traffic = [
            count_requests(deployment, start, self._bucket.length, requests)
            for (deployment, start), requests in self._requests.items()
        ]
        partials: list[DataPartial | TrafficPartial] = [*data, *traffic]
        return Delta(
            partials=tuple(sorted(partials, key=lambda partial: partial.key)),
            watermarks={each.key: each.watermark.astimezone(UTC) for each in targets if each.watermark > ALL_TIMES[0]},
            traffic_watermarks=_latest_requests(self._requests),
            refused=dict(self._refused),
            aside=dict(self._aside),
        )

    def _add_rows(self, collected: RowsCollected) -> None:
        role, count = _ROLES.get(collected.collection), len(collected.rows)
        if role is None:
            self._refused[UNUSED_COLLECTION] += count
            return
        target = self._target(collected.deployment)
        if target is None:
            self._aside[collected.deployment.key] += count
            return
        at = _in_utc(collected.at)
        if refusal := self._refusal(at):
            self._refused[refusal] += count
            return
        before = len(target.slots)
        strangers = target.add(role, at, collected.rows, WINDOWS_MAX - self._opened)
        self._opened += len(target.slots) - before
        if strangers is None:
            self._refused[TOO_MANY_WINDOWS] += count
        elif strangers:
            self._refused[NOT_AN_OBJECT] += strangers

    def _target(self, deployment: DeploymentRef) -> _Target | None:
        if deployment is not self._last[0]:  # most events are of the deployment that the one before was of
            if deployment not in self._targets:
                self._targets[deployment] = self._new_target(deployment)
            self._last = deployment, self._targets[deployment]
        return self._last[1]

    def _new_target(self, deployment: DeploymentRef) -> _Target | None:
        key = deployment.key
        if key not in self._counters or not self._data_windows.get(key):
            return None
        return _Target(deployment, key, self._counters[key], tuple(map(self._finder, self._data_windows[key])))

    def _finder(self, length: str) -> WindowFinder:
        """Rows that come together are of the same windows, whatever their model."""
        found = self._finders.get(length)
        if found is None:
            found = self._finders[length] = WindowFinder(length)
        return found

    def _add_requests(self, requests: Iterable[RequestServed]) -> None:
        deployment, begin, end, into = None, ALL_TIMES[1], ALL_TIMES[1], list[RequestServed]()
        for served in requests:
            at = served.at
            request = served if at.tzinfo is not None else replace(served, at=(at := _in_utc(at)))
            if request.deployment is deployment and begin <= at < end:  # as most are, of those that come together
                into.append(request)
            elif refusal := self._refusal(at):
                self._refused[refusal] += 1
            else:
                deployment, (begin, end) = request.deployment, self._bucket.around(at)
                into = self._requests[deployment, begin]
                into.append(request)

    def _refusal(self, at: datetime) -> str:
        if at < self._accepted[0]:
            return TOO_OLD
        return FROM_THE_FUTURE if at >= self._accepted[1] else ""


def accumulate(
    messages: Iterable[Telemetry],
    counters: Mapping[str, RowCounter],
    data_windows: Mapping[str, Collection[str]],
    traffic_bucket: str,
    accepted: tuple[datetime, datetime] = ALL_TIMES,
) -> Delta:
    """What all of some messages add (``Batch``). They may be read one by one, as they are asked for."""
    batch = Batch(counters, data_windows, traffic_bucket, accepted)
    for message in messages:
        batch.add(message)
    return batch.delta()


def is_counted(collection: str) -> bool:
    """Whether rows of a collection are counted into windows."""
    return collection in _ROLES


_moment = attrgetter("at")


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _latest_requests(requests: Mapping[tuple[DeploymentRef, datetime], Sequence[RequestServed]]) -> dict[str, datetime]:
    watermarks: dict[str, datetime] = {}
    for (deployment, _), served in requests.items():
        at = max(map(_moment, served)).astimezone(UTC)
        watermarks[deployment.key] = max(at, watermarks.get(deployment.key, at))
    return watermarks
