"""The environments of the peers: one for each, pinned by a file beside this one, made once and made anew when it changes.

Owns how they are installed, with uv where it is and with pip elsewhere. Knows nothing of what runs in them.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
STATE = ROOT / ".state" / "peers"
INSTALL_SECONDS_MAX = 600


class PeerMissingError(RuntimeError):
    """A peer is not there, or does not answer: the goals that ask for it cannot be met."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed for a peer, on which Python."""

    requirements: tuple[Path, ...]
    python: str = "3.11"

    @property
    def stamp(self) -> str:
        """Names the content, so that a change of it is noticed."""
        return sha256(
            b"\0".join([self.python.encode(), *(each.read_bytes() for each in self.requirements)])
        ).hexdigest()


ENVIRONMENTS = {
    "whylogs": Environment((HERE / "requirements-whylogs.txt",)),
    "evidently": Environment((HERE / "requirements-evidently.txt",)),
    "river": Environment((HERE / "requirements-river.txt",)),
    "functions": Environment((ROOT / "requirements.txt", ROOT / "requirements" / "worker.txt"), python="3.13"),
}


def interpreter(name: str, state: Path = STATE) -> Path:
    """The Python of an installed environment. Raises PeerMissingError when it is not there as its file says."""
    marked = state / name / "installed.txt"
    if not marked.exists() or marked.read_text(encoding="utf-8") != ENVIRONMENTS[name].stamp:
        raise PeerMissingError(f"the peer {name} is not installed as pinned in {state}: run `make bench-telemetry`")
    return state / name / "bin" / "python"


def install(name: str, state: Path = STATE) -> None:
    """Make the environment of a peer, unless it is there. Raises PeerMissingError with what went wrong."""
    try:
        interpreter(name, state)
    except PeerMissingError:
        folder, wanted = state / name, ENVIRONMENTS[name]
        print(f"installing the peer {name} in {folder} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        for command in _commands(find_python(wanted.python), folder, wanted):
            _run(name, command)
        (folder / "installed.txt").write_text(wanted.stamp, encoding="utf-8")


def find_python(version: str) -> Path:
    """An interpreter of a minor version that really runs. Raises PeerMissingError."""
    homes = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    on_path = shutil.which(f"python{version}")
    for candidate in [Path(sys.executable), *([Path(on_path)] if on_path else []), *homes]:
        asked = [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answered = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  # what the PATH names
        if answered.stdout.strip() == version:
            return candidate
    raise PeerMissingError(f"no working Python {version} was found, which a peer needs: install one")


def _commands(python: Path, folder: Path, wanted: Environment) -> list[list[str]]:
    files = [part for each in wanted.requirements for part in ("-r", str(each))]
    within = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        return [
            [uv, "venv", "--quiet", "--python", str(python), str(folder)],
            [uv, "pip", "install", "--quiet", "--python", within, *files],
        ]
    return [[str(python), "-m", "venv", str(folder)], [within, "-m", "pip", "install", "--quiet", *files]]


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # made above
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PeerMissingError(f"installing the peer {name} took more than {INSTALL_SECONDS_MAX} s") from error
    if done.returncode:
        raise PeerMissingError(f"the peer {name} could not be installed:\n{done.stderr.strip()[-2_000:]}")
