"""What a person is told, before it becomes a card or a mail: a title, one sentence, facts, and where to look.

Owns the value and the rule for links. Knows no channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

VALUE_CHARACTERS_MAX = 500


@dataclass(frozen=True)
class Link:
    """A labelled address. Only https, and http for a machine's own pages, ever reach a person."""

    label: str
    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"not a web address: {self.url!r}")


@dataclass(frozen=True)
class Notice:
    """One message. ``facts`` keep their order; ``sentence`` is the reason that the decision recorded."""

    title: str
    sentence: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    link: Link | None = None


def shortened(text: str, characters_max: int = VALUE_CHARACTERS_MAX) -> str:
    """The text on one line, cut with an ellipsis when it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= characters_max else f"{line[: characters_max - 1]}…"
