"""What happens to a workload over a simulated working day, drawn from the seed: versions, drift, alerts, budgets, people.

Owns the plan. All of it is what the loop may hear on any day; nothing in it is a fault.
"""

from datetime import timedelta
from random import Random

from shared.domain.ids import derive
from shared.domain.platform_signals import AlertFired, AlertResolved, BudgetCrossed, ComplianceChanged
from shared.domain.signals import Signal
from shared.domain.values import replace
from tests.simulation.scheduler import START
from tests.simulation.world import OTHER
from tests.unit.domain.builders import PRODUCTION, asked, breached, registered, window

ENDPOINT = f"{PRODUCTION}/onlineendpoints/flight-delay"


def plan(random: Random) -> list[tuple[float, Signal]]:
    """Signals with the hour at which each occurs: a first version at once, and then a day."""
    found: list[tuple[float, Signal]] = [(0.0, registered("1", occurred_at=START))]
    for number in range(2, 2 + random.randint(0, 3)):
        hour = random.uniform(0, 7)
        found.append((hour, registered(str(number), occurred_at=_at(hour))))
    for month in range(1, random.randint(2, 9)):
        number = random.choice(["1", "1", "2", "100", "101"])
        drifted = random.choice([0, 3, 4])
        found.append((random.uniform(1, 7.5), window(month, drifted=drifted, number=number)))
    for run in range(random.randint(0, 4)):
        hour = random.uniform(0.5, 7.5)
        found.append((hour, breached(f"run-{run}", occurred_at=_at(hour))))
    for number in range(random.randint(0, 5)):
        hour, action = random.uniform(0.5, 7.5), random.choice(["rollback", "retrain", "retrain", "resume"])
        found.append((hour, _ask(action, number)))
    if random.random() < 0.3:
        hour = random.uniform(0.5, 5)
        found += [(hour, _ask("pause", 90)), (hour + random.uniform(0.1, 2), _ask("resume", 91))]
    return found + _platform(random) + _other(random)


def _other(random: Random) -> list[tuple[float, Signal]]:
    """What people want of the second workload, often at the moments at which the first one wants it too."""
    hours = [
        random.choice([random.uniform(0.5, 7.5), float(random.randint(1, 7))]) for _ in range(random.randint(0, 7))
    ]
    return [(hour, replace(_ask("retrain", 50 + number), workload=OTHER)) for number, hour in enumerate(hours)]


def _platform(random: Random) -> list[tuple[float, Signal]]:
    found: list[tuple[float, Signal]] = []
    for number in range(random.randint(0, 3)):
        hour = random.uniform(0.5, 6)
        about = {"rule": "latency", "alert_id": f"alert-{number}", "category": "metric", "targets": (ENDPOINT,)}
        found.append((hour, AlertFired(**_heard(f"fired-{number}", hour), **about)))
        ends = hour + random.uniform(0.05, 1.5)
        found.append((ends, AlertResolved(**_heard(f"resolved-{number}", ends), **about)))
    if random.random() < 0.3:
        hour = random.uniform(1, 6)
        spent = {
            "budget": "mlops",
            "spent": 100.0,
            "amount": 100.0,
            "ratio": 1.0,
            "scope": PRODUCTION,
            "forecast": False,
        }
        found.append((hour, BudgetCrossed(**_heard("budget", hour), **spent)))
    if random.random() < 0.3:
        hour = random.uniform(0.1, 4)
        for number, compliant in enumerate((False, True)):
            when = hour + number * random.uniform(0.2, 2)
            about = {"resource_id": PRODUCTION, "assignment_id": "/assignments/a", "compliant": compliant}
            found.append((when, ComplianceChanged(**_heard(f"compliance-{number}", when), **about)))
    return found


def _at(hour: float):
    return START + timedelta(hours=hour)


def _ask(action: str, number: int) -> Signal:
    return asked(action, dedup_key=derive("asked", action, number))


def _heard(key: str, hour: float) -> dict[str, object]:
    return {"source": PRODUCTION, "dedup_key": derive("heard", key), "occurred_at": _at(hour)}
