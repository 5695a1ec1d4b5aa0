"""The command that draws a workload's drift and performance to a file.

Owns its arguments. What is drawn is ``services.history``'s, how it looks ``rendering.plot``'s.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.output import print_line
from shared.cli.problems import CommandError, plainly
from shared.cli.session import policy_of, with_application
from shared.rendering.plot import drawn
from shared.services import views
from shared.services.history import history

if TYPE_CHECKING:
    from shared.rendering.history import History
    from shared.runtime import Application


def plot(
    workload: Annotated[str, typer.Argument(help="A workload of the policy, or one that the store still knows.")],
    out: Annotated[Path, typer.Option("--out", help="The picture, a PNG; one that is there is replaced.")] = Path(
        "drift.png"
    ),
) -> None:
    """Draw a workload's drift and performance, window by window, with what was done about it.

    \b
    Example:
      outerloop plot flight-delay --out drift.png
    """  # noqa: D301

    async def look(app: "Application") -> "History":
        policy = await policy_of(app)
        if not await views.is_known(app.store, policy, workload):
            known = ", ".join(each.name for each in policy.workloads)
            raise CommandError(f"there is no workload {workload}: the policy has {known}")
        return await history(app.store, policy, workload)

    with plainly():
        shown = with_application(look)
        out.write_bytes(drawn(shown))
    print_line(f"{out}: {len(shown.windows)} windows, {len(shown.marks)} marks")
