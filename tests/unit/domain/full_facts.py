"""Facts with everything in them up to its limit, as long as Azure lets names be: the largest that one workload can come to."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from shared.domain.arrivals import FILES_KEPT_MAX, Arrivals, File
from shared.domain.budget_facts import BudgetFreeze
from shared.domain.comparison_facts import Comparison, ScoredRun
from shared.domain.facts import (
    INCIDENTS_KEPT_MAX,
    VERSIONS_KEPT_MAX,
    WINDOWS_KEPT_MAX,
    ApprovalAsked,
    CheckResult,
    Facts,
    HeldSignal,
    Incident,
    Judged,
    Proposal,
    Rollout,
    Version,
    WindowSeen,
)
from shared.domain.image_facts import FINDINGS_KEPT_MAX, IMAGES_KEPT_MAX, Finding, Image
from shared.domain.policy_monitoring import WINDOW_RULES_MAX
from shared.domain.references import retrained_in_staging
from shared.domain.rules.compliance import JUDGED_KEPT_MAX
from shared.domain.rules.promotion import WAITING_MAX
from shared.domain.rules.reaction import DETAIL_MAX as TOLD_DETAIL_MAX
from shared.domain.rules.remedy import DETAIL_MAX, RETRAINS_KEPT_MAX
from shared.domain.rules.silencing import KEPT_MAX as SILENCES_MAX
from shared.domain.rules.silencing import TEXT_MAX as SILENCE_TEXT_MAX
from shared.domain.rules.staging_training import TEXT_MAX as RETRAINING_MAX
from shared.domain.rules.target_incidents import DETAIL_MAX as TARGET_DETAIL_MAX
from shared.domain.rules.target_incidents import OPEN_MAX
from shared.domain.silences import Silence
from tests.unit.domain.builders import NOW, PRODUCTION

WINDOW_LENGTHS = ("1h", "1d", "7d", "1mo")
WATCHED_MAX = 4  # versions that have a deployment: who serves, the standby, who takes over, and one on its way
RETRAINED_FOR = (
    *("manual_retrain", "scheduled_retrain", "data_arrival", "data_drift"),
    *("prediction_drift", "data_quality", "model_performance", "fairness"),
)
KINDS_OF_WORK = (*RETRAINED_FOR, "annotation", "investigation")


def _id(*parts: Any) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:24]


def _prose(about: Any, length: int) -> str:
    """So many characters that are not the same twice, as sentences with figures are."""
    words = (f"{word} {_id(about, number)[:6]};" for number in range(length) for word in ("feature", "is beyond"))
    return " ".join(next(words) for _ in range(length // 10 + 1))[:length]


def _resource(number: int) -> str:
    return f"{PRODUCTION}/onlineendpoints/{_id('resource', number)}/deployments/{_id('deployment', number)}"


def _asked(about: str, **evidence: str) -> ApprovalAsked:
    shown = {"why": _prose(about, DETAIL_MAX), "would order Retrain": _prose(f"{about} plan", 600), **evidence}
    until = NOW + timedelta(days=2)
    return ApprovalAsked(id=_id(about), evidence_digest=_id(about) * 2, asked_at=NOW, expires_at=until, evidence=shown)


def _version(number: int, state: Any) -> Version:
    checks = tuple(
        CheckResult(
            name=f"azureml:evaluate_{n}@latest",
            command_id=_id("check", number, n),
            passed=True,
            detail=_prose(("check", number, n), 500),
            metrics={f"metric_{m}": 0.123456 for m in range(4)},
        )
        for n in range(4)
    )
    evidence = {f"check: {check.name}": check.detail for check in checks}
    return Version(
        version=str(number),
        model="flight-delay-in-new-york",
        state=state,
        since=NOW,
        registered_at=NOW,
        author=f"{_id(number)}@contoso.com",
        checks=checks,
        approval=_asked(f"version {number}", **evidence),
        deployment=f"version-{number}",
        comparison=_comparison(number),
        retrained_as=retrained_in_staging("flight-delay-in-new-york"),
        retraining=_prose(("retraining", number), RETRAINING_MAX),
    )


def _comparison(number: int) -> Comparison:
    place = f"azureml://datastores/workspaceblobstore/paths/outerloop/{_id('run', number)}/"
    run = ScoredRun(output=place, seconds=3600.25)
    return Comparison(champion="17", data=_resource(number), champion_run=run, candidate_run=run, inconclusive=1)


def _versions() -> dict[str, Version]:
    states = ["registered"] * WAITING_MAX + ["rolling_out", "serving", "standby"]
    states = ["retired"] * (VERSIONS_KEPT_MAX - len(states)) + states
    return {str(number): _version(number, state) for number, state in enumerate(states)}


def _rule(number: int) -> str:
    return f"a-rule-on-{_id('rule', number)}"


def _windows(number: str) -> tuple[WindowSeen, ...]:
    return tuple(
        WindowSeen(
            start=NOW + timedelta(hours=n),
            window=WINDOW_LENGTHS[rule % 4],
            rule=_rule(rule),
            verdict="suspected",
            share=round(0.1 + rule / 100 + n / 10_000, 4),
            rows=28_119 + n * rule,
        )
        for rule in range(WINDOW_RULES_MAX)
        for n in range(WINDOWS_KEPT_MAX)
    )


def _target_incident(number: int, **fields: Any) -> Incident:
    return Incident(
        id=_id("incident", number),
        kind="infrastructure",
        opened_at=NOW,
        detail=_prose(("incident", number), TARGET_DETAIL_MAX),
        version="18",
        repeats=12_345,
        alert=f"an alert rule with a long name {_id('rule', number)}",
        target=_resource(number),
        severity="Sev1",
        heard_at=NOW,
        **fields,
    )


def _incidents() -> tuple[Incident, ...]:
    closed = [
        _target_incident(100 + n, state="closed", closed_as="resolved", closed_at=NOW)
        for n in range(INCIDENTS_KEPT_MAX + 1)
    ]
    work = [
        Incident(id=_id(kind), kind=kind, state="open", opened_at=NOW, version="18", detail=_prose(kind, DETAIL_MAX))
        for kind in KINDS_OF_WORK
    ]
    told = [
        Incident(
            id=_id("told", n),
            kind="data_quality",
            state="open",
            opened_at=NOW,
            version="18",
            detail=_prose(("told", n), TOLD_DETAIL_MAX),
            repeats=12_345,
            rules=(f"{_rule(n)} 1mo",),
        )
        for n in range(WINDOW_RULES_MAX)
    ]
    return (*closed, *work, *told, *(_target_incident(n, state="open") for n in range(OPEN_MAX)))


def _image(number: int) -> Image:
    findings = tuple(
        Finding(id=_id("finding", number, n), severity="Critical", healthy=False, at=NOW + timedelta(seconds=n))
        for n in range(FINDINGS_KEPT_MAX)
    )
    digest = f"sha256:{sha256(str(number).encode()).hexdigest()}"
    repository = f"azureml/azureml_{_id('repository', number)}"
    return Image(registry="contoso", repository=repository, digest=digest, pushed_at=NOW, findings=findings)


def _judged(number: int) -> Judged:
    group = PRODUCTION.partition("/providers/")[0]
    assignment = f"{group}/providers/microsoft.authorization/policyassignments/{_id('assignment', number)}"
    return Judged(resource=_resource(number), assignment=assignment, compliant=False, at=NOW)


def _silence(number: int) -> Silence:
    text = _prose(("silence", number), SILENCE_TEXT_MAX)
    return Silence(id=_id("silence", number), what=text, by=text[::-1], comment=text.upper(), until=NOW)


def full_facts() -> Facts:
    """Facts of which nothing can become more."""
    versions, incidents = _versions(), _incidents()
    about = [f"incident {one.id}" for one in incidents if one.kind in RETRAINED_FOR and not one.told_only]
    about += [f"version {one.version}" for one in versions.values() if one.state == "registered"]
    files = tuple(
        File(id=_id("file", n), sequencer=_id("sequencer", n) * 2, at=NOW, size_bytes=1_234_567)
        for n in range(FILES_KEPT_MAX)
    )
    return Facts(
        versions=versions,
        champion="18",
        standby="19",
        standby_until=NOW,
        rollout=Rollout(version="17", champion="18", percent=10, step_started_at=NOW),
        incidents=incidents,
        windows={number: _windows(number) for number in list(versions)[-WATCHED_MAX:]},
        retrained_at=tuple(NOW + timedelta(seconds=n) for n in range(RETRAINS_KEPT_MAX)),
        retrained_in_staging_at=tuple(NOW + timedelta(minutes=n) for n in range(RETRAINS_KEPT_MAX)),
        arrivals=Arrivals(count=FILES_KEPT_MAX, size_bytes=10**12, newest=NOW, files=files),
        held={_id("hold", one): HeldSignal(dedup_key=_id("key", one), about=one) for one in about},
        proposals={
            one: Proposal(what="retraining", about=one, title="retrain because of data drift", asked=_asked(one))
            for one in about
        },
        silences=tuple(_silence(n) for n in range(SILENCES_MAX)),
        freezes={_id("budget", n): BudgetFreeze(budget=_id(n), ratio=1.0412, since=NOW, until=NOW) for n in range(5)},
        judged=tuple(_judged(n) for n in range(JUDGED_KEPT_MAX)),
        images=tuple(_image(n) for n in range(IMAGES_KEPT_MAX)),
    )
