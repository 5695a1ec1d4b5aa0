"""Commands about the policy file: is it right, and what may it say.

Owns their output. The grammar is ``domain.policy``, its errors are ``parsing.policy_file``'s.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.output import print_json, print_table
from shared.cli.policy_reference import policy_markdown, policy_schema
from shared.cli.problems import EXIT_FAILED, plainly
from shared.domain.policy import Policy
from shared.parsing.policy_file import PolicyError, PolicyFault, policy_digest, read_policy
from shared.rendering.cloud_events import events_markdown, events_schema

PolicyFile = Annotated[Path, typer.Argument(metavar="POLICY", exists=True, dir_okay=False, help="The policy file.")]
Overlay = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="A file that replaces durations of the policy.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def validate(policy: PolicyFile, overlay: Overlay = None, as_json: AsJson = False) -> None:  # noqa: FBT002  # typer
    """Check a policy file: every fault with its file, line and key. Exit 0 when it is right, 1 when not.

    \b
    Example:
      outerloop validate examples/flight_delays/policy.yaml
    """  # noqa: D301
    with plainly():
        try:
            read = read_files(policy, overlay)
        except PolicyError as error:
            if not as_json:
                raise
            print_json({"valid": False, "faults": error.faults})
            raise typer.Exit(EXIT_FAILED) from None
        _print_valid(read, as_json=as_json)


def read_files(policy: Path, overlay: Path | None) -> Policy:
    """The policy in a file, with an overlay if there is one. Raises PolicyError or OSError."""
    over = (str(overlay), _text_of(overlay)) if overlay else None
    return read_policy(str(policy), _text_of(policy), over)


def _text_of(file: Path) -> str:
    body = file.read_bytes()
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        text = f"this is no UTF-8 text: {error.reason} at byte {error.start}"
        raise PolicyError([PolicyFault(str(file), line, "", text)]) from None


def _print_valid(policy: Policy, *, as_json: bool) -> None:
    digest = policy_digest(policy)
    if as_json:
        names = [workload.name for workload in policy.workloads]
        print_json({"valid": True, "digest": digest, "workloads": names})
        return
    typer.echo(f"The policy is valid. Its digest is {digest[:12]}.")
    rows = [
        (w.name, w.task, w.mode, w.model, f"{len(w.promotion.staging.checks)} checks", _watches(w.monitoring))
        for w in policy.workloads
    ]
    print_table(("workload", "task", "mode", "model", "staging", "watches"), rows)


def _watches(rules: tuple[object, ...]) -> str:
    return ", ".join(f"{getattr(rule, 'when', '')} → {getattr(rule, 'then', '')}" for rule in rules) or "nothing"


def schema(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a reference for people instead.")] = False,  # noqa: FBT002
    events: Annotated[bool, typer.Option("--events", help="Of the announcements that the loop publishes.")] = False,  # noqa: FBT002
) -> None:
    """Print the JSON Schema of the policy file, for completion in editors, or that of the published announcements.

    \b
    Example:
      outerloop schema > docs/policy.schema.json
      outerloop schema --events > docs/events.schema.json
    """  # noqa: D301
    if markdown:
        typer.echo(events_markdown() if events else policy_markdown())
        return
    typer.echo(json.dumps(events_schema() if events else policy_schema(), indent=2, ensure_ascii=False))
