"""A known alert is known in any dress, and whatever is done to one, a signal or a rejection comes of it."""

import copy
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from shared.domain import ids
from shared.domain.signals import Rejected, Signal
from shared.parsing import parse, report_line
from tests.unit.parsing.alert_bodies import (
    ENDPOINT,
    POLICY,
    activity,
    budget,
    classic_budget,
    common,
    older_activity,
    read,
)
from tests.unit.parsing.conftest import EVENTS
from tests.unit.parsing.test_alerts import LOG_V1
from tests.unit.parsing.test_alerts_activity_log import HEALTH, IMPACTED, THREAT, judged
from tests.unit.parsing.test_alerts_older import classic, log_alert, metric_v2

FILES = {path.name: json.loads(path.read_bytes()) for path in sorted(EVENTS.glob("alert-*.json"))}
BUILT = {
    "metric": common(custom={"a": "b"}),
    "resolved": common(monitorCondition="Resolved", resolvedDateTime="2025-04-15T18:27:00Z"),
    "log v1": common(LOG_V1, signalType="Log"),
    "prometheus": common(
        {"expression": "up > 0", "labels": {"a": "b"}, "annotations": {"s": "t"}}, signalType="Metric"
    ),
    "administrative": activity("Activity Log - Administrative", properties={"entity": ENDPOINT}),
    "policy": judged("audit", POLICY, POLICY | {"policyAssignmentId": "/p2"}),
    "security": activity("Activity Log - Security", **THREAT),
    "service health": activity("ServiceHealth", properties=HEALTH | {"impactedServices": IMPACTED}),
    "resource health, older": older_activity(
        operationName="Microsoft.Resourcehealth/healthevent/x/action",
        eventSource=2,
        properties=HEALTH,
        resourceId=ENDPOINT,
    ),
    "classic": classic(),
    "metric v2": metric_v2(),
    "log, older": log_alert(),
    "budget": budget(),
    "forecast": budget(ThresholdType="Forecasted", ForecastedTotalForPeriod="$1111.11"),
    "classic budget": classic_budget(),
}
ALERTS = FILES | BUILT

ADDED = (None, True, 5, 2.5, "text", [], {"type": "x"}, ["records"])
OF_USERS = (
    "properties",
    "criteria",
)  # names inside them (of properties, of labels) are the user's own and keep their case


def dressed(value, case, chance):
    """The same JSON with keys added, in another order and another case."""
    if isinstance(value, list):
        return [dressed(item, case, chance) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, dressed(item, case, chance)) for key, item in value.items()]
    items += [(f"zz{number}", ADDED[(chance + number) % len(ADDED)]) for number in range(chance % 3)]
    items.sort(key=lambda item: ids.derive(chance, item[0]))
    return {case(key): item for key, item in items}


def mixed(key):
    """A case that differs from key to key."""
    return key.upper() if len(key) % 2 else key


@pytest.mark.parametrize("name", ALERTS)
@pytest.mark.parametrize("case", [str, str.lower, str.upper, str.swapcase, mixed])
@pytest.mark.parametrize("chance", range(5))
def test_a_known_alert_is_known_in_any_dress(name, case, chance):
    plain, again = read(ALERTS[name]), read(dressed(ALERTS[name], case, chance))
    assert [type(one) for one in again] == [type(one) for one in plain]
    for one, other in zip(plain, again, strict=True):
        for field in one.__struct_fields__:
            if field not in OF_USERS:
                assert getattr(other, field) == getattr(one, field)


@pytest.mark.parametrize("name", BUILT)
def test_every_kind_that_is_built_here_is_a_signal(name):
    assert not any(isinstance(one, Rejected) for one in read(BUILT[name]))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_and_itself_again_have_the_same_keys(name):
    assert read(ALERTS[name]) == read(json.loads(json.dumps(ALERTS[name])))


@pytest.mark.parametrize("name", ALERTS)
def test_an_array_of_alerts_is_each_of_them(name):
    single = read(ALERTS[name])
    if not isinstance(single[0], Rejected):
        assert read(ALERTS[name], ALERTS[name]) == single * 2


def paths_of(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths_of(item, (*path, key))


def mutated(value, path, replacement):
    """A copy with one place replaced, or left out."""
    if not path:
        return replacement
    whole = copy.deepcopy(value)
    place = whole
    for key in path[:-1]:
        place = place[key]
    if replacement is LEFT_OUT:
        del place[path[-1]]
    else:
        place[path[-1]] = replacement
    return whole


LEFT_OUT = object()
SCALARS = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1e300,
        10**400,
        "",
        " ",
        "x",
        "/",
        "//",
        "1.2.3",
        "$",
        "Resolved",
        "Activated",
        "[]",
        "[{]",
        '[{"policyAssignmentId":{}}]',
        "9999-12-31T23:59:59-14:00",
        "13/13/2013",
        "\ud800",
        "CostAlerts",
        "Policy",
        "Security",
        "ServiceHealth",
        "ResourceHealth",
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def check(value):
    body = json.dumps(value).encode()
    for parsed in (parse(body), parse(body, "monitor_alerts")):
        assert parsed
        for index, one in enumerate(parsed):
            assert isinstance(one, Signal | Rejected)
            msgspec.json.encode(report_line("f", index, one))


@pytest.mark.parametrize("name", ALERTS)
def test_without_any_one_field_it_is_a_signal_or_a_rejection_that_names_something(name):
    for path in paths_of(ALERTS[name]):
        if path:
            check(mutated(ALERTS[name], path, LEFT_OUT))
            check(mutated(ALERTS[name], path, None))


@seed(1)
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_done_to_an_alert_never_fails(data):
    value = ALERTS[data.draw(st.sampled_from(sorted(ALERTS)))]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths_of(value))))
        value = mutated(value, path, data.draw(VALUES))
    check(value)


@pytest.mark.parametrize("depth", [10, 900, 3_000, 100_000])
@pytest.mark.parametrize("name", ["metric", "service health", "policy", "classic", "budget"])
def test_a_deep_value_never_fails(name, depth):
    text = json.dumps(BUILT[name])
    for value in ('"Fired"', '"Slow answers"', '"t"', '"green"', '"Training"', '"audit"'):
        deep = text.replace(value, "[" * depth + "]" * depth)
        assert parse(deep.encode(), "monitor_alerts")
