"""The commands by which a person steers the loop: retrain, roll back, lift a freeze, pause, resume.

Owns their arguments and their answers. The wish goes the way of every signal; whether it is granted is the rules' to say.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shared.cli.output import print_json_line, print_line
from shared.cli.policies import AsJson
from shared.cli.problems import EXIT_REFUSED, CommandError, plainly
from shared.cli.session import policy_of, with_application
from shared.domain.commands import kind_of
from shared.domain.ids import decision_id, derive
from shared.domain.routing import is_upstream, subject_of, upstream_rule, workload_of
from shared.domain.signals import OperatorAsked
from shared.domain.silences import SilenceAdded, SilenceExpired
from shared.rendering.pages import reason_text

if TYPE_CHECKING:
    from shared.domain.decisions import Decision
    from shared.runtime import Application

Action = Literal["retrain", "rollback", "pause", "resume", "lift-freeze", "close", "continue"]
Asked = Literal["retrain", "rollback", "pause", "resume", "lift_freeze", "close", "continue"]
ACTIONS: dict[Action, Asked] = {
    "retrain": "retrain",
    "rollback": "rollback",
    "pause": "pause",
    "resume": "resume",
    "lift-freeze": "lift_freeze",
    "close": "close",
    "continue": "continue",
}


def said(text: str) -> str:
    """The text as given. One that says nothing is wrong usage: the ledger is read long afterwards."""
    if not text.strip():
        raise typer.BadParameter("is empty: the ledger keeps who asked, and why")
    return text


WorkloadName = Annotated[
    str,
    typer.Argument(
        help="The name of the workload in the policy; to close: also upstream/FEATURES, as a rule of upstream: names them."
    ),
]
By = Annotated[str, typer.Option(help="Who asks.", callback=said)]
Why = Annotated[str, typer.Option(help="Why; it is kept in the ledger.", callback=said)]
OneWorkload = Annotated[str, typer.Argument(help="The name of the workload; or --all.")]
Every = Annotated[bool, typer.Option("--all", help="Every workload of the policy.")]


def ask(
    action: Annotated[Action, typer.Argument(help="What to ask for.")],
    workload: WorkloadName,
    by: By,
    why: Why,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Ask the loop for something, and say what it decided. Exit 0 when it acts or waits, 3 when it refuses.

    The same guards hold a retraining that you ask for; nothing can hold a rollback.
    ``continue`` lets a rollout that stands still (``on_failure: freeze``) take its next step.
    It is decided at once; what is ordered is done by the app, when it runs.

    \b
    Examples:
      outerloop ask rollback flight-delay --by ada --why "wrong delays at JFK"
      outerloop ask continue flight-delay --by ada --why "the slow minutes were a backup"
      outerloop ask lift-freeze flight-delay --by ada --why "the owner pays for one more"
    """  # noqa: D301
    with plainly():
        (decision,) = with_application(lambda app: _tell(app, ACTIONS[action], [workload], by, why))
    answer([decision], as_json=as_json)


def pause(
    by: By,
    why: Why,
    workload: OneWorkload = "",
    every: Every = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Stop everything but rollback and notification, until it is resumed.

    What Azure has begun runs to its end; no new step begins. A rollout that does harm is still rolled back.

    \b
    Examples:
      outerloop pause --all --by ada --why "region outage"
      outerloop pause flight-delay --by ada --why "migration until Friday"
    """  # noqa: D301
    _ask_each("pause", workload, every=every, by=by, why=why, as_json=as_json)


def resume(
    by: By,
    why: Why,
    workload: OneWorkload = "",
    every: Every = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """End a pause: what waited goes on at once, under the guards as they are now. ``give_up_after`` counts anew.

    \b
    Examples:
      outerloop resume --all --by ada --why "the outage is over"
    """  # noqa: D301
    _ask_each("resume", workload, every=every, by=by, why=why, as_json=as_json)


def _ask_each(action: Asked, workload: str, *, every: bool, by: str, why: str, as_json: bool) -> None:
    if bool(workload) == every:
        raise typer.BadParameter("name one workload, or give --all")
    with plainly():
        decisions = with_application(lambda app: _tell(app, action, None if every else [workload], by, why))
    answer(decisions, as_json=as_json)


def answer(decisions: "list[Decision]", *, as_json: bool) -> None:
    """Print decisions about a person's wish; exit 3 when all of them refuse."""
    for decision in decisions:
        if as_json:
            print_json_line(decision)
        else:
            _print(decision)
    if all(decision.verdict in ("suppress", "no_match") for decision in decisions):
        raise typer.Exit(EXIT_REFUSED)


async def _tell(app: "Application", action: Asked, wanted: list[str] | None, by: str, why: str) -> "list[Decision]":
    """Tell the loop a wish about these workloads, or about all; what it decided about each. Raises CommandError."""
    for name in wanted or ():
        if action != "close" or not upstream_rule(await policy_of(app), name):
            await known_workload(app, name)
    every = [known.name for known in (await policy_of(app)).workloads]
    return [await _tell_one(app, action, name, by, why) for name in wanted or every]


async def known_workload(app: "Application", workload: str) -> None:
    """Nothing, if the policy has it. Raises CommandError that names those that there are."""
    names = [known.name for known in (await policy_of(app)).workloads]
    if workload not in names:
        raise CommandError(f"the policy has no workload {workload!r}; it has {', '.join(names)}")


async def _tell_one(app: "Application", action: Asked, workload: str, by: str, why: str) -> "Decision":
    now = app.clock.now()
    signal = OperatorAsked(
        source="outerloop/cli",
        dedup_key=derive("asked", workload, action, by, now.isoformat()),
        occurred_at=now,
        subject=workload if is_upstream(workload) else subject_of(workload),
        workload=workload,
        action=action,
        by=by,
        why=why,
    )
    return await told(app, signal)


async def told(app: "Application", signal: OperatorAsked | SilenceAdded | SilenceExpired) -> "Decision":
    """What the loop decided about a person's wish. Raises CommandError when that takes longer."""
    await app.ingest.tell(signal)
    decision = await app.store.decision(decision_id(signal.dedup_key, signal.subject), signal.subject)
    if decision is None:
        raise CommandError(f"the wish is stored and not decided yet; later: outerloop explain {signal.dedup_key}")
    return decision


def _print(decision: "Decision") -> None:
    print_line(f"{workload_of(decision.subject) or decision.subject}: {decision.verdict} (decision {decision.id})")
    for reason in decision.reasons:
        print_line(f"because {reason_text(reason)} [{reason.code}]", 1)
    for command in decision.commands:
        print_line(f"ordered {kind_of(command)} {command.id}: {command.reason}", 1)
    for command in decision.planned:
        print_line(f"would order {kind_of(command)} {command.id}: {command.reason}", 1)
