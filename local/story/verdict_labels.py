"""Whether labels that came late were put to use: the right months measured, rightly, and each version by its own answers.

Owns these checks. What the loop measured is compared with scikit-learn's word on the endpoint's own answers, as its callers kept
them, and on the data; nothing of the loop's arithmetic is used.
"""

from collections.abc import Callable

from sklearn.metrics import roc_auc_score

from local.story.evidence import Check, Evidence
from shared.domain.telemetry_signals import PerformanceMeasured

# A month is measured when what its version says has passed the month after: version 1 has no July, version 2 no October.
MEASURED = [("version-1", 3), ("version-1", 4), ("version-2", 6), ("version-2", 7)]
ROUNDING = 1e-9


def _measured(evidence: Evidence) -> list[PerformanceMeasured]:
    """What was measured; of months without labels, in which probes alone were answered, there is nothing to say."""
    return sorted((each for each in evidence.measured if each.pairs), key=lambda each: (each.deployment, each.start))


def _answers(evidence: Evidence, deployment: str, month: int) -> tuple[list[int], list[float]]:
    """What became of the flights of a month that a deployment answered about, and its predictions."""
    some = [each for each in evidence.answered if (each.deployment, each.month) == (deployment, month)]
    labels = [evidence.late[flight] for each in some for flight in each.row_ids]
    return labels, [prediction for each in some for prediction in each.predictions]


def _expected(evidence: Evidence, deployment: str, month: int) -> tuple[float, int]:
    """The AUC of all answers of a deployment about a month, by scikit-learn, and of how many flights."""
    labels, predictions = _answers(evidence, deployment, month)
    return (float(roc_auc_score(labels, predictions)) if len(set(labels)) == 2 else 0.0), len(labels)


def _auc(evidence: Evidence) -> Check:
    found = _measured(evidence)
    passed = [(each.deployment, each.start.month) for each in found] == MEASURED
    seen = []
    for each in found:
        auc, (expected, rows) = each.metrics["auc"], _expected(evidence, each.deployment, each.start.month)
        # Of a whole month nothing may differ; a sample of it lies this near but for one time in some hundred thousand.
        allowed = ROUNDING if each.pairs == rows else each.upper["auc"] - each.lower["auc"]
        passed = passed and abs(auc - expected) <= allowed
        seen.append(f"{each.deployment} {each.start:%Y-%m} {auc:.4f} of {each.pairs} ({expected:.4f} of {rows})")
    name = "the months whose labels had their time were measured, and their AUC is scikit-learn's on the endpoint's answers"
    return Check(name, passed, "; ".join(seen) or "nothing was measured")


def _own_labels(evidence: Evidence) -> Check:
    found = _measured(evidence)
    seen = [f"{each.deployment} {each.start:%Y-%m}: {each.labels} labels, {each.unlabelled} missing" for each in found]
    june = next((each for each in found if (each.deployment, each.start.month) == ("version-2", 6)), None)
    own, other = (_expected(evidence, version, 6)[0] for version in ("version-2", "version-1"))
    nearer = june is not None and abs(june.metrics["auc"] - own) < abs(june.metrics["auc"] - other)
    seen.append(f"in June version 1's own answers have an AUC of {other:.4f}")
    name = "each version was judged by the labels of its own answers: version 2 not by those of version 1"
    return Check(name, nearer and all(_is_own(evidence, each) for each in found), "; ".join(seen))


def _is_own(evidence: Evidence, signal: PerformanceMeasured) -> bool:
    """Whether a month's labels are those of its answers: each of them, and at most those of the next month with them."""
    deployment, month = signal.deployment, signal.start.month
    rows, next_rows = (len(_answers(evidence, deployment, each)[0]) for each in (month, month + 1))
    # A caller may have given up on an answer that was recorded: that one has no label.
    unanswered = signal.predictions - rows
    return signal.unlabelled <= unanswered and rows <= signal.labels <= rows + next_rows


CHECKS: tuple[Callable[[Evidence], Check], ...] = (_auc, _own_labels)
