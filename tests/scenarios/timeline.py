"""Whole stories on virtual time: signals go in, commands meet a scripted Azure, holds elapse when they are due.

A pure driver of ``evaluate``: it keeps what the store keeps (inbox, facts, holds, ledger) in plain dictionaries, and stands
still between two calls. It knows nothing of processes, queues or wires: those have tests of their own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim

from shared.adapters.foreign_traffic import is_foreign, refusal
from shared.domain import plans, routing
from shared.domain.announcements import Announcement
from shared.domain.announcing import announce
from shared.domain.commands import Command, RollBackTraffic, SetTraffic, kind_of
from shared.domain.decisions import Decision, Evaluation, Hold
from shared.domain.durations import parse_duration
from shared.domain.endpoint_seen import shown_traffic
from shared.domain.evaluate import evaluate
from shared.domain.evaluate_shared import evaluate_budget, evaluate_upstream
from shared.domain.facts import Facts
from shared.domain.ids import derive
from shared.domain.observations import TrafficSample
from shared.domain.outcomes import Final, Skipped, Succeeded
from shared.domain.policy import Policy
from shared.domain.policy_triggers import Schedule
from shared.domain.references import deployment_name
from shared.domain.signals import CommandFinished, HoldElapsed, Signal
from shared.domain.situation import Setting, Situation
from shared.domain.values import encode
from shared.parsing.policy_file import policy_digest
from shared.services import schedules
from tests.scenarios.expected import Between, Expected, told_shortly
from tests.unit.domain.batch_builders import measured, scored
from tests.unit.domain.builders import HEALTHY, NOW, POLICY, SUBJECT, answered

STEPS_MAX = 5_000  # of one call; beyond it the loop is chasing its own tail

Answer = Final | Callable[[Any], Final | None] | None


class ScriptedAzure:
    """Answers each kind of command with what the script says, or with success; remembers the traffic."""

    def __init__(self) -> None:
        self.traffic: dict[str, int] = {}
        self.mirror: dict[str, int] = {}
        self.samples: dict[str, TrafficSample] = {}
        self.quota: Any = None  # of the instance type; None: nobody could read it
        self.measured_by = ""  # who says what was served, when that is not our own windows
        self.unreadable = ""  # why nobody can read what was served
        self.orders: list[Command] = []
        self.labelled_rows: int | None = None  # that the newest labelled data say they hold
        self._script: dict[str, deque[Answer]] = {}
        self._usual: dict[str, Answer] = {
            "CheckEndpoint": Succeeded(data={"latency_p95_ms": 40.0, "error_rate": 0.0}),
            "RunEvaluation": self._evaluate,
            "ScoreBatch": scored,
            "CompareScores": measured(),
            "Retrain": None,  # training takes long: a story says what came of it
            "DispatchTraining": None,
        }

    def serves(self, version: str, sample: TrafficSample) -> None:
        """From now on the version's deployment serves like that."""
        self.samples[deployment_name(version)] = sample

    def next(self, kind: str, *answers: Answer) -> None:
        """The next commands of a kind are answered like that; None leaves one unanswered."""
        self._script.setdefault(kind, deque()).extend(answers)

    def always(self, kind: str, answer: Answer) -> None:
        """Every command of a kind is answered like that unless ``next`` says otherwise."""
        self._usual[kind] = answer

    def carry_out(self, command: Command) -> Final | None:
        """The outcome of a command; None while it is under way."""
        self.orders.append(command)
        kind = kind_of(command)
        script = self._script.get(kind)
        answer = script.popleft() if script else self._usual.get(kind, Succeeded())
        outcome = answer(command) if callable(answer) else answer
        if isinstance(outcome, Succeeded) and isinstance(command, SetTraffic | RollBackTraffic):
            outcome = self._written(command, outcome)
        if isinstance(outcome, Succeeded) and kind in {"SetTraffic", "RollBackTraffic"}:
            self.traffic = dict(command.traffic)
            self.mirror = dict(getattr(command, "mirror", {}))
        return outcome

    def _written(self, command: SetTraffic | RollBackTraffic, outcome: Succeeded) -> Final:
        """As the adapter does: a step writes over nobody's traffic, and a rollback says what it wrote over."""
        if not self.traffic or not is_foreign(command, self.traffic):
            return outcome
        if isinstance(command, SetTraffic):
            return refusal(command, self.traffic)
        return Succeeded(data={**outcome.data, "overwrote": shown_traffic(self.traffic)})

    @staticmethod
    def _evaluate(command: Any) -> Final:
        if command.on == "later":
            return Succeeded(data={"auc": 0.71, "auc_champion": 0.66})
        return Succeeded(data={"auc": 0.70, "auc_vs_champion": 0.01})


class Timeline:
    """One workload from its beginning. ``at`` moves time, ``push`` makes something heard, ``expect`` looks."""

    def __init__(self, policy: Policy = POLICY, facts: Facts | None = None, azure: ScriptedAzure | None = None) -> None:
        self.policy, self.facts, self.azure = policy, facts or Facts(), azure or ScriptedAzure()
        self.now: datetime = NOW
        self.ledger: list[Decision] = []
        self.announced: list[Announcement] = []
        self.holds: dict[str, Hold] = {}
        self.budgets: dict[str, Facts] = {}  # by subject
        self.origins: dict[str, Facts] = {}  # by subject
        self.waiting: list[Command] = []  # what a pause holds, and what nobody has come to yet
        self.slow: set[str] = set()  # kinds of commands that lie in the queue for now
        self.facts_bytes_max = 0
        self._signals: dict[str, Signal] = {}
        self._queue: deque[Signal] = deque()
        self._news = 0  # where in the ledger the last step began
        self._schedules: dict[Schedule, datetime] = dict.fromkeys(self.policy.workloads[0].schedules, NOW)

    def at(self, text: str) -> "Timeline":
        """Move on to so long after the beginning; what falls due on the way happens at its own moment."""
        until = NOW + parse_duration(text)
        assert until >= self.now, f"it is {self.now - NOW} already: time does not run backwards"
        self._news = len(self.ledger)
        self._wake_until(until)
        self.now = until
        return self

    def _wake_until(self, until: datetime) -> None:
        for _ in range(STEPS_MAX):
            due = min((hold for hold in self.holds.values() if hold.due <= until), key=_earliest, default=None)
            tick = min((at for at in map(self._next_tick, self._schedules) if at <= until), default=None)
            if tick and (due is None or tick <= due.due):
                self.now = max(self.now, tick)
                self._sweep_schedules()
            elif due:
                self.now = max(self.now, due.due)
                self._hear(due.signal)
            else:
                return
        raise AssertionError("holds keep waking each other")

    def down_until(self, text: str) -> "Timeline":
        """Nobody sweeps until so long after the beginning; then one round finds what fell due."""
        self.now, self._news = NOW + parse_duration(text), len(self.ledger)
        self._sweep_schedules()
        return self

    def _next_tick(self, rule: Schedule) -> datetime:
        heard = self._schedules[rule].astimezone(ZoneInfo(rule.timezone))
        return next(CronSim(rule.cron, heard)).astimezone(UTC)

    def _sweep_schedules(self) -> None:
        """As the sweep does, without its documents."""
        for rule, through in self._schedules.items():
            signal = schedules.signal_of(self.policy.workloads[0], rule, through, self.now)
            if signal:
                self._schedules[rule] = signal.due
                self._hear(signal)

    def push(self, *signals: Signal) -> "Timeline":
        """Let signals be heard now, one after the other, each with everything that follows at once."""
        self._news = len(self.ledger)
        for signal in signals:
            self._hear(signal)
        return self

    def approve(self, number: str, **fields: Any) -> "Timeline":
        """A person who saw the evidence answers the question about a version."""
        question = self.facts.versions[number].approval
        assert question is not None
        fields = {"approval_id": question.id, "evidence_digest": question.evidence_digest, **fields}
        return self.push(answered(fields.pop("answer", "approve"), **fields))

    def say(self, answer: str, **fields: Any) -> "Timeline":
        """A person who saw the evidence answers the oldest question about what would be begun; what waited is looked at."""
        proposal = next(iter(self.facts.proposals.values()))
        fields = {"approval_id": proposal.asked.id, "evidence_digest": proposal.asked.evidence_digest, **fields}
        self.push(answered(answer, **fields))
        news = self._news
        self._wake_until(self.now)
        self._news = news
        return self

    def finish(self, command: Command, outcome: Final | None = None) -> "Timeline":
        """A command that was left unanswered comes to its end."""
        return self.push(self._told(command, outcome or Succeeded()))

    def expect(self, during: Between | None = None, *happened: Expected, **wanted: Any) -> "Timeline":
        """Compare what is known with what should be; the names are those of ``seen``.

        With ``between(...)`` first: each of these happened then.
        """
        if during:
            decisions = [decision for decision in self.ledger if during.holds(decision.decided_at - NOW)]
            missing = [one for one in happened if not one.among(decisions)]
            assert not missing, f"{missing} did not happen {during}, but {told_shortly(self.ledger, NOW)}"
        seen = self.seen()
        assert {name: seen[name] for name in wanted} == wanted
        return self

    def expect_reason(self, code: str) -> "Timeline":
        """The last step left this reason in the ledger."""
        assert code in self.reasons(), f"{code} is not among {self.reasons()}"
        return self

    def expect_ordered(self, kind: str, times: int = 1) -> "Timeline":
        """The last step ordered so many commands of a kind."""
        commands = [kind_of(command) for decision in self.ledger[self._news :] for command in decision.commands]
        assert commands.count(kind) == times, f"{kind} x {times} is not {commands}"
        return self

    def seen(self) -> dict[str, Any]:
        """What is known now, in short."""
        return {
            "champion": self.facts.champion,
            "standby": self.facts.standby,
            "versions": {number: known.state for number, known in self.facts.versions.items()},
            "incidents": [known.closed_as or known.state for known in self.facts.incidents],
            "traffic": self.azure.traffic,
            "percent": self.facts.rollout.percent if self.facts.rollout else None,
            "paused": self.facts.paused,
        }

    def reasons(self) -> list[str]:
        """The codes of every reason of the last step."""
        return [reason.code for decision in self.ledger[self._news :] for reason in decision.reasons]

    def said(self, *types: str) -> list[Announcement]:
        """Everything that was announced so far of these types, named without their prefix."""
        return [known for known in self.announced if known.type.removeprefix("Outerloop.") in types]

    def commands(self, kind: str = "") -> list[Any]:
        """Every command that was ordered so far, of one kind or of all."""
        every = [command for decision in self.ledger for command in decision.commands]
        return [command for command in every if kind in ("", kind_of(command))]

    def catch_up(self) -> "Timeline":
        """Whoever takes commands from the queue comes to those that lay there."""
        self.slow, self._news = set(), len(self.ledger)
        self._carry_out(self.waiting)
        self._follow()
        return self

    def _hear(self, signal: Signal) -> None:
        self._queue.append(signal)
        self._follow()

    def _follow(self) -> None:
        for _ in range(STEPS_MAX):
            if not self._queue:
                return
            self._take(self._queue.popleft())
        raise AssertionError("one signal brought about more than anybody can follow")

    def _take(self, signal: Signal) -> None:
        if signal.dedup_key in self._signals:
            if isinstance(signal, HoldElapsed):
                self.holds.pop(signal.hold_id, None)
            return
        self._signals[signal.dedup_key] = signal
        if routing.out_of_scope(self.policy, signal):
            return
        for subject in routing.route(self.policy, signal):
            if subject == SUBJECT:
                self._commit(evaluate(self._situation(signal)), signal)
            elif routing.is_budget(subject):
                setting = self._setting(signal, subject, self.budgets)
                self._commit_beside(evaluate_budget(setting), signal, self.budgets)
            elif routing.is_upstream(subject):
                setting = self._setting(signal, subject, self.origins)
                self._commit_beside(evaluate_upstream(setting), signal, self.origins)

    def _setting(self, signal: Signal, subject: str, kept: Mapping[str, Facts]) -> Setting:
        return Setting(
            policy=self.policy,
            policy_digest=policy_digest(self.policy),
            subject=subject,
            signal=signal,
            facts=kept.get(subject, Facts()),
            now=self.now,
        )

    def _commit_beside(self, evaluation: Evaluation, signal: Signal, kept: dict[str, Facts]) -> None:
        before = kept.get(evaluation.decision.subject, Facts())
        self.announced.extend(announce(evaluation, signal, before))
        kept[evaluation.decision.subject] = evaluation.facts
        self._note(evaluation)

    def _note(self, evaluation: Evaluation) -> None:
        self.ledger.append(evaluation.decision)
        for hold_id in evaluation.released:
            self.holds.pop(hold_id, None)
        self.holds.update({hold.id: hold for hold in evaluation.holds})
        self._carry_out([*self.waiting, *evaluation.decision.commands])

    def _situation(self, signal: Signal) -> Situation:
        held = self.facts.held.get(signal.hold_id) if isinstance(signal, HoldElapsed) else None
        return Situation(
            policy=self.policy,
            policy_digest=policy_digest(self.policy),
            workload=self.policy.workloads[0],
            subject=SUBJECT,
            signal=signal,
            facts=self.facts,
            now=self.now,
            original=self._signals.get(held.dedup_key) if held else None,
            traffic=self._traffic(),
            traffic_unknown=self.azure.unreadable,
            traffic_from=self.azure.measured_by,
            quota=self.azure.quota,
            labelled_rows=self.azure.labelled_rows,
            upstream=self.origins,
        )

    def _traffic(self) -> Mapping[str, TrafficSample]:
        serving = {name for name, percent in (*self.azure.traffic.items(), *self.azure.mirror.items()) if percent}
        return {name: self.azure.samples.get(name, HEALTHY) for name in serving}

    def _commit(self, evaluation: Evaluation, signal: Signal) -> None:
        self.announced.extend(announce(evaluation, signal, self.facts))
        self.facts = evaluation.facts
        self.facts_bytes_max = max(self.facts_bytes_max, len(encode(evaluation.facts)))
        self._note(evaluation)

    def _carry_out(self, commands: Iterable[Command]) -> None:
        """As the executor does: what a pause holds waits, and what is no longer wanted is not begun."""
        commands = list(commands)
        waiting = self.waiting
        self.waiting = [known for known in commands if kind_of(known) in self.slow or plans.waits(known, self.facts)]
        for command in commands:
            if command in self.waiting:
                continue
            late = plans.stale(command, self.facts) or plans.given_back(command, self.facts)
            stale = late if command in waiting else ""
            outcome = Skipped(reason=stale) if stale else self.azure.carry_out(command)
            if outcome is not None:
                self._queue.append(self._told(command, outcome))

    def _told(self, command: Command, outcome: Final) -> CommandFinished:
        return CommandFinished(
            source="outerloop/commands",
            dedup_key=derive("signal", "finished", command.id),
            occurred_at=self.now,
            subject=SUBJECT if command.workload else "",
            workload=command.workload,
            command_id=command.id,
            command_kind=kind_of(command),
            outcome=outcome,
        )


def _earliest(hold: Hold) -> tuple[datetime, str]:
    return hold.due, hold.id


def told_in_order(timeline: Timeline, signals: Iterable[Signal]) -> Facts:
    """The facts after these signals, heard one after the other at one moment."""
    return timeline.push(*signals).facts
