"""The commands by which a person asks for quiet: add, list and expire silences.

Owns their arguments and answers. The wish goes the way of every signal; what a silence holds back is the rules' to say.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.operate import By, Why, WorkloadName, answer, known_workload, said, told
from shared.cli.output import print_json, print_line, print_table
from shared.cli.policies import AsJson
from shared.cli.problems import plainly
from shared.cli.session import policy_of, with_application
from shared.domain.durations import parse_duration
from shared.domain.ids import derive
from shared.domain.routing import subject_of
from shared.domain.silences import Silence, SilenceAdded, SilenceExpired

if TYPE_CHECKING:
    from shared.domain.decisions import Decision
    from shared.runtime import Application


def add(  # the options of a command
    workload: WorkloadName,
    what: Annotated[
        str, typer.Argument(help="A rule or a kind of incident, such as data_drift; a glob.", callback=said)
    ],
    lasting: Annotated[str, typer.Option("--for", help="For how long, such as 2h or 3d.")],
    by: By,
    comment: Annotated[str, typer.Option(help="Why; whatever it holds names this.", callback=said)],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Ask for quiet: its retrainings wait until then, and its messages are kept in the ledger instead of being sent.

    Rollbacks, what is said with them, and what needs a person at once are never silenced. Exit 3 when it is refused.

    \b
    Examples:
      outerloop silence add flight-delay data_drift --for 2d --by ada --comment "holiday traffic"
    """  # noqa: D301
    try:
        duration = parse_duration(lasting)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None

    async def work(app: "Application") -> "Decision":
        await known_workload(app, workload)
        now = app.clock.now()
        signal = SilenceAdded(
            source="outerloop/cli",
            dedup_key=derive("silence", workload, what, by, now.isoformat()),
            occurred_at=now,
            subject=subject_of(workload),
            workload=workload,
            what=what,
            by=by,
            comment=comment,
            until=now + duration,
        )
        return await told(app, signal)

    with plainly():
        decision = with_application(work)
    answer([decision], as_json=as_json)


def expire(
    workload: WorkloadName,
    silence_id: Annotated[str, typer.Argument(help="The id that the list shows.")],
    by: By,
    why: Why,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """End a silence before its time: what it held is evaluated at once.

    \b
    Examples:
      outerloop silence expire flight-delay 3b1f0c2d9a8e7f6a5b4c3d2e --by ada --why "the traffic is normal again"
    """  # noqa: D301

    async def work(app: "Application") -> "Decision":
        await known_workload(app, workload)
        now = app.clock.now()
        signal = SilenceExpired(
            source="outerloop/cli",
            dedup_key=derive("expire", workload, silence_id, by, now.isoformat()),
            occurred_at=now,
            subject=subject_of(workload),
            workload=workload,
            silence_id=silence_id,
            by=by,
            why=why,
        )
        return await told(app, signal)

    with plainly():
        decision = with_application(work)
    answer([decision], as_json=as_json)


def listed(as_json: AsJson = False) -> None:  # noqa: FBT002
    """Which silences are in force, the one that ends first at the front.

    \b
    Examples:
      outerloop silence list
    """  # noqa: D301
    with plainly():
        found = with_application(_in_force)
    if as_json:
        print_json([{"workload": name, "silence": silence} for name, silence in found])
    elif found:
        rows = [(name, s.id, s.what, s.by, s.comment, f"{s.until:%Y-%m-%d %H:%M} UTC") for name, s in found]
        print_table(("workload", "id", "what", "by", "comment", "until"), rows)
    else:
        print_line("Nothing is silenced.")


async def _in_force(app: "Application") -> list[tuple[str, Silence]]:
    now = app.clock.now()
    names = [known.name for known in (await policy_of(app)).workloads]
    every = [(name, s) for name in names for s in (await app.store.facts(subject_of(name))).value.silences]
    return sorted((pair for pair in every if now < pair[1].until), key=lambda pair: pair[1].until)
