"""The command line ``outerloop``: which commands there are, and how they end.

Owns the list. What a command does stands in the module of its concern. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some
of what was given was refused. Importing this opens nothing; the application is imported when a command needs it.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from shared.cli import files, operate, plots, policies, previews, rejections, rollouts, silences, watch
from shared.cli import outbox as orders
from shared.cli import reference as references
from shared.cli import samples as sampled

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
rejected = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What was heard and could not be taken, kept so that nothing is lost.",
)

outbox = typer.Typer(invoke_without_command=True, rich_markup_mode=None)

reference = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Reference profiles: what the training data looked like, feature by feature, in counts. Drift is measured against them.",
)

rollout = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="How a new version takes over production traffic.",
)

silence = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Quiet about something, for a time, with a name and a reason.",
)


def _tell_version(wanted: bool) -> None:  # noqa: FBT001  # typer
    if wanted:
        typer.echo(f"outerloop {version('outerloop')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")]


@app.callback()
def outerloop(shown: Version = False) -> None:  # noqa: FBT002  # typer
    """The monitoring-and-action loop of your models: check a policy, try an event, ask why.

    \b
    Start here:
      outerloop validate policy.yaml                       is the policy right?
      outerloop decide --policy policy.yaml event.json     what would happen?
      outerloop status                                     what is happening?
      outerloop explain ID                                 why did it (not) happen?
    """  # noqa: D301  # \b keeps the lines of a paragraph apart


app.command("validate", short_help="Is a policy file right? Every fault with file, line and key.")(policies.validate)
app.command("preview", short_help="What would an Azure Pipelines run do? Nothing is started.")(previews.preview)
app.command("parse", short_help="What would the loop hear in raw payloads?")(files.parse)
app.command("decide", short_help="What would be decided about raw payloads, and why?")(files.decide)
app.command("status", short_help="What is happening: workloads, waits, newest decisions.")(watch.status)
app.command("explain", short_help="Why did something happen, or not?")(watch.explain)
app.command("plot", short_help="Drift and performance over time, as a picture.")(plots.plot)
app.command("approvals", short_help="Which questions wait for a person, and where to answer.")(watch.approvals)
rejected.command("list", short_help="The newest first.")(rejections.listed)
rejected.command("show", short_help="One of them, with its body.")(rejections.show)
rejected.command("redrive", short_help="Try again, by today's parsers and policy.")(rejections.redrive)
app.add_typer(rejected, name="rejected", short_help="What was heard and could not be taken.")
outbox.callback()(orders.listed)
outbox.command("redrive", short_help="Queue one again.")(orders.redrive)
app.add_typer(outbox, name="outbox", short_help="What is ordered and not done, and what failed.")
app.command("ask", short_help="Ask for a retraining, a rollback, or the end of a freeze.")(operate.ask)
app.command("pause", short_help="Stop everything but rollback and notification.")(operate.pause)
app.command("resume", short_help="End a pause.")(operate.resume)
rollout.command("plan", short_help="Steps, times, requests needed and cost, in advance.")(rollouts.planned)
app.add_typer(rollout, name="rollout", short_help="How a new version takes over: what it will take.")
silence.command("add", short_help="Ask for quiet about something.")(silences.add)
silence.command("list", short_help="What is silenced, by whom, why, until when.")(silences.listed)
silence.command("expire", short_help="End a silence before its time.")(silences.expire)
app.add_typer(silence, name="silence", short_help="Quiet about something, for a time.")
reference.command("build", short_help="From training data, or from a production period.")(references.build)
reference.command("show", short_help="One of them, as a table.")(references.show)
reference.command("compare", short_help="How far two of them are apart, feature by feature.")(references.compare)
app.add_typer(reference, name="reference", short_help="Reference profiles: what drift is measured against.")
app.command("samples", short_help="Sampled inputs of a deployment, for people to look at.")(sampled.samples)
app.command("schema", short_help="The JSON Schema of the policy file, or of the announcements.")(policies.schema)


def main() -> None:
    """The entry point. A bug of ours also ends in one line, which says where it is, and exit code 1."""
    try:
        app(prog_name="outerloop")
    except Exception as error:  # noqa: BLE001  # the outcome is the line and the exit code
        typer.echo(f"outerloop: this is a bug, please report it: {_described(error)}", err=True)
        sys.exit(1)


def _described(error: Exception) -> str:
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    where = f" ({frame.tb_frame.f_globals.get('__name__')}, line {frame.tb_lineno})" if frame else ""
    return f"{type(error).__name__}: {error}{where}"
