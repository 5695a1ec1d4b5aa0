"""Hand-written doubles of the ports, and the services of one instance wired to them on the real embedded store."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.commands import RefreshData, Training, kind_of
from shared.domain.decisions import Decision, Evaluation
from shared.domain.facts import Facts, Incident, Version
from shared.domain.ids import decision_id
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.policy import Policy
from shared.parsing.policy_file import policy_digest, read_policy
from shared.ports import LoadedPolicy, Stored, StoreUnavailableError
from shared.ports_collected import FileVersion
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.answers import AnswerPage
from shared.services.decide import Decider
from shared.services.effects import CALL_MAX, Hands
from shared.services.execute import Executor, Loop
from shared.services.ingest import Ingest
from shared.services.orders import Orders
from shared.services.poison import PoisonKeeper
from shared.services.redrive import Redriver
from shared.services.retention import Kept, Retention
from shared.services.schedules import Schedules
from shared.services.sweep import Sweeper

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "flight_delays"
WORKLOAD = "flight-delay"
SUBJECT = f"workload/{WORKLOAD}"


class ProcessDied(BaseException):
    """What ends a process in mid-call: nothing catches it."""


class FakeClock:
    """Stands still until a test moves it."""

    def __init__(self, now=NOON):
        self.at = now

    def now(self):
        return self.at

    def pass_seconds(self, seconds):
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Sent:
    """One queued command."""

    subject: str
    command_id: str
    delay_seconds: float


class FakeQueue:
    """Records what is sent; while it is ``down`` it takes nothing."""

    def __init__(self):
        self.sent, self.down, self.poison = [], False, []

    async def send(self, subject, command_id, delay_seconds=0.0):
        if self.down:
            raise StoreUnavailableError("the queue is down")
        self.sent.append(Sent(subject, command_id, delay_seconds))

    async def poisoned(self, limit):
        return self.poison[:limit]

    async def drop_poisoned(self, message):
        self.poison.remove(message)

    @property
    def ids(self):
        return [sent.command_id for sent in self.sent]


class Scripted:
    """Answers from a script by kind of command, then ``Succeeded``; keeps a journal of what was asked."""

    def __init__(self):
        self.journal, self._script = [], defaultdict(list)

    def answers(self, kind, *outcomes):
        self._script[kind].extend(outcomes)

    def _next(self, verb, command):
        self.journal.append((verb, command.id))
        outcomes = self._script[kind_of(command)]
        outcome = outcomes.pop(0) if outcomes else Succeeded()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class FakeWorkspace(Scripted):
    """Azure ML by script. ``tags`` are what training runs left behind."""

    def __init__(self):
        super().__init__()
        self.tags, self.meanwhile = {}, None

    async def begin(self, command, now):  # noqa: ARG002
        if self.meanwhile:
            await self.meanwhile()
        return self._next("begin", command)

    async def look(self, command, operation, now):  # noqa: ARG002
        return self._next(f"look {operation}", command)

    async def read_reference(self, command):
        self.journal.append(("read", command.id))
        return self.tags


class FakeDispatcher(Scripted):
    """Pipelines elsewhere, by script. ``told`` is what it was told of earlier tries."""

    def __init__(self):
        super().__init__()
        self.told = []

    async def begin(self, command, now, earlier):  # noqa: ARG002
        self.told.append(earlier)
        return self._next("begin", command)

    async def look(self, command, operation, now):  # noqa: ARG002
        return self._next(f"look {operation}", command)


class FakeModels:
    """Model versions whose marks a test sets: by mark, or a failure for all."""

    def __init__(self):
        self.marked, self.failure = {}, None

    async def version(self, workspace, model, mark):  # noqa: ARG002
        return self.failure or self.marked.get(mark, "")


class FakeProber(Scripted):
    """Measures what the script says."""

    def __init__(self):
        super().__init__()
        self.bodies = []

    async def probe(self, command, body):
        self.bodies.append(body)
        return self._next("probe", command)


class FakeMessenger(Scripted):
    """Delivers to nobody."""

    async def send(self, message):
        return self._next("send", message)


class FakePublisher:
    """A target of announcements that answers from a script, then ``Succeeded``; keeps what it was sent."""

    def __init__(self, *outcomes):
        self.batches, self.outcomes = [], list(outcomes)

    async def publish(self, announcements):
        self.batches.append(list(announcements))
        outcome = self.outcomes.pop(0) if self.outcomes else Succeeded()
        if callable(outcome):
            outcome = outcome(announcements)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    @property
    def types(self):
        return [said.type.removeprefix("Outerloop.") for batch in self.batches for said in batch]


class FakeDatasets:
    """Labelled data whose rows a test sets: a number, None, a failure, or an exception to raise."""

    def __init__(self):
        self.answer, self.asked = None, []

    async def rows(self, workspace, data):
        self.asked.append((workspace, data))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class FakeFiles:
    """Files of a storage account, by path, as a test writes them. ``failures`` come before anything is read."""

    def __init__(self):
        self.bodies, self.failures, self.reads, self.writes = {}, [], [], 0

    def write(self, path, body):
        self.bodies[path], self.writes = body, self.writes + 1

    def grow(self, path, more):
        self.write(path, self.bodies.get(path, b"") + more)

    async def version(self, place, beginning):
        if self.failures:
            return self.failures.pop(0)
        body = self.bodies[place.path]
        return FileVersion(len(body), self._etag(body), body[:beginning])

    async def read(self, place, etag, start, length):
        self.reads.append((place.path, start))
        body = self.bodies[place.path]
        if self._etag(body) != etag:
            return Failed(retryable=True, reason=f"{place.path} changed while it was read")
        return body[start : start + length]

    @staticmethod
    def _etag(body):
        return sha256(body).hexdigest()


class FixedPolicy:
    """The policy of the flight-delay example, which a test may replace."""

    def __init__(self):
        self.loaded = _loaded(read_policy("policy.yaml", (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")))

    async def current(self):
        return self.loaded

    def change(self, old, new):
        """The same file with one text in the place of another, where that stands first."""
        text = (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")
        assert old in text
        self.loaded = _loaded(read_policy("policy.yaml", text.replace(old, new, 1)))

    def monitor(self, *rules, telemetry="traffic_bucket: 1m, lateness: 1d"):
        """The same file, in which the workload has the rule on drift and these, each as YAML on one line."""
        self._monitor("      - when: prediction_drift", rules, telemetry)

    def monitor_only(self, *rules, telemetry="traffic_bucket: 1m, lateness: 1d"):
        """The same file, in which the workload has these rules and no other."""
        self._monitor("      - when: data_drift", rules, telemetry)

    def _monitor(self, first_left_out, rules, telemetry):
        text = (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")
        first, last = text.index(first_left_out), text.index("    telemetry: {traffic_bucket")
        lines = "".join(f"      - {rule}\n" for rule in rules)
        rest = text[last:].split("\n", 1)[1]
        changed = f"{text[:first]}{lines}    telemetry: {{{telemetry}}}\n{rest}"
        self.loaded = _loaded(read_policy("policy.yaml", changed))

    @property
    def environments(self):
        return self.loaded.policy.workload(WORKLOAD).environments


def _loaded(policy: Policy) -> LoadedPolicy:
    return LoadedPolicy(policy, policy_digest(policy), {"sample_request.json": '{"rows": []}'})


class ContestedStore(SqliteStore):
    """The embedded store with a rival who writes the facts just before each of our first commits."""

    def __init__(self, path, rivals):
        super().__init__(path)
        self.rivals, self.commits = rivals, 0

    async def commit(self, evaluation, facts_etag):
        self.commits += 1
        if self.rivals > 0:
            self.rivals -= 1
            stored = await self.facts(evaluation.decision.subject)
            await super().commit(decided(f"rival-{self.rivals}", facts=stored.value), stored.etag)
        await super().commit(evaluation, facts_etag)


class LaggingStore(SqliteStore):
    """The embedded store as an instance sees it that reads just before another instance commits."""

    async def decision(self, decision_id, subject=None):  # noqa: ARG002
        return None


def wanting(facts, commands):
    """Facts that wait for these commands, so that none of them is stale."""
    ids = tuple(
        command.id for command in commands if kind_of(command) not in ("Notify", "SetTraffic", "RollBackTraffic")
    )
    if not ids:
        return facts
    waiting = Version(
        version="waiting",
        model="flight-delay",
        state="staging",
        since=NOON,
        registered_at=NOON,
        author="ada",
        awaiting=(*ids, "one more"),
    )
    remedies = [
        Incident(id=f"of-{command.id}", kind="data_drift", state="remedying", opened_at=NOON, remedy=command.id)
        for command in commands
        if isinstance(command, Training | RefreshData)
    ]
    facts = facts.with_version(waiting)
    for incident in remedies:
        facts = facts.with_incident(incident)
    return facts


def decided(cause, *commands, facts=None, holds=(), at=NOON, subject=SUBJECT):
    """A decision as it is committed."""
    decision = Decision(
        id=decision_id(cause, subject),
        cause=cause,
        cause_kind="OperatorAsked",
        subject=subject,
        verdict="act",
        rule="test",
        reasons=(),
        commands=commands,
        decided_at=at,
    )
    return Evaluation(decision=decision, facts=facts or Facts(), holds=tuple(holds))


@dataclass
class World:
    """One instance of the application on a store that it may share with others."""

    store: SqliteStore
    clock: FakeClock = field(default_factory=FakeClock)
    queue: FakeQueue = field(default_factory=FakeQueue)
    policies: FixedPolicy = field(default_factory=FixedPolicy)
    workspace: FakeWorkspace = field(default_factory=FakeWorkspace)
    prober: FakeProber = field(default_factory=FakeProber)
    messenger: FakeMessenger = field(default_factory=FakeMessenger)
    targets: dict[str, FakePublisher] = field(default_factory=dict)
    datasets: FakeDatasets = field(default_factory=FakeDatasets)
    files: FakeFiles = field(default_factory=FakeFiles)
    dispatcher: FakeDispatcher = field(default_factory=FakeDispatcher)
    models: FakeModels = field(default_factory=FakeModels)
    call_max: timedelta = CALL_MAX

    def __post_init__(self):
        store, queue, clock, policies = self.store, self.queue, self.clock, self.policies
        self.aggregator = Aggregator(store, clock, policies)
        self.announcer = Announcer(store, clock, self.targets)
        self.decider = Decider(store, queue, clock, policies, self.aggregator, self.announcer, self.datasets)
        self.ingest = Ingest(store, clock, policies, self.decider)
        hands = Hands(
            *(self.workspace, self.prober, self.messenger, self.files, self.dispatcher, self.models), self.call_max
        )
        loop = Loop(self.decider, self.aggregator)
        self.executor = Executor(store, queue, clock, policies, loop, hands)
        self.sweeper = Sweeper(
            store,
            queue,
            clock,
            self.decider,
            self.ingest,
            self.aggregator,
            self.announcer,
            Schedules(store, clock, policies),
            Retention(store, clock, self.aggregator, Kept()),
            PoisonKeeper(store, queue, clock, self.executor),
        )
        self.orders = Orders(store, queue, clock)
        self.redriver = Redriver(store, queue, clock, self.ingest, self.aggregator)
        self.answers = AnswerPage(store, policies, clock)

    def another(self, store=None):
        """A second instance: same store, queue, clock and Azure, its own memory."""
        return World(
            store or self.store,
            self.clock,
            self.queue,
            self.policies,
            self.workspace,
            self.prober,
            self.messenger,
            self.targets,
            self.datasets,
            self.files,
            self.dispatcher,
            self.models,
        )

    async def damage_facts(self):
        """From now on nothing can be decided about the workload: its facts are no JSON."""
        statement = "INSERT OR REPLACE INTO facts (subject, version, body) VALUES (?, 1, 'damaged')"
        await self.store.database.write(lambda connection: connection.execute(statement, (SUBJECT,)))

    async def facts(self):
        return (await self.store.facts(SUBJECT)).value

    async def order(self, *commands, cause="cause", facts=None, holds=()):
        """Commit a decision with these commands, on top of the facts as they are, and send nothing."""
        stored: Stored[Facts] = await self.store.facts(SUBJECT)
        kept = wanting(stored.value if facts is None else facts, commands)
        await self.store.commit(
            decided(cause, *commands, facts=kept, holds=holds, at=self.clock.now()),
            stored.etag,
        )

    async def row(self, command):
        return await self.store.command(SUBJECT, command.id)

    async def run(self, command, owner="worker"):
        """One step of a command, as the queue would bring it about."""
        return await self.executor.run(SUBJECT, command.id, owner)

    async def ledger(self):
        """Every decision, by cause."""
        return {decision.cause: decision for decision in await self.store.decisions(None, 1000)}
