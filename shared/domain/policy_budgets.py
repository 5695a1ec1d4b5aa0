"""What the policy says about budgets: who hears which share of the money, and from which on nothing is retrained.

Owns that section's grammar. Knows nothing of alerts, or of what a freeze holds back (``rules.budget``, ``guards``).
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from shared.domain.policy_section import Section

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

    @model_validator(mode="after")
    def _in_order(self) -> "BudgetRule":
        every = {"tiers": [tier.at for tier in self.tiers], "forecast": [tier.at for tier in self.forecast]}
        for name, shares in every.items():
            if shares != sorted(set(shares)):
                raise ValueError(f"{name} must rise, such as at: 0.5, then at: 0.9; these are {shares}")
        if not self.tiers and not self.forecast:
            raise ValueError("a budget needs tiers: or forecast:, else nothing is done about its alerts")
        if self.tiers and not self.forecast and not self.personas:
            raise ValueError("nobody is told about this budget; give a tier to: a persona")
        return self

    @property
    def personas(self) -> tuple[str, ...]:
        """Everybody who is told anything."""
        named = (*(tier.to for tier in self.tiers), *(tier.to for tier in self.forecast))
        return tuple(dict.fromkeys(name for several in named for name in several))


def unknown_personas(budgets: tuple[BudgetRule, ...], known: frozenset[str]) -> str:
    """Which persona of which budget is not defined, as a sentence; empty when all are. Two rules of one scope are a fault too."""
    for rule in budgets:
        strange = [name for name in rule.personas if name not in known]
        if strange:
            return f"budget {rule.scope}: persona {strange[0]!r} is unknown; defined are {sorted(known)}"
    scopes = [rule.scope.lower().rstrip("/") for rule in budgets]
    twice = next((scope for scope in scopes if scopes.count(scope) > 1), "")
    return f"two budgets have the scope {twice}; write one with all tiers" if twice else ""
