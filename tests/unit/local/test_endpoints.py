"""Which endpoints exist, and what may be changed on them."""

import pytest

from local.azure.endpoints import Deployment, Endpoint, Endpoints
from local.azure.errors import ArmError


def endpoint(name: str = "Flight", workspace: str = "/Subscriptions/Dev") -> Endpoint:
    deployments = {color: Deployment(color, {}) for color in ("blue", "green")}
    return Endpoint(workspace, name, "key", {}, deployments=deployments)


def test_endpoints_are_found_without_regard_to_case():
    endpoints, one = Endpoints(), endpoint()
    endpoints.add(one)

    assert endpoints.get("/subscriptions/dev", "flight") is one
    assert endpoints.of("/SUBSCRIPTIONS/DEV") == list(endpoints) == [one]


def test_a_removed_endpoint_is_gone_and_may_be_removed_again():
    endpoints, one = Endpoints(), endpoint()
    endpoints.add(one)
    endpoints.remove(one)
    endpoints.remove(one)

    assert endpoints.get("/subscriptions/dev", "flight") is None


def test_workspaces_do_not_share_endpoints():
    endpoints = Endpoints()
    endpoints.add(endpoint(workspace="dev"))

    assert endpoints.get("prod", "flight") is None


@pytest.mark.parametrize(
    "traffic", [{}, {"blue": 0}, {"blue": 100}, {"blue": 90, "green": 10}, {"blue": 0, "green": 0}]
)
def test_a_split_sums_to_nothing_or_everything(traffic: dict[str, int]):
    endpoint().check_traffic(traffic)


@pytest.mark.parametrize(
    "traffic",
    [{"blue": 1}, {"blue": 99}, {"blue": 60, "green": 60}, {"blue": 150, "green": -50}, {"red": 100}, {"red": 0}],
)
def test_any_other_split_is_a_bad_request(traffic: dict[str, int]):
    with pytest.raises(ArmError) as refusal:
        endpoint().check_traffic(traffic)

    assert refusal.value.status == 400


def test_a_second_operation_conflicts_until_the_first_is_released():
    one = endpoint()
    one.claim("first")
    with pytest.raises(ArmError, match="first") as refusal:
        one.claim("second")
    one.release()
    one.claim("third")

    assert (refusal.value.status, refusal.value.code) == (409, "Conflict")
    assert one.busy == "third"


@pytest.mark.parametrize("mirror", [{}, {"green": 0}, {"green": 1}, {"green": 50}])
def test_one_deployment_without_traffic_may_get_copies_of_up_to_half_of_the_requests(mirror):
    endpoint().check_mirror(mirror, {"blue": 100, "green": 0})


@pytest.mark.parametrize(
    ("mirror", "traffic", "why"),
    [
        ({"green": 51}, {"blue": 100}, "50 percent at most"),
        ({"green": -1}, {"blue": 100}, "50 percent at most"),
        ({"green": 10, "blue": 10}, {}, "to one deployment"),
        ({"red": 10}, {"blue": 100}, "red"),
        ({"green": 10}, {"blue": 90, "green": 10}, "both live and mirrored"),
    ],
)
def test_any_other_mirror_is_refused_as_azure_does(mirror, traffic, why):
    with pytest.raises(ArmError, match=why) as refused:
        endpoint().check_mirror(mirror, traffic)
    assert refused.value.status == 400
