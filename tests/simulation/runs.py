"""One seed from beginning to end: the plan, the world, the verdict, and what was met on the way."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.invariants import breaches
from tests.simulation.plans import plan
from tests.simulation.world import World
from tests.unit.domain.builders import SUBJECT


@dataclass(frozen=True)
class Run:
    """What came of one seed."""

    seed: int
    breaches: list[str]
    effects: Counter[str]
    faults: Counter[str]
    reasons: Counter[str]


def play(seed: int, wrap: Callable[[Any], Any] = lambda store: store) -> Run:
    """Play a seed; ``wrap`` plants a bug."""
    world = World(seed, wrap)
    world.play(plan(Random(f"plan {seed}")))
    found = breaches(world)
    decisions = world.at_once(world.store.decisions(SUBJECT, 100_000))
    reasons = Counter(reason.code for decision in decisions for reason in decision.reasons)
    effects = Counter(effect.kind for effect in world.target.journal)
    faults = +(world.faults.seen + Counter({"instance crashed": world.scheduler.crashes}))
    return Run(seed, found, effects, faults, reasons)
