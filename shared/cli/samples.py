"""The command about sampled inputs: the rows that people may look at.

Owns its arguments and answers. Values came from outside: they are shown as JSON, in which nothing moves a terminal.
"""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.output import print_json, print_line
from shared.cli.policies import AsJson
from shared.cli.problems import CommandError, plainly
from shared.cli.session import with_application
from shared.rendering.pages import moment_text

if TYPE_CHECKING:
    from shared.runtime import Application
    from shared.services.sampled_inputs import SampledRows

Deployment = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="Its id, or ENDPOINT/DEPLOYMENT.")]

Misfits = Annotated[bool, typer.Option("--misfits", help="Only rows that do not fit the reference profile.")]


def samples(
    deployment: Deployment,
    misfits: Misfits = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show sampled inputs of a deployment, window by window: of the columns that telemetry.samples allows.

    \b
    Examples:
      outerloop samples flight-delay/version-7
      outerloop samples flight-delay/version-7 --misfits
      outerloop samples flight-delay/version-7 --json > rows.json
    """  # noqa: D301

    async def look(app: "Application") -> "list[SampledRows]":
        from shared.services.sampled_inputs import UnknownDeploymentError, sampled_inputs  # noqa: PLC0415  # numpy

        try:
            return await sampled_inputs(app.aggregator.samples, deployment)
        except UnknownDeploymentError as error:
            raise CommandError(str(error)) from error

    with plainly():
        found = [each for each in with_application(look) if each.kind == "misfits" or not misfits]
    if as_json:
        print_json(found)
        return
    for each in found:
        what = "rows that do not fit" if each.kind == "misfits" else "rows"
        large = f", {each.too_large} too large to keep" if each.too_large else ""
        print_line(f"{moment_text(each.start)}, {each.window}: {len(each.rows)} of {each.seen} {what}{large}")
        for row in each.rows:
            print_line(json.dumps(row), 1)
    if not found:
        print_line("Nothing such was sampled.")
