"""The policy as files in a folder of the package: the policy itself, an overlay if there is one, and request bodies.

Owns reading and re-reading them. A text that does not validate never replaces one that does, and says so loudly.
"""

import logging
from pathlib import Path

from shared.parsing.policy_file import PolicyError, policy_digest, read_policy
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
        """The newest policy that validates. Raises PolicyError or OSError when there never was one."""
        files = [self._policy, *([self._overlay] if self._overlay else [])]
        try:
            stamp = tuple(file.stat().st_mtime_ns for file in files)
            if self._loaded is None or stamp != self._stamp:
                self._loaded, self._stamp = self._read(), stamp
        except (PolicyError, OSError):
            if self._loaded is None:
                raise
            log.exception("the policy does not validate: the one before stays in force")
        return self._loaded

    def _read(self) -> LoadedPolicy:
        text = self._policy.read_text(encoding="utf-8")
        overlay = (self._overlay.name, self._overlay.read_text(encoding="utf-8")) if self._overlay else None
        policy = read_policy(self._policy.name, text, overlay)
        payloads = {
            path.name: path.read_text(encoding="utf-8")
            for path in sorted(self._policy.parent.glob("*.json"))
            if path.stat().st_size <= PAYLOAD_BYTES_MAX
        }
        return LoadedPolicy(policy, policy_digest(policy), payloads)
