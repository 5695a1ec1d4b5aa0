"""What a budget alert brings about: its people are told once per tier and period, and retraining may be frozen.

Owns both rulings. The telling belongs to the budget (subject ``budget/…``), the freeze to each workload in its scope. A
freeze ends with the budget's period or when a person lifts it; it never holds a rollback.
"""

from collections.abc import Sequence
from datetime import datetime

from shared.domain.budget_facts import BudgetFreeze, BudgetPeriod, period_end
from shared.domain.decisions import Reason
from shared.domain.facts import Facts
from shared.domain.platform_signals import BudgetCrossed
from shared.domain.policy_budgets import BudgetRule, ForecastTier, Tier
from shared.domain.routing import budget_rules, budgets_of
from shared.domain.signals import OperatorAsked
from shared.domain.situation import Ruling, Setting, Situation, because
from shared.domain.values import replace

RULE = "budget"
ROUNDING = 1e-6  # amounts arrive as rounded text: 90 % of a budget may come as 0.8999999


def key_of(signal: BudgetCrossed) -> str:
    """One budget, in whichever schema its alert came: its scope and its name."""
    return f"{signal.scope}/{signal.budget}".lower()


def tell(setting: Setting, signal: BudgetCrossed) -> Ruling:
    """Tell the people of the highest tier that was crossed, unless this period has heard of it."""
    rule = next(iter(budgets_of(setting.policy, setting.subject)), None)
    if rule is None:
        return Ruling("no_match", RULE, (because("no_budget", "the policy names this budget no more"),), setting.facts)
    until, over = _period(rule, signal, setting.now)
    crossed = _highest(rule.forecast if signal.forecast else rule.tiers, signal.ratio)
    if over:
        return Ruling("suppress", RULE, (_spent(signal), over), setting.facts)
    if crossed is None:
        below = because("below_tiers", "no tier of the policy is reached", observed=round(signal.ratio, 4))
        return Ruling("suppress", RULE, (_spent(signal), below), setting.facts)
    known = _of_this_period(setting, signal, until)
    told_at = known.forecast_at if signal.forecast else known.actual_at
    if crossed.at <= told_at:
        repeated = replace(known, repeats=known.repeats + 1)
        text = f"the tier at {crossed.at:.0%} was told in this period already: this is counted, not told again"
        reason = because("tier_told", text, observed=round(signal.ratio, 4), limit=told_at, until=until)
        return Ruling("suppress", RULE, (_spent(signal), reason), _remember(setting, signal, repeated))
    field = "forecast_at" if signal.forecast else "actual_at"
    return _announce(setting, signal, rule, crossed, replace(known, **{field: crossed.at}))


def _announce(
    setting: Setting, signal: BudgetCrossed, rule: BudgetRule, crossed: Tier | ForecastTier, period: BudgetPeriod
) -> Ruling:
    freezing = isinstance(crossed, Tier) and crossed.then == "freeze_retraining"
    what = "is forecast to reach" if signal.forecast else "has reached"
    title = f"Budget {signal.budget} {what} {signal.ratio:.0%}" + (": retraining is frozen" if freezing else "")
    unit = f" {signal.unit}" if signal.unit else ""
    facts = {
        "spent": f"{signal.spent:,.2f} of {signal.amount:,.2f}{unit}",
        "tier": f"{crossed.at:.0%}" + (" of the forecast" if signal.forecast else ""),
        "scope": signal.scope,
        "period ends": f"{period.until:%Y-%m-%d %H:%M} UTC",
    }
    if freezing:
        facts["to retrain all the same"] = "outerloop ask lift-freeze WORKLOAD --by YOU --why WHY"
    told = tuple(setting.tell(name, title, facts) for name in _people(rule, crossed))
    tier = because("tier_crossed", f"the tier at {crossed.at:.0%} is crossed", observed=signal.ratio, limit=crossed.at)
    return Ruling("act", RULE, (_spent(signal), tier), _remember(setting, signal, period), commands=told)


def _people(rule: BudgetRule, crossed: Tier | ForecastTier) -> tuple[str, ...]:
    """Those of the tier; a freeze that names nobody is told to those of the next tier below, or else to everybody."""
    if crossed.to:
        return crossed.to
    below = [tier.to for tier in rule.tiers if tier.at < crossed.at and tier.to]
    return below[-1] if below else rule.personas


def freeze(situation: Situation, signal: BudgetCrossed) -> Ruling:
    """Freeze the retraining of a workload in the budget's scope when a tier says so; else only remember that it was heard."""
    facts, rules = situation.facts, budget_rules(situation.policy, signal)
    if not rules:
        none = because("no_budget", "no budgets: rule of the policy speaks of this scope")
        return Ruling("no_match", RULE, (_spent(signal), none), facts)
    frozen = [rule for rule in rules if not signal.forecast and _freezes(rule, signal.ratio)]
    if not frozen:
        none = because(
            "no_freeze", "no tier that freezes is crossed; the budget's people are told under its own subject"
        )
        return Ruling("suppress", RULE, (_spent(signal), none), facts)
    until, over = max((_period(rule, signal, situation.now) for rule in frozen), key=lambda found: found[0])
    if over:
        return Ruling("suppress", RULE, (_spent(signal), over), facts)
    known = facts.freezes.get(key_of(signal))
    if known and known.until == until:
        if known.lifted_by:
            lifted = because(
                "freeze_lifted", f"{known.lifted_by} lifted this budget's freeze until its period ends", until=until
            )
            return Ruling("suppress", RULE, (_spent(signal), lifted), facts)
        raised = replace(known, ratio=max(known.ratio, signal.ratio))
        again = because("frozen_already", "retraining is frozen by this budget already", until=until)
        return Ruling("suppress", RULE, (_spent(signal), again), _freeze(situation, signal, raised))
    new = BudgetFreeze(budget=signal.budget, ratio=signal.ratio, since=situation.now, until=until)
    reason = because(
        "frozen",
        f"nothing is retrained until {until:%Y-%m-%d %H:%M} UTC, when the budget's {frozen[0].period} ends",
        observed=round(signal.ratio, 4),
        until=until,
        release=f"outerloop ask lift-freeze {situation.workload.name} --by YOU --why WHY",
    )
    return Ruling("act", RULE, (_spent(signal), reason), _freeze(situation, signal, new))


def lift(situation: Situation, signal: OperatorAsked) -> Ruling:
    """A person ends every freeze of the workload, for the rest of its period; what was held is evaluated at once."""
    facts, reason = situation.facts, because("asked", f"{signal.by} lifted it: {signal.why or 'without saying why'}")
    frozen = {key: known for key, known in facts.freezes.items() if known.in_force(situation.now)}
    if not frozen:
        return Ruling("suppress", RULE, (reason, because("no_freeze", "no freeze is in force")), facts)
    lifted = {key: replace(known, lifted_by=signal.by) for key, known in frozen.items()}
    return Ruling("act", RULE, (reason,), replace(facts, freezes={**facts.freezes, **lifted}), holds=situation.again())


def _spent(signal: BudgetCrossed) -> Reason:
    kind = "forecast" if signal.forecast else "spent"
    unit = f" {signal.unit}" if signal.unit else ""
    text = f"budget {signal.budget}: {signal.ratio:.1%} of {signal.amount:,.2f}{unit} {kind}"
    return because("budget", text, observed=round(signal.ratio, 4))


def _period(rule: BudgetRule, signal: BudgetCrossed, now: datetime) -> tuple[datetime, Reason | None]:
    """When the period that the alert is about ends, and why it does not matter any more if that is over.

    The classic schema tells no time of its own: such an alert is taken to be about the present.
    """
    moment = now if signal.forecast is None else min(signal.occurred_at, now)
    until = period_end(signal.period_start, rule.period, moment)
    over = f"the {rule.period} that this alert is about ended at {until:%Y-%m-%d %H:%M} UTC"
    return until, None if now < until else because("period_over", over, limit=until.isoformat())


def _highest(tiers: Sequence[Tier] | Sequence[ForecastTier], ratio: float) -> Tier | ForecastTier | None:
    return max((tier for tier in tiers if tier.at <= ratio + ROUNDING), key=lambda tier: tier.at, default=None)


def _freezes(rule: BudgetRule, ratio: float) -> bool:
    """A tier that freezes stays crossed when a higher one is."""
    return any(tier.then == "freeze_retraining" and tier.at <= ratio + ROUNDING for tier in rule.tiers)


def _of_this_period(setting: Setting, signal: BudgetCrossed, until: datetime) -> BudgetPeriod:
    known = setting.facts.budgets.get(key_of(signal))
    return known if known and known.until == until else BudgetPeriod(until=until)


def _remember(setting: Setting, signal: BudgetCrossed, period: BudgetPeriod) -> Facts:
    living = {key: known for key, known in setting.facts.budgets.items() if known.until > setting.now}
    return replace(setting.facts, budgets={**living, key_of(signal): period})


def _freeze(situation: Situation, signal: BudgetCrossed, frozen: BudgetFreeze) -> Facts:
    living = {key: known for key, known in situation.facts.freezes.items() if known.until > situation.now}
    return replace(situation.facts, freezes={**living, key_of(signal): frozen})
