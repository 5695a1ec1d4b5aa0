"""Samples of each deployment and window in the store: folded like windows, once each, within bounds.

Owns their rows, and the index row of each deployment that says which windows of predictions wait for labels, so that nobody reads
samples to find out. Knows no formulas (``labelled``) and tells nobody anything (``labels``). A deployment has at most
``WAITING_MAX`` windows of predictions that wait; of each window about 0.4 MB are kept: 8192 predictions, labels and groups.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.domain.observations import DeploymentRef
from shared.domain.policy import Policy
from shared.ports import ConflictError, Store, Stored, StoredDelta
from shared.telemetry.labelled import Awaited
from shared.telemetry.partials import Delta
from shared.telemetry.samples import (
    SampleKey,
    SampleKind,
    SamplePartial,
    StoredSample,
    decode_sample,
    read_stored,
    restore_sample,
    store_sample,
)

SAMPLE, INDEX = "sample/", "sampled/"
DRAWN = "samples"  # rewritten with each fold that brings samples, and whenever windows of predictions are reported
WAITING_MAX = 64

LISTED: dict[SampleKind, str] = {
    "predictions": "waiting",
    "labels": "labels",
    "groups": "kept",
    "inputs": "reviewed",
    "misfits": "reviewed",
}

Window = tuple[str, datetime]  # length and start


class _StoredState(msgspec.Struct, frozen=True, array_like=True):
    sample: StoredSample
    folded_through: dict[str, int]
    closed: bool = False


class Index(msgspec.Struct, frozen=True, array_like=True):
    """What there is of one deployment, and the latest event time.

    ``waiting`` are windows of predictions whose labels are waited for, ``labels`` those that labels lie in, ``reviewed`` those
    with rows for people, ``kept`` those of which anything else is there: groups, or that their predictions were reported.
    """

    deployment: tuple[str, str, str]
    latest: datetime
    waiting: tuple[Window, ...] = ()
    labels: tuple[Window, ...] = ()
    reviewed: tuple[Window, ...] = ()
    kept: tuple[Window, ...] = ()

    @property
    def ref(self) -> DeploymentRef:
        """Whose it is."""
        workspace, endpoint, deployment = self.deployment
        return DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployment)


@dataclass(frozen=True, slots=True)
class SampleState:
    """One sample in the store, with the tag that it was read under. Once ``closed`` nothing is added to it."""

    partial: SamplePartial
    folded_through: Mapping[str, int]
    closed: bool = False
    etag: str = ""


def awaited_of(policy: Policy, ref: DeploymentRef, length: str) -> Awaited | None:
    """What the rules of a window length wait for; None when no rule of that length does any more."""
    serving = policy.index.serving(ref.workspace, ref.endpoint)
    rules = [rule for workload in serving for rule in workload.labelled_rules if rule.window == length]
    fair = [rule for workload in serving for rule in workload.fairness_rules if rule.window == length]
    if not rules:
        return None
    return Awaited(
        labels_within=max(rule.labels_within for rule in rules),
        sensitive=fair[0].sensitive if fair else "",
        # One measure serves them all: the strictest keeps small groups from convicting anybody.
        group_min=max((rule.min_rows_per_group for rule in fair), default=1),
    )


class SampleKeeper:
    """Reads and writes samples. Any method may raise StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rows(self, deltas: Iterable[tuple[StoredDelta, Delta]]) -> dict[str, Stored[bytes]]:
        """The rows to be written with the fold of these deltas."""
        states: dict[SampleKey, SampleState] = {}
        indexes: dict[str, Stored[Index]] = {}
        for stored, delta in deltas:
            for body in delta.samples:
                partial = decode_sample(body)
                await self._fold(partial, stored, states, indexes)
        rows = {name_of(key): self.row(state) for key, state in states.items()}
        rows |= {f"{INDEX}{key}": index_row(index) for key, index in indexes.items()}
        return rows | await self.marker() if rows else rows

    async def marker(self) -> dict[str, Stored[bytes]]:
        """The row that says that something changed."""
        return {DRAWN: Stored(b"drawn", (await self._store.windows(DRAWN)).get(DRAWN, Stored(b"")).etag)}

    async def _fold(
        self,
        partial: SamplePartial,
        stored: StoredDelta,
        states: dict[SampleKey, SampleState],
        indexes: dict[str, Stored[Index]],
    ) -> None:
        key, ref = partial.key, partial.deployment
        if ref.key not in indexes:
            indexes[ref.key] = await self.index(ref) or Stored(_new_index(partial))
        index = indexes[ref.key]
        known = states.get(key) or await self.state(key)
        if known is None and partial.kind == "predictions" and len(index.value.waiting) >= WAITING_MAX:
            return  # times that far apart are those of a broken clock
        folded = _folded(known, stored, partial)
        states[key] = folded
        if not folded.closed:
            indexes[ref.key] = Stored(_indexed(index.value, partial), index.etag)

    async def state(self, key: SampleKey) -> SampleState | None:
        """One sample, if there is one."""
        name = name_of(key)
        stored = (await self._store.windows(name)).get(name)
        return None if stored is None else _state(stored)

    @staticmethod
    def row(state: SampleState) -> Stored[bytes]:
        """The row of a sample."""
        through = dict(sorted(state.folded_through.items()))
        return Stored(
            msgspec.msgpack.encode(_StoredState(store_sample(state.partial), through, state.closed)), state.etag
        )

    async def index(self, ref: DeploymentRef) -> Stored[Index] | None:
        """The index of one deployment, if there is one."""
        name = f"{INDEX}{ref.key}"
        stored = (await self._store.windows(name)).get(name)
        return None if stored is None else Stored(read_stored(stored.value, Index), stored.etag)

    async def indexes(self) -> list[Stored[Index]]:
        """The indexes of all deployments."""
        rows = await self._store.windows(INDEX)
        return [Stored(read_stored(stored.value, Index), stored.etag) for stored in rows.values()]

    async def all_of(self, prefix: str) -> dict[str, SampleState]:
        """The samples whose names begin so."""
        return {name: _state(stored) for name, stored in (await self._store.windows(f"{SAMPLE}{prefix}")).items()}

    async def forget(self, reviewed_before: datetime, before: datetime, limit: int) -> int:
        """Drop some samples by the start of their window: those for people earlier than the others. Of how many windows."""
        forgotten = 0
        for stored in await self.indexes():
            index = stored.value
            names, left = _old(index, reviewed_before, before)
            if names and forgotten < limit:
                await self._store.delete_windows(names)
                try:
                    await self._store.save_fold({f"{INDEX}{index.ref.key}": index_row(Stored(left, stored.etag))}, [])
                except ConflictError:
                    continue  # samples came meanwhile; the next round finds that nothing is left of the old ones
                forgotten += 1
        return forgotten


def index_row(index: Stored[Index]) -> Stored[bytes]:
    """The row of an index."""
    return Stored(msgspec.msgpack.encode(index.value), index.etag)


def name_of(key: SampleKey) -> str:
    """The name that a sample is stored under."""
    return f"{SAMPLE}{key.deployment}/{key.kind}/{key.length}/{key.start.isoformat()}"


def _old(index: Index, reviewed_before: datetime, before: datetime) -> tuple[list[str], Index]:
    """The names of samples to be dropped, and the index without them."""
    key, names = index.ref.key, list[str]()

    def young(windows: Iterable[Window], limit: datetime, *kinds: SampleKind) -> tuple[Window, ...]:
        old = [window for window in windows if window[1] < limit]
        names.extend(name_of(SampleKey(kind, key, *window)) for kind in kinds for window in old)
        return tuple(window for window in windows if window[1] >= limit)

    left = msgspec.structs.replace(
        index,
        waiting=young(index.waiting, before, "predictions"),
        labels=young(index.labels, before, "labels"),
        kept=young(index.kept, before, "predictions", "groups"),
        reviewed=young(index.reviewed, reviewed_before, "inputs", "misfits"),
    )
    return names, left


def _state(stored: Stored[bytes]) -> SampleState:
    found = read_stored(stored.value, _StoredState)
    return SampleState(restore_sample(found.sample), found.folded_through, found.closed, stored.etag)


def _folded(known: SampleState | None, stored: StoredDelta, partial: SamplePartial) -> SampleState:
    partition, through = stored.partition, stored.through_sequence_number
    if known is None:
        return SampleState(partial, {partition: through})
    if known.closed or through <= known.folded_through.get(partition, -1):
        return known
    folded_through = {**known.folded_through, partition: through}
    return SampleState(known.partial.plus(partial), folded_through, etag=known.etag)


def _new_index(partial: SamplePartial) -> Index:
    ref = partial.deployment
    return Index((ref.workspace, ref.endpoint, ref.deployment), partial.latest)


def _indexed(index: Index, partial: SamplePartial) -> Index:
    window, latest = (partial.length, partial.start), max(index.latest, partial.latest)
    field = LISTED[partial.kind]
    windows = tuple(sorted({*getattr(index, field), window}))
    return msgspec.structs.replace(index, latest=latest, **{field: windows})
