"""Values that the store contracts write: small, and as different from their defaults as a round trip needs."""

from datetime import UTC, datetime, timedelta

from shared.domain.commands import Notify, SetTraffic
from shared.domain.decisions import Decision, Evaluation, Hold, Reason
from shared.domain.effects import AnyCommand
from shared.domain.facts import Facts
from shared.domain.outcomes import Succeeded
from shared.domain.records import RejectedRow, SignalRow
from shared.domain.signals import CommandFinished, HoldElapsed, OperatorAsked
from shared.ports import Store

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBJECT = "workload/flights"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def signal_row(key: str, minute: float = 0) -> SignalRow:
    signal = OperatorAsked(
        source="operator", dedup_key=key, occurred_at=at(minute), workload="flights", action="retrain", by="ada"
    )
    return SignalRow(signal=signal, received_at=at(minute))


def finished_row(command_id: str, minute: float = 0) -> SignalRow:
    signal = CommandFinished(
        source="outerloop",
        dedup_key=f"finished-{command_id}",
        occurred_at=at(minute),
        workload="flights",
        command_id=command_id,
        command_kind="Notify",
        outcome=Succeeded(data={"sent": 1.0}),
        depth=2,
    )
    return SignalRow(signal=signal, received_at=at(minute))


def rejected_row(row_id: str, minute: float = 0) -> RejectedRow:
    return RejectedRow(
        id=row_id,
        channel="event_grid",
        reason="malformed_json",
        detail="a comma is missing",
        received_at=at(minute),
        body=b"\x00\xff{",
    )


def notify(command_id: str) -> Notify:
    return Notify(
        id=command_id,
        workload="flights",
        reason="drift was seen",
        persona="owner",
        channels=("email",),
        title="Drift",
        facts={"psi": "0.3"},
    )


def set_traffic(command_id: str) -> SetTraffic:
    return SetTraffic(
        id=command_id,
        workload="flights",
        reason="the canary is well",
        workspace="/subscriptions/s",
        endpoint="flights",
        traffic={"blue": 90, "green": 10},
    )


def hold(hold_id: str, minute: float) -> Hold:
    signal = HoldElapsed(
        source="outerloop",
        dedup_key=f"elapsed-{hold_id}",
        occurred_at=at(minute),
        workload="flights",
        hold_id=hold_id,
        purpose="bake",
        about="7",
    )
    return Hold(id=hold_id, due=at(minute), signal=signal)


def evaluation(
    decision_id: str,
    *commands: AnyCommand,
    subject: str = SUBJECT,
    minute: float = 0,
    facts: Facts | None = None,
    holds: tuple[Hold, ...] = (),
    released: tuple[str, ...] = (),
) -> Evaluation:
    decision = Decision(
        id=decision_id,
        cause=f"cause-of-{decision_id}",
        cause_kind="OperatorAsked",
        subject=subject,
        verdict="act" if commands else "hold",
        rule="retrain_on_drift",
        reasons=(Reason(code="cooldown", text="too soon", observed=3.0, limit="24h", until=at(60)),),
        commands=commands,
        decided_at=at(minute),
        depth=1,
    )
    return Evaluation(decision=decision, facts=facts or Facts(), holds=holds, released=released)


async def commit(store: Store, decided: Evaluation) -> None:
    """Commit on top of the facts as they are now."""
    stored = await store.facts(decided.decision.subject)
    await store.commit(decided, stored.etag)


async def order(store: Store, *command_ids: str, minute: float = 0) -> None:
    """Commit one decision that orders notifications."""
    commands = [notify(command_id) for command_id in command_ids]
    await commit(store, evaluation(f"decision-of-{command_ids[0]}", *commands, minute=minute))


async def sendable_ids(store: Store, minute: float, limit: int = 100) -> list[str]:
    return [row.command.id for row in await store.sendable(at(minute), limit)]
