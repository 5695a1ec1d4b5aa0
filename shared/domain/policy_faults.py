"""Faults between parts of a policy that are each right by themselves: names, globs, endpoints and limits in each other's way.

Owns finding them, with the place and with what would be right. Looks at no signal, and never at every pair of many.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from shared.domain.globs import Globs, covers, example_of, literal_ends, overlap
from shared.domain.limits import Limit
from shared.domain.policy_index import Address
from shared.domain.policy_section import FaultAtError


def same_names(addresses: Sequence[Address]) -> Iterator[FaultAtError]:
    """Workloads of one name."""
    seen: set[str] = set()
    for number, one in enumerate(addresses):
        if one.name in seen:
            text = f"workload names must differ; {one.name!r} is the name of one above"
            yield FaultAtError(text, "workloads", number, "name")
        seen.add(one.name)


def shared_models(addresses: Sequence[Address]) -> Iterator[FaultAtError]:
    """Workloads of which two could claim the same model, registered in the same development workspace."""
    by_workspace: dict[str, list[int]] = {}
    for number, one in enumerate(addresses):
        by_workspace.setdefault(one.development, []).append(number)
    for numbers in by_workspace.values():
        for earlier, later in overlapping([addresses[number].model for number in numbers]):
            one, other = addresses[numbers[earlier]], addresses[numbers[later]]
            text = (
                f"{other.model} overlaps with {one.model} of workload {one.name!r}: a model registered in the development "
                "workspace that they share could be either's; write globs that no name matches both"
            )
            yield FaultAtError(text, "workloads", numbers[later], "model")


def shared_endpoints(addresses: Sequence[Address]) -> Iterator[FaultAtError]:
    """Endpoints that two environments write to: each would take the other's deployments for its own."""
    taken: dict[tuple[str, str], str] = {}
    for number, one in enumerate(addresses):
        for environment, place in (("staging", one.staging), ("production", one.endpoint)):
            if not place[1]:
                continue
            if place in taken:
                text = (
                    f"endpoint {place[1]} of this workspace is {taken[place]} already; give each its own, "
                    "since one writer moves the traffic of an endpoint"
                )
                yield FaultAtError(text, "workloads", number, "environments", environment, "endpoint")
            taken.setdefault(place, f"that of {environment} of workload {one.name!r}")


def overlapping(globs: Sequence[str]) -> list[tuple[int, int]]:
    """For each glob that some name shares with one before it, that one and itself."""
    ends = [literal_ends(glob) for glob in globs]
    by_prefix: dict[str, list[int]] = {}
    for number, (prefix, _) in enumerate(ends):
        by_prefix.setdefault(prefix, []).append(number)
    found: dict[int, int] = {}
    for number, (prefix, suffix) in enumerate(ends):
        # Of two that share a name, one begins as the other does: each is looked for by the longer beginning.
        shorter = (other for end in range(len(prefix) + 1) for other in by_prefix.get(prefix[:end], ()))
        for other in shorter:
            later, earlier = max(number, other), min(number, other)
            if later == earlier or found.get(later, later) <= earlier or not _end_alike(suffix, ends[other][1]):
                continue
            if overlap(globs[number], globs[other]):
                found[later] = earlier
    return [(earlier, later) for later, earlier in sorted(found.items())]


def _end_alike(one: str, other: str) -> bool:
    return one.endswith(other) or other.endswith(one)


def swallowed(globs: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Each glob that is never asked since one before it matches all that it does: that one, and itself."""
    every = Globs((glob, number) for number, glob in enumerate(globs))
    for later, glob in enumerate(globs):
        example = example_of(glob)
        if example is None:
            continue
        candidates = (number for number in every.matching(example) if number < later)
        earlier = next((number for number in candidates if covers(globs[number], glob)), None)
        if earlier is not None:
            yield earlier, later


def never_asked(rules: Iterable[tuple[int, str]], key: str) -> Iterator[FaultAtError]:
    """Rules of monitoring, each with its place there and its glob, of which an earlier one takes all that a later one names."""
    placed = list(rules)
    for earlier, later in swallowed([glob.lower() if key == "rules" else glob for _, glob in placed]):
        text = (
            f"{placed[later][1]} is never asked: {placed[earlier][1]} before it matches every name that it does, and the "
            "first rule answers; put the narrower one first"
        )
        yield FaultAtError(text, "monitoring", placed[later][0], key)


def unreachable(limits: Sequence[Limit], key: str) -> Iterator[FaultAtError]:
    """Limits that never hold anything, since one over a longer time allows no more."""
    rising = sorted(enumerate(limits), key=lambda item: (item[1].window, item[1].count))
    for (number, shorter), (_, longer) in pairwise(rising):
        if shorter.count >= longer.count:
            text = f"{shorter} never holds: {longer} is used up first; over a longer time more must be allowed"
            yield FaultAtError(text, key, number)


def out_of_bounds(metrics: dict[str, float]) -> Iterator[FaultAtError]:
    """Limits of metrics that nothing can meet, or whose name does not say which way they limit."""
    for name, least in metrics.items():
        metric, _, bound = name.rpartition("_")
        if bound not in ("min", "max") or not metric:
            yield FaultAtError(f"{name} is no limit; end it with _min or _max, such as auc_min", "metrics", name)
        most = metrics.get(f"{metric}_max")
        if bound == "min" and most is not None and least > most:
            yield FaultAtError(f"{name} ({least:g}) must not exceed {metric}_max ({most:g})", "metrics", name)
