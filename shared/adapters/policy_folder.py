"""The policy as files in a folder of the package: the policy itself, an overlay if there is one, and request bodies.

Owns reading and re-reading them. A text that does not validate never replaces one that does, and says so loudly.
"""

import logging
import os
from pathlib import Path

from shared.parsing.policy_file import policy_digest, read_policy
from shared.ports import LoadedPolicy

log = logging.getLogger(__name__)
PAYLOAD_BYTES_MAX = 1024 * 1024


class PolicyFolder:
    """The port ``PolicySource`` on files; it looks again whenever one of them has a new time of change."""

    def __init__(self, policy: Path, overlay: Path | None) -> None:
        self._policy, self._overlay = policy, overlay
        self._loaded: LoadedPolicy | None = None
        self._stamp: tuple[int, ...] = ()

    async def current(self) -> LoadedPolicy:
        """The newest policy that validates. Raises PolicyError, another ValueError or OSError when there never was one."""
        try:
            stamp = tuple(file.stat().st_mtime_ns for file in self._files())
            if self._loaded is None or stamp != self._stamp:
                self._loaded, self._stamp = self._read(), stamp
        except (ValueError, OSError):  # PolicyError is a ValueError, and so are bytes that are no text
            if self._loaded is None:
                raise
            log.exception("the policy does not validate: the one before stays in force")
        return self._loaded

    def _files(self) -> list[Path]:
        return [self._policy, *([self._overlay] if self._overlay else []), *self._bodies()]

    def _bodies(self) -> list[Path]:
        # os.listdir, neither glob nor iterdir: this is asked for every signal, and names alone take a quarter of the time
        folder = self._policy.parent
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json"))  # noqa: PTH208

    def _read(self) -> LoadedPolicy:
        text = self._policy.read_text(encoding="utf-8")
        overlay = (self._overlay.name, self._overlay.read_text(encoding="utf-8")) if self._overlay else None
        policy = read_policy(self._policy.name, text, overlay)
        payloads = {path.name: body for path in self._bodies() if (body := _text_of(path)) is not None}
        return LoadedPolicy(policy, policy_digest(policy), payloads)


def _text_of(path: Path) -> str | None:
    """The text of a request body; None for a file that is too large or no text, and so is none."""
    if path.stat().st_size > PAYLOAD_BYTES_MAX:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
