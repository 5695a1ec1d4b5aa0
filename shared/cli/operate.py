"""The command by which a person steers the loop: retrain, roll back, pause, resume.

Owns its arguments and its answer. The wish goes the way of every signal; whether it is granted is the rules' to say.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shared.cli.output import print_json, print_line
from shared.cli.policies import AsJson
from shared.cli.problems import EXIT_REFUSED, CommandError, plainly
from shared.cli.session import policy_of, with_application
from shared.domain.commands import kind_of
from shared.domain.ids import decision_id, derive
from shared.domain.routing import subject_of
from shared.domain.signals import OperatorAsked
from shared.rendering.pages import reason_text

if TYPE_CHECKING:
    from shared.domain.decisions import Decision
    from shared.runtime import Application

Action = Literal["retrain", "rollback", "pause", "resume"]


def _said(text: str) -> str:
    """The text as given. One that says nothing is wrong usage: the ledger is read long afterwards."""
    if not text.strip():
        raise typer.BadParameter("is empty: the ledger keeps who asked, and why")
    return text


def ask(
    action: Annotated[Action, typer.Argument(help="What to ask for.")],
    workload: Annotated[str, typer.Argument(help="The name of the workload in the policy.")],
    by: Annotated[str, typer.Option(help="Who asks.", callback=_said)],
    why: Annotated[str, typer.Option(help="Why; it is kept in the ledger.", callback=_said)],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Ask the loop for something, and say what it decided. Exit 0 when it acts or waits, 3 when it refuses.

    The same guards hold a retraining that you ask for; nothing can hold a rollback.
    It is decided at once; what is ordered is done by the app, when it runs.

    \b
    Examples:
      outerloop ask rollback flight-delay --by ada --why "wrong delays at JFK"
      outerloop ask pause flight-delay --by ada --why "migration until Friday"
    """  # noqa: D301
    with plainly():
        decision = with_application(lambda app: _tell(app, action, workload, by, why))
    if as_json:
        print_json(decision)
    else:
        _print(decision)
    if decision.verdict in ("suppress", "no_match"):
        raise typer.Exit(EXIT_REFUSED)


async def _tell(app: "Application", action: Action, workload: str, by: str, why: str) -> "Decision":
    names = [known.name for known in (await policy_of(app)).workloads]
    if workload not in names:
        raise CommandError(f"the policy has no workload {workload!r}; it has {', '.join(names)}")
    now = app.clock.now()
    signal = OperatorAsked(
        source="outerloop/cli",
        dedup_key=derive("asked", workload, action, by, now.isoformat()),
        occurred_at=now,
        subject=subject_of(workload),
        workload=workload,
        action=action,
        by=by,
        why=why,
    )
    await app.ingest.tell(signal)
    decision = await app.store.decision(decision_id(signal.dedup_key, signal.subject))
    if decision is None:
        raise CommandError(f"the wish is stored and not decided yet; later: outerloop explain {signal.dedup_key}")
    return decision


def _print(decision: "Decision") -> None:
    print_line(f"{decision.verdict} (decision {decision.id})")
    for reason in decision.reasons:
        print_line(f"because {reason_text(reason)} [{reason.code}]", 1)
    for command in decision.commands:
        print_line(f"ordered {kind_of(command)} {command.id}: {command.reason}", 1)
    for command in decision.planned:
        print_line(f"would order {kind_of(command)} {command.id}: {command.reason}", 1)
