"""The commands about orders: what is ordered and not done, what failed, and how to send one again.

Owns their arguments and answers. Which command is overdue, and which may be sent again, is ``services.orders``' to say.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.output import print_json, print_line, print_table
from shared.cli.policies import AsJson
from shared.cli.problems import CommandError, plainly
from shared.cli.session import with_application
from shared.domain.commands import kind_of
from shared.domain.durations import format_duration
from shared.domain.routing import workload_of
from shared.rendering.pages import command_detail, moment_text

if TYPE_CHECKING:
    from datetime import timedelta

    from shared.rendering.shown import ShownCommand
    from shared.runtime import Application


def listed(
    context: typer.Context,
    workload: Annotated[str, typer.Option(help="Only those of this workload.")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Those that ended as failed instead.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show what is ordered and not done, oldest first: how far it is, what happened last, when it is tried next.

    An overdue command should have been tried by now and was not: is the app running? A failed one has ended, and the
    rules have acted on it.

    \b
    Examples:
      outerloop outbox
      outerloop outbox --failed --workload flight-delay
      outerloop outbox redrive 3f0c9a7be21d4c58a6e0b917
    """  # noqa: D301
    if context.invoked_subcommand:
        return

    async def look(app: "Application") -> "list[ShownCommand]":
        return await (app.orders.failed(workload) if failed else app.orders.unfinished(workload))

    with plainly():
        found = with_application(look)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("No command failed lately." if failed else "Nothing waits: every command has its outcome.")
        return
    print_table(("command", "workload", "state", "age", "tries", "last outcome", "next try"), map(_cells, found))
    overdue = sum(shown.overdue for shown in found)
    if overdue:
        print_line(f"{overdue} overdue: is the app running? outerloop outbox redrive ID queues one again.")


def _cells(shown: "ShownCommand") -> tuple[object, ...]:
    row = shown.row
    state = f"{row.state}, OVERDUE" if shown.overdue else row.state
    outcome = f"{type(row.outcome).__name__}: {command_detail(row)}".removesuffix(": ") if row.outcome else ""
    named = f"{kind_of(row.command)} {row.command.id}"
    age, next_try = _rounded(shown.age), moment_text(shown.next_try)
    return named, workload_of(row.subject) or row.subject, state, age, row.attempts, outcome, next_try


def _rounded(age: "timedelta") -> str:
    return format_duration(type(age)(seconds=max(0, int(age.total_seconds()))))


def redrive(
    command_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the command that outerloop outbox shows.")],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Queue a command again that is stuck, or a message to people that failed. The app has to be running to do it.

    Nothing is skipped by this: its claim, its due time, a pause and the plan that it belongs to count as ever, and what
    was done before is not done twice. Any other command that failed is over: ask for what is to happen now.

    \b
    Example:
      outerloop outbox redrive 3f0c9a7be21d4c58a6e0b917
    """  # noqa: D301
    from shared.services.orders import CannotRedriveError  # noqa: PLC0415  # beside its only use

    with plainly():
        try:
            shown = with_application(lambda app: app.orders.redrive(command_id))
        except CannotRedriveError as error:
            raise CommandError(str(error)) from None
    if as_json:
        print_json(shown)
        return
    row = shown.row
    print_line(f"{kind_of(row.command)} {row.command.id} of {row.subject} is queued again ({row.state})")
    if row.state == "claimed":
        print_line(f"somebody works on it until {moment_text(row.claimed_until)}; after that it is taken over", 1)
    elif shown.next_try and row.not_before:
        print_line(f"it is tried at {moment_text(shown.next_try)}", 1)
