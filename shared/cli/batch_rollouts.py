"""What ``outerloop rollout plan`` prints of a workload whose endpoint is a batch one.

Owns the words. The arithmetic is ``domain.batch_plan``'s.
"""

from shared.cli.durations import long
from shared.cli.output import print_line, print_table
from shared.domain.batch_plan import BatchPlan


def print_plan(made: BatchPlan) -> None:
    """The stages, how long they may and did take, and what the runs cost."""
    print_line(
        f"{made.workload}: a version that becomes the default of the batch endpoint {made.endpoint}, as the policy says"
    )
    print_line(f"on {made.input}, {_beside(made)}; nothing is served in steps")
    columns = ("stage", "what", "took last time", "deadline")
    rows = [
        (place, stage.what, long(stage.took) if stage.took else "", long(stage.deadline) if stage.deadline else "")
        for place, stage in enumerate(made.stages, 1)
    ]
    print_table(columns, rows)
    took = (
        f"{long(made.took)} of runs last time"
        if made.took
        else "how long the runs take is not known: none has been compared"
    )
    print_line(
        f"in all: {took}; without a verdict it is made anew every {long(made.retry_after)}, and the version given up after "
        f"{made.comparisons_max} comparison(s), {long(made.deadline)} at the latest"
    )
    print_line(f"each run: {made.instances} instance(s) of the cluster, which starts what it does not have")
    print_line(_costs(made))
    print_line(f"the default before is kept for {long(made.warm_standby)}; it costs nothing while nobody invokes it")


def _beside(made: BatchPlan) -> str:
    if made.champion is None:
        return "beside the champion, if there is one"
    return f"beside version {made.champion}, the champion" if made.champion else "alone, since there is no champion"


def _costs(made: BatchPlan) -> str:
    if made.cost_max is None:
        return "cost: not known; set deployment: {price_per_hour: ...}, the price of one instance, in the policy"
    usual = f"about {made.cost} as last time, " if made.cost else ""
    return f"cost of one comparison's runs: {usual}{made.cost_max} at most"
