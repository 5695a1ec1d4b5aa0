"""From Event Hubs messages to windows: one transaction for each batch, then folding and closing.

Owns the cursor discipline: {delta, cursor} are written together before the handler returns, so a redelivered sequence number
counts once. Sums and scores are ``telemetry``'s; what a closed window means is the rules'.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from shared.domain.durations import format_duration
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, RowsCollected, RowsRefused, Telemetry, TrafficSample
from shared.domain.outcomes import Failed, Outcome, Succeeded
from shared.domain.policy_environments import Environment
from shared.domain.records import RejectedRow
from shared.domain.references import deployment_name
from shared.domain.telemetry_signals import WindowClosed
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored, StoredDelta
from shared.services.absence import AbsenceWatch
from shared.services.aside import AsideRows
from shared.services.closing import WindowCloser, window_name
from shared.services.elsewhere import ElsewhereRows
from shared.services.hearing import Hearing
from shared.services.intake import Intake
from shared.services.labels import LabelWatch
from shared.services.sampling import SampleKeeper
from shared.services.telemetry_sources import NOTHING_READ, FileLines, HubPartition, TelemetrySource, event_rows
from shared.telemetry.accumulate import UNUSED_COLLECTION
from shared.telemetry.elsewhere import ElsewhereEvents
from shared.telemetry.encoding import UnreadableState, decode_delta
from shared.telemetry.fold import WindowState, decode_window, encode_window, fold
from shared.telemetry.partials import Delta, TrafficPartial, WindowKey
from shared.telemetry.profiles import ProfileError, encode_profile, profile_from_tags
from shared.telemetry.traffic import summarise

TRIES_MAX = 12
FORGOTTEN_MAX = 100  # windows at a time
DELTAS_MAX = 200  # folded in one transaction
TRAFFIC_KEPT_FOR = timedelta(days=7)


def deployment_ref(environment: Environment, version: str) -> DeploymentRef:
    """The deployment of a version in an environment."""
    return DeploymentRef(
        workspace=environment.workspace.lower(),
        endpoint=environment.endpoint.lower(),
        deployment=deployment_name(version),
    )


class Aggregator:
    """Takes telemetry, folds it and answers for it."""

    def __init__(self, store: Store, clock: Clock, policies: PolicySource) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self.aside = AsideRows(store, clock)
        self.elsewhere = ElsewhereRows(store, clock)
        self.hearing = Hearing(store, clock)
        self._intake = Intake(store, clock, policies)
        self.absence = AbsenceWatch(store, clock, policies, self.hearing)
        self.samples = SampleKeeper(store)
        self.labels = LabelWatch(store, clock, policies, self.hearing, self.samples)
        self._closer = WindowCloser(store, clock, policies, self.hearing)

    async def save_profile(self, environment: Environment, deployment: str, tags: Mapping[str, str]) -> Outcome:
        """Keep the reference profile of a version under the deployment that will serve it."""
        try:
            profile = profile_from_tags(tags)
        except ProfileError as error:
            return Failed(retryable=False, reason=f"the training run left no usable reference profile: {error}")
        ref = DeploymentRef(
            workspace=environment.workspace.lower(), endpoint=environment.endpoint.lower(), deployment=deployment
        )
        stored = await self._store.document(f"profiles/{ref.key}")
        try:
            await self._store.save_document(f"profiles/{ref.key}", encode_profile(profile), stored.etag)
        except ConflictError:
            return Failed(retryable=True, reason="another instance wrote the profile at the same time")
        return Succeeded(data={"features": float(len(profile.features)), "rows": float(profile.rows)})

    async def take(self, partition: str, messages: Sequence[tuple[int, bytes]]) -> int:
        """Aggregate the messages after the partition's cursor; returns how many those were.

        Raises StoreUnavailableError, or ConflictError when others kept winning: the batch has to come again.
        """
        return await self._take(HubPartition(self._store, partition), messages)

    async def take_lines(self, file: str, lines: Sequence[tuple[int, bytes]]) -> int:
        """The same for the lines of a file behind its bookmark, each numbered by the byte at which it ends."""
        return await self._take(FileLines(self._store, self._clock, file), lines)

    async def take_event(self, event: str, rows: RowsCollected) -> int:
        """The same for the rows of one event that were kept elsewhere, once for each event: how many rows that were."""
        taken = await self._take(event_rows(self._store, self._clock, event), [(0, Telemetry(rows=(rows,)))])
        return len(rows.rows) if taken else 0

    async def refusals(self, message: Telemetry) -> tuple[RowsRefused, ...]:
        """What of a message that was read would be refused now, and kept for a person to look at."""
        taken = ElsewhereEvents((await self._policies.current()).policy).take(message)
        return tuple(refused for refused in taken.refused if refused.reason != UNUSED_COLLECTION)

    async def counted_event(self, event: str) -> bool:
        """Whether the rows of an event that were kept elsewhere are counted already."""
        return await event_rows(self._store, self._clock, event).taken() > NOTHING_READ

    async def _take(self, source: TelemetrySource, messages: Sequence[tuple[int, bytes | Telemetry]]) -> int:
        kept = set[int]()  # refusals are kept once, however often the cursor has to be read again
        for _ in range(TRIES_MAX):
            taken = await source.taken()
            fresh = [(number, body) for number, body in messages if number > taken]
            if not fresh:
                return 0
            delta, through = await self._intake.delta(fresh, kept), max(number for number, _ in fresh)
            try:
                await source.append(through, delta)
            except ConflictError:
                continue
            return len(fresh)
        raise ConflictError("others kept taking the same telemetry at the same time")

    async def fold(self) -> int:
        """Merge waiting deltas into their windows; returns how many. Another instance doing the same is harmless."""
        deltas = await self._store.deltas(DELTAS_MAX)
        if not deltas:
            return 0
        known: dict[str, Stored[bytes]] = {}
        states: dict[WindowKey, WindowState] = {}
        read = await self._read_deltas(deltas)
        for stored, delta in read:
            for partial in delta.partials:
                if partial.key not in states:
                    await self._read_window(partial.key, known, states)
            states = fold(states, stored.partition, stored.through_sequence_number, delta)
        rows = {
            window_name(key): Stored(encode_window(state), _etag(known, window_name(key)))
            for key, state in states.items()
        }
        rows.update(await self.aside.keep(read))
        rows.update(await self.elsewhere.keep(read))
        rows.update(await self.samples.rows(read))
        rows.update(await self.hearing.rows(delta for _, delta in read))
        try:
            await self._store.save_fold(rows, deltas)
        except ConflictError:
            return 0  # somebody else folded them, or will
        return len(deltas)

    async def _read_deltas(self, deltas: Sequence[StoredDelta]) -> list[tuple[StoredDelta, Delta]]:
        """What can be read; the rest is kept among the rejections, so that it does not stop all that comes after it."""
        read = []
        for stored in deltas:
            try:
                read.append((stored, decode_delta(stored.body)))
            except UnreadableState as error:
                row = RejectedRow(
                    id=derive("unreadable delta", stored.partition, str(stored.through_sequence_number)),
                    channel="event_hubs",
                    reason="unreadable_delta",
                    detail=f"{stored.partition} through {stored.through_sequence_number}: {error}",
                    received_at=self._clock.now(),
                    body=stored.body,
                )
                await self._store.add_rejected(row)
        return read

    async def count_aside(self) -> int:
        """Count rows whose profile has come since; how many batches. The next fold brings them into their windows."""
        return await self.aside.count_in(self._intake.delta_of_rows)

    async def _read_window(
        self, key: WindowKey, known: dict[str, Stored[bytes]], states: dict[WindowKey, WindowState]
    ) -> None:
        name = window_name(key)
        stored = (await self._store.windows(name)).get(name)
        if stored is not None:
            known[name] = stored
            states[key] = decode_window(stored.value)

    async def closed_windows(self) -> list[tuple[WindowClosed, str]]:
        """Windows that have ended, as signals with the name to mark once each is accepted."""
        return await self._closer.closed_windows()

    async def mark_told(self, name: str) -> None:
        """The signal of a window was accepted. Raises ConflictError when rows came meanwhile: mark it again."""
        await self._closer.mark_told(name)

    async def traffic_since(
        self, refs: Sequence[DeploymentRef], since: datetime, now: datetime, chance: float = 0.05
    ) -> dict[str, TrafficSample]:
        """What deployments served in whole buckets after a moment, by deployment name: the same minutes for all.

        Each bound of their latencies is wrong at any look with at most that chance.
        """
        while await self.fold():
            pass
        bucket = format_duration((await self._policies.current()).policy.traffic_bucket)
        samples: dict[str, TrafficSample] = {}
        for ref in refs:
            states = [decode_window(s.value) for s in (await self._store.windows(f"traffic/{ref.key}/")).values()]
            partials = [state.partial for state in states if isinstance(state.partial, TrafficPartial)]
            partials = [partial for partial in partials if partial.length == bucket]
            samples[ref.deployment] = summarise(
                (partial for partial in partials if since <= partial.start < now), chance
            )
        return samples

    async def forget_old_traffic(self) -> int:
        """Drop some traffic buckets that no decision will ask for any more; returns how many."""
        before, wide = self._clock.now() - TRAFFIC_KEPT_FOR, await self._wide_lengths()
        names = await self._store.windows("traffic/")
        return await self._forget(name for name in names if _start_in(name) < before and _length_in(name) not in wide)

    async def forget_closed(self, before: datetime) -> int:
        """Drop some windows that were closed before a moment; rows that still come for one begin it anew."""
        states = {name: decode_window(s.value) for name, s in (await self._store.windows("data/")).items()}
        closed = {
            name: state.closed_at or _start_in(name)
            for name, state in states.items()
            if state.closed and not state.untold
        }
        wide, requests = await self._wide_lengths(), await self._store.windows("traffic/")
        closed |= {name: _start_in(name) for name in requests if _length_in(name) in wide}
        return await self._forget(name for name, closed_at in closed.items() if closed_at < before)

    async def _wide_lengths(self) -> set[str]:
        """The window lengths of rules, which are not those of the short buckets of traffic."""
        policy = (await self._policies.current()).policy
        lengths = {rule.window for workload in policy.workloads for rule in workload.row_rules}
        return lengths - {format_duration(policy.traffic_bucket)}

    async def _forget(self, names: Iterable[str]) -> int:
        some = list(islice(names, FORGOTTEN_MAX))
        await self._store.delete_windows(some)
        return len(some)


def _start_in(name: str) -> datetime:
    return datetime.fromisoformat(name.split("/")[-3])


def _etag(known: Mapping[str, Stored[bytes]], name: str) -> str:
    return known[name].etag if name in known else ""


def _length_in(name: str) -> str:
    return name.split("/")[-2]
