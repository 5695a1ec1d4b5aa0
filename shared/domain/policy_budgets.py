"""What the policy says about budgets: who hears which share of the money, and from which on nothing is retrained.

Owns that section's grammar. Knows nothing of alerts, or of what a freeze holds back (``rules.budget``, ``guards``).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import MoneyText

Scope = Annotated[str, StringConstraints(pattern=r"(?i)^/subscriptions/[^/]+(/.+)?$")]
Period = Literal["month", "quarter", "year"]


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Personas = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...])]


class Tier(Section):
    """From this share of the budget on, these personas are told, and (with ``then``) nothing is retrained."""

    at: float = Field(gt=0, le=10, description="share of the budget: 0.9 is 90 %")
    to: Personas = ()
    then: Literal["tell", "freeze_retraining"] = "tell"

    @model_validator(mode="after")
    def _does_something(self) -> "Tier":
        if not self.to and self.then == "tell":
            raise ValueError(f"the tier at {self.at:g} does nothing; write to: a persona, or then: freeze_retraining")
        return self


class ForecastTier(Section):
    """When this share of the budget is forecast for the period's end, these personas are told. A forecast freezes nothing."""

    at: float = Field(gt=0, le=10, description="share of the budget: 1.1 is 110 %")
    to: Personas = Field(min_length=1)


class BudgetRule(Section):
    """What is done about the alerts of the budgets in a scope: a subscription, a resource group, or one budget by its id."""

    scope: Scope
    period: Period = Field(default="month", description="how often the budget begins anew; a freeze ends with it")
    tiers: tuple[Tier, ...] = ()
    forecast: tuple[ForecastTier, ...] = ()
    reserve: MoneyText | None = Field(
        default=None, description="so much the loop may commit to retrainings in a period, by their estimated_cost"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "BudgetRule":
        every = {"tiers": [tier.at for tier in self.tiers], "forecast": [tier.at for tier in self.forecast]}
        for name, shares in every.items():
            if shares != sorted(set(shares)):
                wrong = next(at for at in range(1, len(shares)) if shares[at] <= shares[at - 1])
                text = f"{name} must rise, such as at: 0.5, then at: 0.9; these are {shares}"
                raise FaultAtError(text, name, wrong, "at")
        if not self.tiers and not self.forecast and not self.reserve:
            raise ValueError("a budget needs tiers:, forecast: or reserve:, else nothing is done about it")
        if self.tiers and not self.forecast and not self.personas:
            raise ValueError("nobody is told about this budget; give a tier to: a persona")
        return self

    @property
    def personas(self) -> tuple[str, ...]:
        """Everybody who is told anything."""
        named = (*(tier.to for tier in self.tiers), *(tier.to for tier in self.forecast))
        return tuple(dict.fromkeys(name for several in named for name in several))


def personas_named(budgets: tuple[BudgetRule, ...]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every persona that a budget names, with the place where it does."""
    for number, rule in enumerate(budgets):
        every = [("tiers", [tier.to for tier in rule.tiers]), ("forecast", [tier.to for tier in rule.forecast])]
        for key, several in every:
            yield from (
                (name, ("budgets", number, key, at, "to")) for at, named in enumerate(several) for name in named
            )


def shared_scopes(budgets: tuple[BudgetRule, ...]) -> Iterator[FaultAtError]:
    """Rules that speak of the same budgets: which of them would say how much is too much?"""
    seen: set[str] = set()
    for number, rule in enumerate(budgets):
        scope = rule.scope.lower().rstrip("/")
        if scope in seen:
            text = f"two budgets have the scope {scope}; write one with all tiers"
            yield FaultAtError(text, "budgets", number, "scope")
        seen.add(scope)
