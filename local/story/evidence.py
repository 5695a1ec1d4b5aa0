"""What the verdict looks at: the target's own journal, what people were sent, what callers were answered, and the ledger. Never what
the driver printed.

Owns the collecting and the shape of a check. Judges nothing (``verdict`` and its parts).
"""

import re
from dataclasses import dataclass
from typing import Any

from local.story.forms import WORKLOAD as FORMS_WORKLOAD
from local.story.images import WORKLOAD as DIGITS_WORKLOAD
from local.story.request_log import Answered
from local.story.scene import Story
from local.story.world import PRODUCTION, World
from shared.domain.decisions import Decision
from shared.domain.facts import Facts, Incident
from shared.domain.routing import subject_of
from shared.domain.telemetry_signals import PerformanceMeasured

_DATASTORE_PATH = re.compile(r"azureml://.*/workspaces/([^/]+)/datastores/workspaceblobstore/paths/([^\s\"]+)")


@dataclass(frozen=True)
class Evidence:
    """Everything that the checks look at."""

    journal: list[dict[str, Any]]
    cards: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    dropped: list[dict[str, Any]]
    jobs: list[dict[str, Any]]
    decisions: list[Decision]
    facts: Facts
    digits: Facts
    forms: Facts
    captured: int  # files that lie where the annotation task says
    rejected: int
    measured: list[PerformanceMeasured]
    answered: list[Answered]
    late: dict[str, int]  # what became of each flight of the months in question, by its id

    def effects(self, name: str) -> list[dict[str, Any]]:
        """The journal's entries of one kind of effect."""
        return [entry for entry in self.journal if entry["effect"] == name]

    def heard(self, kind: str) -> list[Decision]:
        """The decisions that one kind of signal brought about."""
        return [decision for decision in self.decisions if decision.cause_kind == kind]

    def about(self, workload: str) -> list[Decision]:
        """The decisions about one workload, oldest first."""
        return [decision for decision in self.decisions if decision.subject == subject_of(workload)]

    @property
    def drift_incident(self) -> Incident | None:
        """The first data drift incident."""
        return next((known for known in self.facts.incidents if known.kind == "data_drift"), None)


@dataclass(frozen=True)
class Check:
    """One thing that must be true, and what was seen."""

    name: str
    passed: bool
    seen: str


async def gather(story: Story) -> Evidence:
    """Collect the evidence of a story that has come to rest."""
    control, state = story.control, story.state
    cards, decisions = await control.look("cards"), await state.decisions()
    return Evidence(
        journal=await control.look("journal"),
        cards=cards,
        mails=await control.look("mails"),
        dropped=await control.look("dropped"),
        jobs=await control.look("jobs"),
        decisions=decisions,
        facts=await state.facts(),
        digits=await state.facts(DIGITS_WORKLOAD),
        forms=await state.facts(FORMS_WORKLOAD),
        captured=_captured(story.world, cards),
        rejected=await state.rejected(),
        measured=await state.measured(decisions),
        answered=story.log.answered,
        late=story.flights.late,
    )


def _captured(world: World, cards: list[dict[str, Any]]) -> int:
    """How many images lie in the local Azure's blob store, at the address that the newest annotation task names."""
    addresses = [card["facts"].get("sampled inputs", "") for card in cards]
    found = [match for match in map(_DATASTORE_PATH.search, addresses) if match]
    if not found:
        return 0
    folder = world.state / "azure" / "storage" / "workspaces" / found[-1][1].lower() / found[-1][2]
    return len(list(folder.glob("*.png")))


def production_traffic(evidence: Evidence) -> list[dict[str, int]]:
    """Every traffic map that was written to the flights' endpoint, shares of nothing left out."""
    writes = [entry for entry in evidence.effects("traffic_set") if PRODUCTION.lower() in entry["target"].lower()]
    return [{name: share for name, share in write["detail"]["traffic"].items() if share} for write in writes]
