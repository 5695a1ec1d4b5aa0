"""A loop on a real store, driven through its services to a state worth looking at. Nothing is executed: ends are told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.adapters.policy_folder import PolicyFolder
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.cli.rehearsal import Unread
from shared.domain.commands import kind_of
from shared.domain.ids import derive
from shared.domain.outcomes import Succeeded
from shared.domain.records import SignalRow
from shared.domain.routing import subject_of
from shared.domain.signals import ApprovalAnswered, CommandFinished, ModelRegistered, OperatorAsked
from shared.domain.telemetry_signals import FeatureScore, WindowClosed
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.decide import Decider
from shared.services.ingest import Ingest

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKLOAD = "flight-delay"
SUBJECT = subject_of(WORKLOAD)
POLICY = Path(__file__).resolve().parents[2] / "examples" / "flight_delays" / "policy.yaml"
GROUP = "00000000-0000-0000-0000-000000000001"
MEASURED = Succeeded(
    data={"requests": 200.0, "errors": 0.0, "error_rate": 0.0, "latency_p95_ms": 20.0, "latency_p50_ms": 9.0}
    | {"latency_p99_ms": 30.0, "auc": 0.74, "auc_champion": 0.73, "auc_vs_champion": 0.01}
)


class StandingClock:
    def __init__(self, at=START):
        self.at = at

    def now(self):
        return self.at


class FilledStore:
    """The services around one store, and shorthands for what the world says."""

    def __init__(self, store, policy=POLICY):
        self.store, self.clock = store, StandingClock()
        self.policies = PolicyFolder(policy, None)
        queue = SqliteQueue(store.database, self.clock)
        aggregator = Aggregator(store, self.clock, self.policies)
        announcer = Announcer(store, self.clock, {})
        self.decider = Decider(store, queue, self.clock, self.policies, aggregator, announcer, Unread())
        self.ingest = Ingest(store, self.clock, self.policies, self.decider)

    async def policy(self):
        return (await self.policies.current()).policy

    async def facts(self):
        return (await self.store.facts(SUBJECT)).value

    def later(self, **duration):
        self.clock.at += timedelta(**duration)

    async def tell(self, signal):
        await self.ingest.tell(signal)
        return signal

    async def environments(self):
        return (await self.policy()).workload(WORKLOAD).environments

    async def register(self, version):
        """A model version appears in development."""
        workspace = (await self.environments()).development.workspace.lower()
        signal = ModelRegistered(
            source=workspace,
            dedup_key=derive("registered", version),
            occurred_at=self.clock.now(),
            workspace=workspace,
            model_name=WORKLOAD,
            model_version=version,
            tags={"author": "ada@contoso.com"},
        )
        return await self.tell(signal)

    async def ask(self, action, why="because"):
        """A person wants something."""
        key = derive("asked", action, self.clock.now().isoformat())
        signal = OperatorAsked(
            source="test",
            dedup_key=key,
            occurred_at=self.clock.now(),
            workload=WORKLOAD,
            action=action,
            by="grace",
            why=why,
        )
        return await self.tell(signal)

    async def drift(self, months=3):
        """The champion's inputs drift for so many windows."""
        production = (await self.environments()).production
        for month in range(1, months + 1):
            signal = WindowClosed(
                source="outerloop/telemetry",
                dedup_key=derive("window", month),
                occurred_at=self.clock.now(),
                workspace=production.workspace.lower(),
                endpoint=production.endpoint,
                deployment=(await self._champion()).deployment,
                window="1mo",
                start=datetime(2026, month, 1, tzinfo=UTC),
                end=datetime(2026, month + 1, 1, tzinfo=UTC),
                rows=9000,
                scores=(FeatureScore(feature="dep_hour", score=0.4), FeatureScore(feature="month", score=0.3)),
            )
            await self.tell(signal)

    async def _champion(self):
        facts = await self.facts()
        return facts.versions[facts.champion]

    async def finish(self, *kinds, outcome=MEASURED):
        """Every command that is not finished, of these kinds or of any, ends well."""
        done = 0
        for row in await self.unfinished():
            if kinds and kind_of(row.command) not in kinds:
                continue
            await self._finish(row, outcome)
            done += 1
        return done

    async def unfinished(self):
        decisions = await self.store.decisions(SUBJECT, 1000)
        rows = [row for decision in decisions for row in await self.store.commands(decision.id)]
        return [row for row in rows if row.state != "finished"]

    async def _finish(self, row, outcome):
        now = self.clock.now()
        claimed = await self.store.claim(row.subject, row.command.id, "test", now, now + timedelta(minutes=5))
        signal = CommandFinished(
            source="outerloop/commands",
            dedup_key=derive("signal", "finished", row.command.id),
            occurred_at=now,
            subject=row.subject,
            depth=row.depth + 1,
            workload=WORKLOAD,
            command_id=row.command.id,
            command_kind=kind_of(row.command),
            outcome=outcome,
        )
        told = SignalRow(signal=signal, received_at=now)
        await self.store.finish(row.subject, claimed.command.id, "test", outcome, told)
        await self.decider.decide(told)

    async def until_approval(self, version="1"):
        """Register a version and let staging pass; returns the question."""
        await self.register(version)
        for _ in range(3):
            self.later(seconds=10)
            await self.finish()
        return (await self.facts()).versions[version].approval

    async def approve(self, version="1"):
        asked = (await self.facts()).versions[version].approval
        signal = ApprovalAnswered(
            source="test",
            dedup_key=derive("answer", version),
            occurred_at=self.clock.now(),
            workload=WORKLOAD,
            approval_id=asked.id,
            answer="approve",
            by="grace@contoso.com",
            evidence_digest=asked.evidence_digest,
            groups=(GROUP,),
        )
        return await self.tell(signal)

    async def answer(self, answer):
        """The owner answers the one question about what would be begun."""
        (known,) = (await self.facts()).proposals.values()
        signal = ApprovalAnswered(
            source="test",
            dedup_key=derive("answer", known.asked.id),
            occurred_at=self.clock.now(),
            workload=WORKLOAD,
            approval_id=known.asked.id,
            answer=answer,
            by="grace@contoso.com",
            evidence_digest=known.asked.evidence_digest,
            groups=(GROUP,),
        )
        return await self.tell(signal)

    async def until_serving(self, version="1"):
        """Bring the first version into production."""
        await self.until_approval(version)
        await self.approve(version)
        for _ in range(4):
            self.later(seconds=10)
            await self.finish()


def asking_first(folder):
    """The example's policy with ``mode: propose``, in a folder of its own."""
    path = folder / "policy.yaml"
    path.write_text(POLICY.read_text(encoding="utf-8").replace("mode: act ", "mode: propose "), encoding="utf-8")
    return path


async def opened(path=":memory:"):
    store = SqliteStore(path)
    await store.open()
    return store
