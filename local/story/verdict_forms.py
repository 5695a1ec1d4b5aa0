"""Whether the forms' story happened: two versions on one night's forms, a new default, and the one before by one write.

Owns these checks. Each reads the journal of the batch endpoint, the jobs' own metrics and the ledger, and names what it saw.
"""

from collections.abc import Callable

from local.story.evidence import Check, Evidence
from local.story.forms import FIELDS, FORMS, WORKLOAD
from shared.domain.commands import RollBackTraffic, ScoreBatch

EXPECTED_DEFAULTS = ["version-1", "version-2", "version-1"]


def _defaults(evidence: Evidence) -> Check:
    seen = [e["detail"]["default"] for e in evidence.effects("default_set") if e["target"].endswith(f"/{WORKLOAD}")]
    name = "the default of the batch endpoint was set to version 1, to version 2, and back; nothing else was written"
    return Check(name, seen == EXPECTED_DEFAULTS, str(seen))


def _same_input(evidence: Evidence) -> Check:
    runs = [c for d in evidence.about(WORKLOAD) for c in d.commands if isinstance(c, ScoreBatch)]
    order = [run.deployment for run in runs]
    data = {run.data for run in runs[1:]} - {"azureml:scanned-forms@latest"}
    started = [e for e in evidence.effects("job_started") if e["target"].rpartition("/")[2] in {run.id for run in runs}]
    passed = order == ["version-1", "version-1", "version-2"] and data == {"azureml:scanned-forms:1"}
    seen = f"{len(started)} runs of {order} on {sorted(data)}"
    return Check("champion and candidate scored the same night's forms, each once", passed and len(started) == 3, seen)


def _compared(evidence: Evidence) -> Check:
    metrics = [job["metrics"] for job in evidence.jobs if "differing_vs_champion" in job["metrics"]]
    wanted = float(FORMS * FIELDS)
    rows = [(found["rows"], found["rows_champion"], found["failed_share"]) for found in metrics]
    differing = metrics[0]["differing_vs_champion"] if metrics else 0.0
    passed = rows == [(wanted, wanted, 0.0)] and 0 < differing <= 0.2
    seen = f"rows {rows}, {differing:.1%} of the predictions differ"
    return Check("a job compared what both had written, row by row", passed, seen)


def _taken_back(evidence: Evidence) -> Check:
    states = {number: known.state for number, known in evidence.forms.versions.items()}
    writes = [c for d in evidence.about(WORKLOAD) for c in d.commands if isinstance(c, RollBackTraffic)]
    passed = states == {"1": "serving", "2": "rolled_back"} and len(writes) == 1
    return Check("a person had the default before back, by one write", passed, f"{states}, {len(writes)} writes")


CHECKS: tuple[Callable[[Evidence], Check], ...] = (_defaults, _same_input, _compared, _taken_back)
