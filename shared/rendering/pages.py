"""The pages that people open: a question and what became of its answer, a message, the dashboard.

Owns their words; the layout is in ``shared/web``. Everything that came from outside is escaped by the templates. jinja2 is
imported when the first page is rendered. Knows nothing of HTTP or of who is signed in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.domain.commands import kind_of
from shared.domain.decisions import Decision, Reason
from shared.domain.outcomes import Failed, Skipped, Succeeded, Unknown
from shared.domain.records import CommandRow
from shared.rendering.shown import Dashboard, ShownQuestion, WorkloadPage

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).resolve().parent.parent / "web"

TONES: Mapping[str, str] = {
    **dict.fromkeys(("act", "serving", "helped", "recovered", "resolved", "Succeeded", "passed", "pass"), "good"),
    **dict.fromkeys(
        (
            "hold",
            "awaiting_approval",
            "standby",
            "paused",
            "observe",
            "propose",
            "verifying",
            "waiting",
            "frozen",
            "suspected",
        ),
        "wait",
    ),
    **dict.fromkeys(
        ("escalate", "rejected", "rolled_back", "Failed", "Unknown", "open", "worse", "failed", "detected", "error"),
        "bad",
    ),
    **dict.fromkeys(("staging", "testing", "deploying", "probing", "rolling_out", "remedying", "Started"), "busy"),
}
"""The colour of a state's badge; states that are not named are grey."""


UNCOUNTED = "Your answer does not count. Nothing was changed."


def approval_page(page: ShownQuestion, form: str) -> str:
    """The evidence of a question, and the buttons that this person may press. ``form`` goes back with the answer."""
    return _render("approval.html", page=page, form=form)


def answered_page(decision: Decision | None) -> str:
    """What became of an answer; None: it is stored, and its decision is still to come."""
    return _render("answered.html", headline=_headline(decision), decision=decision)


def message_page(text: str) -> str:
    """One sentence."""
    return _render("message.html", text=text)


def dashboard_page(view: Dashboard) -> str:
    """Every workload, what waits, and the newest of the ledger. Loads itself again every 15 seconds."""
    return _render("dashboard.html", view=view, ledger=view.ledger)


def workload_page(page: WorkloadPage) -> str:
    """One workload: its picture, who serves, what waits, what its windows said, and the newest of its ledger."""
    return _render("workload.html", page=page, at=page.at, shown=page.workload, ledger=page.ledger)


def command_state(row: CommandRow) -> str:
    """How far a command has come, in a word: its outcome once there is one, or else its state in the outbox."""
    if row.state in ("pending", "claimed") and not row.outcome:
        return row.state
    return type(row.outcome).__name__ if row.outcome else row.state


def command_detail(row: CommandRow) -> str:
    """What a command's outcome says: the reason of a failure, or the data of a success. Empty while there is none."""
    match row.outcome:
        case Failed(reason=reason) | Unknown(reason=reason) | Skipped(reason=reason):
            return reason
        case Succeeded(data=data):
            return ", ".join(f"{name} {_number(value)}" for name, value in data.items())
        case _:
            return ""


def reason_text(reason: Reason) -> str:
    """A reason in one line: the sentence, what was seen, the limit, until when, and what would release it."""
    parts = [reason.text]
    if reason.observed is not None or reason.limit is not None:
        seen = "" if reason.observed is None else f"observed {_number(reason.observed)}"
        limit = "" if reason.limit is None else f"limit {_number(reason.limit)}"
        parts.append(f"({', '.join(part for part in (seen, limit) if part)})")
    if reason.until:
        parts.append(f"until {moment_text(reason.until)}")
    if reason.release:
        parts.append(f"release: {reason.release}")
    return "; ".join(parts).replace("; (", " (")


def guards_of(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Those of a held decision's reasons that hold it: they know an end or what would release them. Else all of them."""
    return tuple(reason for reason in reasons if reason.until or reason.release) or tuple(reasons)


def moment_text(moment: datetime | None) -> str:
    """A moment to the second, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _headline(decision: Decision | None) -> str:
    if decision is None:
        return "Your answer is stored and will be decided on shortly."
    codes = {reason.code for reason in decision.reasons}
    if decision.verdict != "suppress" and "evidence_changed" in codes:
        return "What you were shown is no longer what would be done. The question is asked anew."
    if decision.rule == "proposal":
        return _headline_of_proposal(codes)
    if "refused" in codes:
        return "Rejected: the version will not go to production."
    if "quorum" in codes:
        return "Your yes counts. More people have to say yes before anything happens."
    if "approved" in codes:
        return "Approved: the deployment to production is ordered."
    return UNCOUNTED


def _headline_of_proposal(codes: set[str]) -> str:
    if "refused" in codes:
        return "Rejected: nothing is begun."
    if "approved" in codes:
        return "Approved: it begins in a moment, unless something else holds it."
    return UNCOUNTED


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  # not needed before a page is

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        when=moment_text,
        why=reason_text,
        guards=guards_of,
        tone=lambda state: TONES.get(state, "plain"),
        words=lambda state: str(state).replace("_", " "),
        kind=kind_of,
        state=command_state,
        detail=command_detail,
    )
    return environment


def _render(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(**values)
