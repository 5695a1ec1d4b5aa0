"""From the bodies of a batch to the delta that they add: read, counted and let go, one message after the other.

Owns what is known of each deployment while rows are counted: its profile, made ready, and the windows that the policy's rules
watch. Owns which refused messages are kept whole. Knows nothing of cursors or of folding (``aggregate``).
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from weakref import WeakKeyDictionary

from shared.domain.durations import format_duration
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry
from shared.domain.policy import Policy
from shared.domain.records import RejectedRow
from shared.parsing import read_message
from shared.parsing.typed_events import EventDecoder
from shared.ports import Clock, PolicySource, Store
from shared.services.wishes import Wishes
from shared.telemetry.accumulate import (
    FROM_THE_FUTURE,
    NOT_AN_OBJECT,
    TOO_MANY_WINDOWS,
    TOO_OLD,
    UNUSED_COLLECTION,
    Batch,
)
from shared.telemetry.aside import set_aside
from shared.telemetry.counting import RowCounter
from shared.telemetry.elsewhere import ElsewhereEvents
from shared.telemetry.encoding import encode_delta
from shared.telemetry.partials import Delta, TrafficPartial
from shared.telemetry.profiles import decode_profile
from shared.telemetry.row_types import RowTypes
from shared.telemetry.served import widened

CLOCK_SKEW_MAX = timedelta(hours=1)  # a producer whose clock is further ahead is refused, and counted
KEPT_REFUSALS_MAX = 100  # of each reason in a minute are kept whole; the rest is counted
MODELS_MAX = 5_000  # kept ready, some 65 KB each; of more, those that were learnt first are forgotten
NOT_COUNTED = {
    FROM_THE_FUTURE: "rows or requests are dated more than an hour ahead: is a producer's clock wrong?",
    TOO_OLD: "rows or requests are dated before 1970: is a producer's clock wrong?",
    NOT_AN_OBJECT: "rows are no objects",
    TOO_MANY_WINDOWS: "rows are of more windows than one batch may open: are their times right?",
}
CHECKED_EVERY = timedelta(minutes=5)  # a profile that was replaced is counted by within that time
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclasses.dataclass(slots=True)
class _Model:
    """A profile made ready, which version of it, and when that was last looked up."""

    counter: RowCounter
    decoder: EventDecoder
    etag: str
    checked_at: datetime


class _Ready:
    """The models of one batch. Each stays the same to the end of the batch: rows of a type are only counted by its counter."""

    def __init__(self, models: dict[DeploymentRef, _Model]) -> None:
        self._models = models
        self._decoders: dict[DeploymentRef, EventDecoder] = {}
        self.counters: dict[str, RowCounter] = {}

    def decoder(self, deployment: DeploymentRef) -> EventDecoder | None:
        """The decoder of a deployment's rows, if its profile is known."""
        found = self._decoders.get(deployment)
        if found is None and (model := self._models.get(deployment)) is not None:
            found = self._decoders[deployment] = model.decoder
            self.counters[deployment.key] = model.counter
        return found


class Intake:
    """Reads and counts. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock, policies: PolicySource, models_max: int = MODELS_MAX) -> None:
        self._store, self._clock, self._policies, self._models_max = store, clock, policies, models_max
        self._models: dict[DeploymentRef, _Model] = {}
        self._decoders: WeakKeyDictionary[RowTypes, EventDecoder] = WeakKeyDictionary()
        self._kept: dict[tuple[str, int], int] = {}

    async def delta(self, messages: Iterable[tuple[int, bytes | Telemetry]], kept: set[int]) -> bytes:
        """What the messages add, each as bytes or as it was read. Of those whose number is not among the ``kept``, refusals
        are kept, and then it is.
        """
        policy = (await self._policies.current()).policy
        windows: dict[str, tuple[str, ...]] = {}
        ready = _Ready(self._models)
        batch, waiting, wishes = self._batch(policy, windows, ready), list[Telemetry](), Wishes(policy)

        def find(ref: DeploymentRef) -> EventDecoder | None:
            return None if wishes.needs_objects(ref) else ready.decoder(ref)

        elsewhere, first, fresh = ElsewhereEvents(policy), b"", False
        for number, said in messages:
            body = _named(said) if isinstance(said, Telemetry) else said
            first, fresh = first or body, fresh or number not in kept
            message = said if isinstance(said, Telemetry) else read_message(body, find)
            message = elsewhere.take(message)
            await self._learn(message.rows, policy, windows, ready)
            message = wishes.take(message, ready.counters)
            batch.add(message)
            waiting.append(Telemetry(rows=tuple(rows for rows in message.rows if not batch.counts(rows.deployment))))
            if message.refused and number not in kept:
                await self._keep_refused(body, message)
            kept.add(number)
        aside = set_aside(waiting, (), [key for key, lengths in windows.items() if lengths])
        delta = batch.delta()
        if fresh:
            await self._tell_refused(first, delta.refused)
        partials = (*delta.partials, *self._requests_of_windows(policy, delta))
        samples = wishes.drawn(ready.counters, self._accepted())
        return encode_delta(
            dataclasses.replace(
                delta,
                partials=partials,
                kept=aside.kept,
                lost=aside.lost,
                samples=samples,
                elsewhere=elsewhere.chunks(),
            )
        )

    @staticmethod
    def _requests_of_windows(policy: Policy, delta: Delta) -> Iterable[TrafficPartial]:
        refs = {partial.deployment for partial in delta.partials if isinstance(partial, TrafficPartial)}
        return widened(delta.partials, {ref.key: _watched(policy, ref) for ref in refs})

    async def delta_of_rows(self, rows: Sequence[RowsCollected]) -> bytes | None:
        """What rows that were kept aside add; None while the profile of one of their deployments is not there."""
        policy = (await self._policies.current()).policy
        windows: dict[str, tuple[str, ...]] = {}
        ready = _Ready(self._models)
        await self._learn(rows, policy, windows, ready)
        batch = self._batch(policy, windows, ready)
        if any(windows[each.deployment.key] and not batch.counts(each.deployment) for each in rows):
            return None
        batch.add(Telemetry(rows=tuple(rows)))
        return encode_delta(batch.delta())

    def _batch(self, policy: Policy, windows: dict[str, tuple[str, ...]], ready: "_Ready") -> Batch:
        return Batch(ready.counters, windows, format_duration(policy.traffic_bucket), self._accepted())

    def _accepted(self) -> tuple[datetime, datetime]:
        return EPOCH, self._clock.now() + CLOCK_SKEW_MAX

    async def _learn(
        self, rows: Iterable[RowsCollected], policy: Policy, windows: dict[str, tuple[str, ...]], ready: "_Ready"
    ) -> None:
        """Have ready what these deployments need; ``windows`` are those that this batch has asked for."""
        for deployment in dict.fromkeys(each.deployment for each in rows):
            if deployment.key in windows:
                continue
            windows[deployment.key] = _watched(policy, deployment)
            known, now = self._models.get(deployment), self._clock.now()
            if known is None or now - known.checked_at >= CHECKED_EVERY:
                stored = await self._store.document(f"profiles/{deployment.key}")
                if stored.value is not None:
                    self._make_ready(deployment, stored.value, stored.etag, now)
            ready.decoder(deployment)

    def _make_ready(self, deployment: DeploymentRef, profile: bytes, etag: str, now: datetime) -> None:
        known = self._models.get(deployment)  # another batch may have learnt it while this one waited for the store
        if known is not None and known.etag == etag:
            known.checked_at = now
            return
        if known is None and len(self._models) >= self._models_max:
            del self._models[next(iter(self._models))]
        counter = RowCounter(decode_profile(profile))
        self._models[deployment] = _Model(counter, self._decoder_of(counter.types), etag, now)

    def _decoder_of(self, types: RowTypes) -> EventDecoder:
        """The decoder of rows of these types: models share it as they share the types."""
        found = self._decoders.get(types)
        if found is None:
            found = self._decoders[types] = EventDecoder(types.input_row, types.output_row)
        return found

    async def _keep_refused(self, body: bytes, message: Telemetry) -> None:
        for refused in message.refused:
            if refused.reason == UNUSED_COLLECTION:
                continue  # what nobody asked for is only counted, wherever its rows are
            whole = not message.rows and not message.requests
            row_id = derive("refused", refused.reason, refused.detail, body.hex())
            await self._keep(row_id, refused.reason, refused.detail, refused.count, body, whole=whole)

    async def _tell_refused(self, first: bytes, refused: Mapping[str, int]) -> None:
        """Rows that were read, and that no window takes: told by reason, without their values, once for a batch."""
        for reason, text in NOT_COUNTED.items():
            if refused.get(reason):
                row_id = derive("not counted", reason, sha256(first).hexdigest())
                await self._keep(row_id, reason, f"{refused[reason]} {text}", refused[reason], b"", whole=True)

    async def _keep(self, row_id: str, reason: str, detail: str, times: int, body: bytes, *, whole: bool) -> None:
        now = self._clock.now()
        minute = int(now.timestamp() // 60)
        self._kept = {key: count for key, count in self._kept.items() if key[1] == minute}
        seen = self._kept[reason, minute] = self._kept.get((reason, minute), 0) + 1
        if seen <= KEPT_REFUSALS_MAX:
            await self._store.add_rejected(
                RejectedRow(
                    id=row_id,
                    channel="event_hubs",
                    reason=reason,
                    detail=detail,
                    received_at=now,
                    body=body,
                    times=times,
                    whole=whole,
                )
            )


def _named(message: Telemetry) -> bytes:
    """What tells a message that was read elsewhere from others."""
    return "\n".join(f"{each.deployment.key} {each.at} {each.correlation_id}" for each in message.rows).encode()


def _watched(policy: Policy, ref: DeploymentRef) -> tuple[str, ...]:
    """The window lengths that rules watch a deployment with."""
    serving = policy.index.serving(ref.workspace, ref.endpoint)
    return tuple(dict.fromkeys(rule.window for workload in serving for rule in workload.row_rules))
