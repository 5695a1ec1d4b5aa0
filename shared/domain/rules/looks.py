"""What each look at a baking step counts towards, and what a pause leaves of it.

Owns the counting. A look before the bake is over can only end a rollout badly: a pass needs the whole bake. So can a look
under a pause, since going back is never held; it takes no step onward.
"""

from datetime import datetime

from shared.domain.decisions import Reason
from shared.domain.facts import Rollout
from shared.domain.policy_promotion import Analysis
from shared.domain.rules.analysis import Judgement
from shared.domain.situation import because
from shared.domain.values import replace


def bake_is_over(rollout: Rollout, now: datetime) -> bool:
    """Whether the step has baked long enough to pass."""
    return rollout.baked_at is None or now >= rollout.baked_at


def count_early(rollout: Rollout, judged: Judgement) -> Rollout:
    """The rollout after a look before the bake is over: only what is bad for users counts."""
    return replace(rollout, looks=rollout.looks + 1, failures=rollout.failures + (judged.verdict == "fail"))


def count(rollout: Rollout, judged: Judgement, baked_at: datetime) -> Rollout:
    """The rollout after the end of a bake that was no pass, which bakes until then once more."""
    return replace(
        count_early(rollout, judged),
        baked_at=baked_at,
        bakes=rollout.bakes + 1,
        inconclusive=rollout.inconclusive + (judged.verdict == "inconclusive"),
        no_data=rollout.no_data + (judged.verdict == "no_data"),
        errors=rollout.errors + (judged.verdict == "provider_error"),
    )


def count_paused(rollout: Rollout, judged: Judgement) -> Rollout:
    """The rollout after a bake that ended under a pause: only what is bad for users counts, and the step waits."""
    return replace(count_early(rollout, judged), waits=True)


def limit_reached(rollout: Rollout, limits: Analysis) -> Reason | None:
    """The limit by which the looks so far end the rollout."""
    counted = (
        ("failure_limit", "failed looks", rollout.failures, limits.failure_limit),
        ("inconclusive_limit", "inconclusive bakes", rollout.inconclusive, limits.inconclusive_limit),
        ("no_data_limit", "bakes without data", rollout.no_data, limits.no_data_limit),
        ("error_limit", "bakes whose measurements could not be read", rollout.errors, limits.error_limit),
        ("step_deadline", "bakes without a pass", rollout.bakes, limits.bakes_max - 1),
    )
    for code, what, seen, limit in counted:
        if seen > limit:
            return because(code, f"{seen} {what} of this step (limit {limit})", observed=seen, limit=limit)
    return None
