"""What is known about one workload: the versions, who serves, the rollout under way, incidents, and recent history.

Owns the state that decisions read and replace. It changes only through signals, one row per subject; all that grows in it has
a limit. Knows nothing of how it is stored.
"""

from datetime import datetime
from typing import Literal

from shared.domain.arrivals import Arrivals
from shared.domain.budget_facts import BudgetFreeze, BudgetPeriod
from shared.domain.comparison_facts import Comparison
from shared.domain.image_facts import Image
from shared.domain.lifecycle import VersionEvent, VersionState, move
from shared.domain.references import in_registry, in_workspace
from shared.domain.relief_facts import Relief
from shared.domain.silences import Silence
from shared.domain.telemetry_signals import WindowVerdict
from shared.domain.upstream_facts import UpstreamSeen
from shared.domain.values import Part, Value, replace

VERSIONS_KEPT_MAX = 20
WINDOWS_KEPT_MAX = 12
INCIDENTS_KEPT_MAX = 10


class CheckResult(Part, frozen=True, kw_only=True):
    """What one staging check found. ``passed`` is None while it runs."""

    name: str
    command_id: str
    passed: bool | None = None
    detail: str = ""
    metrics: dict[str, float] = {}


class Answer(Part, frozen=True, kw_only=True):
    """One person's yes."""

    by: str
    at: datetime


class ApprovalAsked(Part, frozen=True, kw_only=True):
    """A question that waits for a person: bound to the digest of the evidence that the answer is about."""

    id: str
    evidence_digest: str
    asked_at: datetime
    expires_at: datetime
    evidence: dict[str, str] = {}
    quorum: int = 1
    answers: tuple[Answer, ...] = ()


class Proposal(Part, frozen=True, kw_only=True):
    """Something that the loop would begin and asked a person about first (``mode: propose``). ``about`` is what waits for it."""

    what: Literal["retraining", "promotion", "relief"]
    about: str
    title: str
    asked: ApprovalAsked
    author: str = ""  # who may not say yes

    @property
    def approved(self) -> bool:
        """Whether enough people have said yes."""
        return len(self.asked.answers) >= self.asked.quorum


class Version(Part, frozen=True, kw_only=True):
    """One registered version of the workload's model."""

    version: str
    model: str
    state: VersionState
    since: datetime
    registered_at: datetime
    author: str = ""
    checks: tuple[CheckResult, ...] = ()
    approval: ApprovalAsked | None = None
    awaiting: tuple[str, ...] = ()  # commands that must finish before the next step
    deployment: str = ""  # in production
    environment: str = ""  # in the registry, once it was shared: the same in staging and in production
    comparison: Comparison | None = None  # of a batch workload, with the champion on the same input
    retrained_as: str = ""  # the model that it was registered as in staging, under the same number: that is what serves
    retraining: str = ""  # what came of training it anew in staging, in words

    @property
    def served_model(self) -> str:
        """The model whose version of this number is in the registry, and serves."""
        return self.retrained_as or self.model

    def readable(self, registry: str) -> str:
        """How a job in development names what serves: what was retrained in staging is in the registry only."""
        if self.retrained_as:
            return in_registry(registry, self.retrained_as, self.version)
        return in_workspace(self.model, self.version)

    def after(self, event: VersionEvent, now: datetime) -> "Version":
        """This version after an event. Raises IllegalMoveError."""
        return replace(self, state=move(self.state, event), since=now)


class Rollout(Part, frozen=True, kw_only=True):
    """A new version taking over traffic, step by step. ``champion`` is empty for a first version."""

    version: str
    champion: str = ""
    step: int = 0  # how many steps lie behind
    percent: int = 0  # of the traffic, that this step gives to the version
    mirror: int = 0  # the percent of requests that it gets a copy of, in the shadow step before the first
    step_started_at: datetime | None = None  # None until the traffic of this step is in force
    baked_at: datetime | None = (
        None  # when the bake under way is over; None of earlier releases, which looked only then
    )
    looks: int = 0
    bakes: int = 0  # of this step, that ended without a pass
    failures: int = 0
    inconclusive: int = 0
    no_data: int = 0
    errors: int = 0  # bakes at whose end the measurements could not be read
    pending: str = ""  # the traffic command that this step waits for
    frozen: str = ""  # why it stands still until a person answers
    waits: bool = False  # a look found no reason to roll back, and a pause holds the next step
    before: "Rollout | None" = None  # as it was when it ordered what is pending: in force until that is done

    @property
    def look(self) -> str:
        """What the next look at this step is called."""
        return f"{self.version}/{self.step}/{self.looks}"


IncidentKind = Literal[
    "data_drift",
    "rollout_failed",
    "manual_retrain",
    "scheduled_retrain",
    "data_arrival",
    "annotation",
    "investigation",
    "infrastructure",
    "security",
    "prediction_drift",
    "data_quality",
    "model_performance",
    "fairness",
    "telemetry_absent",
    "upstream",
    "by_hand",
    "endpoint_idle",
    "endpoint_throttled",
    "compute_idle",
]
WORK_ITEMS: frozenset[IncidentKind] = frozenset({"annotation", "investigation"})
IncidentState = Literal["open", "remedying", "verifying", "closed"]


class Ordered(Part, frozen=True, kw_only=True):
    """What the order of a retraining used up, to be given back should it be refused. Of the files only their number is kept."""

    at: datetime
    arrivals: Arrivals = Arrivals()
    labelled_rows: int | None = None


class Incident(Part, frozen=True, kw_only=True):
    """A problem on one target: open until its remedy's effect is verified. Repeats are counted, not acted on."""

    id: str
    kind: IncidentKind
    state: IncidentState
    opened_at: datetime
    detail: str = ""
    version: str = ""  # the champion that it is about
    repeats: int = 0
    remedy: str = ""  # the command that should mend it
    ordered: "Ordered | None" = None  # what that order used up
    remedy_version: str = ""
    verification: str = ""  # the command that measures the effect
    closed_as: Literal[
        "",
        "helped",
        "no_effect",
        "worse",
        "rolled_back",
        "failed",
        "promoted",
        "done",
        "resolved",
        "expired",
        "crowded_out",
        "refused",
        "overtaken",
        "recovered",
    ] = ""
    closed_at: datetime | None = None
    alert: str = ""  # the alert rule, or the type of a security alert, in lower case
    target: str = ""  # the resource that it is about
    severity: str = ""
    heard_at: datetime | None = None  # when the newest signal about it occurred
    monitor: str = ""  # the monitor signal of Azure ML that opened it
    recovered_at: datetime | None = None  # when a run of a monitor in its workspace last ended without a breach
    relieved_at: datetime | None = None  # when its remedy was in force: from then on its effect is waited for
    resolves: bool = True  # somebody tells of its end; else it is over when it is heard of no more
    rules: tuple[str, ...] = ()  # whose windows keep it open; it ends when each of them has recovered

    @property
    def told_only(self) -> bool:
        """Whether people were told of it and nothing else: no work item, and no remedy."""
        return bool(self.rules) and self.kind not in WORK_ITEMS


class WindowSeen(Part, frozen=True, kw_only=True):
    """What one closed window of a version said to one rule.

    ``share`` is what the rule compared: a share of features, or the measure itself. ``rows`` were looked at.
    """

    start: datetime
    window: str = ""  # its length, as the rule that judged it names it
    rule: str = "data_drift"  # its label; rows of earlier releases knew one rule a length, and it was of this kind
    verdict: WindowVerdict
    share: float
    rows: int


class Judged(Part, frozen=True, kw_only=True):
    """What Azure Policy said last about one resource under one assignment. ``resource`` and ``assignment`` are ARM ids."""

    resource: str
    assignment: str
    compliant: bool
    at: datetime


class HeldSignal(Part, frozen=True, kw_only=True):
    """A signal that waits to be evaluated again, and what it is about."""

    dedup_key: str
    about: str
    quota_told: bool = False  # those who can ask for more know that it waits for quota


class Facts(Value, frozen=True, kw_only=True, tag="WorkloadFacts"):
    """Everything that a decision about one workload may depend on."""

    paused: bool = False
    versions: dict[str, Version] = {}
    champion: str = ""
    standby: str = ""
    standby_until: datetime | None = None
    rollout: Rollout | None = None
    incidents: tuple[Incident, ...] = ()
    windows: dict[str, tuple[WindowSeen, ...]] = {}  # by version
    retrained_at: tuple[datetime, ...] = ()
    retrained_in_staging_at: tuple[datetime, ...] = ()  # these count towards limits, and begin no cooldown
    fruitless: int = 0  # remedies in a row that did not help
    relief: Relief = Relief()  # what was done for deployments in trouble
    arrivals: Arrivals = Arrivals()  # since the last retraining was ordered
    labelled_rows: int | None = None  # at the last retraining; None while none was counted
    held: dict[str, HeldSignal] = {}  # by hold id
    proposals: dict[str, Proposal] = {}  # by what they are about, as long as that is held
    silences: tuple[Silence, ...] = ()
    freezes: dict[str, BudgetFreeze] = {}  # by budget: of a workload
    budgets: dict[str, BudgetPeriod] = {}  # by budget: of the subject of a budgets: rule
    judged: tuple[Judged, ...] = ()  # by Azure Policy, the oldest first
    images: tuple[Image, ...] = ()  # by name
    upstream: UpstreamSeen | None = None  # of the subject of an upstream: rule

    def with_version(self, version: Version) -> "Facts":
        """These facts with one version added or replaced; the oldest that have ended are dropped beyond the limit."""
        versions = {**self.versions, version.version: version}
        while len(versions) > VERSIONS_KEPT_MAX:
            ended = [v.version for v in versions.values() if v.state in ("retired", "rejected", "rolled_back")]
            if not ended:
                break
            del versions[ended[0]]
        return replace(self, versions=versions)

    def with_incident(self, incident: Incident) -> "Facts":
        """These facts with one incident added or replaced."""
        others = [known for known in self.incidents if known.id != incident.id]
        kept = [known for known in others if known.state != "closed"]
        closed = [known for known in others if known.state == "closed"][-INCIDENTS_KEPT_MAX:]
        return replace(self, incidents=(*closed, *kept, incident))

    def with_held(self, hold_id: str, held: HeldSignal) -> "Facts":
        """These facts with one more signal that waits."""
        return replace(self, held={**self.held, hold_id: held})

    def open_incident(self, kind: IncidentKind) -> Incident | None:
        """The incident of a kind that is not closed yet, if any, apart from those that people were only told of."""
        living = (known for known in self.incidents if known.state != "closed" and not known.told_only)
        return next((known for known in living if known.kind == kind), None)

    def told_of(self, rule: str) -> Incident | None:
        """The incident that people were only told of, and that a rule keeps open, if any."""
        living = (known for known in self.incidents if known.state != "closed" and known.told_only)
        return next((known for known in living if rule in known.rules), None)
