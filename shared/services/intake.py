"""From the bodies of a batch to the delta that they add: read, counted and let go, one message after the other.

Owns what is known of each deployment while rows are counted: its profile, made ready, and the windows that the policy's rules
watch. Owns which refused messages are kept whole. Knows nothing of cursors or of folding (``aggregate``).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from shared.domain.durations import format_duration
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry
from shared.domain.policy import Policy
from shared.domain.records import RejectedRow
from shared.parsing import read_message
from shared.parsing.typed_events import EventDecoder
from shared.ports import Clock, PolicySource, Store
from shared.services.wishes import Wishes
from shared.telemetry.accumulate import Batch
from shared.telemetry.aside import set_aside
from shared.telemetry.counting import RowCounter
from shared.telemetry.encoding import encode_delta
from shared.telemetry.partials import Delta, TrafficPartial
from shared.telemetry.profiles import decode_profile
from shared.telemetry.served import widened

CLOCK_SKEW_MAX = timedelta(hours=1)  # a producer whose clock is further ahead is refused, and counted
KEPT_REFUSALS_MAX = 100  # of each reason in a minute are kept whole; the rest is counted
MODELS_MAX = 2_000  # kept ready, some 100 KB each; of more, those that were learnt first are forgotten
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Intake:
    """Reads and counts. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock, policies: PolicySource, models_max: int = MODELS_MAX) -> None:
        self._store, self._clock, self._policies, self._models_max = store, clock, policies, models_max
        self._counters: dict[str, RowCounter] = {}
        self._decoders: dict[DeploymentRef, EventDecoder] = {}
        self._kept: dict[tuple[str, int], int] = {}

    async def delta(self, messages: Iterable[tuple[int, bytes]], kept: set[int]) -> bytes:
        """What the messages add. Of those whose number is not among the ``kept``, refusals are kept, and then it is."""
        policy = (await self._policies.current()).policy
        windows: dict[str, tuple[str, ...]] = {}
        batch, waiting, wishes = self._batch(policy, windows), list[Telemetry](), Wishes(policy)
        for number, body in messages:
            message = read_message(body, lambda ref: None if wishes.needs_objects(ref) else self._decoders.get(ref))
            await self._learn(message.rows, policy, windows)
            message = wishes.take(message, self._counters)
            batch.add(message)
            waiting.append(Telemetry(rows=tuple(rows for rows in message.rows if not batch.counts(rows.deployment))))
            if message.refused and number not in kept:
                await self._keep_refused(body, message)
            kept.add(number)
        aside = set_aside(waiting, (), [key for key, lengths in windows.items() if lengths])
        delta = batch.delta()
        partials = (*delta.partials, *self._requests_of_windows(policy, delta))
        samples = wishes.drawn(self._counters, self._accepted())
        return encode_delta(
            dataclasses.replace(delta, partials=partials, kept=aside.kept, lost=aside.lost, samples=samples)
        )

    @staticmethod
    def _requests_of_windows(policy: Policy, delta: Delta) -> Iterable[TrafficPartial]:
        refs = {partial.deployment for partial in delta.partials if isinstance(partial, TrafficPartial)}
        return widened(delta.partials, {ref.key: _watched(policy, ref) for ref in refs})

    async def delta_of_rows(self, rows: Sequence[RowsCollected]) -> bytes | None:
        """What rows that were kept aside add; None while the profile of one of their deployments is not there."""
        policy = (await self._policies.current()).policy
        windows: dict[str, tuple[str, ...]] = {}
        await self._learn(rows, policy, windows)
        batch = self._batch(policy, windows)
        if any(windows[each.deployment.key] and not batch.counts(each.deployment) for each in rows):
            return None
        batch.add(Telemetry(rows=tuple(rows)))
        return encode_delta(batch.delta())

    def _batch(self, policy: Policy, windows: dict[str, tuple[str, ...]]) -> Batch:
        return Batch(self._counters, windows, format_duration(policy.traffic_bucket), self._accepted())

    def _accepted(self) -> tuple[datetime, datetime]:
        return EPOCH, self._clock.now() + CLOCK_SKEW_MAX

    async def _learn(self, rows: Iterable[RowsCollected], policy: Policy, windows: dict[str, tuple[str, ...]]) -> None:
        """Have ready what these deployments need; ``windows`` are those that this batch has asked for."""
        for deployment in dict.fromkeys(each.deployment for each in rows):
            if deployment.key in windows:
                continue
            windows[deployment.key] = _watched(policy, deployment)
            if deployment not in self._decoders:
                stored = await self._store.document(f"profiles/{deployment.key}")
                if stored.value is not None:
                    self._make_ready(deployment, stored.value)

    def _make_ready(self, deployment: DeploymentRef, profile: bytes) -> None:
        if len(self._decoders) >= self._models_max:
            oldest = next(iter(self._decoders))
            del self._decoders[oldest], self._counters[oldest.key]
        counter = self._counters[deployment.key] = RowCounter(decode_profile(profile))
        self._decoders[deployment] = EventDecoder(counter.types.input_row, counter.types.output_row)

    async def _keep_refused(self, body: bytes, message: Telemetry) -> None:
        now = self._clock.now()
        minute = int(now.timestamp() // 60)
        self._kept = {key: count for key, count in self._kept.items() if key[1] == minute}
        for refused in message.refused:
            seen = self._kept[refused.reason, minute] = self._kept.get((refused.reason, minute), 0) + 1
            if seen <= KEPT_REFUSALS_MAX:
                row = RejectedRow(
                    id=derive("refused", refused.reason, refused.detail, body.hex()),
                    channel="event_hubs",
                    reason=refused.reason,
                    detail=refused.detail,
                    received_at=now,
                    body=body,
                    times=refused.count,
                    whole=not message.rows and not message.requests,
                )
                await self._store.add_rejected(row)


def _watched(policy: Policy, ref: DeploymentRef) -> tuple[str, ...]:
    """The window lengths that rules watch a deployment with."""
    serving = policy.index.serving(ref.workspace, ref.endpoint)
    return tuple(dict.fromkeys(rule.window for workload in serving for rule in workload.row_rules))
