"""One peer, kept alive: `python -m benchmarks.telemetry.peers.serve MODULE FOLDER` takes its turns when it is asked to.

Owns the conversation: a line of JSON on standard input asks (``{"turn": NAME}`` or ``{"figure": NAME}``), a line on
standard output answers. Runs in the peer's environment, so it imports nothing but the standard library and the peer.
No peer may reach the network: what tries fails.
"""

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from struct import calcsize, iter_unpack, unpack_from
from time import process_time
from typing import Any, NamedTuple

LOCAL = ("127.0.0.1", "::1", "localhost")


class Abilities(NamedTuple):
    """What a peer can be asked: turns do their work once and say how many units it was; figures are told."""

    turns: Mapping[str, Callable[[], int]]
    figures: Mapping[str, Callable[[], Any]] = {}


def read_messages(path: Path) -> list[bytes]:
    """The messages of a file in which each stands behind its length."""
    content, found, at = path.read_bytes(), [], 0
    while at < len(content):
        (length,) = unpack_from("<I", content, at)
        at += calcsize("<I")
        found.append(content[at : at + length])
        at += length
    return found


def read_floats(path: Path) -> list[float]:
    """The numbers of a file, eight bytes each."""
    return [value for (value,) in iter_unpack("<d", path.read_bytes())]


def answer(abilities: Abilities, asked: Mapping[str, str]) -> dict[str, Any]:
    """The answer to one line: the seconds that a unit took, or a figure."""
    if "figure" in asked:
        return {"value": abilities.figures[asked["figure"]]()}
    work = abilities.turns[asked["turn"]]
    gc.collect()
    began = process_time()
    units = work()
    return {"seconds": (process_time() - began) / units}


def stay_home(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise at an attempt to speak with another machine."""
    address = arguments[1] if event == "socket.connect" else arguments[0] if event == "socket.getaddrinfo" else LOCAL[0]
    host = address[0] if isinstance(address, tuple) else address
    if host not in LOCAL:
        raise PermissionError(f"a peer tried to reach {host!r}: benchmarks use no network")


def main() -> None:
    """Answer until standard input ends. What the peer itself prints goes to standard error."""
    sys.addaudithook(stay_home)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer = importlib.import_module(sys.argv[1])
    abilities = peer.prepare(Path(sys.argv[2]))
    print(json.dumps({"ready": [*abilities.turns, *abilities.figures]}), file=answers)
    for line in sys.stdin:
        print(json.dumps(answer(abilities, json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
