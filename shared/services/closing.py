"""Which windows have ended, found without reading those of every deployment again and again.

Owns what need not be looked at: a window can only have ended since the last look when its deployment's watermark moved,
another policy came into force, or a silence has lasted long enough. Each fold that moves a watermark also writes the row
``MOVED``, so an idle sweep costs one look, whatever the number of deployments. What ended is first sealed, in one
transaction with the late rows that it reports, then told until it is marked: what is told is the same each time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.ids import derive
from shared.domain.policy import Policy
from shared.domain.records import RejectedRow
from shared.domain.telemetry_signals import WindowClosed
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored
from shared.services.hearing import MOVED, TOGETHER_MAX, Hearing
from shared.telemetry.closing import Reach, closable, close, close_unscored, due, late, seal, traffic_key, unreportable
from shared.telemetry.fold import WindowState, decode_window, encode_window, mark_late_told, mark_told
from shared.telemetry.partials import TrafficPartial, WindowKey
from shared.telemetry.profiles import ProfileError, ReferenceProfile, decode_profile
from shared.telemetry.served import measured

DATA = "data/"
SEALED_MAX = 25  # windows, and as many with late rows: with their requests they fit one transaction
LATE_ROWS = "late_rows"
FAR = datetime(9999, 1, 1, tzinfo=UTC)

Told = list[tuple[WindowClosed, str]]


@dataclass
class _Windows:
    """The windows of one deployment, with the tag that each was read under."""

    states: dict[WindowKey, WindowState]
    tags: dict[WindowKey, str]


class WindowCloser:
    """Finds what has ended. What it remembers is only what it need not look at: a new process looks at everything."""

    def __init__(self, store: Store, clock: Clock, policies: PolicySource, hearing: Hearing) -> None:
        self._store, self._clock, self._policies, self._hearing = store, clock, policies, hearing
        self._due = FAR  # when silence may first close something; kept, since an idle sweep asks each time
        self._looked = ("", "")  # the policy, and the tag of ``MOVED``, under which all was looked at
        self._settled: dict[
            str, tuple[str, datetime]
        ] = {}  # the tag of a watermark, and until when silence closes nothing

    async def closed_windows(self) -> Told:
        """Windows that have ended, as signals with the name to mark once each is accepted."""
        loaded, now = await self._policies.current(), self._clock.now()
        moved = (await self._store.windows(MOVED)).get(MOVED, Stored(b""))
        looked = (loaded.digest, moved.etag)
        if moved.etag and looked == self._looked and now < self._due:
            return []
        if loaded.digest != self._looked[0]:
            self._settled.clear()
        reaches = await self._unsettled(now)
        windows = await self._windows_of(reaches)
        told: Told = []
        for deployment, (reach, tag) in reaches.items():
            again_at = await self._look(windows[deployment], deployment, reach, loaded.policy, told)
            if again_at is not None:
                self._settled[deployment] = (tag, again_at)
        self._looked = looked if reaches.keys() <= self._settled.keys() else ("", "")
        self._due = min((at for _, at in self._settled.values()), default=FAR)
        return told

    async def mark_told(self, name: str) -> None:
        """The signal of a window was accepted: it is told no more. Raises ConflictError when rows came meanwhile."""
        stored = (await self._store.windows(name)).get(name)
        if stored is not None:
            state = mark_told(decode_window(stored.value))
            await self._store.save_fold({name: Stored(encode_window(state), stored.etag)}, [])

    async def _unsettled(self, now: datetime) -> dict[str, tuple[Reach, str]]:
        marks = await self._hearing.watermarks()
        moved = {key: mark for key, mark in marks.items() if not self._is_settled(key, mark.etag, now)}
        for key in moved:
            self._settled.pop(key, None)
        return await self._hearing.reaches(moved)

    def _is_settled(self, deployment: str, tag: str, now: datetime) -> bool:
        settled = self._settled.get(deployment)
        return settled is not None and settled[0] == tag and now < settled[1]

    async def _windows_of(self, deployments: Iterable[str]) -> dict[str, _Windows]:
        wanted = {key: _Windows({}, {}) for key in deployments}
        prefixes = [DATA] if len(wanted) > TOGETHER_MAX else [f"{DATA}{key}/" for key in wanted]
        for prefix in prefixes:
            for stored in (await self._store.windows(prefix)).values():
                state = decode_window(stored.value)
                key = state.partial.key
                if key.deployment in wanted:
                    wanted[key.deployment].states[key] = state
                    wanted[key.deployment].tags[key] = stored.etag
        return wanted

    async def _look(
        self, windows: _Windows, deployment: str, reach: Reach, policy: Policy, told: Told
    ) -> datetime | None:
        """Tell what ended of one deployment; until when nothing will, or None when it has to be looked at again."""
        now = self._clock.now()
        mark = reach.mark(now, policy.idle_after)
        ended = closable(windows.states, {deployment: mark}, policy.lateness)
        try:
            for length in dict.fromkeys(key.length for key in ended):
                await self._seal(windows, [key for key in ended if key.length == length], now)
            if mark > reach.watermark:
                await self._give_up_late(windows, now)
        except ConflictError:
            return None  # rows came meanwhile, or another instance seals
        untold = [key for key, state in windows.states.items() if state.untold]
        told += [(await self._signal(windows.states[key]), window_name(key)) for key in sorted(untold)]
        return None if ended or untold else due(windows.states, reach, policy.lateness, policy.idle_after, FAR)

    async def _seal(self, windows: _Windows, ended: list[WindowKey], now: datetime) -> None:
        some = ended[:SEALED_MAX]
        for key in some:
            await self._read(windows, traffic_key(key))
        late_keys = late(windows.states, some[0].deployment, some[0].length)[:SEALED_MAX]
        await self._save(windows, seal(windows.states, some, late_keys, now))

    async def _read(self, windows: _Windows, key: WindowKey) -> None:
        name = window_name(key)
        stored = (await self._store.windows(name)).get(name)
        if stored is not None:
            windows.states[key], windows.tags[key] = decode_window(stored.value), stored.etag

    async def _save(self, windows: _Windows, states: dict[WindowKey, WindowState]) -> None:
        rows = {window_name(key): Stored(encode_window(state), windows.tags[key]) for key, state in states.items()}
        await self._store.save_fold(rows, [])
        windows.states |= states

    async def _give_up_late(self, windows: _Windows, now: datetime) -> None:
        """Keep late rows of a silent deployment as rejected, when no window of theirs is left to report them."""
        for key in unreportable(windows.states)[:SEALED_MAX]:
            state = windows.states[key]
            text = f"{state.late_untold} rows of {key.deployment} came after its window from {key.start:%Y-%m-%d %H:%M} ({key.length}) had closed"
            row = RejectedRow(
                id=derive("late", key.id, state.late_rows),
                channel="event_hubs",
                reason=LATE_ROWS,
                detail=text,
                received_at=now,
                body=b"",
                times=state.late_untold,
            )
            await self._store.add_rejected(row)
            await self._save(windows, {key: mark_late_told(state)})

    async def _signal(self, state: WindowState) -> WindowClosed:
        name = window_name(traffic_key(state.partial.key))
        stored = (await self._store.windows(name)).get(name)
        requests = decode_window(stored.value).partial if stored else None
        traffic = measured(requests) if isinstance(requests, TrafficPartial) else None
        profile = await self._profile(state.partial.key)
        if isinstance(profile, str):
            return close_unscored(state, profile, traffic)
        return close(state, profile, traffic)

    async def _profile(self, key: WindowKey) -> ReferenceProfile | str:
        """The reference that a window was counted under, or what is wrong with it."""
        stored = await self._store.document(f"profiles/{key.deployment}")
        if stored.value is None:
            return "the reference profile of the deployment is gone"
        try:
            profile = decode_profile(stored.value)
        except ProfileError as error:
            return str(error)
        if profile.digest != key.digest:
            return "the rows were counted under another reference profile than the one that is there now"
        return profile


def window_name(key: WindowKey) -> str:
    """The name that a window is stored under."""
    return f"{key.measure}/{key.deployment}/{key.start.isoformat()}/{key.length}/{key.digest}"
