"""Whether a run that was killed all the time ended as one that was left alone: what is lost, doubled, or different.

Owns that comparison. A notice may repeat, since its ``on_unknown`` says so; but no more often than somebody died over it.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.crash.evidence import Ended, Evidence

NOTICES = ("Notify", "RequestApproval")


@dataclass(frozen=True)
class Verdict:
    """Each finding in words. ``allowed`` counts notices that came again because nobody knew whether they had come."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    allowed: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.different)

    def __str__(self) -> str:
        """One line, and one more for each finding."""
        counts = f"lost {len(self.lost)}, doubled {len(self.doubled)}, different {len(self.different)}"
        findings = [
            f"  {word}: {finding}"
            for word, found in (("lost", self.lost), ("doubled", self.doubled), ("different", self.different))
            for finding in found
        ]
        return "\n".join([f"{counts}; notices repeated (allowed): {self.allowed}", *findings])


def judge(quiet: Evidence, killed: Evidence, interrupted: Counter[str]) -> Verdict:
    """Compare a run that was killed with one that was left alone, on the same load.

    ``interrupted`` says how often each command was claimed when a host died, or lost the store to say so in.
    """
    pairs = {
        "signal": (quiet.signals, killed.signals),
        "rejection": (quiet.rejected, killed.rejected),
        "decision": (quiet.decisions, killed.decisions),
        "command": (quiet.commands.keys(), killed.commands.keys()),
        "subject": (quiet.facts.keys(), killed.facts.keys()),
    }
    lost = [f"{what} {one}" for what, (wanted, found) in pairs.items() for one in sorted(wanted - found)]
    doubled = [f"{what} {one}" for what, (wanted, found) in pairs.items() for one in sorted(found - wanted)]
    lost += _missing("effect", quiet.effects, killed.effects) + _missing("notice", quiet.notices, killed.notices)
    doubled += _missing("effect", killed.effects, quiet.effects)
    surplus = killed.notices - quiet.notices
    unexplained = surplus - _begun_again(killed.commands, interrupted)
    doubled += _missing("notice", unexplained, Counter())
    different = [
        f"command {one}: {quiet.commands[one].outcome} and {ended.outcome}"
        for one, ended in killed.commands.items()
        if one in quiet.commands and quiet.commands[one].outcome != ended.outcome
    ]
    different += [
        f"facts of {subject}: {quiet.facts[subject]} and {facts}"
        for subject, facts in killed.facts.items()
        if subject in quiet.facts and quiet.facts[subject] != facts
    ]
    return Verdict(lost, doubled, different, surplus.total() - unexplained.total())


def _missing(what: str, wanted: Counter[str], found: Counter[str]) -> list[str]:
    return [f"{what} {name} ({count} times)" for name, count in sorted((wanted - found).items())]


def _begun_again(commands: dict[str, Ended], interrupted: Counter[str]) -> Counter[str]:
    """How often a notice of each title may have been sent by somebody who could not say so any more."""
    again = Counter[str]()
    for one, times in interrupted.items():
        if one in commands and commands[one].kind in NOTICES:
            again[commands[one].title] += times
    return again
