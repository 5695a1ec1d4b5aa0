"""From Event Hubs messages to windows: one transaction for each batch, then folding and closing.

Owns the cursor discipline: {delta, cursor} are written together before the handler returns, so a redelivered sequence number
counts once. Sums and scores are ``telemetry``'s; what a closed window means is the rules'.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from shared.domain.durations import format_duration
from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef, RowsCollected, Telemetry, TrafficSample
from shared.domain.outcomes import Failed, Outcome, Succeeded
from shared.domain.policy import Policy
from shared.domain.policy_environments import Environment
from shared.domain.records import RejectedRow
from shared.domain.references import deployment_name
from shared.domain.telemetry_signals import WindowClosed
from shared.parsing import read_message
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored, StoredDelta
from shared.services.aside import AsideRows
from shared.services.closing import MOVED, WATERMARK, WindowCloser
from shared.telemetry.accumulate import accumulate
from shared.telemetry.aside import set_aside
from shared.telemetry.counting import RowCounter
from shared.telemetry.encoding import decode_delta, encode_delta
from shared.telemetry.fold import WindowState, decode_window, encode_window, fold
from shared.telemetry.partials import TrafficPartial, WindowKey, latest
from shared.telemetry.profiles import ProfileError, decode_profile, encode_profile, profile_from_tags
from shared.telemetry.traffic import summarise

TRIES_MAX = 12
FORGOTTEN_MAX = 100  # windows at a time
DELTAS_MAX = 200  # folded in one transaction
CLOCK_SKEW_MAX = timedelta(hours=1)  # a producer whose clock is further ahead is refused, and counted
KEPT_REFUSALS_MAX = 100  # of each reason in a minute are kept whole; the rest is counted
TRAFFIC_KEPT_FOR = timedelta(days=7)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        self._counters: dict[str, RowCounter] = {}
        self._closer = WindowCloser(store, policies)
        self._kept: dict[tuple[str, int], int] = {}

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
        read = {number: read_message(body) for number, body in messages}
        refused_through = -1  # refusals are kept once, however often the cursor has to be read again
        for _ in range(TRIES_MAX):
            cursor = await self._store.cursor(partition)
            fresh = [(number, body) for number, body in messages if number > cursor.value]
            if not fresh:
                return 0
            await self._keep_refused([(body, read[number]) for number, body in fresh if number > refused_through])
            refused_through = fresh[-1][0]
            delta = await self._delta([read[number] for number, _ in fresh])
            through = max(number for number, _ in fresh)
            try:
                await self._store.append_delta(StoredDelta(partition, through, delta), cursor.etag)
            except ConflictError:
                continue
            return len(fresh)
        raise ConflictError(f"the cursor of partition {partition} kept moving")

    async def _delta(self, messages: Sequence[Telemetry]) -> bytes:
        policy, now = (await self._policies.current()).policy, self._clock.now()
        await self._load_profiles(messages)
        first, *others = _data_windows(policy, messages)
        aside = set_aside(messages, self._counters, first)
        bucket, accepted = format_duration(policy.traffic_bucket), (EPOCH, now + CLOCK_SKEW_MAX)
        delta = accumulate(messages, self._counters, first, bucket, accepted)
        rows = [Telemetry(rows=message.rows) for message in messages] if others else []
        more = [accumulate(rows, self._counters, windows, bucket, accepted).partials for windows in others]
        partials = (*delta.partials, *chain.from_iterable(more))
        return encode_delta(dataclasses.replace(delta, partials=partials, kept=aside.kept, lost=aside.lost))

    async def _load_profiles(self, messages: Iterable[Telemetry]) -> None:
        wanted = {rows.deployment.key for message in messages for rows in message.rows}
        for key in wanted - self._counters.keys():
            stored = await self._store.document(f"profiles/{key}")
            if stored.value is not None:
                self._counters[key] = RowCounter(decode_profile(stored.value))

    async def _keep_refused(self, messages: Sequence[tuple[bytes, Telemetry]]) -> None:
        now = self._clock.now()
        minute = int(now.timestamp() // 60)
        self._kept = {key: count for key, count in self._kept.items() if key[1] == minute}
        for body, message in messages:
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

    async def fold(self) -> int:
        """Merge waiting deltas into their windows; returns how many. Another instance doing the same is harmless."""
        deltas = await self._store.deltas(DELTAS_MAX)
        if not deltas:
            return 0
        known: dict[str, Stored[bytes]] = {}
        states: dict[WindowKey, WindowState] = {}
        marks: dict[str, datetime] = {}
        read = [(stored, decode_delta(stored.body)) for stored in deltas]
        for stored, delta in read:
            for partial in delta.partials:
                if partial.key not in states:
                    await self._read_window(partial.key, known, states)
            states = fold(states, stored.partition, stored.through_sequence_number, delta)
            marks = latest(marks, delta.watermarks)
        rows = {_name(key): Stored(encode_window(state), _etag(known, _name(key))) for key, state in states.items()}
        rows.update(await self._watermark_rows(marks))
        rows.update(await self.aside.keep(read))
        try:
            await self._store.save_fold(rows, deltas)
        except ConflictError:
            return 0  # somebody else folded them, or will
        return len(deltas)

    async def count_aside(self) -> int:
        """Count rows whose profile has come since; how many batches. The next fold brings them into their windows."""
        return await self.aside.count_in(self._late_delta)

    async def _late_delta(self, rows: Sequence[RowsCollected]) -> bytes | None:
        message = Telemetry(rows=tuple(rows))
        await self._load_profiles([message])
        known = all(each.deployment.key in self._counters for each in rows)
        return await self._delta([message]) if known else None

    async def _read_window(
        self, key: WindowKey, known: dict[str, Stored[bytes]], states: dict[WindowKey, WindowState]
    ) -> None:
        stored = (await self._store.windows(_name(key))).get(_name(key))
        if stored is not None:
            known[_name(key)] = stored
            states[key] = decode_window(stored.value)

    async def _watermark_rows(self, marks: Mapping[str, datetime]) -> dict[str, Stored[bytes]]:
        rows: dict[str, Stored[bytes]] = {}
        for deployment, mark in marks.items():
            name = f"{WATERMARK}{deployment}"
            stored = (await self._store.windows(name)).get(name)
            known = datetime.fromisoformat(stored.value.decode()) if stored else mark
            rows[name] = Stored(max(known, mark).isoformat().encode(), stored.etag if stored else "")
        if marks:  # last, also in a fold of several transactions: who sees it sees the watermarks
            rows[MOVED] = Stored(b"moved", _etag(await self._store.windows(MOVED), MOVED))
        return rows

    async def closed_windows(self) -> list[tuple[WindowClosed, str]]:
        """Windows whose end the watermark has passed, as signals with the name to mark once each is accepted."""
        return await self._closer.closed_windows()

    async def mark_closed(self, name: str) -> None:
        """The window was reported: rows that still come for it are late."""
        await self._closer.mark_closed(name, self._clock.now())

    async def traffic_since(
        self, refs: Sequence[DeploymentRef], since: datetime, now: datetime
    ) -> dict[str, TrafficSample]:
        """What deployments served in whole buckets after a moment, by deployment name: the same minutes for all."""
        while await self.fold():
            pass
        samples: dict[str, TrafficSample] = {}
        for ref in refs:
            states = [decode_window(s.value) for s in (await self._store.windows(f"traffic/{ref.key}/")).values()]
            partials = [state.partial for state in states if isinstance(state.partial, TrafficPartial)]
            samples[ref.deployment] = summarise(partial for partial in partials if since <= partial.start < now)
        return samples

    async def forget_old_traffic(self) -> int:
        """Drop some traffic buckets that no decision will ask for any more; returns how many."""
        before = self._clock.now() - TRAFFIC_KEPT_FOR
        return await self._forget(name for name in await self._store.windows("traffic/") if _start_in(name) < before)

    async def forget_closed(self, before: datetime) -> int:
        """Drop some windows of data that were closed before a moment; rows that still come for one begin it anew."""
        states = {name: decode_window(s.value) for name, s in (await self._store.windows("data/")).items()}
        closed = {name: state.closed_at or _start_in(name) for name, state in states.items() if state.closed}
        return await self._forget(name for name, closed_at in closed.items() if closed_at < before)

    async def _forget(self, names: Iterable[str]) -> int:
        some = list(islice(names, FORGOTTEN_MAX))
        await self._store.delete_windows(some)
        return len(some)


def _name(key: WindowKey) -> str:
    return f"{key.measure}/{key.deployment}/{key.start.isoformat()}/{key.length}/{key.digest}"


def _start_in(name: str) -> datetime:
    return datetime.fromisoformat(name.split("/")[-3])


def _etag(known: Mapping[str, Stored[bytes]], name: str) -> str:
    return known[name].etag if name in known else ""


def _data_windows(policy: Policy, messages: Iterable[Telemetry]) -> list[dict[str, str]]:
    """The window length of every deployment in these messages whose endpoint a rule watches: one layer for each rule."""
    refs = {rows.deployment for message in messages for rows in message.rows}
    layers: list[dict[str, str]] = [{}]
    for ref in refs:
        serving = policy.index.serving(ref.workspace, ref.endpoint)
        lengths = dict.fromkeys(rule.window for workload in serving for rule in workload.drift_rules)
        for depth, length in enumerate(lengths):
            layers += [{}] if depth == len(layers) else []
            layers[depth][ref.key] = length
    return layers
