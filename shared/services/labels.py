"""How good predictions were, told once their labels had their time to come.

Owns when that is: by the event time of what the deployment says, or by the present once its rows stopped. What is told is computed
once and kept until it is accepted, in the same transaction in which the predictions are closed, so that it stays the same whatever
comes later. Knows no formulas (``labelled``).
"""

from datetime import UTC, datetime

import msgspec

from shared.domain.policy import Policy
from shared.domain.telemetry_signals import PerformanceMeasured
from shared.domain.values import encode
from shared.ports import Clock, ConflictError, PolicySource, Store, Stored
from shared.services.hearing import Hearing
from shared.services.sampling import (
    DRAWN,
    INDEX,
    Index,
    SampleKeeper,
    SampleState,
    Window,
    awaited_of,
    index_row,
    name_of,
)
from shared.telemetry.labelled import Awaited, is_awaited, measured
from shared.telemetry.samples import SampleKey, SamplePartial
from shared.telemetry.sampling import ValueSample

REPORT = "report/"
FAR = datetime(9999, 1, 1, tzinfo=UTC)

Told = list[tuple[PerformanceMeasured, str]]


class LabelWatch:
    """Finds windows of predictions whose labels had their time. Any method may raise StoreUnavailableError."""

    def __init__(
        self, store: Store, clock: Clock, policies: PolicySource, hearing: Hearing, samples: SampleKeeper
    ) -> None:
        self._store, self._clock, self._policies = store, clock, policies
        self._hearing, self._samples = hearing, samples
        self._looked, self._due = ("", ""), FAR

    async def reports(self) -> Told:
        """What is known now of windows of predictions, with the name to mark once each is accepted."""
        loaded, now = await self._policies.current(), self._clock.now()
        drawn = (await self._store.windows(DRAWN)).get(DRAWN, Stored(b""))
        looked = (loaded.digest, drawn.etag)
        if looked == self._looked and now < self._due:
            return []
        due = [await self._look(stored, loaded.policy, now) for stored in await self._samples.indexes()]
        kept = await self._store.windows(REPORT)
        self._looked, self._due = ("", "") if kept else looked, min(due, default=FAR)
        return [(msgspec.json.decode(stored.value, type=PerformanceMeasured), name) for name, stored in kept.items()]

    async def mark_told(self, name: str) -> None:
        """The signal was accepted."""
        await self._store.delete_windows([name])

    async def _look(self, stored: Stored[Index], policy: Policy, now: datetime) -> datetime:
        """Close what may be closed of one deployment; when silence may let something more be."""
        index, due = stored.value, FAR
        for length, start in index.waiting:
            awaited = awaited_of(policy, index.ref, length)
            if awaited is None:
                continue  # no rule asks any more; it is forgotten with time
            ends = awaited.ends(start, length, policy.lateness)
            if index.latest < ends:
                silent_at = ends
                if ends <= now:
                    silent_at = max(ends, await self._hearing.rows_heard_at(index.ref) + policy.idle_after)
                if silent_at > now:
                    due = min(due, silent_at)
                    continue
            try:
                stored = await self._close(stored, (length, start), awaited)
            except ConflictError:
                return now  # rows came meanwhile, or another instance closes it
        return due

    async def _close(self, stored: Stored[Index], window: Window, awaited: Awaited) -> Stored[Index]:
        index, (length, start) = stored.value, window
        key = SampleKey("predictions", index.ref.key, length, start)
        predictions, groups = await self._samples.state(key), await self._samples.state(key._replace(kind="groups"))
        remaining = tuple(each for each in index.waiting if each != window)
        # Labels of another length wait for windows of theirs, of which this rule knows nothing.
        needed = tuple(
            each for each in index.labels if each[0] != length or _is_needed(each, remaining, index.latest, awaited)
        )
        kept = tuple(sorted({*index.kept, window}))
        changed = Stored(msgspec.structs.replace(index, waiting=remaining, labels=needed, kept=kept), stored.etag)
        rows = {f"{INDEX}{index.ref.key}": index_row(changed)}
        if predictions is not None and not predictions.closed:
            labels = [await self._labels(index, each) for each in index.labels if _may_hold(each, window, awaited)]
            known = [part for part in labels if part is not None]
            signal = measured(predictions.partial, known, groups.partial if groups else None, awaited)
            rows[f"{REPORT}{index.ref.key}/{length}/{start.isoformat()}"] = Stored(encode(signal))
            rows |= {name_of(key): SampleKeeper.row(_emptied(predictions))}
        if groups is not None:
            rows[name_of(groups.partial.key)] = SampleKeeper.row(_emptied(groups))
        await self._store.save_fold(rows | await self._samples.marker(), [])
        gone = [SampleKey("labels", index.ref.key, *each) for each in index.labels if each not in needed]
        await self._store.delete_windows([name_of(each) for each in gone])
        return await self._samples.index(index.ref) or changed

    async def _labels(self, index: Index, window: Window) -> SamplePartial | None:
        state = await self._samples.state(SampleKey("labels", index.ref.key, *window))
        return state.partial if state else None


def _may_hold(labels: Window, window: Window, awaited: Awaited) -> bool:
    (length, start), (label_length, label_start) = window, labels
    return label_length == length and is_awaited(start, length, label_start, awaited)


def _is_needed(labels: Window, waiting: tuple[Window, ...], latest: datetime, awaited: Awaited) -> bool:
    """Whether labels may still meet predictions: of a window that waits, or of one that may yet come."""
    if any(_may_hold(labels, window, awaited) for window in waiting):
        return True
    return latest < awaited.ends(labels[1], labels[0], awaited.labels_within)


def _emptied(state: SampleState) -> SampleState:
    """What stays of a sample that was reported: that it was."""
    partial = state.partial
    empty = SamplePartial(
        partial.kind, partial.deployment, partial.length, partial.start, partial.latest, ValueSample()
    )
    return SampleState(empty, state.folded_through, closed=True, etag=state.etag)
