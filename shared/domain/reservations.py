"""What is reserved against the limits that span workloads, and whether there is room for one more.

Owns the two kinds of such limits (so many retrainings of the fleet in a window, so much money in a budget's period) and their
arithmetic. Knows nothing of how reservations are kept, or of who races for them (``services.reservations``).

A reservation counts from the latest moment at which the effect that it allows can happen. So two effects that are a window
apart by their reservations are a window apart in the world, whatever a call or a second try took.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from shared.domain.budget_facts import period_end
from shared.domain.limits import Limit
from shared.domain.money import Money
from shared.domain.outcomes import Refusal
from shared.domain.policy import Policy
from shared.domain.policy_budgets import BudgetRule
from shared.domain.policy_reserves import paying
from shared.domain.values import Part

ACT_WITHIN = timedelta(minutes=4)  # a reservation counts from then on, and no effect comes later than that
RESERVED_MAX = 200  # in one account: a limit that is wider would outgrow what a row of a table holds
ROOT = "reservations/"


class Reservation(Part, frozen=True, kw_only=True):
    """A command's share of a limit, which counts from ``at`` and is over at ``until``.

    ``kept`` once the command had an effect, or may have had one: from then on it is not given back.
    """

    command: str
    subject: str
    at: datetime
    until: datetime
    cost: Money | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Fleet:
    """How often all workloads together may be retrained: every limit of the policy, in one account."""

    limits: tuple[Limit, ...]

    @property
    def name(self) -> str:
        """What its account is called. It does not change with the limits, so an edit of the policy forgets nothing."""
        return f"{ROOT}fleet_retrains"

    def over_at(self, at: datetime) -> datetime:
        """When a reservation of a moment counts no more."""
        return at + max(limit.window for limit in self.limits)

    def refusals(self, others: Iterable[Reservation], cost: Money | None, now: datetime) -> tuple[Refusal, ...]:
        """Each limit that has no room for one more beside these others."""
        del cost
        past = [known.at for known in others]
        found = ((limit, limit.free_at(past, now)) for limit in self.limits)
        return tuple(_used_up(limit, past, now, until) for limit, until in found if until)


@dataclass(frozen=True, slots=True)
class Reserve:
    """How much may be committed to retrainings in one period of a budget."""

    rule: BudgetRule
    reserve: Money

    @property
    def name(self) -> str:
        """What its account is called."""
        return f"{ROOT}budget{self.rule.scope.lower().rstrip('/')}"

    def over_at(self, at: datetime) -> datetime:
        """When a reservation of a moment counts no more: at the end of its period."""
        return period_end(None, self.rule.period, at)

    def refusals(self, others: Iterable[Reservation], cost: Money | None, now: datetime) -> tuple[Refusal, ...]:
        """Why there is no room for this cost beside these others, if there is none. Amounts in another currency, which the
        policy had before, cannot be added and are left out.
        """
        until = self.over_at(now + ACT_WITHIN)
        same = [known for known in others if known.cost and known.cost.currency == self.reserve.currency]
        costs = [known.cost.amount for known in same if known.cost and known.until == until]
        committed = sum(costs, Decimal())
        wanted = cost.amount if cost else Decimal()
        if committed + wanted <= self.reserve.amount and len(costs) < RESERVED_MAX:
            return ()
        text = (
            f"of the {self.reserve} that budget {self.rule.scope} reserves for retraining in a {self.rule.period}, "
            f"{committed:f} are committed to {len(costs)} retrainings, and this one is estimated at {cost}"
        )
        observed, limit = float(committed), str(self.reserve)
        return (Refusal(code="budget_reserved", text=text, observed=observed, limit=limit, until=until),)


Account = Fleet | Reserve


def accounts(policy: Policy, workload: str, workspace: str = "") -> tuple[tuple[Account, ...], Money | None]:
    """The limits that a training of a workload counts against, and its estimated cost. It runs in a workspace: in
    development unless told otherwise.
    """
    limits = policy.defaults.limits.fleet_retrains
    fleet = (Fleet(limits),) if limits else ()
    known = next((one for one in policy.workloads if one.name == workload), None)
    if known is None:
        return fleet, None
    where, in_staging = known.environments, known.promotion.staging.retrain
    stages = in_staging and workspace.lower() == where.staging.workspace.lower()
    training, place = (in_staging, where.staging) if stages else (known.retrain, where.development)
    cost = training.estimated_cost if training else None
    if cost is None:
        return fleet, None
    rules = paying(policy.budgets, place.workspace)
    return (*fleet, *(Reserve(rule, rule.reserve) for rule in rules if rule.reserve)), cost


def without(entries: Iterable[Reservation], command: str, now: datetime) -> tuple[Reservation, ...]:
    """The reservations of other commands that are not over."""
    return tuple(known for known in entries if known.command != command and known.until > now)


def _used_up(limit: Limit, past: list[datetime], now: datetime, until: datetime) -> Refusal:
    committed = sum(at > now - limit.window for at in past)
    text = f"all workloads together are limited to {limit}, and {committed} retrainings are committed"
    return Refusal(code="fleet_limit", text=text, observed=float(committed), limit=str(limit), until=until)
