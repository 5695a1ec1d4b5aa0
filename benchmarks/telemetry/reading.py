"""Goals 1, 2 and 4: from raw bytes to window state, against a typed parse of the same bytes and against peers."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from benchmarks.telemetry import floors, material, ours
from benchmarks.telemetry.prototype import Model
from benchmarks.telemetry.run import Run
from benchmarks.telemetry.turns import Comparison, Turn, interleaved, timed
from benchmarks.telemetry.verdicts import Reading
from shared.telemetry.encoding import encode_delta

Told = Iterator[Reading | str]


def against_the_floor(run: Run) -> Told:
    """Goal 1: each message of 256 rows is a batch of its own, in both of the forms that a deployment may send."""
    forms = {"packed": run.packed, "lines": [material.collector_lines(some) for some in run.window.batches()]}
    for form, bodies in forms.items():
        found = interleaved(_ways(bodies, run), run.rounds)
        yield from rows(f"{form}: {len(bodies[0]) / material.BATCH:.0f} bytes a row", found, "typed parse")
        yield Reading(form, found.ratio("typed parse", "app"))


def _ways(bodies: Sequence[bytes], run: Run) -> dict[str, Turn]:
    count, prototype = len(run.window.inputs), Model(run.profile)
    return {
        "typed parse": timed(lambda: floors.parse_all(bodies)),
        "prototype": timed(each(bodies, prototype.add_message, count)),
        "app: reading alone": timed(each(bodies, lambda body: ours.read([body], run.known), count)),
        "app": timed(app(bodies, run.known, count)),
        "app, and the delta's bytes": timed(
            each(bodies, lambda body: encode_delta(ours.state_of([body], run.known)), count)
        ),
    }


def against_peers(run: Run) -> Told:
    """Goal 2: the packed messages again, and each peer as fast as it takes rows from JSON."""
    whylogs, evidently, river = (run.peer(name) for name in ("whylogs", "evidently", "river"))
    turns = {
        "app": timed(app(run.packed, run.known, len(run.window.inputs))),
        "json + PageHinkley (river)": river.turn("PageHinkley"),
        "json + ADWIN (river)": river.turn("ADWIN"),
        "json + whylogs, a frame a message": whylogs.turn("frames"),
        "json + whylogs, row by row": whylogs.turn("rows"),
        "json + evidently PSI, a window": evidently.turn("psi"),
    }
    found = interleaved(turns, run.rounds)
    yield from rows("packed, bytes to state (evidently: to scores)", found, "app")
    yield Reading("whylogs_frames", found.ratio("json + whylogs, a frame a message", "app"))
    yield Reading("whylogs_rows", found.ratio("json + whylogs, row by row", "app"))
    yield Reading("evidently", found.ratio("json + evidently PSI, a window", "app"))
    yield Reading("page_hinkley", found.ratio("json + PageHinkley (river)", "app"))


def traffic(run: Run) -> Told:
    """Goal 4: envelopes of the traffic log, 256 requests of two deployments in each."""
    count, bodies = len(run.window.inputs), run.traffic
    turns = {
        "typed parse": timed(each(bodies, floors.parse_traffic, count)),
        "app: reading alone": timed(each(bodies, lambda body: ours.read([body], run.known), count)),
        "app": timed(app(bodies, run.known, count)),
        "json.loads and lists": timed(each(bodies, requests_by_deployment, count)),
        "json_normalize (pandas)": run.peer("evidently").turn("json_normalize"),
    }
    found = interleaved(turns, run.rounds)
    yield from rows(f"traffic log: {len(bodies[0]) / material.BATCH:.0f} bytes a request", found, "typed parse")
    yield Reading("typed_parse", found.ratio("typed parse", "app"))
    yield Reading("json_loads", found.ratio("json.loads and lists", "app"))
    yield Reading("json_normalize", found.ratio("json_normalize (pandas)", "app"))


def app(bodies: Sequence[bytes], known: ours.Known, count: int) -> Callable[[], int]:
    """The app's way, each message a batch."""
    return each(bodies, lambda body: ours.state_of([body], known), count)


def each(bodies: Sequence[bytes], do: Callable[[bytes], object], count: int) -> Callable[[], int]:
    """Something done with each message; so many rows are in all of them."""

    def work() -> int:
        for body in bodies:
            do(body)
        return count

    return work


def requests_by_deployment(body: bytes) -> dict[tuple[str, str], list[tuple[str, int, float]]]:
    """What a script would do: minute, status and duration of each request, in lists by deployment."""
    found = defaultdict(list)
    for record in json.loads(body)["records"]:
        columns = record["properties"]
        request = record["time"][:16], int(columns["ResponseCode"]), float(columns["TotalDurationMs"])
        found[record["resourceId"], columns["DeploymentName"]].append(request)
    return found


def rows(title: str, found: Comparison, against: str, unit: str = "row") -> Iterator[str]:
    """What each method cost, for people; the ratio is that of times, so 2.00 is twice as slow."""
    yield f"{title:<56}{'µs a ' + unit:>14}{unit + 's/s':>14}  x {against}"
    for name in found.costs:
        cost = found.microseconds(name)
        yield f"  {name:<54}{cost:>14,.2f}{1e6 / cost:>14,.0f}{found.ratio(name, against):>10.2f}"
