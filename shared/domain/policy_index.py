"""Who is concerned by a resource, a name, an endpoint or a model, found without asking every workload of the policy.

Owns the tables behind routing, built once for each policy that is loaded, so that a decision costs the same under 20 rules and
under 2,000. Knows nothing of signals: what concerns whom is ``routing``'s to say, in its words. A new kind of place (a storage
account, a container registry) gets a table of its own here and a field of ``Address``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.domain.globs import Globs
from shared.domain.policy_budgets import BudgetRule
from shared.domain.policy_images import registry_name

W = TypeVar("W")
BUDGET_SEGMENT = "/providers/microsoft.consumption/budgets/"  # of a budget's ARM id


def plain_id(arm_id: str) -> str:
    """An ARM id as ids are compared: in small letters, without a slash at its end."""
    return arm_id.lower().rstrip("/")


@dataclass(frozen=True, slots=True)
class Address:
    """What a workload is found by. Workspaces are in small letters; ``monitors`` are globs of Azure ML monitor signals.

    ``staging`` and ``endpoint`` are a workspace and an endpoint there; the latter is that of production.
    """

    name: str
    model: str
    workspaces: frozenset[str]
    development: str
    staging: tuple[str, str]
    endpoint: tuple[str, str]
    monitors: tuple[str, ...]
    registry: str = ""  # of its images, by whatever name the policy gives it; empty when it watches none
    storages: tuple[str, ...] = ()  # ids of the storage accounts whose files it counts, or its collector writes


class Places:
    """ARM ids, each with numbers, found by the same id and by those above and below it."""

    def __init__(self, places: Iterable[tuple[str, int]]) -> None:
        self._at: dict[str, list[int]] = {}
        self._below: dict[str, list[int]] = {}
        for place, number in places:
            self._at.setdefault(place, []).append(number)
            for above in _above(place):
                self._below.setdefault(above, []).append(number)

    def at(self, place: str) -> Sequence[int]:
        """The numbers of exactly this place."""
        return self._at.get(place, ())

    def along(self, resource_id: str) -> list[int]:
        """The numbers of places that lie in a resource or that it lies in, in order and each once."""
        resource = plain_id(resource_id)
        if not resource:
            return []
        found = {*self.at(resource), *self._below.get(resource, ())}
        return sorted(found.union(*(self.at(above) for above in _above(resource))))

    def touches(self, resource_id: str) -> bool:
        """Whether any place lies in a resource, or the resource in it."""
        resource = plain_id(resource_id)
        if not resource:
            return False
        return resource in self._at or resource in self._below or any(above in self._at for above in _above(resource))


def _above(place: str) -> list[str]:
    found, at = [], place.find("/")
    while at >= 0:
        found.append(place[:at])
        at = place.find("/", at + 1)
    return found


class PolicyIndex(Generic[W]):
    """The workloads of a policy by what they are found by; everything is answered in the order of the policy."""

    def __init__(self, workloads: Sequence[W], addresses: Sequence[Address], budgets: Sequence[BudgetRule]) -> None:
        self._workloads = workloads
        self.by_name: Mapping[str, W] = {
            address.name: workload for address, workload in zip(addresses, workloads, strict=True)
        }
        numbered = list(enumerate(addresses))
        self._places = Places((place, number) for number, one in numbered for place in one.workspaces)
        self._models = _globs_by_place((p, one.model, n) for n, one in numbered for p in one.workspaces)
        self._monitors = _globs_by_place(
            (place, glob, n) for n, one in numbered for place in one.workspaces for glob in one.monitors
        )
        self._endpoints: dict[tuple[str, str], list[int]] = {}
        for number, one in numbered:
            self._endpoints.setdefault(one.endpoint, []).append(number)
        self._registries: dict[str, list[int]] = {}
        for number, one in numbered:
            self._registries.setdefault(registry_name(one.registry), []).append(number)
        self._storages = Places((plain_id(place), number) for number, one in numbered for place in one.storages)
        self.budgets = BudgetIndex(budgets)

    def touching(self, places: Iterable[str], registry: str = "") -> tuple[W, ...]:
        """Those with a workspace in one of these resources, or around it, or with images in a registry of this short name."""
        near = self._registries.get(registry_name(registry), ()) if registry else ()
        return self._picked({*near, *(number for place in places for number in self._places.along(place))})

    def storing(self, account: str) -> tuple[W, ...]:
        """Those that count files of this storage account, or whose collector writes there."""
        return self._picked({*self._storages.at(plain_id(account))})

    def touches(self, places: Iterable[str]) -> bool:
        """Whether any workload lies in one of these resources, or around it."""
        return any(self._places.touches(place) for place in places)

    def registering(self, workspace: str, model: str) -> tuple[W, ...]:
        """Those that care for a model registered in a workspace of theirs."""
        return self._picked(self._models[workspace].matching(model) if workspace in self._models else ())

    def monitored(self, workspace: str, monitor: str) -> tuple[W, ...]:
        """Those with a rule that means this monitor signal, in a workspace of theirs."""
        return self._picked(self._monitors[workspace].matching(monitor) if workspace in self._monitors else ())

    def serving(self, workspace: str, endpoint: str) -> tuple[W, ...]:
        """Those that serve in production from this endpoint."""
        return self._picked(self._endpoints.get((workspace.lower(), endpoint.lower()), ()))

    def _picked(self, numbers: Iterable[int]) -> tuple[W, ...]:
        return tuple(self._workloads[number] for number in sorted(numbers))


def _globs_by_place(entries: Iterable[tuple[str, str, int]]) -> dict[str, Globs]:
    places: dict[str, list[tuple[str, int]]] = {}
    for place, glob, number in entries:
        places.setdefault(place, []).append((glob, number))
    return {place: Globs(globs) for place, globs in places.items()}


class BudgetIndex:
    """The rules of ``budgets:`` by their scope."""

    def __init__(self, rules: Sequence[BudgetRule]) -> None:
        self._rules = rules
        scopes = [(plain_id(rule.scope), number) for number, rule in enumerate(rules)]
        self._exact = Places(scopes)
        # A rule for one budget speaks of that budget alone.
        self._wide = Places((scope, number) for scope, number in scopes if BUDGET_SEGMENT not in scope)

    def of(self, scopes: Iterable[str]) -> tuple[BudgetRule, ...]:
        """The rules whose scope is one of these."""
        return self._picked({number for scope in scopes for number in self._exact.at(scope)})

    def along(self, place: str) -> tuple[BudgetRule, ...]:
        """The rules of scopes above and below a place."""
        return self._picked(self._wide.along(place))

    def _picked(self, numbers: Iterable[int]) -> tuple[BudgetRule, ...]:
        return tuple(self._rules[number] for number in sorted(numbers))
