"""Which windows have ended, found without reading those of every deployment again and again.

Owns what need not be looked at: a window can only have ended since the last look when its deployment's watermark moved
or another policy came into force. Each fold that moves a watermark also writes the row ``MOVED``, so an idle sweep costs
one look, whatever the number of deployments. What was found once is found again until it is marked as closed.
"""

from collections.abc import Mapping
from datetime import datetime

from shared.domain.policy import Policy
from shared.domain.telemetry_signals import WindowClosed
from shared.ports import PolicySource, Store, Stored
from shared.telemetry.closing import closable, close
from shared.telemetry.fold import WindowState, decode_window, encode_window, mark_closed
from shared.telemetry.partials import WindowKey
from shared.telemetry.profiles import decode_profile

DATA, WATERMARK = "data/", "watermark/"
MOVED = "watermarks"  # rewritten, as the last row of its fold, whenever a watermark is
ASKED_ALONE_MAX = 20  # of more deployments than these all windows are read at once


class WindowCloser:
    """Finds what has ended. What it remembers is only what it need not look at: a new process looks at everything."""

    def __init__(self, store: Store, policies: PolicySource) -> None:
        self._store, self._policies = store, policies
        self._nothing_ended = ("", "")  # the policy, and the tag of ``MOVED``, under which no window had ended
        self._settled: dict[str, str] = {}  # the watermarks, by the tag under which no window of theirs had ended

    async def closed_windows(self) -> list[tuple[WindowClosed, str]]:
        """Windows whose end the watermark has passed, as signals with the name to mark once each is accepted."""
        loaded = await self._policies.current()
        moved = (await self._store.windows(MOVED)).get(MOVED, Stored(b""))
        now = (loaded.digest, moved.etag)
        if moved.etag and now == self._nothing_ended:
            return []
        if loaded.digest != self._nothing_ended[0]:
            self._settled.clear()
        ended = await self._ended(loaded.policy)
        self._nothing_ended = (loaded.digest, "" if ended else moved.etag)
        closed = [(await self._close(state, key), name) for name, key, state in ended]
        return [(signal, name) for signal, name in closed if signal is not None]

    async def mark_closed(self, name: str, now: datetime) -> None:
        """The window was reported at this moment: rows that still come for it are late."""
        stored = (await self._store.windows(name)).get(name)
        if stored is not None:
            state = mark_closed(decode_window(stored.value), now)
            await self._store.save_fold({name: Stored(encode_window(state), stored.etag)}, [])

    async def _ended(self, policy: Policy) -> list[tuple[str, WindowKey, WindowState]]:
        stored = await self._store.windows(WATERMARK)
        moved = {name: mark for name, mark in stored.items() if self._settled.get(name) != mark.etag}
        marks = {name.removeprefix(WATERMARK): datetime.fromisoformat(m.value.decode()) for name, m in moved.items()}
        states = {name: decode_window(window.value) for name, window in (await self._windows_of(marks)).items()}
        names = {state.partial.key: name for name, state in states.items()}
        found = closable({state.partial.key: state for state in states.values()}, marks, policy.lateness)
        busy = {f"{WATERMARK}{key.deployment}" for key in found}
        self._settled.update((name, mark.etag) for name, mark in moved.items() if name not in busy)
        return [(names[key], key, states[names[key]]) for key in found]

    async def _windows_of(self, deployments: Mapping[str, datetime]) -> dict[str, Stored[bytes]]:
        if len(deployments) > ASKED_ALONE_MAX:
            return await self._store.windows(DATA)
        found: dict[str, Stored[bytes]] = {}
        for deployment in deployments:
            found |= await self._store.windows(f"{DATA}{deployment}/")
        return found

    async def _close(self, state: WindowState, key: WindowKey) -> WindowClosed | None:
        stored = await self._store.document(f"profiles/{key.deployment}")
        profile = decode_profile(stored.value) if stored.value else None
        return close(state, profile) if profile and profile.digest == key.digest else None
