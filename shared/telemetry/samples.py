"""Samples of one deployment and window: what they are of, how they merge, and their stored form.

Owns the five kinds: ``predictions``, ``labels`` and the ``groups`` of a sensitive column as numbers by key, which are joined later;
``inputs`` and ``misfits`` (rows that do not fit the profile) as payloads for people. The window is that of the row's own time.
Merging is that of bottom-k samples (``sampling``): the same whatever the partitioning, order or duplication; only what was
``seen`` relies on the fold, which brings each message once. Knows nothing of messages, nor of what a sample is good for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import msgspec

from shared.domain.observations import DeploymentRef
from shared.telemetry.encoding import UnreadableState
from shared.telemetry.sample_encoding import (
    UnreadableSample,
    decode_payloads,
    decode_values,
    encode_payloads,
    encode_values,
)
from shared.telemetry.sampling import PayloadSample, ValueSample

SampleKind = Literal["predictions", "labels", "groups", "inputs", "misfits"]
NUMBERS = ("predictions", "labels", "groups")
NAMES_MAX = 256  # of groups; a column that holds more is no sensitive one, and those with the largest codes go
_CODE_BYTES = 6  # fits a float exactly


class SampleKey(NamedTuple):
    """Which sample: of what, of which deployment, from when, how long."""

    kind: SampleKind
    deployment: str
    length: str
    start: datetime


@dataclass(frozen=True, slots=True, eq=False)
class SamplePartial:
    """A sample so far. ``latest`` is the latest event time in it; ``names`` are those of groups, by code."""

    kind: SampleKind
    deployment: DeploymentRef
    length: str
    start: datetime
    latest: datetime
    sample: ValueSample | PayloadSample
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def key(self) -> SampleKey:
        """The sample that it belongs to."""
        return SampleKey(self.kind, self.deployment.key, self.length, self.start)

    def plus(self, other: "SamplePartial") -> "SamplePartial":
        """Both together. Raises ValueError when they are not of the same sample."""
        if self.key != other.key:
            raise ValueError(f"these are different samples: {self.key} and {other.key}")
        return replace(
            self,
            latest=max(self.latest, other.latest),
            sample=_united(self.sample, other.sample),
            names=bounded({**self.names, **other.names}.items()),
        )

    @property
    def numbers(self) -> ValueSample:
        """The sample of a kind that holds numbers. Raises ValueError for the others."""
        if not isinstance(self.sample, ValueSample):
            raise ValueError(f"{self.kind} hold no numbers")  # noqa: TRY004 - damaged state, not a wrong call
        return self.sample

    @property
    def payloads(self) -> PayloadSample:
        """The sample of a kind that holds payloads. Raises ValueError for the others."""
        if not isinstance(self.sample, PayloadSample):
            raise ValueError(f"{self.kind} hold no payloads")  # noqa: TRY004 - damaged state, not a wrong call
        return self.sample


def code_of(name: str) -> int:
    """The number that stands for the name of a group: the same everywhere, so that samples of it merge."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_CODE_BYTES).digest(), "big")


def bounded(names: Iterable[tuple[int, str]]) -> dict[int, str]:
    """The names with the smallest codes, so that it never matters which came first."""
    return dict(sorted(names)[:NAMES_MAX])


def _united(one: ValueSample | PayloadSample, other: ValueSample | PayloadSample) -> ValueSample | PayloadSample:
    if isinstance(one, ValueSample) and isinstance(other, ValueSample):
        return one.plus(other)
    if isinstance(one, PayloadSample) and isinstance(other, PayloadSample):
        return one.plus(other)
    raise ValueError("numbers and payloads are not sampled together")


class StoredSample(msgspec.Struct, frozen=True, array_like=True):
    """A ``SamplePartial``. Keys are as good as random: nothing is gained by compressing them."""

    kind: SampleKind
    deployment: tuple[str, str, str]
    length: str
    start: datetime
    latest: datetime
    sample: bytes
    names: dict[int, str] = {}


def store_sample(partial: SamplePartial) -> StoredSample:
    """A sample in its stored form."""
    ref, sample = partial.deployment, partial.sample
    return StoredSample(
        kind=partial.kind,
        deployment=(ref.workspace, ref.endpoint, ref.deployment),
        length=partial.length,
        start=partial.start,
        latest=partial.latest,
        sample=encode_values(sample) if isinstance(sample, ValueSample) else encode_payloads(sample),
        names=dict(sorted(partial.names.items())),
    )


def restore_sample(stored: StoredSample) -> SamplePartial:
    """The sample of a stored form; raises UnreadableState when it is damaged."""
    workspace, endpoint, deployment = stored.deployment
    try:
        sample = decode_values(stored.sample) if stored.kind in NUMBERS else decode_payloads(stored.sample)
    except UnreadableSample as error:
        raise UnreadableState(str(error)) from error
    return SamplePartial(
        kind=stored.kind,
        deployment=DeploymentRef(workspace=workspace, endpoint=endpoint, deployment=deployment),
        length=stored.length,
        start=stored.start,
        latest=stored.latest,
        sample=sample,
        names=stored.names,
    )


def encode_sample(partial: SamplePartial) -> bytes:
    """The sample as bytes: equal for equal content."""
    return msgspec.msgpack.encode(store_sample(partial))


def decode_sample(stored: bytes) -> SamplePartial:
    """The sample that ``encode_sample`` wrote; raises UnreadableState for anything else."""
    return restore_sample(read_stored(stored, StoredSample))


def read_stored(stored: bytes, shape: Any) -> Any:
    """A stored form as MessagePack; raises UnreadableState for anything else."""
    try:
        return msgspec.msgpack.decode(stored, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableState(f"the stored sample cannot be read: {error}") from error
