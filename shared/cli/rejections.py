"""The commands about what was heard and could not be taken: list it, look at one, try it again.

Owns their arguments and answers. Bodies came from outside: they are shown with what is not printable escaped, or handed
over byte for byte when somebody asks for that. What becomes of a body is ``services.redrive``'s to say.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.moments import moment_of
from shared.cli.output import print_json, print_line, print_table
from shared.cli.policies import AsJson
from shared.cli.problems import EXIT_REFUSED, CommandError, plainly
from shared.cli.session import with_application
from shared.rendering.pages import moment_text

if TYPE_CHECKING:
    from shared.domain.records import RejectedRow
    from shared.runtime import Application
    from shared.services.redrive import Redriven, Wanted

SHOWN_BYTES_MAX = 16 * 1024

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the newest.")]
Reason = Annotated[str, typer.Option(help="Only those with this reason, such as out_of_scope.")]
ByChannel = Annotated[str, typer.Option("--channel", help="Only those that came this way, such as event_grid.")]
Since = Annotated[str, typer.Option(help="Only those received since: 2h ago, or 2026-03-01T12:00.")]
RowId = Annotated[str, typer.Argument(metavar="ID", help="The id that the list shows.")]
EVERYTHING = "every rejection with --all, or some with --reason, --channel or --since"


def listed(
    limit: Limit = 20,
    reason: Reason = "",
    channel: ByChannel = "",
    since: Since = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """List what could not be taken, newest first; with --json also the raw bodies.

    \b
    Examples:
      outerloop rejected list --limit 5
      outerloop rejected list --reason out_of_scope --since 2d
    """  # noqa: D301

    async def look(app: "Application") -> "list[RejectedRow]":
        from shared.services.redrive import listed as newest  # noqa: PLC0415  # numpy takes its time

        return [row async for row in newest(app.store, _wanted(app, reason, channel, since), limit)]

    with plainly():
        found = with_application(look)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("Nothing was rejected." if not (reason or channel or since) else "Nothing such was rejected.")
        return
    rows = [(row.id, moment_text(row.received_at), row.channel, row.reason, row.detail, row.times) for row in found]
    print_table(("id", "received", "channel", "reason", "detail", "times"), rows)
    print_line("outerloop rejected show ID shows a body; outerloop rejected redrive ID tries it again.")


def show(
    row_id: RowId,
    raw: Annotated[
        str, typer.Option(metavar="FILE", help="Write the body as it came to a new file; - is standard output.")
    ] = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Show one rejection with its body. What is not printable is escaped; --raw hands the bytes over as they came.

    \b
    Examples:
      outerloop rejected show 3f0c9a7be21d4c58a6e0b917
      outerloop rejected show 3f0c9a7be21d4c58a6e0b917 --raw body.json
      outerloop rejected show 3f0c9a7be21d4c58a6e0b917 --raw - | outerloop parse -
    """  # noqa: D301

    async def look(app: "Application") -> "RejectedRow | None":
        return await app.store.rejection(row_id)

    with plainly():
        row = with_application(look)
        if row is None:
            raise CommandError(f"no rejection has the id {row_id}: take one from outerloop rejected list")
        if raw:
            _write(row.body, raw)
            return
    if as_json:
        print_json(row)
    else:
        _print_row(row)


def _write(body: bytes, raw: str) -> None:
    if raw == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    with Path(raw).open("xb") as file:  # never over a file that is there
        file.write(body)
    print_line(f"wrote {len(body)} bytes to {raw}")


def _print_row(row: "RejectedRow") -> None:
    print_line(f"{row.reason}: {row.detail}")
    print_line(f"by {row.channel}, received {moment_text(row.received_at)}, element {row.index}, {row.times} times", 1)
    if row.redriven_at:
        print_line(f"taken after all at {moment_text(row.redriven_at)}", 1)
    if not row.body:
        print_line("no body was kept with it", 1)
        return
    for line in row.body[:SHOWN_BYTES_MAX].decode("utf-8", "backslashreplace").splitlines():
        print_line(line, 1)
    if len(row.body) > SHOWN_BYTES_MAX:
        print_line(f"... {len(row.body) - SHOWN_BYTES_MAX} more bytes: --raw FILE writes them all", 1)


def redrive(
    row_id: Annotated[str, typer.Argument(metavar="[ID]", help="The id that the list shows.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every rejection.")] = False,  # noqa: FBT002
    reason: Reason = "",
    channel: ByChannel = "",
    since: Since = "",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Try rejections again: by today's parsers, under today's policy, the oldest first. Exit 3 when some stay rejected.

    Each element of a body is accepted, a repeat of what is known, or rejected again. What is accepted is decided at once,
    like anything that is heard, and its rejection leaves the list; to try twice does no harm.

    \b
    Examples:
      outerloop rejected redrive 3f0c9a7be21d4c58a6e0b917
      outerloop rejected redrive --reason out_of_scope --since 2d
    """  # noqa: D301
    chosen = every or reason or channel or since
    if bool(row_id) == bool(chosen):
        raise typer.BadParameter(f"name one rejection by its id, or {EVERYTHING}")

    async def work(app: "Application") -> "list[Redriven]":
        if not row_id:
            return await app.redriver.every(_wanted(app, reason, channel, since))
        one = await app.redriver.one(row_id)
        if one is None:
            raise CommandError(f"no rejection has the id {row_id}: take one from outerloop rejected list")
        return [one]

    with plainly():
        tried = with_application(work)
    if as_json:
        print_json(tried)
    else:
        _print_tried(tried)
    if not all(one.taken for one in tried):
        raise typer.Exit(EXIT_REFUSED)


def _print_tried(tried: "list[Redriven]") -> None:
    for one in tried:
        print_line(f"{one.id} ({one.reason}): {'taken' if one.taken else 'stays rejected'}")
        for element in one.elements:
            print_line(f"element {element.index}: {element.became}: {element.says}", 1)
    count = Counter("taken" if one.taken else "still rejected" for one in tried)
    print_line(", ".join(f"{number} {word}" for word, number in sorted(count.items())) or "There was nothing to try.")


def _wanted(app: "Application", reason: str, channel: str, since: str) -> "Wanted":
    from shared.services.redrive import Wanted  # noqa: PLC0415  # numpy takes its time

    return Wanted(reason, channel, moment_of(since, app.clock.now(), "--since"))
