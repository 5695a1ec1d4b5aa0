"""From Event Hubs messages to windows: one transaction for each batch, then folding and closing.

Owns the cursor discipline: {delta, cursor} are written together before the handler returns, so a redelivered sequence number
counts once. Sums and scores are ``telemetry``'s; what a closed window means is the rules'.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from shared.domain.observations import DeploymentRef, TrafficSample
from shared.domain.outcomes import Failed, Outcome, Succeeded
from shared.domain.policy_environments import Environment
from shared.domain.references import deployment_name
from shared.domain.telemetry_signals import WindowClosed
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored
from shared.services.aside import AsideRows
from shared.services.closing import MOVED, WATERMARK, WindowCloser
from shared.services.intake import Intake
from shared.services.telemetry_sources import FileLines, HubPartition, TelemetrySource
from shared.telemetry.encoding import decode_delta
from shared.telemetry.fold import WindowState, decode_window, encode_window, fold
from shared.telemetry.partials import TrafficPartial, WindowKey, latest
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
        self._intake = Intake(store, clock, policies)
        self._closer = WindowCloser(store, policies)

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

    async def _take(self, source: TelemetrySource, messages: Sequence[tuple[int, bytes]]) -> int:
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
        return await self.aside.count_in(self._intake.delta_of_rows)

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
