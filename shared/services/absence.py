"""Who fell silent, and who speaks again: of the champions that a ``telemetry_absent`` rule watches.

Owns the row that a silence has while it lasts, so that it is told once and its end once. Knows nothing of what is done about it
(``rules.absence``). Anything heard counts, rows or requests. A champion that nobody heard since it became one counts from then.
When requests go on and rows do not, the rows alone are silent: of a champion that ever sent some, or whose workload's rules need
them. They count from when everything was silent last, too: where there were no requests, there were no rows to send.
"""

from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

import msgspec

from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef
from shared.domain.policy import Workload
from shared.domain.policy_absence import TelemetryAbsent
from shared.domain.telemetry_signals import Silent, TelemetryFellSilent, TelemetryResumed
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored
from shared.services.hearing import ROWS, Heard, Hearing
from shared.telemetry.closing import SOURCE

SILENT = "silent/"
SPOKE_AGAIN = "spoke-again/"  # when everything was last silent until
ASK_AGAIN = timedelta(minutes=1)  # while rows are overdue, and requests were not logged for long enough to say so
LOOKS_MAX = 200  # workloads in one sweep: a new process looks at all of them
LISTENING_MIN = timedelta(minutes=5)  # what came while we were away ourselves has to be heard first

Change = TelemetryFellSilent | TelemetryResumed


class _Silence(msgspec.Struct, frozen=True, array_like=True):
    """One silence while it lasts. ``told``: the signal of its beginning was accepted."""

    deployment: tuple[str, str, str]
    last_heard_at: datetime
    told: bool = False
    silent: Silent = "everything"

    @property
    def name(self) -> str:
        """The name of its row."""
        return _name(self.ref.key, self.silent)

    @property
    def ref(self) -> DeploymentRef:
        workspace, endpoint, deployment = self.deployment
        return DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployment)

    def heard_at(self, heard: Heard | None) -> datetime:
        """When that which is silent was last heard."""
        at = None if heard is None else heard.rows_at if self.silent == "rows" else heard.at
        return at or self.last_heard_at


class _Champion(NamedTuple):
    """Who serves, since when, and when it was heard."""

    ref: DeploymentRef
    since: datetime
    heard: Heard | None

    def silence(self, since: datetime, silent: Silent) -> _Silence:
        """Its silence, of one kind."""
        place = (self.ref.workspace, self.ref.endpoint, self.ref.deployment)
        return _Silence(place, since, silent=silent)


class AbsenceWatch:
    """Finds silences. What it remembers is only when it need not look again. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store, clock: Clock, policies: PolicySource, hearing: Hearing) -> None:
        self._store, self._clock, self._policies, self._hearing = store, clock, policies, hearing
        self._policy = ""
        self._watched: list[tuple[Workload, TelemetryAbsent]] = []
        self._silent = True  # whether there were silences when we last looked; a new process does not know
        self._listening_since: datetime | None = None
        self._look_again_at: dict[str, datetime] = {}  # by workload

    async def changes(self) -> list[Change]:
        """Silences that began or ended and were not marked yet."""
        loaded, now = await self._policies.current(), self._clock.now()
        self._listening_since = self._listening_since or now
        if loaded.digest != self._policy:
            self._policy, self._look_again_at = loaded.digest, {}
            self._watched = [(each, each.absence_rule) for each in loaded.policy.workloads if each.absence_rule]
        if not self._watched and not self._silent:
            return []
        await self._hearing.apart_since()
        due = (each for each in self._watched if self._look_again_at.get(each[0].name, now) <= now)
        for workload, rule in islice(due, LOOKS_MAX):
            self._look_again_at[workload.name] = await self._look(workload, rule, now)
        silences = [_decoded(row) for row in (await self._store.windows(SILENT)).values()]
        self._silent = bool(silences)
        heard = await self._hearing.heard(silence.ref.key for silence in silences if silence.told)
        began = [_began(silence) for silence in silences if not silence.told]
        spoken = [(silence, silence.heard_at(heard.get(silence.ref.key))) for silence in silences if silence.told]
        return [*began, *(_ended(silence, at) for silence, at in spoken if at > silence.last_heard_at)]

    async def mark_told(self, change: Change) -> None:
        """The signal was accepted. Raises ConflictError when another instance was quicker."""
        name = _name(change.subject, change.silent)
        stored = (await self._store.windows(name)).get(name)
        if stored is None:
            return
        if isinstance(change, TelemetryResumed):
            if change.silent == "everything":
                await self._note(f"{SPOKE_AGAIN}{change.subject}", change.occurred_at)
            await self._store.delete_windows([name])
            return
        told = msgspec.structs.replace(_decoded(stored), told=True)
        await self._store.save_fold({name: Stored(msgspec.msgpack.encode(told), stored.etag)}, [])

    async def _note(self, name: str, at: datetime) -> None:
        known = (await self._store.windows(name)).get(name, Stored(b""))
        await self._store.save_fold({name: Stored(at.isoformat().encode(), known.etag)}, [])

    async def _look(self, workload: Workload, rule: TelemetryAbsent, now: datetime) -> datetime:
        """Write down the silence of a workload's champion if there is one; when to look again."""
        champion = await self._champion(workload)
        if champion is None:
            return now + rule.silent_for  # whoever becomes the champion has as long to speak
        last = max(champion.since, champion.heard.at) if champion.heard else champion.since
        silent_at = last + rule.silent_for
        if silent_at <= now:
            return await self._begin(champion.silence(last, "everything"), rule, now) or now + rule.silent_for
        rows_silent_at = await self._rows_silent_at(workload, rule, champion)
        if rows_silent_at is None or rows_silent_at > now:
            return min(silent_at, rows_silent_at or silent_at)
        if last < rows_silent_at:
            return min(silent_at, now + ASK_AGAIN)
        silence = champion.silence(rows_silent_at - rule.silent_for, "rows")
        return await self._begin(silence, rule, now) or silent_at

    async def _rows_silent_at(self, workload: Workload, rule: TelemetryAbsent, champion: _Champion) -> datetime | None:
        """From when on requests that are logged show that rows are missing; None when none are expected."""
        known = champion.heard.rows_at if champion.heard else None
        if known is None and not workload.needs_rows:
            return None
        name = f"{SPOKE_AGAIN}{champion.ref.key}"
        again = (await self._store.windows(name)).get(name)
        since = max(champion.since, known or await self._hearing.apart_since())
        return max(since, datetime.fromisoformat(again.value.decode()) if again else since) + rule.silent_for

    async def _champion(self, workload: Workload) -> _Champion | None:
        facts = (await self._store.facts(f"workload/{workload.name}")).value
        version = facts.versions.get(facts.champion)
        if version is None or not version.deployment:
            return None
        production = workload.environments.production
        ref = DeploymentRef(
            workspace=production.workspace.lower(),
            endpoint=production.endpoint.lower(),
            deployment=version.deployment,
        )
        return _Champion(ref, version.since, (await self._hearing.heard([ref.key])).get(ref.key))

    async def _begin(self, silence: _Silence, rule: TelemetryAbsent, now: datetime) -> datetime | None:
        """Write a silence down; when to look again instead, as long as there was no time to hear what came meanwhile."""
        listened = now - (self._listening_since or now)
        if listened < min(rule.silent_for, LISTENING_MIN):
            return now
        known = await self._store.windows(_name(silence.ref.key, "everything"))
        if known.keys() & {silence.name, _name(silence.ref.key, "everything")}:
            return None  # known already, or part of a silence whose end was not told yet
        try:
            await self._store.save_fold({silence.name: Stored(msgspec.msgpack.encode(silence))}, [])
        except ConflictError:
            return None  # another instance found it too
        return None


def _began(silence: _Silence) -> TelemetryFellSilent:
    ref, since = silence.ref, silence.last_heard_at
    return TelemetryFellSilent(
        source=SOURCE,
        dedup_key=derive("silent", ref.key, since.isoformat(), *_told_apart(silence)),
        occurred_at=since,
        subject=ref.key,
        workspace=ref.workspace,
        endpoint=ref.endpoint,
        deployment=ref.deployment,
        last_heard_at=since,
        silent=silence.silent,
    )


def _ended(silence: _Silence, heard_at: datetime) -> TelemetryResumed:
    ref, since = silence.ref, silence.last_heard_at
    return TelemetryResumed(
        source=SOURCE,
        dedup_key=derive("resumed", ref.key, since.isoformat(), *_told_apart(silence)),
        occurred_at=heard_at,
        subject=ref.key,
        workspace=ref.workspace,
        endpoint=ref.endpoint,
        deployment=ref.deployment,
        silent_since=since,
        silent=silence.silent,
    )


def _told_apart(silence: _Silence) -> tuple[str, ...]:
    return () if silence.silent == "everything" else (silence.silent,)  # keys of earlier releases stay theirs


def _name(key: str, silent: Silent) -> str:
    return f"{SILENT}{key}{ROWS if silent == 'rows' else ''}"


def _decoded(stored: Stored[bytes]) -> _Silence:
    return msgspec.msgpack.decode(stored.value, type=_Silence)
