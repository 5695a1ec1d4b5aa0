"""What the comparison of a batch workload will take, said in advance: its stages, how long each may and did take, and what it costs.

Owns the arithmetic, from the policy and the runs of the last comparison. Predicts no verdict.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from shared.domain.comparison_facts import Comparison, ScoredRun
from shared.domain.facts import Facts
from shared.domain.money import Money
from shared.domain.policy import Workload
from shared.domain.policy_batch import ComparisonRun

HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing that happens. ``took`` is what it took in the last comparison, ``deadline`` when it is given up; None: not known, none."""

    what: str
    took: timedelta | None = None
    deadline: timedelta | None = None


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """All of it. Costs are None where the policy gives no price, or nobody knows how long a run takes."""

    workload: str
    endpoint: str
    champion: str | None  # None while nobody was asked who it is; empty when there is none
    input: str
    component: str
    stages: tuple[Stage, ...]
    took: timedelta | None  # both runs of the last comparison
    comparisons_max: int  # until the version is given up
    retry_after: timedelta
    deadline: timedelta  # of all runs and waits together, when none comes to a verdict
    instances: int  # of the cluster, for each run
    cost: Money | None  # of both runs, when they take what they took
    cost_max: Money | None  # of both runs, when each takes its whole deadline
    warm_standby: timedelta


def plan(workload: Workload, rules: ComparisonRun, facts: Facts | None) -> BatchPlan:
    """The way of a version to the default of a batch endpoint; without facts by the policy alone, with a champion assumed."""
    deployment, production = workload.deployment, workload.environments.production
    last = _last_comparison(facts) if facts else Comparison()
    champion = facts.champion if facts else None
    took = [_took(last.champion_run), _took(last.candidate_run)] if champion != "" else [_took(last.candidate_run)]
    known = [each for each in took if each is not None]
    together = sum(known, timedelta()) if len(known) == len(took) else None
    runs, failed = len(took) * rules.deadline, rules.inconclusive_limit + rules.no_data_limit
    return BatchPlan(
        workload=workload.name,
        endpoint=production.endpoint,
        champion=champion,
        input=rules.scores,
        component=rules.component,
        stages=tuple(_stages(rules, last, production.endpoint, champion)),
        took=together,
        comparisons_max=failed + 1,
        retry_after=rules.retry_after,
        deadline=(rules.inconclusive_limit + 1) * runs + failed * rules.retry_after,
        instances=deployment.instance_count,
        cost=_cost(deployment.hourly, together),
        cost_max=_cost(deployment.hourly, runs),
        warm_standby=workload.promotion.rollout.warm_standby,
    )


def _stages(rules: ComparisonRun, last: Comparison, endpoint: str, champion: str | None) -> list[Stage]:
    compared = [
        Stage("the champion scores the input", _took(last.champion_run), rules.deadline),
        Stage("the candidate scores the same", _took(last.candidate_run), rules.deadline),
    ]
    return [
        Stage("deployed beside the default, which stays"),
        *(compared if champion != "" else compared[1:]),
        Stage(f"{rules.component} compares what was written"),
        Stage(f"the default of {endpoint} changes, in one write"),
    ]


def _last_comparison(facts: Facts) -> Comparison:
    """The newest of which both runs are known, else of which any is."""
    known = [version for version in facts.versions.values() if version.comparison and version.comparison.candidate_run]
    newest = sorted(known, key=lambda version: version.registered_at)
    both = [version for version in newest if version.comparison and version.comparison.champion_run]
    found = (both or newest)[-1:]
    return found[0].comparison or Comparison() if found else Comparison()


def _took(run: ScoredRun | None) -> timedelta | None:
    return timedelta(seconds=round(run.seconds)) if run and run.seconds else None


def _cost(hourly: Money | None, takes: timedelta | None) -> Money | None:
    if hourly is None or takes is None:
        return None
    amount = hourly.amount * Decimal(takes // timedelta(seconds=1)) / HOUR
    return Money(amount=amount.quantize(Decimal("0.01")), currency=hourly.currency)
