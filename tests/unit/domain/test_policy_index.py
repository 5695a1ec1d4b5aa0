"""The tables of a policy find exactly those whom asking every workload would find, in the same order.

What asking every workload means stands here, word for word as it was before there were tables.
"""

from fnmatch import fnmatchcase
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.platform_signals import BudgetCrossed, ImageEvent, VulnerabilityFound
from shared.domain.policy import Policy
from shared.domain.policy_drift import DataDrift
from shared.domain.policy_index import BUDGET_SEGMENT, Places, plain_id
from shared.domain.policy_infrastructure import InfrastructureAlert
from shared.domain.routing import UNMATCHED, budget_rules, budgets_of, out_of_scope, places_of, route, subject_of
from shared.domain.signals import ModelRegistered, MonitorBreached, MonitorRecovered
from shared.domain.telemetry_signals import WindowClosed
from shared.domain.values import replace
from tests.unit.domain.builders import (
    POLICY,
    asked,
    breached,
    changed,
    crossed,
    drift_rule,
    raw_policy,
    recovered,
    registered,
    steady,
    window,
)
from tests.unit.domain.platform_builders import fired, found_in, health, judged, listening, pushed

RAW = raw_policy()  # read once: YAML is slow
RULE, BARE = drift_rule(), listening().workloads[0]
PROVIDER = "providers/Microsoft.MachineLearningServices/workspaces"
WORKSPACES = [
    f"/subscriptions/{sub}/resourceGroups/{group}/{PROVIDER}/{name}"
    for sub in ("s1", "S2")
    for group in ("g", "g2")
    for name in ("w", "W2")
]
ABOVE = ["/subscriptions/s1", "/subscriptions/s1/resourceGroups/g/", "/subscriptions", "", "/", "/subscriptions/s"]
PLACES = [*WORKSPACES, *ABOVE, f"{WORKSPACES[0]}/onlineEndpoints/e", f"{WORKSPACES[1]}x", "/subscriptions/s3"]
MODELS = ["a", "a*", "a-b", "*b", "[ab]*", "?", "a-*-b"]
NAMES = ["a", "b", "a-b", "a-c-b", "A", "", "ab"]
REGISTRIES = [
    "contoso",
    "contoso.azurecr.io",
    "contoso-a1b2.azurecr.io",
    "/subscriptions/s/registries/Contoso",
    "other",
]
MONITORS = ["", "a*", "*b", "a-b"]
GROUPS = sorted({place.partition("/providers/")[0] for place in WORKSPACES} | {"/subscriptions/S1"})
SCOPES = [*GROUPS, f"{GROUPS[0]}{BUDGET_SEGMENT}gpu", f"{GROUPS[1]}/"]


def in_use(workload):
    environments = workload.environments
    every = (environments.development, environments.staging, environments.production)
    return {environment.workspace.lower() for environment in every}


def touches(workload, resource_id):
    resource = resource_id.lower().rstrip("/")
    return bool(resource) and any(
        resource == workspace or resource.startswith(f"{workspace}/") or workspace.startswith(f"{resource}/")
        for workspace in in_use(workload)
    )


def concerns(workload, signal):
    if isinstance(signal, ModelRegistered):
        return signal.workspace in in_use(workload) and fnmatchcase(signal.model_name, workload.model)
    if isinstance(signal, WindowClosed):
        production = workload.environments.production
        same = production.endpoint.lower() == signal.endpoint.lower()
        return same and production.workspace.lower() == signal.workspace.lower()
    if isinstance(signal, MonitorBreached):
        named = any(fnmatchcase(signal.monitor_signal, rule.azure_ml_signals) for rule in workload.drift_rules)
        return named and signal.workspace in in_use(workload)
    if isinstance(signal, ImageEvent):
        return bool(workload.images) and workload.images.watches(signal.registry, signal.repository)
    if isinstance(signal, VulnerabilityFound) and signal.image:
        registry, _, place = signal.image.partition("/")
        seen = bool(workload.images) and workload.images.watches(registry, place.partition("@")[0])
        return seen or any(touches(workload, place) for place in signal.targets)
    if isinstance(signal, MonitorRecovered):
        return any(rule.azure_ml_signals for rule in workload.drift_rules) and touches(workload, signal.workspace)
    if hasattr(signal, "workload"):
        return signal.workload == workload.name
    return any(touches(workload, place) for place in places_of(signal))


def rules_asked_one_by_one(policy, signal):
    place = plain_id(signal.scope)
    named = {plain_id(signal.budget_id), f"{place}{BUDGET_SEGMENT}{signal.budget.lower()}"} - {""}
    for closest in (named, {place}):
        found = tuple(rule for rule in policy.budgets if plain_id(rule.scope) in closest)
        if found:
            return found
    return tuple(rule for rule in policy.budgets if lies_along(plain_id(rule.scope), place))


def lies_along(scope, place):
    if BUDGET_SEGMENT in scope:
        return False
    return bool(place) and (f"{place}/".startswith(f"{scope}/") or f"{scope}/".startswith(f"{place}/"))


def workload(number, model, monitors, places, registry):
    rules = [RULE | {"window": f"{n + 1}d", "azure_ml_signals": glob} for n, glob in enumerate(monitors)]
    environments = {
        name: {"workspace": place, "endpoint": f"{name}-{number}"}
        for name, place in zip(("development", "staging", "production"), places, strict=True)
    }
    images = {"images": {"registry": registry, "repositories": "a*"}} if registry else {}
    named = {"name": f"w-{number}", "model": model, "environments": environments, "monitoring": rules}
    return changed(RAW["workloads"][0], named | images)


def unchecked_workload(raw):
    """A workload whose rules may be in each other's way: how they are found has nothing to do with whether they make sense."""
    try:
        return BARE.model_validate(raw)
    except ValidationError:
        rules = tuple(DataDrift.model_validate(rule) for rule in raw["monitoring"])
        return BARE.model_construct(**{**dict(BARE.model_validate(raw | {"monitoring": []})), "monitoring": rules})


def unchecked(raws, budgets):
    """A policy of parts that are each right by themselves: how they are found has nothing to do with how they fit together."""
    parts = Policy.model_validate(RAW | {"budgets": budgets})
    workloads = tuple(unchecked_workload(raw) for raw in raws)
    return Policy.model_construct(**{**dict(parts), "workloads": workloads})


PLACED = st.tuples(st.sampled_from(WORKSPACES), st.sampled_from(WORKSPACES), st.sampled_from(WORKSPACES))
WORKLOADS = st.lists(
    st.tuples(
        st.sampled_from(MODELS),
        st.lists(st.sampled_from(MONITORS), max_size=3),
        PLACED,
        st.sampled_from(["", *REGISTRIES]),
    ),
    min_size=1,
    max_size=6,
).map(lambda every: [workload(number, *fields) for number, fields in enumerate(every)])
TIERS = [{"at": 0.5, "to": "ml_engineers"}]
BUDGETS = st.lists(st.sampled_from(SCOPES), unique_by=plain_id, max_size=5).map(
    lambda scopes: [{"scope": scope, "tiers": TIERS} for scope in scopes]
)
PLACE = st.sampled_from(PLACES) | st.sampled_from(PLACES).map(str.lower)
CROSSED = st.builds(
    lambda scope, name, other: crossed(1.0, scope=scope, budget=name, budget_id=other),
    st.sampled_from([*SCOPES, *PLACES]),
    st.sampled_from(["GPU", "mlops"]),
    st.sampled_from(["", f"{GROUPS[0]}{BUDGET_SEGMENT}gpu"]),
)
SIGNALS = st.one_of(
    st.builds(lambda at, name: registered(workspace=at, model_name=name), PLACE, st.sampled_from(NAMES)),
    st.builds(lambda at, name: breached(workspace=at, monitor_signal=name), PLACE, st.sampled_from(NAMES)),
    st.builds(lambda at, n: window(3, workspace=at, endpoint=f"Production-{n}"), PLACE, st.integers(0, 6)),
    st.builds(lambda places: fired("High latency", *places), st.lists(PLACE, min_size=1, max_size=3)),
    st.builds(lambda at: health(targets=(at,)), PLACE),
    st.builds(lambda at: replace(judged(), resource_id=at), PLACE),
    st.builds(lambda n: replace(asked("pause"), workload=f"w-{n}"), st.integers(0, 6)),
    st.builds(
        lambda at, name: pushed(registry=at, repository=name), st.sampled_from(REGISTRIES), st.sampled_from(NAMES)
    ),
    st.builds(
        lambda at, place: replace(found_in(registry=at, repository="a"), targets=(place,)),
        st.sampled_from(REGISTRIES),
        PLACE,
    ),
    st.builds(lambda at: recovered(workspace=at), PLACE),
    CROSSED,
)


@settings(steady, max_examples=300)
@given(WORKLOADS, BUDGETS, st.lists(SIGNALS, min_size=1, max_size=6))
def test_the_tables_find_what_asking_every_workload_finds(raws, budgets, signals):
    policy = unchecked(raws, budgets)
    for signal in signals:
        expected = tuple(subject_of(known.name) for known in policy.workloads if concerns(known, signal))
        found = [subject for subject in route(policy, signal) if not subject.startswith("budget/")]
        assert tuple(found) in (expected, expected or (UNMATCHED,))
        places = places_of(signal)
        nobody = bool(places) and not any(touches(known, place) for known in policy.workloads for place in places)
        if not isinstance(signal, BudgetCrossed | ImageEvent | VulnerabilityFound):
            named = getattr(signal, "workload", None)
            unknown = named is not None and named not in {known.name for known in policy.workloads}
            assert bool(out_of_scope(policy, signal)) is (nobody or unknown)


@pytest.mark.parametrize("scopes", [[], *([one] for one in SCOPES), *combinations(SCOPES[:-1], 2)])
def test_the_tables_find_the_rules_of_a_budget_that_asking_every_rule_finds(scopes):
    policy = unchecked([RAW["workloads"][0]], [{"scope": scope, "tiers": TIERS} for scope in scopes])
    for scope, name, other in product([*SCOPES, *PLACES], ["GPU", "mlops"], ["", SCOPES[-2]]):
        signal = crossed(1.0, scope=scope, budget=name, budget_id=other)
        assert budget_rules(policy, signal) == rules_asked_one_by_one(policy, signal)


@steady
@given(st.lists(st.sampled_from(["a*", "*latency*", "[a-m]*", "high LATENCY", "*", "?igh*"]), max_size=6))
def test_the_first_alert_rule_that_names_an_alert_answers_it(globs):
    rules = tuple(InfrastructureAlert(when="infrastructure_alert", rules=glob) for glob in globs)
    known = BARE.model_construct(**{**dict(BARE), "monitoring": rules})
    for name in ("High latency", "a", "zebra", ""):
        expected = next((rule for rule in rules if fnmatchcase(name.lower(), rule.rules.lower())), None)
        assert known.alert_rule(name) is expected


def test_places_are_found_from_above_from_below_and_by_themselves():
    places = Places([("/s/a/w", 1), ("/s/a/w", 0), ("/s/b/w", 2)])
    assert list(places.at("/s/a/w")) == [1, 0]
    assert places.along("/s/a/w/jobs/1") == [0, 1]
    assert places.along("/S/") == [0, 1, 2]
    assert places.along("/s/a/w2") == places.along("") == places.along("/") == []


def test_the_rules_of_a_budget_are_found_by_their_subject():
    raw = raw_policy(budgets=[{"scope": scope, "tiers": TIERS} for scope in GROUPS])
    policy = Policy.model_validate(raw)
    assert budgets_of(policy, f"budget/{GROUPS[1].lower()}") == (policy.budgets[1],)
    assert budgets_of(policy, "budget/none") == budgets_of(policy, subject_of(GROUPS[1])) == ()


@pytest.mark.parametrize("ask", [lambda: POLICY.index, lambda: POLICY.workloads[0].alert_rules])
def test_what_is_looked_up_is_made_once_and_is_no_part_of_the_policy(ask):
    before = POLICY.model_dump_json(by_alias=True)
    assert ask() is ask()
    assert POLICY.model_dump_json(by_alias=True) == before
    assert Policy.model_validate_json(before) == POLICY
