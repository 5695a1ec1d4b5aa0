"""What a rollout will take, said in advance: its steps, the time and the requests that each needs, and what it costs.

Owns the arithmetic, from the policy and today's traffic alone. Predicts no verdict: a step that needs longer than its limits
allow is said to give up, since it would, however good the version is.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from shared.domain.money import Money
from shared.domain.policy import Workload
from shared.domain.policy_promotion import Rollout

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step. What depends on traffic is None while nobody knows it; ``takes`` also when the step would give up."""

    percent: int
    requests_needed: int
    requests_a_bake: float | None  # that the version serves in one bake
    bakes: int | None  # until it has served enough
    bakes_max: int  # that its limits allow
    takes: timedelta | None  # at the soonest
    deadline: timedelta  # then it goes back, whatever it was
    mirrored: bool = False  # copies of requests, whose answers nobody sees

    @property
    def gives_up(self) -> bool:
        """Whether there is too little traffic for this step ever to pass."""
        return self.bakes is not None and self.bakes > self.bakes_max


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """All of it. Costs are None where the policy gives no price, or nobody knows how long it takes."""

    workload: str
    requests_an_hour: float | None
    steps: tuple[PlannedStep, ...]
    look_every: timedelta
    bake: timedelta
    takes: timedelta | None  # when every step passes as soon as it can
    deadline: timedelta
    instances: int  # of each of the two deployments
    instance_type: str
    hourly: Money | None  # of the second deployment
    rollout_cost: Money | None
    warm_standby: timedelta
    standby_cost: Money | None
    source: str = "windows"  # who says what was served
    late_by: timedelta = timedelta()  # how much later than it happened


def plan(workload: Workload, requests_an_hour: float | None) -> RolloutPlan:
    """The rollout of a version that replaces another, at so many requests an hour to the endpoint."""
    rollout, deployment = workload.promotion.rollout, workload.deployment
    shadow = (_step(rollout, rollout.mirror, requests_an_hour, mirrored=True),) if rollout.mirror else ()
    steps = (*shadow, *(_step(rollout, percent, requests_an_hour) for percent in rollout.steps))
    each = [step.takes for step in steps]
    known = [takes for takes in each if takes is not None]
    takes = sum(known, timedelta()) if len(known) == len(each) else None
    return RolloutPlan(
        workload=workload.name,
        requests_an_hour=requests_an_hour,
        steps=steps,
        look_every=rollout.look_interval,
        bake=rollout.bake,
        takes=takes,
        deadline=sum((step.deadline for step in steps), timedelta()),
        instances=deployment.instance_count,
        instance_type=deployment.runs_on(workload.environments.production),
        hourly=deployment.hourly,
        rollout_cost=_cost(deployment.hourly, takes),
        warm_standby=rollout.warm_standby,
        standby_cost=_cost(deployment.hourly, rollout.warm_standby),
        source=rollout.analysis.source,
        late_by=rollout.analysis.late_by,
    )


def _step(rollout: Rollout, percent: int, requests_an_hour: float | None, *, mirrored: bool = False) -> PlannedStep:
    limits, needed = rollout.analysis, rollout.analysis.min_requests
    bakes_max = 1 + min(limits.inconclusive_limit, limits.bakes_max - 1)
    served = None if requests_an_hour is None else requests_an_hour * percent / 100 * (rollout.bake / HOUR)
    bakes = None if not served else max(1, math.ceil(needed / served - 1e-9))
    if served == 0:
        bakes = bakes_max + 1
    possible = bakes is not None and bakes <= bakes_max
    return PlannedStep(
        percent=percent,
        requests_needed=needed,
        requests_a_bake=served,
        bakes=bakes,
        bakes_max=bakes_max,
        takes=bakes * rollout.bake if bakes is not None and possible else None,
        deadline=limits.bakes_max * rollout.bake,
        mirrored=mirrored,
    )


def _cost(hourly: Money | None, takes: timedelta | None) -> Money | None:
    if hourly is None or takes is None:
        return None
    hours = Decimal(takes // timedelta(seconds=1)) / 3600
    return Money(amount=(hourly.amount * hours).quantize(Decimal("0.01")), currency=hourly.currency)
