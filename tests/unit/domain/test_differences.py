"""What production should look like, when that can be said, and in what it differs."""

import pytest

from shared.domain.differences import differences, expected_traffic, relied_on, settled_at
from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.facts import Facts
from tests.unit.domain.builders import NOW, after, known, rolling, serving, version

BOTH = {"version-1": "Succeeded", "version-2": "Succeeded"}


def seen(traffic, deployments=BOTH, **fields):
    return EndpointSeen(traffic=traffic, deployments=dict(deployments), **fields)


def kinds(facts, look):
    return [(one.kind, one.role) for one in differences(facts, look)]


@pytest.mark.parametrize(
    ("facts", "traffic"),
    [
        (Facts(), None),
        (known(version("1", "testing")), None),
        (serving("1"), {"version-1": 100}),
        (known(version("1", "standby"), version("2")), {"version-2": 100}),
        (rolling(), {"version-1": 90, "version-2": 10}),
        (rolling(percent=100), {"version-2": 100}),
        (rolling(percent=0), {"version-1": 100}),
        (rolling(over="", percent=100), {"version-2": 100}),
    ],
)
def test_the_traffic_is_as_we_wrote_it_last(facts, traffic):
    assert expected_traffic(facts) == traffic


def test_production_needs_who_serves_who_stands_by_and_who_takes_over():
    facts = known(version("0", "standby"), *rolling().versions.values(), rollout=rolling().rollout, champion="1")
    assert {role: one.version for role, one in relied_on(facts).items()} == {
        "champion": "1",
        "standby": "0",
        "candidate": "2",
    }


def test_candidates_on_their_way_to_production_are_not_needed_there_yet():
    assert list(relied_on(known(version("1"), version("2", "deploying")))) == ["champion"]


def test_nothing_can_be_said_while_a_write_of_ours_is_on_its_way():
    assert settled_at(rolling(pending="traffic-command")) is None
    assert settled_at(Facts()) is None


def test_a_step_in_force_is_settled_at_once_and_anything_else_after_a_quarter_of_an_hour():
    assert settled_at(rolling(step_started_at=after("5m"))) == after("5m")
    assert settled_at(serving("1")) == after("15m")
    assert settled_at(rolling(percent=0, step_started_at=None)) == after("15m")


def test_production_as_we_know_it_differs_in_nothing():
    assert differences(rolling(), seen({"version-1": 90, "version-2": 10})) == ()
    assert differences(serving("1"), seen({"version-1": 100}, BOTH | {"blue": "Failed"})) == ()


@pytest.mark.parametrize("traffic", [{"version-2": 100}, {"blue": 100}, {}, {"version-1": 90, "version-2": 10}])
def test_any_other_traffic_is_a_difference(traffic):
    (found,) = differences(serving("1"), seen(traffic))
    assert found.kind == "traffic"
    assert found.text.endswith("and we left it at version-1=100")


def test_who_is_gone_says_enough_and_its_traffic_is_no_second_difference():
    assert kinds(serving("1"), seen({}, {})) == [("gone", "champion")]
    assert kinds(rolling(), seen({"version-1": 100}, {"version-1": "Succeeded"})) == [("gone", "candidate")]


def test_with_the_endpoint_everything_is_gone():
    assert kinds(rolling(), EndpointSeen(exists=False)) == [("gone", "champion"), ("gone", "candidate")]


def test_a_deployment_that_failed_is_not_gone_and_one_that_is_updated_is_neither():
    traffic = {"version-1": 90, "version-2": 10}
    assert kinds(rolling(), seen(traffic, BOTH | {"version-2": "Failed"})) == [("failed", "candidate")]
    assert kinds(rolling(), seen(traffic, BOTH | {"version-2": "Updating"})) == []


def test_names_are_compared_in_any_case():
    facts = known(version("1", deployment="Version-1"))
    assert differences(facts, seen({"version-1": 100})) == ()
    assert settled_at(facts) > NOW
