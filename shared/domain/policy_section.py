"""The base of every part of the policy.

Owns what all parts have in common: unknown keys are errors, and nothing changes after validation. Knows no part itself.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the policy: unknown keys are errors, since a misspelt guard would never hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class FaultAtError(ValueError):
    """Parts that are right by themselves and do not fit together. ``path`` leads from the part that raises it to the fault."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


class FaultsAtError(ValueError):
    """Several of those, each with its own place."""

    def __init__(self, faults: Iterable[FaultAtError]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


def refuse(faults: Iterable[FaultAtError]) -> None:
    """Do nothing when there are none. Raises FaultsAtError with all that there are."""
    found = tuple(faults)
    if found:
        raise FaultsAtError(found)
