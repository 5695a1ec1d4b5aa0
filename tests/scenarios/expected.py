"""What a story expects to have happened, and when, in users' words.

Owns the vocabulary: ``between("2h", "2h1m")`` and what may be said of that time. Reads decisions, and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from shared.domain.commands import Command, Notify, RequestApproval, kind_of
from shared.domain.decisions import Decision
from shared.domain.durations import format_duration, parse_duration
from shared.domain.effects import AnyCommand

KINDS = frozenset(kind.__name__ for kind in get_args(AnyCommand))


@dataclass(frozen=True)
class Between:
    """A stretch of a story, both ends included, counted from its beginning."""

    start: str
    end: str

    def holds(self, since: timedelta) -> bool:
        """Whether a moment so long after the beginning lies in it."""
        return parse_duration(self.start) <= since <= parse_duration(self.end)

    def __str__(self) -> str:
        return f"between {self.start} and {self.end}"


def between(start: str, end: str) -> Between:
    """From so long after the beginning until so long after it."""
    return Between(start, end)


@dataclass(frozen=True)
class Expected:
    """Something that may have happened."""

    def among(self, decisions: Iterable[Decision]) -> bool:
        """Whether it did, in one of these decisions."""
        return any(self.is_in(decision) for decision in decisions)

    def is_in(self, decision: Decision) -> bool:
        """Whether this decision brought it about."""
        raise NotImplementedError


@dataclass(frozen=True)
class Notified(Expected):
    """A persona was told something whose title holds these words."""

    persona: str
    about: str = ""

    def is_in(self, decision: Decision) -> bool:
        told = [command for command in decision.commands if isinstance(command, Notify)]
        return any(command.persona == self.persona and self.about in command.title for command in told)


@dataclass(frozen=True)
class Asked(Expected):
    """A person was asked for a yes to a version."""

    version: str

    def is_in(self, decision: Decision) -> bool:
        questions = [command for command in decision.commands if isinstance(command, RequestApproval)]
        return any(f"version {self.version} " in f"{question.title} " for question in questions)


@dataclass(frozen=True)
class Ordered(Expected):
    """A command of a kind was ordered."""

    kind: str

    def __post_init__(self) -> None:
        """Refuse a kind that no command has: it could never be ordered."""
        assert self.kind in KINDS, f"{self.kind} is no command"

    def is_in(self, decision: Decision) -> bool:
        return self.kind in map(kind_of, decision.commands)


@dataclass(frozen=True)
class Held(Expected):
    """Something was held back, by this guard among others."""

    code: str

    def is_in(self, decision: Decision) -> bool:
        return decision.verdict == "hold" and self.code in [reason.code for reason in decision.reasons]


@dataclass(frozen=True)
class Said(Expected):
    """A reason was recorded."""

    code: str

    def is_in(self, decision: Decision) -> bool:
        return self.code in [reason.code for reason in decision.reasons]


@dataclass(frozen=True)
class Nothing(Expected):
    """Nothing was ordered at all (of a kind, if one is named)."""

    kind: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind that no command has: it would never be missed."""
        assert not self.kind or self.kind in KINDS, f"{self.kind} is no command"

    def among(self, decisions: Iterable[Decision]) -> bool:
        ordered = [kind_of(command) for decision in decisions for command in decision.commands]
        return self.kind not in ordered if self.kind else not ordered


def told_shortly(decisions: Iterable[Decision], beginning: datetime) -> list[str]:
    """Each decision in a line, for the message of a story that went otherwise."""
    return [_line(decision, beginning) for decision in decisions]


def _line(decision: Decision, beginning: datetime) -> str:
    commands: list[Any] = [_shown(command) for command in decision.commands]
    at = format_duration(timedelta(seconds=(decision.decided_at - beginning).total_seconds() // 1))
    return f"{at}: {decision.verdict} {[reason.code for reason in decision.reasons]} {commands}"


def _shown(command: Command) -> str:
    return f"Notify {command.persona}: {command.title}" if isinstance(command, Notify) else kind_of(command)
