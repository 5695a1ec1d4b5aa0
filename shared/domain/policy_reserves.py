"""Whether a retraining fits the reserves of the budgets that it is paid from: it has a price, in their currency, within them.

Owns which budget pays for a workspace. Knows nothing of what is committed already (``reservations``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.domain.money import Money
from shared.domain.policy_budgets import BudgetRule
from shared.domain.policy_index import BUDGET_SEGMENT, plain_id
from shared.domain.policy_section import FaultAtError


@dataclass(frozen=True, slots=True)
class Price:
    """What one training costs: where the policy says so, in which workspace it runs, and the estimate, if there is one."""

    place: tuple[str | int, ...]
    workspace: str
    cost: Money | None


def paying(budgets: Iterable[BudgetRule], workspace: str) -> tuple[BudgetRule, ...]:
    """The budgets with a reserve that what runs in a workspace is charged to: those whose scope holds it."""
    return tuple(rule for rule in budgets if rule.reserve and _holds(rule.scope, workspace))


def _holds(scope: str, workspace: str) -> bool:
    place = plain_id(scope).partition(BUDGET_SEGMENT)[0]
    return f"{plain_id(workspace)}/".startswith(f"{place}/")


def unfit_reserves(budgets: Sequence[BudgetRule], prices: Iterable[Price]) -> Iterator[FaultAtError]:
    """What is wrong with the prices of trainings, each at its place."""
    reserving = [rule for rule in budgets if rule.reserve]
    for price in prices:
        for rule in paying(reserving, price.workspace):
            unfit = _unfit(rule.scope, rule.reserve, price.cost) if rule.reserve else ""
            if unfit:
                yield FaultAtError(unfit, *price.place, *(("estimated_cost",) if price.cost else ()))


def _unfit(scope: str, reserve: Money, cost: Money | None) -> str:
    if cost is None:
        return f"budget {scope} reserves {reserve} for retraining; write estimated_cost: such as 40 {reserve.currency}"
    if cost.currency != reserve.currency:
        return (
            f"estimated_cost is in {cost.currency} and the reserve of budget {scope} in {reserve.currency}; "
            "nothing is converted, so write both in one currency"
        )
    if cost.amount > reserve.amount:
        return f"estimated_cost {cost} exceeds the reserve of budget {scope}, {reserve}: it could never be trained"
    return ""
