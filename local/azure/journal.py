"""The journal of effects: what the local Azure really did, one JSON line per accepted effect.

Owns the file, the numbering and the time stamps. It knows nothing of who asked or why, and it never judges an effect:
tests and the driver read it to count what happened.
"""

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One accepted effect: its number from 1, ISO UTC time, name in the past tense, target and details."""

    seq: int
    at: str
    effect: str
    target: str
    detail: dict[str, Any]


class Journal:
    """An append-only file of JSON lines that goes on counting where an earlier run stopped.

    Safe to use from several threads of one process; a line is on disk when `record` returns.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._entries = _read(path)

    def record(self, effect: str, target: str, **detail: Any) -> None:
        """Append one effect; `detail` must be JSON, TypeError otherwise and nothing is written."""
        with self._lock:
            entry = Entry(len(self._entries) + 1, datetime.now(UTC).isoformat(), effect, target, detail)
            line = json.dumps(entry.__dict__)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self._entries.append(entry)

    def entries(self) -> list[Entry]:
        """Every effect so far, oldest first."""
        with self._lock:
            return list(self._entries)


def _read(path: Path) -> list[Entry]:
    if not path.exists():
        return []
    return [Entry(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
