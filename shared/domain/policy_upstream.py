"""What a policy says about causes outside of any model: features that many models share, and that come from one place.

Owns that section's grammar. Who drifts is said by the workloads' own rules, what many of them mean by ``rules.upstream``.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from pydantic import Field

from shared.domain.policy_faults import swallowed
from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import Duration

UPSTREAM_MAX = 20  # rules: so many subjects at most can one window concern beside its workload
GLOB_MAX = 100  # characters


class Upstream(Section):
    """Features of one origin: when several models drift on the same of them in the same window, it is not the models."""

    features: str = Field(min_length=1, max_length=GLOB_MAX, description="glob of the features of one origin")
    models_min: int = Field(default=3, ge=2, description="so many models, on one feature, in one window")
    to: str = Field(description="a persona: who looks after that origin")
    holds: bool = Field(
        default=True, description="whether retraining that this drift asks for waits until the cause is found"
    )
    group_wait: Duration = Field(
        default=timedelta(minutes=10),
        description="so long such a retraining waits to see whether other models drift as well",
    )
    recovers_after: int = Field(
        default=2, ge=1, description="windows in a row without so many models before the incident is closed"
    )
    repeat_interval: Duration = Field(
        default=timedelta(hours=4), description="further models are told of no more often than this"
    )


def unfit_upstream(rules: Sequence[Upstream]) -> Iterator[FaultAtError]:
    """Rules that are never asked, since the first that names a feature answers for it."""
    for earlier, later in swallowed([rule.features for rule in rules]):
        text = (
            f"{rules[later].features} is never asked: {rules[earlier].features} before it matches every name that it does; "
            "put the narrower one first"
        )
        yield FaultAtError(text, "upstream", later, "features")
    for number, rule in enumerate(rules):
        if any(rule.features == other.features for other in rules[:number]):
            yield FaultAtError(f"two rules name {rule.features}; one of them is enough", "upstream", number, "features")
