"""The command that says in advance what a rollout takes.

Owns its arguments and its output. The arithmetic is ``domain.rollout_plan``'s; traffic comes from our own windows.
"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.batch_rollouts import print_plan
from shared.cli.durations import long
from shared.cli.output import print_json, print_line, print_table
from shared.cli.policies import AsJson, Overlay, read_files
from shared.cli.problems import CommandError, plainly
from shared.cli.session import policy_of, with_application
from shared.domain import batch_plan
from shared.domain.batch_plan import BatchPlan
from shared.domain.rollout_plan import PlannedStep, RolloutPlan, plan
from shared.domain.routing import subject_of

if TYPE_CHECKING:
    from shared.domain.facts import Facts
    from shared.domain.policy import Policy, Workload
    from shared.runtime import Application

LOOK_BACK = timedelta(days=1)


def planned(
    workload: Annotated[str, typer.Argument(help="The name of the workload in the policy.")],
    requests: Annotated[
        float | None,
        typer.Option(
            "--requests-per-hour",
            min=0,
            help="To the whole endpoint. By default what production served in the last day.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Plan by this file; nothing else is read, so no app is needed."),
    ] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Say what a rollout takes before it begins: steps, times, requests that each step needs, cost.

    A step passes when its bake is over and its version has served ``min_requests``; with little traffic that takes more
    than one bake. A step that would run out of its limits first is said to GIVE UP: give it a larger share, a longer
    bake, or a smaller ``min_requests``. ``deadline`` is when a step that never passes goes back.
    Costs need ``deployment: {price_per_hour: ...}`` in the policy.

    Of a batch workload: the two runs and their comparison, how long they may take and took last time, and their cost.

    \b
    Examples:
      outerloop rollout plan flight-delay
      outerloop rollout plan flight-delay --requests-per-hour 1200
      outerloop rollout plan flight-delay --policy policy.yaml --requests-per-hour 40 --json
    """  # noqa: D301

    async def look(app: "Application") -> RolloutPlan | BatchPlan:
        found = _workload(await policy_of(app), workload)
        if found.scores_in_batches:
            return _batch(found, requests, (await app.store.facts(subject_of(found.name))).value)
        served = await _served_an_hour(app, found) if requests is None else requests
        return plan(found, served)

    with plainly():
        made = (
            _by_file(_workload(read_files(policy, overlay), workload), requests) if policy else with_application(look)
        )
    if as_json:
        print_json(made)
    elif isinstance(made, BatchPlan):
        print_plan(made)
    else:
        _print(made)


def _by_file(workload: "Workload", requests: float | None) -> RolloutPlan | BatchPlan:
    return _batch(workload, requests, None) if workload.scores_in_batches else plan(workload, requests)


def _batch(workload: "Workload", requests: float | None, facts: "Facts | None") -> BatchPlan:
    rules = workload.promotion.comparison
    if requests is not None or rules is None:
        raise CommandError(
            f"{workload.name} scores in batches: nothing depends on requests; leave --requests-per-hour out"
        )
    return batch_plan.plan(workload, rules, facts)


def _workload(policy: "Policy", name: str) -> "Workload":
    if name not in policy.index.by_name:
        known = ", ".join(each.name for each in policy.workloads)
        raise CommandError(f"the policy has no workload {name!r}; it has {known}")
    return policy.workload(name)


async def _served_an_hour(app: "Application", workload: "Workload") -> float | None:
    """What the versions in production served in the last day; None when nothing is known of any of them."""
    from shared.services.aggregate import deployment_ref  # noqa: PLC0415  # numpy takes its time

    now, facts = app.clock.now(), (await app.store.facts(subject_of(workload.name))).value
    versions = [facts.champion, facts.rollout.version if facts.rollout else ""]
    refs = [deployment_ref(workload.environments.production, version) for version in versions if version]
    samples = await app.aggregator.traffic_since(refs, now - LOOK_BACK, now)
    served = sum(sample.requests for sample in samples.values())
    return served / (LOOK_BACK / timedelta(hours=1)) if served else None


def _print(made: RolloutPlan) -> None:
    print_line(f"{made.workload}: a version that replaces another, as the policy says")
    print_line(_traffic(made))
    columns = ("step", "traffic", "needs requests", "served in a bake", "takes", "deadline")
    print_table(columns, [(place, *_row(step)) for place, step in enumerate(made.steps, 1)])
    takes = long(made.takes) if made.takes else "not known"
    print_line(
        f"in all: {takes} when every step passes as soon as it can, {long(made.deadline)} at the latest; "
        f"each bake of {long(made.bake)} is looked at every {long(made.look_every)}, and what fails goes back then"
    )
    print_line(_judged_by(made))
    print_line(f"both versions: {made.instances} instance(s) of {made.instance_type} each, side by side")
    for line in _costs(made):
        print_line(line)


def _traffic(made: RolloutPlan) -> str:
    if made.requests_an_hour is None:
        return (
            "how much traffic there is, is not known: no request was counted in the last day; give --requests-per-hour"
        )
    return f"at {made.requests_an_hour:.6g} requests an hour to the endpoint"


def _judged_by(made: RolloutPlan) -> str:
    if made.source == "windows":
        return "judged by: windows, our own telemetry"
    asked = "Azure Monitor's metrics" if made.source == "metrics" else "the traffic log in Log Analytics"
    return f"judged by: {made.source}, {asked}, {long(made.late_by)} after it happened; so each bake has that much less to tell"


def _row(step: PlannedStep) -> tuple[str, ...]:
    served = "?" if step.requests_a_bake is None else f"{step.requests_a_bake:.0f}"
    takes = long(step.takes) if step.takes else ("GIVES UP" if step.gives_up else "?")
    share = f"{step.percent} %{' mirrored' if step.mirrored else ''}"
    return share, str(step.requests_needed), served, takes, long(step.deadline)


def _costs(made: RolloutPlan) -> list[str]:
    if made.hourly is None:
        return ["cost: not known; set deployment: {price_per_hour: ...}, the price of one instance, in the policy"]
    rollout = f", {made.rollout_cost} for this rollout" if made.rollout_cost else ""
    standby = f"{made.standby_cost} for {long(made.warm_standby)} of warm standby"
    return [f"cost: {made.hourly} an hour for the second deployment{rollout}; then {standby}"]
