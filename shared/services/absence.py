"""Who fell silent, and who speaks again: of the champions that a ``telemetry_absent`` rule watches.

Owns the row that a silence has while it lasts, so that it is told once and its end once. Knows nothing of what is done about it
(``rules.absence``). Anything heard counts, rows or requests. A champion that nobody heard since it became one counts from then.
"""

from datetime import datetime, timedelta
from itertools import islice

import msgspec

from shared.domain.ids import derive
from shared.domain.observations import DeploymentRef
from shared.domain.policy import Workload
from shared.domain.policy_absence import TelemetryAbsent
from shared.domain.telemetry_signals import TelemetryFellSilent, TelemetryResumed
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored
from shared.services.hearing import Hearing
from shared.telemetry.closing import SOURCE

SILENT = "silent/"
LOOKS_MAX = 200  # workloads in one sweep: a new process looks at all of them
LISTENING_MIN = timedelta(minutes=5)  # what came while we were away ourselves has to be heard first

Change = TelemetryFellSilent | TelemetryResumed


class _Silence(msgspec.Struct, frozen=True, array_like=True):
    """One silence while it lasts. ``told``: the signal of its beginning was accepted."""

    deployment: tuple[str, str, str]
    last_heard_at: datetime
    told: bool = False

    @property
    def ref(self) -> DeploymentRef:
        workspace, endpoint, deployment = self.deployment
        return DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployment)


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
        due = (each for each in self._watched if self._look_again_at.get(each[0].name, now) <= now)
        for workload, rule in islice(due, LOOKS_MAX):
            self._look_again_at[workload.name] = await self._look(workload, rule, now)
        silences = [_decoded(row) for row in (await self._store.windows(SILENT)).values()]
        self._silent = bool(silences)
        heard = await self._hearing.heard_at(silence.ref.key for silence in silences if silence.told)
        began = [_began(silence) for silence in silences if not silence.told]
        ended = [
            _ended(silence, heard[silence.ref.key])
            for silence in silences
            if silence.told and heard.get(silence.ref.key, silence.last_heard_at) > silence.last_heard_at
        ]
        return [*began, *ended]

    async def mark_told(self, change: Change) -> None:
        """The signal was accepted. Raises ConflictError when another instance was quicker."""
        name = f"{SILENT}{change.subject}"
        stored = (await self._store.windows(name)).get(name)
        if stored is None:
            return
        if isinstance(change, TelemetryResumed):
            await self._store.delete_windows([name])
            return
        told = msgspec.structs.replace(_decoded(stored), told=True)
        await self._store.save_fold({name: Stored(msgspec.msgpack.encode(told), stored.etag)}, [])

    async def _look(self, workload: Workload, rule: TelemetryAbsent, now: datetime) -> datetime:
        """Write down the silence of a workload's champion if there is one; when to look again."""
        found = await self._last_heard(workload)
        if found is None:
            return now + rule.silent_for  # whoever becomes the champion has as long to speak
        silent_at = found.last_heard_at + rule.silent_for
        if silent_at > now:
            return silent_at
        listened = now - (self._listening_since or now)
        if listened < min(rule.silent_for, LISTENING_MIN):
            return now
        await self._begin(found)
        return now + rule.silent_for

    async def _last_heard(self, workload: Workload) -> _Silence | None:
        facts = (await self._store.facts(f"workload/{workload.name}")).value
        version = facts.versions.get(facts.champion)
        if version is None or not version.deployment:
            return None
        production = workload.environments.production
        ref = (production.workspace.lower(), production.endpoint.lower(), version.deployment)
        silence = _Silence(ref, version.since)
        heard = (await self._hearing.heard_at([silence.ref.key])).get(silence.ref.key, version.since)
        return msgspec.structs.replace(silence, last_heard_at=max(heard, version.since))

    async def _begin(self, silence: _Silence) -> None:
        name = f"{SILENT}{silence.ref.key}"
        if name not in await self._store.windows(name):
            try:
                await self._store.save_fold({name: Stored(msgspec.msgpack.encode(silence))}, [])
            except ConflictError:
                return  # another instance found it too


def _began(silence: _Silence) -> TelemetryFellSilent:
    ref, since = silence.ref, silence.last_heard_at
    return TelemetryFellSilent(
        source=SOURCE,
        dedup_key=derive("silent", ref.key, since.isoformat()),
        occurred_at=since,
        subject=ref.key,
        workspace=ref.workspace,
        endpoint=ref.endpoint,
        deployment=ref.deployment,
        last_heard_at=since,
    )


def _ended(silence: _Silence, heard_at: datetime) -> TelemetryResumed:
    ref, since = silence.ref, silence.last_heard_at
    return TelemetryResumed(
        source=SOURCE,
        dedup_key=derive("resumed", ref.key, since.isoformat()),
        occurred_at=heard_at,
        subject=ref.key,
        workspace=ref.workspace,
        endpoint=ref.endpoint,
        deployment=ref.deployment,
        silent_since=since,
    )


def _decoded(stored: Stored[bytes]) -> _Silence:
    return msgspec.msgpack.decode(stored.value, type=_Silence)
