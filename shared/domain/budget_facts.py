"""What is remembered of budgets: which tiers were told in this period, and which freezes hold retraining.

Owns these values and the arithmetic of budget periods. Knows nothing of alerts or of the policy.
"""

from datetime import UTC, datetime

from shared.domain.values import Part

MONTHS = {"month": 1, "quarter": 3, "year": 12}


class BudgetPeriod(Part, frozen=True, kw_only=True):
    """What was told about one budget in one period, which ends at ``until``. Shares are those of the tiers, 0 when none."""

    until: datetime
    actual_at: float = 0.0
    forecast_at: float = 0.0
    repeats: int = 0


class BudgetFreeze(Part, frozen=True, kw_only=True):
    """Retraining is frozen until the budget's period ends, or until a person lifts it: then ``lifted_by`` says who."""

    budget: str
    ratio: float
    since: datetime
    until: datetime
    lifted_by: str = ""

    def in_force(self, now: datetime) -> bool:
        """Whether it holds retraining at a moment."""
        return now < self.until and not self.lifted_by


def period_end(start: datetime | None, period: str, moment: datetime) -> datetime:
    """When the period ends that a moment lies in: midnight UTC of the first of a month.

    Azure's budgets begin on the first of a month and begin anew each month, quarter or year from there; without a known
    start the calendar's own months, quarters and years are meant.
    """
    months = MONTHS[period]
    begun = _month_number(start.astimezone(UTC)) if start else 0
    here = _month_number(moment.astimezone(UTC))
    end = begun + ((here - begun) // months + 1) * months
    return datetime(end // 12, end % 12 + 1, 1, tzinfo=UTC)


def _month_number(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1
