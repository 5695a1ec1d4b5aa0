"""Real payloads with something wrong in them: the same for the same seed."""

import copy
import json
from pathlib import Path
from random import Random  # noqa: TID251  # seeded, and only here
from typing import Any

EVENTS = Path(__file__).resolve().parents[2] / "events"
ODD = (
    None,
    "",
    " ",
    "\x00",
    "\ud800",
    "é" * 3000,
    "<script>alert(1)</script>",
    "9999-12-31T23:59:59.9999999Z",
    "0001-01-01T00:00:00-14:00",
    "2026-02-30T25:61:61Z",
    "NaN",
    "1,5",
    "-0",
    "/subscriptions//resourceGroups/",
    "' OR 1=1 --",
    "{{7*7}}",
    0,
    -1,
    2**63,
    10**40,
    1e308,
    float("nan"),
    float("-inf"),
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": {}},
)


def payloads(prefix: str = "") -> dict[str, bytes]:
    """The captured payloads of all sources, or of those whose names begin so."""
    found = {path.name: path.read_bytes() for path in sorted(EVENTS.iterdir()) if path.name.startswith(prefix)}
    assert found
    return found


def mutated(body: bytes, seed: int) -> bytes:
    """The body with one to three things wrong: in its JSON, where it is JSON, or in its bytes."""
    random = Random(str(seed).encode() + body)  # noqa: S311
    if random.random() < 0.2:
        return _bytes(body, random)
    try:
        document = json.loads(body)
    except ValueError:
        lines = body.splitlines() or [b""]
        at = random.randrange(len(lines))
        lines[at] = mutated(lines[at], random.randrange(10**9)) if len(lines) > 1 else _bytes(body, random)
        return b"\n".join(lines)
    return json.dumps(changed(document, random)).encode()


def changed(document: Any, random: Random) -> Any:
    """The document with one to three things wrong."""
    document = copy.deepcopy(document)
    for _ in range(random.randint(1, 3)):
        document = _changed_once(document, random)
    return document


def _changed_once(document: Any, random: Random) -> Any:
    places = list(_places(document))
    if not places or random.random() < 0.05:
        dressed = [[document], [document, document], {"value": document}, {"records": [document]}]
        return copy.deepcopy(random.choice([*dressed, *ODD]))
    holder, name = random.choice(places)
    kind = random.choice(["odd", "odd", "gone", "swap", "text", "nest", "case", "repeat"])
    if kind == "gone":
        del holder[name]
    elif kind == "swap":
        other, at = random.choice(places)
        holder[name] = copy.deepcopy(other[at]) if _holds(other, at) else None
    elif kind == "text":
        holder[name] = json.dumps(holder[name])
    elif kind == "nest":
        holder[name] = _nested(holder[name], random.choice([1, 5, 300]), random.choice(["list", "dict"]))
    elif kind == "case" and isinstance(name, str):
        holder[random.choice([name.upper(), name.lower(), name[:-1], f" {name}"])] = holder.pop(name)
    elif kind == "repeat" and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[name]) for _ in range(random.choice([1, 3])))
    else:
        holder[name] = copy.deepcopy(random.choice(ODD))
    return document


def _holds(holder: Any, name: Any) -> bool:
    return name in holder if isinstance(holder, dict) else name < len(holder)


def _places(value: Any) -> Any:
    """Every place in a document: what holds it, and under which name or number."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in list(items):
        yield value, name
        yield from _places(inner)


def _nested(value: Any, depth: int, kind: str) -> Any:
    for _ in range(depth):
        value = [value] if kind == "list" else {"data": value}
    return value


def _bytes(body: bytes, random: Random) -> bytes:
    at, until = sorted((random.randrange(len(body) + 1), random.randrange(len(body) + 1)))
    noise = random.randbytes(random.choice([1, 2, 8]))
    return random.choice(
        [
            body[:at],
            body[:at] + noise + body[at:],
            body[:at] + body[until:],
            body[:at] + noise + body[at + 1 :],
            b"\xef\xbb\xbf" + body,
        ]
    )
