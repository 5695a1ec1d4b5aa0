"""Commands that look at a running loop: status, open questions, and why.

Owns their arguments. What is seen is ``services.views``' and ``services.explain``'s, how it reads ``reading``'s.
"""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli import reading
from shared.cli.output import print_json, print_line
from shared.cli.policies import AsJson
from shared.cli.problems import CommandError, plainly
from shared.cli.session import link_of, policy_of, with_application
from shared.rendering.pages import moment_text
from shared.services import explain as explanations
from shared.services import views

if TYPE_CHECKING:
    from shared.rendering.shown import Dashboard, Explanation, OpenQuestion
    from shared.runtime import Application


def status(as_json: AsJson = False) -> None:  # noqa: FBT002  # typer
    """Show every workload: who serves, what is under way, what waits and why, and the newest decisions.

    \b
    Example:
      outerloop status
    """  # noqa: D301

    async def look(app: "Application") -> "Dashboard":
        view = await views.dashboard(app.store, await policy_of(app), app.clock.now(), link_of(app))
        overdue = tuple(each for each in await app.orders.unfinished() if each.overdue)
        standings, aside = await app.announcer.standings(), await app.aggregator.aside.shown()
        return dataclasses.replace(view, publishing=standings, overdue=overdue, aside=aside)

    with plainly():
        view = with_application(look)
    if as_json:
        print_json(view)
    else:
        reading.print_dashboard(view)


def explain(
    asked: Annotated[
        str, typer.Argument(metavar="ID", help="Of a decision, command, incident, hold, or a signal's key.")
    ],
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Say why something happened or did not: what was heard, every reason, and what came of it.

    \b
    Example:
      outerloop explain 3f0c9a7be21d4c58a6e0b917
    """  # noqa: D301

    async def look(app: "Application") -> "Explanation | None":
        return await explanations.explain(app.store, asked)

    with plainly():
        found = with_application(look)
        if found is None:
            raise CommandError(f"nothing has the id {asked}: take one from outerloop status or the dashboard")
    if as_json:
        print_json(found)
    else:
        reading.print_explanation(found)


def approvals(as_json: AsJson = False) -> None:  # noqa: FBT002  # typer
    """List the questions that wait for a person, with the links that answer them.

    \b
    Example:
      outerloop approvals
    """  # noqa: D301

    async def look(app: "Application") -> "list[OpenQuestion]":
        return await views.questions(app.store, await policy_of(app), link_of(app))

    with plainly():
        found = with_application(look)
    if as_json:
        print_json(found)
        return
    for question in found:
        said = ", ".join(question.said_yes) or "nobody"
        print_line(f"{question.workload}: {question.title} until {moment_text(question.expires_at)}")
        print_line(f"said yes: {said}; {question.quorum} needed", 1)
        print_line(question.link, 1)
    if not found:
        print_line("No question waits for an answer.")
