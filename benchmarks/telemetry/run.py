"""One run of the benchmark: how thorough it is, the data that all measure with, and the peers that they share.

Owns what is made once. Knows nothing of goals.
"""

import struct
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from benchmarks.telemetry import material, ours
from benchmarks.telemetry.peers.environments import STATE, interpreter
from benchmarks.telemetry.peers.process import PeerProcess, log_of
from benchmarks.telemetry.turns import ROUNDS
from shared.telemetry.profiles import ReferenceProfile, encode_profile

PEERS = "benchmarks.telemetry.peers"
ROWS, ROWS_QUICK = 16_384, 2_048
WINDOW, REFERENCE = 1, 2  # the seeds


class Run:
    """Everything that goals are measured with. Peers are started when they are first asked for."""

    def __init__(self, stack: ExitStack, rounds: int = ROUNDS, *, quick: bool = False, state: Path = STATE) -> None:
        self.rounds, self.quick = rounds, quick
        self._stack, self._state = stack, state
        self._started: dict[str, PeerProcess] = {}

    def sized(self, usual: int, quick: int) -> int:
        """So many, or less when it has to be quick."""
        return quick if self.quick else usual

    @cached_property
    def window(self) -> material.Rows:
        """The rows of one window."""
        return material.rows(self.sized(ROWS, ROWS_QUICK), WINDOW)

    @cached_property
    def reference(self) -> material.Rows:
        """The rows that the reference profile is made of."""
        return material.rows(self.sized(ROWS, ROWS_QUICK), REFERENCE)

    @cached_property
    def profile(self) -> ReferenceProfile:
        """The reference profile."""
        return material.profile_of(self.reference)

    @cached_property
    def known(self) -> ours.Known:
        """What the app keeps of the one deployment that has it."""
        return ours.known(self.profile)

    @cached_property
    def packed(self) -> list[bytes]:
        """The window in packed messages."""
        return [material.packed(some) for some in self.window.batches()]

    @cached_property
    def traffic(self) -> list[bytes]:
        """As many requests in diagnostic envelopes."""
        return material.traffic_envelopes(self.sized(ROWS, ROWS_QUICK), WINDOW)

    @cached_property
    def folder(self) -> Path:
        """Where all this lies as files, for processes that share no code with this one."""
        folder = self._state / "material"
        material.write_messages(folder / "packed", self.packed)
        material.write_messages(folder / "reference", [material.packed(some) for some in self.reference.batches()])
        material.write_messages(folder / "single", [material.packed(some) for some in self.window.batches(1)])
        material.write_messages(folder / "traffic", self.traffic)
        latencies = material.latencies_ms(len(self.window.inputs), WINDOW)
        (folder / "profile").write_bytes(encode_profile(self.profile))
        (folder / "latencies").write_bytes(struct.pack(f"<{len(latencies)}d", *latencies))
        return folder

    def peer(self, name: str, settings: tuple[tuple[str, str], ...] = ()) -> PeerProcess:
        """A peer by its environment, started once for each of its settings. Raises PeerMissingError."""
        label = "-".join([name, *(key.lower() for key, _ in settings)])
        if label not in self._started:
            process = PeerProcess(
                interpreter(name, self._state),
                f"{PEERS}.with_{name}",
                self.folder,
                log_of(label, self._state),
                dict(settings),
            )
            self._started[label] = self._stack.enter_context(process)
        return self._started[label]
