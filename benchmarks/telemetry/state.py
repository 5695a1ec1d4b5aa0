"""Goals 5 and 6: how many bytes the state of a window takes, and how true what it says is."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.telemetry import material, ours
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.verdicts import Reading
from shared.telemetry.encoding import encode_delta, encode_partial, store
from shared.telemetry.partials import DataPartial, Delta, TrafficPartial
from shared.telemetry.profiles import PREDICTION, ReferenceProfile

Told = Iterator[Reading | str]
PARTITIONS = (2, 3, 4, 8, 16, 32)
SHARES = (0.50, 0.95, 0.99)
MANY, MANY_QUICK = 100_000, 8_192
SHARE_MIN = 1e-4  # of a bin, as people who compute PSI with numpy set it too
KIB = 1024


def size(run: Run) -> Told:
    """Goal 5: one window of rows and one bucket of traffic, before and after compression, and what peers keep."""
    data = data_of(ours.state_of(run.packed, run.known), run.profile)
    latency = traffic_of(ours.state_of(material.traffic_envelopes(len(run.window.inputs), deployments=1), ours.NOBODY))
    raw = sum(len(msgspec.msgpack.encode(store(partial))) for partial in (data, latency))
    encoded = sum(len(encode_partial(partial)) for partial in (data, latency))
    kll, whylogs = run.peer("river").figure("state_bytes"), run.peer("whylogs").figure("state_bytes")
    yield f"state of {len(run.window.inputs):,} rows: raw {raw:,} bytes, encoded {encoded:,}; KLL {kll:,.0f}, whylogs {whylogs:,.0f}"
    yield Reading("raw", raw / KIB)
    yield Reading("encoded", encoded / KIB)
    yield Reading("kll", kll / raw)
    yield Reading("whylogs", whylogs / raw)


def truth(run: Run) -> Told:
    """Goal 6: merging, PSI, KS and latency percentiles, against one pass and against numpy on the raw values."""
    count = run.sized(MANY, MANY_QUICK)
    reference, window = material.rows(count, 3), material.drifted(material.rows(count, 4))
    profile = material.profile_of(reference)
    known = ours.known(profile)
    yield Reading("merge", differing([*run.packed, *run.traffic], lambda bodies: ours.state_of(bodies, run.known)))
    data = data_of(ours.state_of([material.packed(some) for some in window.batches()], known), profile)
    scores, places = ours.scored(data, profile), {name: place for place, name in enumerate(profile.slices)}
    stability = {name: float(scores.psi[places[name]]) - psi(profile, name, window) for name in material.NUMERIC}
    yield Reading("psi", max(map(abs, stability.values())))
    kolmogorov = {name: abs(float(scores.ks[places[name]]) - ks(reference, window, name)) for name in material.NUMERIC}
    yield f"KS of {count:,} rows, error by feature: {', '.join(f'{each:.4f}' for each in kolmogorov.values())}"
    yield Reading("ks", max(kolmogorov.values()))
    yield from _latencies(count)


def _latencies(count: int) -> Told:
    durations = material.latencies_ms(count, 5)
    bucket = traffic_of(ours.state_of(material.traffic_envelopes(count, 5, deployments=1), ours.NOBODY))
    errors = {
        share: abs(found / float(np.quantile(durations, share)) - 1)
        for share, found in zip(SHARES, ours.latencies_ms(bucket, SHARES), strict=True)
    }
    yield f"latency of {count:,} requests: {', '.join(f'p{share * 100:g} off by {error:.2%}' for share, error in errors.items())}"
    yield Reading("latency", max(errors.values()))


def differing(bodies: Sequence[bytes], count: Callable[[Sequence[bytes]], Delta], seed: int = 0) -> int:
    """In how many of some partitionings, each in another order, merged state is not byte for byte that of one pass."""
    random, once = np.random.default_rng(seed), encode_delta(count(bodies))
    return sum(encode_delta(_in_parts(bodies, count, parts, random)) != once for parts in PARTITIONS)


def _in_parts(
    bodies: Sequence[bytes], count: Callable[[Sequence[bytes]], Delta], parts: int, random: np.random.Generator
) -> Delta:
    of = random.integers(0, parts, len(bodies))
    merged = Delta()
    for part in random.permutation(parts):
        mine = [body for body, partition in zip(bodies, of, strict=True) if partition == part]
        merged = merged.plus(count([mine[at] for at in random.permutation(len(mine))]))
    return merged


def data_of(delta: Delta, profile: ReferenceProfile) -> DataPartial:
    """The one window of rows in a delta."""
    (found,) = (each for each in delta.partials if isinstance(each, DataPartial) and each.digest == profile.digest)
    return found


def traffic_of(delta: Delta) -> TrafficPartial:
    """All buckets of traffic in a delta of one deployment, as one."""
    (one, *others) = (each for each in delta.partials if isinstance(each, TrafficPartial))
    return ours.as_one(one, others)


def psi(profile: ReferenceProfile, name: str, window: material.Rows) -> float:
    """The population stability index of a number, with numpy, from raw values and the profile's edges."""
    feature = profile.features[name]
    edges = np.concatenate([[-np.inf], feature.edges_array, [np.inf]])  # type: ignore[union-attr]  # it is numeric
    # A bin has its upper edge, and numpy's histogram the lower one: the mirror image has it right.
    found = np.histogram(-_column(window, name), -edges[::-1])[0][::-1]
    p, q = (np.maximum(counts / counts.sum(), SHARE_MIN) for counts in (feature.bin_counts, found))
    return float(((q - p) * np.log(q / p)).sum())


def ks(reference: material.Rows, window: material.Rows, name: str) -> float:
    """The Kolmogorov-Smirnov statistic of a number, exactly, with numpy."""
    one, other = np.sort(_column(reference, name)), np.sort(_column(window, name))
    everywhere = np.concatenate([one, other])
    ranks = (each.searchsorted(everywhere, side="right") / len(each) for each in (one, other))
    return float(np.abs(next(ranks) - next(ranks)).max())


def _column(some: material.Rows, name: str) -> npt.NDArray[np.float64]:
    return np.array(some.predictions if name == PREDICTION else [row[name] for row in some.inputs], dtype=np.float64)
