"""The commands about reference profiles: build one, look at one, compare two.

Owns their arguments and answers. Reads files and the store, and writes only the files that it is told to.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.adapters.system_clock import SystemClock
from shared.cli.moments import moment_of
from shared.cli.output import print_json, print_line
from shared.cli.policies import AsJson
from shared.cli.problems import EXIT_REFUSED, CommandError, plainly
from shared.cli.session import with_application
from shared.rendering.pages import moment_text

if TYPE_CHECKING:
    from shared.cli.reference_files import Built, Request
    from shared.runtime import Application
    from shared.services.references import Period
    from shared.telemetry.profiles import ReferenceProfile

ROWS_MAX = 100_000
Subject = Annotated[
    str, typer.Argument(metavar="FILE|DEPLOYMENT", help="A profile, tags, a deployment's id, or ENDPOINT/DEPLOYMENT.")
]


def _readable(files: list[Path] | None) -> list[Path]:
    for file in files or []:
        if not file.is_file():
            what = "a folder" if file.is_dir() else "no file"
            raise typer.BadParameter(f"{file} is {what}: name files of rows; they are read twice, so not from a pipe")
    return files or []


Files = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE", callback=_readable, help="CSV or JSON lines, also gzipped.")
]
Names = list[str] | None
Categorical = Annotated[Names, typer.Option(metavar="COL", help="Count its values, though they may be numbers.")]
Numeric = Annotated[Names, typer.Option(metavar="COL", help="Count it in bins, though much of it is no number.")]
Excluded = Annotated[Names, typer.Option("--exclude", metavar="COL", help="Neither input nor output: ids, labels.")]
Prediction = Annotated[str, typer.Option(metavar="COL", help="The column of the model's output.")]
Nulls = Annotated[Names, typer.Option("--null", metavar="TEXT", help="In CSV: a text for nothing, such as NA.")]
Bins = Annotated[int, typer.Option(min=2, max=65, help="At most so many for a numeric feature.")]
RowsMax = Annotated[
    int, typer.Option(min=1_000, max=1_000_000, help="Of more rows, a sample of so many gives the edges.")
]
Seed = Annotated[int, typer.Option(min=0, help="Draws that sample: same rows, same seed, same edges.")]
OfWindows = Annotated[
    str, typer.Option("--windows", metavar="DEPLOYMENT", help="No files: what the store's windows counted of it.")
]
Since = Annotated[str, typer.Option(help="Only rows scored since: 30d ago, or 2026-03-01.")]
Until = Annotated[str, typer.Option(help="Only rows scored before.")]
OfDeployment = Annotated[
    str, typer.Option("--deployment", metavar="ID", help="Only rows that this deployment collected.")
]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the profile.")]
Tags = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the tags of the training run, as one JSON object.")
]


def build(  # noqa: PLR0913, PLR0917  # each is an option
    files: Files = None,
    categorical: Categorical = None,
    numeric: Numeric = None,
    exclude: Excluded = None,
    prediction: Prediction = "prediction",
    null: Nulls = None,
    bins: Bins = 20,
    rows_max: RowsMax = ROWS_MAX,
    seed: Seed = 0,
    windows: OfWindows = "",
    since: Since = "",
    until: Until = "",
    deployment: OfDeployment = "",
    out: Out = None,
    tags: Tags = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Build a reference profile: what drift is measured against. Exit 3 when some rows had to be left out.

    From training data: CSV or JSON lines, one row each. Name the model's output with --prediction, and leave out with
    --exclude what is no feature, such as ids and the label. Files are read twice: for the edges, which are quantiles of
    all rows or of an even sample of --rows-max, and for the counts, always of all rows.

    From production: lines of the data collector, where --since and --until choose by the time of scoring; or, with
    --windows and no files, what the store's windows have counted, in the edges that the deployment has.

    A profile belongs to a model version. It travels as tags of the run that trained it: write them with --tags, and in
    the training script call mlflow.set_tags(json.load(open("tags.json"))).

    \b
    Examples:
      outerloop reference build train.csv --prediction score --exclude label --exclude id --tags tags.json
      outerloop reference build rows-*.jsonl.gz --categorical carrier --bins 10 --out profile.json
      outerloop reference build collected/*.jsonl --since 2026-03-01 --until 2026-04-01 --out march.json
      outerloop reference build --windows flight-delay/version-7 --since 90d --out quarter.json
    """  # noqa: D301
    if bool(files) == bool(windows):
        raise typer.BadParameter("name files of rows, or a deployment with --windows")
    with plainly():
        now = SystemClock().now()
        period = moment_of(since, now, "--since"), moment_of(until, now, "--until")
        if windows:
            counted = with_application(lambda app: _period(app, windows, period))
            _write(counted.profile, out, tags)
            _tell_period(counted, out, tags, as_json=as_json)
            return
        from shared.cli.reference_files import Request  # noqa: PLC0415  # numpy takes its time
        from shared.parsing.reference_rows import Wanted  # noqa: PLC0415
        from shared.telemetry.building import Choices  # noqa: PLC0415

        named = [frozenset(names or ()) for names in (exclude, null, categorical, numeric)]
        wanted = Wanted(prediction, named[0], named[1], *period, deployment.strip().lower())
        built = _built(Request(files or [], wanted, Choices(bins, named[2], named[3]), rows_max, seed))
        _write(built.profile, out, tags)
    _tell_built(built, out, tags, as_json=as_json)
    if built.left_out:
        raise typer.Exit(EXIT_REFUSED)


def show(subject: Subject, as_json: AsJson = False) -> None:  # noqa: FBT002  # typer
    """Show a reference profile: of a file that build wrote, or the one that the loop keeps for a deployment.

    \b
    Examples:
      outerloop reference show profile.json
      outerloop reference show flight-delay/version-7
    """  # noqa: D301
    with plainly():
        profile = _profile_of(subject)
    if as_json:
        print_json(_plain(profile))
    else:
        _print(profile)


def compare(one: Subject, other: Subject, as_json: AsJson = False) -> None:  # noqa: FBT002  # typer
    """Compare two profiles, feature by feature: how far the second has moved. Exit 3 when some cannot be compared.

    Only counts in the same bins can be compared: of two months, say, that reference build --windows counted.
    PSI: 0.1 is worth a look, 0.2 is a shift.

    \b
    Examples:
      outerloop reference compare march.json april.json
      outerloop reference compare flight-delay/version-7 quarter.json
    """  # noqa: D301
    with plainly():
        profiles = _profile_of(one), _profile_of(other)
        from shared.cli.reference_tables import compare_profiles, print_comparison  # noqa: PLC0415

        compared = compare_profiles(*profiles)
    if as_json:
        print_json(compared)
    else:
        print_comparison(compared)
    if any(each.because for each in compared):
        raise typer.Exit(EXIT_REFUSED)


def _profile_of(subject: str) -> "ReferenceProfile":
    """The profile in a file of that name, else the one of the deployment. Raises CommandError."""
    from shared.cli.reference_tables import read_profile  # noqa: PLC0415  # numpy takes its time

    if Path(subject).is_file():
        return read_profile(Path(subject))
    if Path(subject).suffix == ".json":
        raise CommandError(f"there is no file {subject}")
    return with_application(lambda app: _kept(app, subject))


async def _kept(app: "Application", deployment: str) -> "ReferenceProfile":
    from shared.services.references import UnknownReference, reference_of  # noqa: PLC0415
    from shared.telemetry.profiles import ProfileError  # noqa: PLC0415

    try:
        return (await reference_of(app.store, deployment))[1]
    except (UnknownReference, ProfileError) as error:
        raise CommandError(str(error)) from error


async def _period(app: "Application", deployment: str, period: tuple[datetime | None, datetime | None]) -> "Period":
    from shared.services.references import UnknownReference, reference_of_period  # noqa: PLC0415
    from shared.telemetry.profiles import ProfileError  # noqa: PLC0415

    try:
        return await reference_of_period(app.store, deployment, *period)
    except (UnknownReference, ProfileError) as error:
        raise CommandError(str(error)) from error


def _built(request: "Request") -> "Built":
    from shared.cli.reference_files import build as build_from  # noqa: PLC0415
    from shared.telemetry.profiles import ProfileError  # noqa: PLC0415

    try:
        return build_from(request)
    except ProfileError as error:
        raise CommandError(str(error)) from error


def _write(profile: "ReferenceProfile", out: Path | None, tags: Path | None) -> None:
    """The files that were asked for; the tags first, since they may not fit. Raises CommandError or OSError."""
    from shared.telemetry.profiles import ProfileError, encode_profile, profile_to_tags  # noqa: PLC0415

    try:
        if tags:
            tags.write_text(json.dumps(profile_to_tags(profile), indent=1) + "\n", encoding="utf-8")
    except ProfileError as error:
        raise CommandError(str(error)) from error
    if out:
        out.write_bytes(encode_profile(profile) + b"\n")


def _tell_built(built: "Built", out: Path | None, tags: Path | None, *, as_json: bool) -> None:
    if as_json:
        told = {name: getattr(built, name) for name in built.__slots__ if name != "profile"}
        print_json(told | {"profile": _plain(built.profile)})
        return
    _print(built.profile, built.notes)
    if built.sampled_rows:
        print_line(f"edges from an even sample of {built.sampled_rows} rows (seed {built.seed}), counts of all rows")
    for name, count in built.type_errors.items():
        print_line(f"{name}: {count} values are of another type and are in no bin")
    for reason, count in built.left_out.items():
        print_line(f"left out: {count} rows or lines, {reason}")
    _tell_written(out, tags)


def _tell_period(counted: "Period", out: Path | None, tags: Path | None, *, as_json: bool) -> None:
    if as_json:
        told = {name: getattr(counted, name) for name in counted.__slots__ if name != "profile"}
        print_json(told | {"profile": _plain(counted.profile)})
        return
    _print(counted.profile)
    since, until = moment_text(counted.start), moment_text(counted.end)
    print_line(f"{counted.windows} windows of {counted.length} of {counted.deployment}, from {since} to {until}")
    _tell_written(out, tags)


def _tell_written(out: Path | None, tags: Path | None) -> None:
    for file in (out, tags):
        if file:
            print_line(f"wrote {file}")
    if not out and not tags:
        print_line("Nothing was written: --out FILE keeps the profile, --tags FILE the tags of a run.")


def _print(profile: "ReferenceProfile", notes: "dict[str, str] | None" = None) -> None:
    from shared.cli.reference_tables import print_profile  # noqa: PLC0415

    print_profile(profile, notes)


def _plain(profile: "ReferenceProfile") -> dict[str, object]:
    from shared.telemetry.profiles import encode_profile  # noqa: PLC0415

    known: dict[str, object] = json.loads(encode_profile(profile))
    return {"digest": profile.digest} | known
