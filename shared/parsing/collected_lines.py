"""A piece of a collector's file into whole lines, each numbered by the byte of the file at which it ends.

Owns what a whole line is, and what tells one file from another under the same name. Knows nothing of what a line says, or of
where the file lies. The same file gives the same numbers whatever pieces it is read in, and however far it had grown by then.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from shared.domain.ids import derive
from shared.parsing.documents import BODY_BYTES_MAX

HEAD_BYTES = 4096  # enough to tell a file from another one: its first line begins with a unique id
BREAKS = b"\r\n\t "


@dataclass(frozen=True, slots=True)
class Cut:
    """The whole lines of a piece, blank ones left out, and where the next piece begins."""

    lines: tuple[tuple[int, bytes], ...]
    through: int


def cut(piece: bytes, start: int, *, last: bool) -> Cut:
    """The lines of a piece that begins at a byte of its file. ``last``: nothing comes behind it now.

    A line ends with a line feed. At the end of the file it may also be whole without one: then it is a JSON object that is
    closed, which no beginning of one ever is. Anything else is half written, and left for the next time.
    """
    end = piece.rfind(b"\n") + 1
    lines = list(_lines(piece[:end], start))
    if last and _is_whole(piece[end:]):
        lines += _lines(piece[end:], start + end)
        end = len(piece)
    return Cut(tuple(lines), start + end)


def too_long(beginning: bytes, end: int) -> Cut:
    """A line of which only the beginning was read, and where it ends. As much of it is kept as is still refused for its size."""
    return Cut(((end, beginning[: BODY_BYTES_MAX + 1]),), end)


def head(beginning: bytes) -> str:
    """An id of the file by the first line in its beginning (its first ``HEAD_BYTES``); empty while that is half written.

    It stays the same while the file grows, and is another one when the file is written anew.
    """
    text = beginning[:HEAD_BYTES].lstrip(BREAKS)
    line, feed, _ = text.partition(b"\n")
    whole = feed or len(beginning) >= HEAD_BYTES or _is_whole(line)
    return derive("head", line.rstrip(BREAKS).hex()) if whole else ""


def goes_on(piece: bytes) -> bool:
    """Whether a piece can follow on a line that ended just before it: with its line feed, or with nothing yet."""
    return not piece or piece[:1] in BREAKS


def _lines(text: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    at = start
    for line in text.split(b"\n"):
        content = line.rstrip(BREAKS)  # its end must be the same before and after its line feed has come
        if content:
            yield at + len(content), content
        at += len(line) + 1


def _is_whole(text: bytes) -> bool:
    if not text.rstrip(BREAKS).endswith(b"}"):
        return False
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):  # ValueError: msgspec's errors, and bytes that are not UTF-8
        return False
    return True
