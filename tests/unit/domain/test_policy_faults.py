"""Parts of a policy that are each right by themselves and in each other's way."""

from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.globs import overlap
from shared.domain.limits import parse_limit
from shared.domain.policy_faults import (
    never_asked,
    out_of_bounds,
    overlapping,
    same_names,
    shared_endpoints,
    shared_models,
    swallowed,
    unreachable,
)
from shared.domain.policy_index import Address
from tests.unit.domain.builders import POLICY, steady

GLOBS = st.lists(
    st.sampled_from(
        ["*", "a*", "ab*", "*b", "a?", "ab", "a", "[ab]*", "[!a]*", "b-*-a", "b-1-*", "c*", "*-eu", "*-us"]
    ),
    max_size=8,
)


def address(name="a", model="a-*", **fields):
    places = {"staging": ("/dev", f"{name}-stg"), "endpoint": ("/prod", name), "development": "/dev", **fields}
    return Address(name=name, model=model, workspaces=frozenset({"/dev", "/prod"}), monitors=(), **places)


def places(faults):
    return [fault.path for fault in faults]


def test_the_example_has_none_of_these_faults():
    addresses = [workload.address for workload in POLICY.workloads]
    assert [*same_names(addresses), *shared_models(addresses), *shared_endpoints(addresses)] == []


def test_each_name_that_comes_again_is_a_fault():
    assert places(same_names([address("a"), address("b"), address("a"), address("a")])) == [
        ("workloads", 2, "name"),
        ("workloads", 3, "name"),
    ]


@pytest.mark.parametrize(
    ("models", "faulty"),
    [
        (("a-*", "b-*"), []),
        (("a-*", "a-b-*"), [1]),
        (("a-b", "a-*", "c"), [1]),
        (("*-eu", "a-*"), [1]),
        (("*-eu", "*-us"), []),
        (("a", "a"), [1]),
        (("a-[0-4]*", "a-[5-9]*", "a-[3-6]*"), [2]),
        (("*", "b", "c"), [1, 2]),
    ],
)
def test_two_workloads_may_not_claim_one_model(models, faulty):
    addresses = [address(f"w-{number}", model) for number, model in enumerate(models)]
    assert places(shared_models(addresses)) == [("workloads", number, "model") for number in faulty]


def test_the_same_names_in_two_development_workspaces_are_two_models():
    assert places(shared_models([address("a", "a-*"), address("b", "a-*", development="/other")])) == []


def test_an_endpoint_belongs_to_one_environment_of_one_workload():
    both = address("a", staging=("/prod", "a"))
    assert places(shared_endpoints([both])) == [("workloads", 0, "environments", "production", "endpoint")]
    other = address("b", endpoint=("/prod", "a"), staging=("/dev", "a-stg"))
    assert places(shared_endpoints([address("a"), other])) == [
        ("workloads", 1, "environments", "staging", "endpoint"),
        ("workloads", 1, "environments", "production", "endpoint"),
    ]


def test_the_same_endpoint_name_in_two_workspaces_is_two_endpoints():
    assert places(shared_endpoints([address("a"), address("b", endpoint=("/elsewhere", "a"))])) == []


def test_an_environment_without_an_endpoint_shares_none():
    assert places(shared_endpoints([address(name, staging=("/dev", "")) for name in ("a", "b")])) == []


@steady
@given(GLOBS)
def test_overlaps_are_those_that_trying_every_pair_would_find(globs):
    pairs = [(a, b) for a, b in combinations(range(len(globs)), 2) if overlap(globs[a], globs[b])]
    first = {later: min(a for a, b in pairs if b == later) for _, later in pairs}
    assert overlapping(globs) == [(earlier, later) for later, earlier in sorted(first.items())]


NAMES = ["", "a", "b", "ab", "aa", "abc", "b-1-a", "b-2-a", "b-1-c", "c", "x-eu", "x-us", "zz", "-b", "a-eu", "b-1-b"]


@steady
@given(GLOBS)
def test_what_is_swallowed_is_never_the_first_to_match_and_comes_behind_what_matches_it_all(globs):
    for earlier, later in swallowed(globs):
        assert earlier < later
        for name in NAMES:
            first = next((n for n, glob in enumerate(globs) if fnmatchcase(name, glob)), None)
            assert first != later


@pytest.mark.parametrize(
    ("globs", "never"),
    [
        (["latency*", "*"], []),
        (["*", "latency*"], [1]),
        (["latency*", "cpu", "latency-p95"], [2]),
        (["Latency*", "LATENCY-P95"], [1]),
        (["a?", "a*"], []),
        (["[a-m]*", "[n-z]*", "k*"], [2]),
    ],
)
def test_an_alert_rule_behind_one_that_takes_everything_of_it_is_never_asked(globs, never):
    found = never_asked([(number + 3, glob) for number, glob in enumerate(globs)], "rules")
    assert places(found) == [("monitoring", number + 3, "rules") for number in never]


def test_monitor_signals_are_told_apart_by_their_case():
    assert places(never_asked([(0, "Drift*"), (1, "drift-a")], "azure_ml_signals")) == []


@pytest.mark.parametrize(
    ("limits", "never"),
    [
        (["2/1d", "5/7d"], []),
        (["5/1d", "2/7d"], [0]),
        (["5/7d", "5/1d"], [1]),
        (["1/1h", "2/1d", "2/2d", "9/7d"], [1]),
        (["3/1d"], []),
    ],
)
def test_a_limit_that_another_one_always_forestalls_is_a_fault(limits, never):
    found = unreachable([parse_limit(text) for text in limits], "retrains")
    assert places(found) == [("retrains", number) for number in never]
    assert parse_limit("2/1d").window == timedelta(days=1)


@pytest.mark.parametrize(
    ("metrics", "faulty"),
    [
        ({"auc_min": 0.6, "auc_max": 0.9}, []),
        ({"auc_min": 0.9, "auc_max": 0.6}, ["auc_min"]),
        ({"auc": 0.9}, ["auc"]),
        ({"_min": 0.9, "loss_maximum": 1.0}, ["_min", "loss_maximum"]),
        ({"auc_vs_champion_min": -0.01, "auc_min": 0.7}, []),
    ],
)
def test_a_limit_of_a_metric_says_which_way_and_can_be_met(metrics, faulty):
    assert places(out_of_bounds(metrics)) == [("metrics", name) for name in faulty]
