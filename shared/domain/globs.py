"""Globs as sets of names: does a name match, can two match the same name, does one match all that another does?

Owns reading a glob exactly as ``fnmatch.fnmatchcase`` does, and finding those of many that match a name without asking one
after the other. Knows nothing of what is named.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from typing import Final

CHARACTERS: Final = 0x110000
STATES_MAX = 20_000  # of one comparison; beyond it two globs are taken for different, which no name has to prove


@dataclass(frozen=True, slots=True)
class One:
    """Exactly one character of a set: ``starts`` are where runs begin, which are in and out of the set by turns."""

    starts: tuple[int, ...]

    def holds(self, character: int) -> bool:
        """Whether a character is in the set."""
        return bool(bisect_right(self.starts, character) % 2)


ANY = One((0,))
Token = One | None
"""One character, or None for a star."""


def tokens_of(glob: str) -> tuple[Token, ...]:
    """The parts of a glob; stars that follow each other are one."""
    found: list[Token] = []
    at = 0
    while at < len(glob):
        end = _end_of(glob, at)
        token = _token(glob[at:end])
        if token is not None or found[-1:] != [None]:
            found.append(token)
        at = end
    return tuple(found)


def _end_of(glob: str, at: int) -> int:
    """Where the part that begins here ends: a bracket that is never closed stands for itself."""
    if glob[at] != "[":
        return at + 1
    first = at + 1 + (glob[at + 1 : at + 2] == "!")
    closed = glob.find("]", first + 1)  # a bracket in the first place is a member of the set
    return closed + 1 if closed >= 0 else at + 1


def _token(part: str) -> Token:
    if part == "*":
        return None
    if part == "?":
        return ANY
    if len(part) == 1:
        return One((ord(part), ord(part) + 1))
    # The set changes only at characters that are written, or just behind them; fnmatch itself says what is in it.
    edges = sorted({0, *(ord(one) for one in part), *(ord(one) + 1 for one in part)} - {CHARACTERS})
    starts: list[int] = []
    for edge in edges:
        if fnmatchcase(chr(edge), part) != bool(len(starts) % 2):
            starts.append(edge)
    return One(tuple(starts))


def overlap(one: str, other: str) -> bool:
    """Whether some name matches both."""
    left, right = tokens_of(one), tokens_of(other)
    seen, ahead = {(0, 0)}, [(0, 0)]
    while ahead:
        at = ahead.pop()
        if at == (len(left), len(right)):
            return True
        new = [known for known in _moves(left, right, *at) if known not in seen]
        seen.update(new)
        ahead.extend(new)
    return False


def _moves(left: tuple[Token, ...], right: tuple[Token, ...], here: int, there: int) -> Iterable[tuple[int, int]]:
    """Where two globs can stand after a star that matches nothing (more), or after one more character of both."""
    one = left[here] if here < len(left) else ...
    other = right[there] if there < len(right) else ...
    if one is None:
        yield here + 1, there
    if other is None:
        yield here, there + 1
    if one is not ... and other is not ... and _share(one, other):
        yield here + (one is not None), there + (other is not None)


def _share(one: Token, other: Token) -> bool:
    """Whether a character fits both."""
    sets = [token or ANY for token in (one, other)]
    return any(all(token.holds(start) for token in sets) for token in sets for start in token.starts)


def covers(wide: str, narrow: str) -> bool:
    """Whether every name that matches ``narrow`` matches ``wide`` too."""
    outer, inner = tokens_of(wide), tokens_of(narrow)
    signs = sorted({0, *(start for token in (*outer, *inner) if token for start in token.starts)} - {CHARACTERS})
    begin = (_open(inner, {0}), _open(outer, {0}))
    seen, ahead = {begin}, [begin]
    while ahead:
        inside, outside = ahead.pop()
        if len(inner) in inside and len(outer) not in outside:
            return False
        steps = ((_step(inner, inside, sign), _step(outer, outside, sign)) for sign in signs)
        new = {known for known in steps if known[0]} - seen
        if len(seen) + len(new) > STATES_MAX:
            return False
        seen |= new
        ahead.extend(new)
    return True


def _open(tokens: tuple[Token, ...], places: Iterable[int]) -> frozenset[int]:
    """These places, and those behind stars that match nothing."""
    found = set(places)
    for place in range(len(tokens)):
        if place in found and tokens[place] is None:
            found.add(place + 1)
    return frozenset(found)


def _step(tokens: tuple[Token, ...], places: frozenset[int], character: int) -> frozenset[int]:
    moved = set[int]()
    for place in places:
        token = tokens[place] if place < len(tokens) else ...
        if token is None:
            moved.add(place)
        elif token is not ... and token.holds(character):
            moved.add(place + 1)
    return _open(tokens, moved)


def example_of(glob: str) -> str | None:
    """A name that matches, as odd as can be; None when nothing does."""
    tokens = tokens_of(glob)
    if any(token is not None and not token.starts for token in tokens):
        return None
    return "".join("\ue000" if token is None or token == ANY else chr(token.starts[0]) for token in tokens)


def literal_ends(glob: str) -> tuple[str, str]:
    """What every matching name begins and ends with: all before the first wildcard, and all behind the last."""
    return re.split(r"[*?\[]", glob, maxsplit=1)[0], re.split(r"[*?\]]", glob)[-1]


class Globs:
    """Many globs, each with a number. Finding those that match a name costs what their ends differ in length, not how many there are.

    A glob that begins *and* ends with a wildcard has nothing to be found by and is tried on every name.
    """

    def __init__(self, globs: Iterable[tuple[str, int]]) -> None:
        self._exact: dict[str, list[int]] = {}
        self._by_prefix: dict[str, list[tuple[re.Pattern[str], int]]] = {}
        self._by_suffix: dict[str, list[tuple[re.Pattern[str], int]]] = {}
        for glob, number in globs:
            self._add(glob, number)
        # Ends of other lengths are no key: they need not be asked for.
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix})
        self._suffix_lengths = sorted({len(suffix) for suffix in self._by_suffix})

    def _add(self, glob: str, number: int) -> None:
        prefix, suffix = literal_ends(glob)
        if prefix == glob:
            self._exact.setdefault(glob, []).append(number)
            return
        places, key = (self._by_prefix, prefix) if prefix or not suffix else (self._by_suffix, suffix)
        places.setdefault(key, []).append((re.compile(translate(glob)), number))

    def matching(self, name: str) -> list[int]:
        """The numbers of the globs that match a name, in order and each once."""
        found = set(self._exact.get(name, ()))
        near = [self._by_prefix.get(name[:length], ()) for length in self._prefix_lengths if length <= len(name)]
        near += [self._by_suffix.get(name[-length:], ()) for length in self._suffix_lengths if length <= len(name)]
        found.update(number for some in near for glob, number in some if glob.match(name))
        return sorted(found)
