"""The keys of the rows in Azure Tables: which characters may occur, how rows sort, and which partition a name is in.

Owns escaping, order and buckets. Knows nothing of what the rows hold.
A table has few partitions, chosen by hash, rather than one for each name: what is written together for one name is one
transaction with the index rows beside it, and a list over all names is one query for each bucket.
"""

import hashlib
from datetime import datetime
from urllib.parse import quote, unquote

from shared.adapters.moments import micros

BUCKETS = 8  # never to be changed for a table that has rows
KEY_LENGTH_MAX = 500  # Azure takes 1 KiB of UTF-16
PART_LENGTH_MAX = 200
SEPARATOR = "|"

_DIGITS = 20
_TOP = 10**_DIGITS - 1
_KEPT = 150


def bucket(name: str) -> str:
    """The partition of a name."""
    return f"{int(hashed(name)[:8], 16) % BUCKETS:02d}"


def buckets() -> list[str]:
    """Every partition."""
    return [f"{number:02d}" for number in range(BUCKETS)]


def hashed(name: str) -> str:
    """A key of fixed length for a name of any."""
    return hashlib.sha256(name.encode()).hexdigest()[:40]


def key(kind: str, *names: str) -> str:
    """The key of a row of a kind: its names with what Azure forbids escaped, and what is too long replaced by its hash."""
    return SEPARATOR.join([kind, *(_part(name) for name in names)])


def beginning(kind: str, *names: str) -> str:
    """What the keys of all rows begin with that have these names first."""
    return key(kind, *names) + SEPARATOR


def open_key(kind: str, name: str) -> str:
    """The key of a row that is found by how its name begins. Raises ValueError for a name that is too long for one."""
    found = kind + SEPARATOR + _escaped(name)
    if len(found) > KEY_LENGTH_MAX:
        raise ValueError(f"the name {name} is too long for a key")
    return found


def name_in(row_key: str) -> str:
    """The name in a key that ``open_key`` made."""
    return unquote(row_key.partition(SEPARATOR)[2].replace("=", "%"))


def after(prefix: str) -> str:
    """An upper bound of all keys that begin with a prefix, which is not empty."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def rising(number: int) -> str:
    """A number as text that sorts as the number does."""
    return f"{max(number, 0):0{_DIGITS}d}"


def falling(number: int) -> str:
    """A number as text that sorts the other way: what is greater comes first."""
    return rising(_TOP - max(number, 0))


def at(moment: datetime) -> str:
    """A moment as text that sorts as moments do."""
    return rising(micros(moment))


def _part(name: str) -> str:
    escaped = _escaped(name)
    return escaped if len(escaped) <= PART_LENGTH_MAX else f"{escaped[:_KEPT]}=.{hashed(name)}"


def _escaped(name: str) -> str:
    # Azure forbids / \ # ? and control characters; "~" would have no plain character after it to be an upper bound.
    return quote(name, safe="").replace("~", "%7E").replace("%", "=")
