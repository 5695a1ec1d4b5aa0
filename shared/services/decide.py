"""From an accepted signal to its decisions: route once, gather, evaluate, commit, send.

Owns the sequence and what happens when somebody else wrote first. Decides nothing itself: ``domain.evaluate`` does.
Any step may be repeated after a crash; the ids make the repeat harmless.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping

from shared.domain import evaluate, evaluate_shared, requirements, routing
from shared.domain.decisions import Decision, Evaluation
from shared.domain.facts import Facts
from shared.domain.ids import decision_id
from shared.domain.outcomes import Failed
from shared.domain.records import SignalRow
from shared.domain.signals import HoldElapsed, Signal
from shared.domain.situation import Setting, Situation, failed, put_off, refused, unmatched
from shared.domain.values import replace
from shared.ports import (
    AlreadyDecidedError,
    Clock,
    CommandQueue,
    ConflictError,
    Datasets,
    LoadedPolicy,
    PolicySource,
    Quotas,
    Store,
    Stored,
    StoreUnavailableError,
    TooLargeError,
)
from shared.ports_measuring import TrafficMeter
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.capacity import Unasked, asks_for_quota, with_quota
from shared.services.measuring import Measuring
from shared.services.outbox import send_all

log = logging.getLogger(__name__)
TRIES_MAX = 12  # of one commit; then the signal stays undecided and ``sweep`` comes back to it
DecideSubject = Callable[[LoadedPolicy, Signal, str], Awaitable[bool]]


class Decider:
    """Brings accepted signals to their decisions."""

    def __init__(  # noqa: PLR0913, PLR0917  # one argument for each part that it needs
        self,
        store: Store,
        queue: CommandQueue,
        clock: Clock,
        policies: PolicySource,
        aggregator: Aggregator,
        announcer: Announcer,
        datasets: Datasets,
        quotas: Quotas | None = None,
        meters: Mapping[str, TrafficMeter] | None = None,
    ) -> None:
        self._store, self._queue, self._clock = store, queue, clock
        self._policies, self._announcer = policies, announcer
        self._datasets, self._quotas = datasets, quotas or Unasked()
        self._measuring = Measuring(aggregator, meters)

    def routed(self, loaded: LoadedPolicy, row: SignalRow) -> SignalRow:
        """A new row with its route, so that both are stored at once; without, should a rule of routing fail on it.

        What is stored without a route is routed by ``decide``.
        """
        try:
            subjects = routing.route(loaded.policy, row.signal)
        except Exception:  # it is heard all the same
            log.exception("signal %s is stored without its route", row.signal.dedup_key)
            return row
        return replace(row, subjects=subjects, policy_digest=loaded.digest)

    async def decide_new(self, loaded: LoadedPolicy, row: SignalRow) -> bool:
        """Decide for every subject of a row that was just stored by the caller; else as ``decide``.

        Nothing is asked that can only be so of older rows: should a rival have decided meanwhile, the commit says so.
        """
        return await self._decide_all(loaded, row, self._decide_subject)

    async def decide(self, row: SignalRow) -> bool:
        """Decide for every subject of a signal; False when one of them has to be left to ``sweep``.

        Raises StoreUnavailableError. A signal that cannot be decided is logged and left: its neighbours go on.
        """
        return await self._decide_all(await self._policies.current(), row, self._decide_undecided)

    async def _decide_all(self, loaded: LoadedPolicy, row: SignalRow, decide: DecideSubject) -> bool:
        if row.subjects is None:
            subjects = routing.route(loaded.policy, row.signal)
            row = await self._store.set_route(row.signal.dedup_key, subjects, loaded.digest)
        done = [await self._try_subject(decide, loaded, row.signal, subject) for subject in row.subjects or ()]
        if all(done):
            await self._store.mark_decided(row.signal.dedup_key)
        return all(done)

    async def preview(self, loaded: LoadedPolicy, signal: Signal) -> list[Evaluation]:
        """What would be decided now, without writing anything."""
        subjects = routing.route(loaded.policy, signal)
        return [
            await self._evaluate(loaded, signal, subject, (await self._store.facts(subject)).value)
            for subject in subjects
        ]

    @staticmethod
    async def _try_subject(decide: DecideSubject, loaded: LoadedPolicy, signal: Signal, subject: str) -> bool:
        try:
            return await decide(loaded, signal, subject)
        except StoreUnavailableError:
            raise
        except Exception:  # whatever a rule or a limit of the store makes of it: one signal must not stop the others
            log.exception("no decision about signal %s for %s: it stays undecided", signal.dedup_key, subject)
            return False

    async def _decide_undecided(self, loaded: LoadedPolicy, signal: Signal, subject: str) -> bool:
        known = await self._store.decision(decision_id(signal.dedup_key, subject), subject)
        return known is not None or await self._decide_subject(loaded, signal, subject)

    async def _decide_subject(self, loaded: LoadedPolicy, signal: Signal, subject: str) -> bool:
        for _ in range(TRIES_MAX):
            stored = await self._store.facts(subject)
            evaluation = await self._evaluate(loaded, signal, subject, stored.value)
            try:
                decision = await self._keep(loaded, evaluation, signal, stored)
            except ConflictError:
                continue
            except AlreadyDecidedError:
                return True
            await send_all(self._store, self._queue, decision, self._clock.now())
            self._announcer.begin()
            return True
        return False

    async def _keep(
        self, loaded: LoadedPolicy, evaluation: Evaluation, signal: Signal, stored: Stored[Facts]
    ) -> Decision:
        """The decision as it was stored: when the store cannot hold it, that a person has to look is the decision."""
        try:
            return await self._commit(evaluation, signal, stored)
        except TooLargeError as error:
            subject = evaluation.decision.subject
            log.exception("the decision about signal %s for %s is too large", signal.dedup_key, subject)
            kept = refused(self._setting(loaded, signal, subject, stored.value), str(error))
            return await self._commit(kept, signal, stored)

    async def _commit(self, evaluation: Evaluation, signal: Signal, stored: Stored[Facts]) -> Decision:
        await self._store.commit(self._announcer.addressed(evaluation, signal, stored.value), stored.etag)
        return evaluation.decision

    async def _evaluate(self, loaded: LoadedPolicy, signal: Signal, subject: str, facts: Facts) -> Evaluation:
        if isinstance(signal, HoldElapsed) and await self._renewed(signal, subject):
            return put_off(signal, subject, facts, loaded.digest, self._clock.now())
        if routing.is_budget(subject):
            return self._evaluate_setting(
                evaluate_shared.evaluate_budget, self._setting(loaded, signal, subject, facts)
            )
        if routing.is_upstream(subject):
            return self._evaluate_setting(
                evaluate_shared.evaluate_upstream, self._setting(loaded, signal, subject, facts)
            )
        name = routing.workload_of(subject)
        if name not in loaded.policy.index.by_name:
            return unmatched(signal, subject, facts, loaded.digest, self._clock.now())
        situation = Situation(
            policy=loaded.policy,
            policy_digest=loaded.digest,
            workload=loaded.policy.workload(name),
            subject=subject,
            signal=signal,
            facts=facts,
            now=self._clock.now(),
        )
        gathered = await self._gather(situation)
        try:
            return evaluate.evaluate(gathered)
        except Exception as error:
            log.exception("a rule failed on %s for %s", signal.dedup_key, subject)
            return failed(gathered, error)

    async def _renewed(self, signal: HoldElapsed, subject: str) -> bool:
        """Whether the hold waits for another moment by now. Read after the facts, whose tag every change of holds moves."""
        holds = await self._store.holds(subject)
        return any(hold.id == signal.hold_id and hold.signal.dedup_key != signal.dedup_key for hold in holds)

    @staticmethod
    def _evaluate_setting(judge: Callable[[Setting], Evaluation], setting: Setting) -> Evaluation:
        try:
            return judge(setting)
        except Exception as error:
            log.exception("a rule failed on %s for %s", setting.signal.dedup_key, setting.subject)
            return failed(setting, error)

    def _setting(self, loaded: LoadedPolicy, signal: Signal, subject: str, facts: Facts) -> Setting:
        now = self._clock.now()
        return Setting(
            policy=loaded.policy, policy_digest=loaded.digest, subject=subject, signal=signal, facts=facts, now=now
        )

    async def _gather(self, situation: Situation) -> Situation:
        """Fetch what the rule for this signal will ask for: the signal that waited, the traffic of a step, labelled rows."""
        signal = situation.signal
        if isinstance(signal, HoldElapsed):
            held = situation.facts.held.get(signal.hold_id)
            if signal.purpose == "retry" and held:
                row = await self._store.signal(held.dedup_key)
                situation = dataclasses.replace(situation, original=row.signal if row else None)
            elif signal.purpose == "bake":
                situation = await self._measuring.with_traffic(situation)
        situation = dataclasses.replace(situation, upstream=await self._upstream(situation))
        if asks_for_quota(situation):
            situation = await with_quota(situation, self._quotas)
        return await self._with_rows(situation) if requirements.asks_for_rows(situation) else situation

    async def _upstream(self, situation: Situation) -> Mapping[str, Facts]:
        """What is known of the origins on whose features the workload drifts."""
        features = routing.drifted_features(situation.workload, situation.heard) if situation.policy.upstream else ()
        subjects = [routing.upstream_subject(rule) for rule in routing.shared_origins(situation.policy, features)]
        return {subject: (await self._store.facts(subject)).value for subject in subjects}

    async def _with_rows(self, situation: Situation) -> Situation:
        """The situation that knows how many labelled rows there are, or why nobody does."""
        retraining, workspace = situation.workload.retrain, situation.workload.environments.development.workspace
        if retraining is None:
            return situation
        data = retraining.trainer.data
        try:
            rows = await self._datasets.rows(workspace, data)
        except Exception as error:
            log.exception("the rows of %s could not be read", data)
            rows = Failed(retryable=True, reason=f"{type(error).__name__}: {error}")
        if isinstance(rows, Failed):
            return dataclasses.replace(situation, rows_unknown=f"{data} could not be read ({rows.reason})")
        return dataclasses.replace(situation, labelled_rows=rows)
