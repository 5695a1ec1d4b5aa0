"""What each look at a baking step counts towards, and what a pause leaves of it.

Owns the counting. Under a pause a look can still end a rollout badly, since going back is never held; it takes no step onward.
"""

from shared.domain.facts import Rollout
from shared.domain.policy_promotion import Analysis
from shared.domain.rules.analysis import Judgement
from shared.domain.values import replace


def count(rollout: Rollout, judged: Judgement) -> Rollout:
    """The rollout after one more look."""
    return replace(
        rollout,
        looks=rollout.looks + 1,
        failures=rollout.failures + (judged.verdict == "fail"),
        inconclusive=rollout.inconclusive + (judged.verdict == "inconclusive"),
        no_data=rollout.no_data + (judged.verdict == "no_data"),
    )


def count_paused(rollout: Rollout, judged: Judgement) -> Rollout:
    """The rollout after one more look under a pause: only what is bad for users counts, and the step waits."""
    failures = rollout.failures + (judged.verdict == "fail")
    return replace(rollout, looks=rollout.looks + 1, failures=failures, waits=True)


def beyond_limit(rollout: Rollout, limits: Analysis) -> bool:
    """Whether the looks so far end the rollout."""
    return (
        rollout.failures > limits.failure_limit
        or rollout.inconclusive > limits.inconclusive_limit
        or rollout.no_data > limits.no_data_limit
    )
