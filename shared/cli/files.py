"""Commands that take events from files: what is heard, and what would be decided. Neither changes anything.

Owns their arguments and output. Parsing is ``parsing``'s, deciding the live path's (``rehearsal``).
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.cli.output import print_json_line, print_line, print_table
from shared.cli.policies import AsJson, Overlay, read_files
from shared.cli.problems import EXIT_REFUSED, plainly
from shared.parsing import Channel, Parsed, report_line
from shared.parsing import parse as parse_body

STANDARD_INPUT = Path("-")


def _readable(files: list[Path]) -> list[Path]:
    """The files as given, each a file or standard input. Anything else is wrong usage."""
    for file in files:
        if file.is_dir():
            raise typer.BadParameter(f"{file} is a folder: name the files in it, such as {file}/*.json")
        if file != STANDARD_INPUT and not file.exists():
            raise typer.BadParameter(
                f"there is no file {file}: name a file with a raw payload, or - for standard input"
            )
    return files


Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", callback=_readable, help="Raw payloads; - is standard input.")
]
Via = Annotated[
    Channel | None, typer.Option("--channel", help="How it came in; found out from the content if left out.")
]
SHOWN_MAX = 60  # characters of a value in a table


def parse(files: Files, as_json: AsJson = False, channel: Via = None) -> None:  # noqa: FBT002  # typer
    """Show what the loop would hear in raw payloads. Exit 0 when all of it was understood, 3 when some was rejected.

    A file is a JSON document, an array of them, or JSON lines: events, alerts, web hooks, exports and telemetry, also
    dead-lettered or inside an HTTP request. Each element is one line, also one that is rejected, with the reason.

    \b
    Examples:
      outerloop parse tests/events/eventgrid-ml-model-registered.json
      outerloop parse --json tests/events/*.json
      cat message.json | outerloop parse --channel event_hubs -
    """  # noqa: D301
    with plainly():
        lines = [report_line(name, index, parsed) for name, index, parsed in _read(files, channel)]
    if as_json:
        for line in lines:
            print_json_line(line)
    else:
        _print_parsed(lines)
    if any(line["kind"] == "Rejected" for line in lines):
        raise typer.Exit(EXIT_REFUSED)


def _read(files: list[Path], channel: Channel | None) -> Iterator[tuple[str, int, Parsed]]:
    for file in files:
        body = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        for index, parsed in enumerate(parse_body(body, channel)):
            yield str(file), index, parsed


def _print_parsed(lines: list[dict[str, Any]]) -> None:
    rows = [(f"{Path(line['file']).name}:{line['index']}", line["kind"], _said(line)) for line in lines]
    print_table(("where", "kind", "what it says"), rows)
    kinds = Counter(line["kind"] for line in lines)
    print_line(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))


_KNOWN_BY_PLACE = frozenset({"file", "index", "kind", "dedup_key", "depth"})


def _said(line: dict[str, Any]) -> str:
    if line["kind"] == "Rejected":
        return f"{line['reason']}: {line['detail']}"
    if line["source"] == line.get("workspace"):
        line = line | {"source": ""}
    said = (
        (key, value) for key, value in line.items() if key not in _KNOWN_BY_PLACE and value not in ("", {}, [], None)
    )
    return ", ".join(f"{key}={_shortened(str(value))}" for key, value in said)


def _shortened(text: str) -> str:
    if text.startswith("/subscriptions/"):
        return f"…/{'/'.join(text.split('/')[-2:])}"  # the end of a resource id names it
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def decide(
    files: Files,
    policy: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The policy file.")],
    overlay: Overlay = None,
    store: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Decide on the facts in this store; it is only read."),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002
    channel: Via = None,
) -> None:
    """Show what would be decided about raw payloads, and why: by the live path, without doing or writing anything.

    Each payload is judged on the same facts: those of the store, or none. What one orders is not done for the next.
    Exit 0 when all of it could be judged, 3 when some was rejected: not understood, or out of the policy's scope.

    \b
    Example:
      outerloop decide --policy examples/flight_delays/policy.yaml event.json
    """  # noqa: D301
    from shared.cli.rehearsal import REJECTED, rehearse  # noqa: PLC0415  # numpy and the store take their time

    with plainly():
        read_files(policy, overlay)  # faults are named by the paths that were given, as validate names them
        found = list(_read(files, channel))
        answers = asyncio.run(rehearse(policy, overlay, store, found))
    for answer in answers:
        if as_json:
            print_json_line(answer)
        else:
            _print_answer(answer, f"{answer['file']}:{answer['index']}: " if len(found) > 1 else "")
    if any(answer["decision"] == REJECTED for answer in answers):
        raise typer.Exit(EXIT_REFUSED)


def _print_answer(answer: dict[str, Any], where: str) -> None:
    about = f" about {answer['subject']}" if answer["subject"] else ""
    heard = "" if answer["kind"] == "Rejected" else f"{answer['kind']}{about}: "
    print_line(f"{where}{heard}{answer['decision']} ({answer['rule']})")
    for reason in answer["reasons"]:
        until = f", until {reason['until']}" if reason.get("until") else ""
        release = f", release: {reason['release']}" if reason.get("release") else ""
        print_line(f"because {reason['text']} [{reason['code']}]{until}{release}", 1)
    for key, words in (("commands", "would order"), ("planned", "would have ordered")):
        for command in answer[key]:
            print_line(f"{words} {command['kind']} {command['id']}: {command['reason']}", 1)
