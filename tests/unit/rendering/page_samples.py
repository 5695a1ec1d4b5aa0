"""What the pages of these tests show."""

from datetime import UTC, datetime, timedelta

from shared.domain.commands import Notify
from shared.domain.decisions import Decision, Reason
from shared.domain.facts import Answer, ApprovalAsked, CheckResult, Incident, Version
from shared.domain.outcomes import Succeeded
from shared.domain.records import CommandRow, RejectedRow
from shared.rendering.shown import (
    Dashboard,
    LedgerEntry,
    OpenQuestion,
    ShownFreeze,
    ShownHold,
    ShownJudgement,
    ShownQuestion,
    ShownRollout,
    ShownSilence,
    ShownWorkload,
    WorkloadPage,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>'
ASKED = ApprovalAsked(
    id="a1",
    evidence_digest="d" * 64,
    asked_at=NOON,
    expires_at=NOON + timedelta(days=2),
    evidence={"model": "flight-delay version 7", "check: endpoint": "latency_p95_ms 20 (at most 500)"},
    quorum=2,
    answers=(Answer(by="grace", at=NOON),),
)
QUESTION = ShownQuestion("flight-delay", "7", ASKED, (), may_reject=True)
NOT_IN_GROUP = Reason(code="not_in_group", text="eve is not in the group g that may answer")
NOTIFY = Notify(
    id="n1", workload="flight-delay", reason="tell", persona="p", channels=("email:x",), title="Drift", facts={}
)
COOLDOWN = Reason(
    code="cooldown", text="too soon", observed=3.0, limit="12h", until=NOON + timedelta(hours=9), release="waiting"
)
DECISION = Decision(
    id="dec1",
    cause="sig1",
    cause_kind="WindowClosed",
    subject="workload/flight-delay",
    verdict="hold",
    rule="data_drift",
    reasons=(COOLDOWN,),
    decided_at=NOON,
)


def row(outcome=None, state="finished"):
    return CommandRow(
        command=NOTIFY,
        subject=DECISION.subject,
        decision="dec1",
        state=state,
        depth=0,
        created_at=NOON,
        outcome=outcome,
    )


def workload(**changes):
    parts = {
        "name": "flight-delay",
        "task": "classical",
        "mode": "act",
        "paused": False,
        "resume": "outerloop resume flight-delay --by YOU --why WHY",
        "champion": "",
        "standby": "",
        "standby_until": None,
        "traffic": {},
        "rollout": None,
        "versions": (),
        "incidents": (),
        "holds": (),
        "freezes": (),
        "silences": (),
        "questions": (),
    }
    return ShownWorkload(**(parts | changes))


def busy_workload():
    check = CheckResult(name="endpoint", command_id="c", passed=True, detail="fine")
    versions = (
        Version(version="7", model="m", state="rolling_out", since=NOON, registered_at=NOON, checks=(check,)),
        Version(version="6", model="m", state="serving", since=NOON, registered_at=NOON, author="ada"),
    )
    incident = Incident(id="inc1", kind="data_drift", state="verifying", opened_at=NOON, detail="psi", version="6")
    hold = ShownHold(
        "h1",
        NOON + timedelta(hours=9),
        "retry",
        "incident inc1",
        "incident: data drift of version 6",
        "it is evaluated again",
        (COOLDOWN,),
    )
    bake = ShownHold("h2", NOON, "bake", "7/0/1", "version 7, step 1 of its rollout", "the step is judged", ())
    freeze = ShownFreeze("monthly", 1.016, NOON, NOON + timedelta(days=30), "outerloop ask lift-freeze flight-delay")
    silence = ShownSilence(
        "s1", "data_drift", "grace", "known", NOON + timedelta(days=1), "outerloop silence expire s1"
    )
    question = OpenQuestion("flight-delay", "8", "a1", NOON, NOON, 2, ("grace",), "https://outerloop.example/a?b=1&c=2")
    return workload(
        paused=True,
        champion="6",
        standby="5",
        standby_until=NOON,
        traffic={"6": 90, "7": 10},
        rollout=ShownRollout("7", "6", 1, 3, 10, NOON, NOON + timedelta(minutes=30), 0, 1, 2),
        versions=versions,
        incidents=(incident,),
        holds=(hold, bake),
        freezes=(freeze,),
        silences=(silence,),
        questions=(question,),
    )


def dashboard(*workloads):
    entries = (LedgerEntry(DECISION, (row(Succeeded(data={"sent": 2.0})),)),)
    rejected = (
        RejectedRow(id="r", channel="event_grid", reason="malformed_json", detail="x", received_at=NOON, body=b""),
    )
    return Dashboard(NOON, workloads, entries, rejected)


def page_of(shown):
    judged = (
        ShownJudgement("data_drift", "1mo", "6", "detected", 0.25, 28_119, NOON),
        ShownJudgement("model_performance", "1mo", "6", "no_data", 0.0, 40, NOON),
    )
    entries = (LedgerEntry(DECISION, (row(Succeeded(data={"sent": 2.0})),)),)
    return WorkloadPage(NOON, shown, judged, entries, "flight-delay/drift.png")
