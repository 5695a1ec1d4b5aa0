from datetime import timedelta

import pytest

from shared.domain.commands import SetTraffic
from shared.domain.outcomes import Failed, Started, Succeeded, Unknown
from shared.domain.values import replace
from tests.unit.adapters.orders import AT_ENDPOINT, NOW, WORKSPACE, roll_back, set_traffic
from tests.unit.adapters.scripted_azure import Answer, refusal

ENDPOINT = "/onlineEndpoints/flight"


def document(traffic, state="Succeeded", mirror=None, **tags):
    return Answer(
        body={
            "id": WORKSPACE + ENDPOINT,
            "location": "westeurope",
            "kind": "Managed",
            "identity": {
                "type": "UserAssigned",
                "principalId": "p",
                "userAssignedIdentities": {"/id/one": {"clientId": "computed"}},
            },
            "tags": {"team": "mlops", **tags},
            "properties": {
                "authMode": "Key",
                "traffic": traffic,
                "mirrorTraffic": mirror or {},
                "provisioningState": state,
                "scoringUri": "https://flight.example/score",
            },
        }
    )


async def test_traffic_is_written_once_with_the_fence_tag_and_everything_else_kept(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, mirror={"of somebody else": 5}))
    azure.on("PUT", ENDPOINT, document({"blue": 100}, "Updating"))

    outcome = await workspace.begin(set_traffic(blue=90, green=10), NOW)

    assert outcome == Started(operation=WORKSPACE + ENDPOINT, look_again_at=NOW + timedelta(seconds=5))
    (write,) = azure.writes()
    assert write.body["properties"]["traffic"] == {"blue": 90, "green": 10}
    assert write.body["properties"]["mirrorTraffic"] == {"of somebody else": 5}
    assert write.body["tags"] == {
        "team": "mlops",
        "outerloop.command": "c" * 24,
        "outerloop.workload": "flight-delay",
    }
    assert not {"provisioningState", "scoringUri"} & set(write.body["properties"])
    assert write.body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"/id/one": {}}}
    assert write.body["location"] == "westeurope"


async def test_a_token_is_sent_for_the_clouds_own_audience(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    await workspace.begin(set_traffic(blue=100), NOW)
    assert azure.asked[0].headers["authorization"].startswith("Bearer ")


async def test_traffic_that_is_as_ordered_already_is_not_written(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 90, "green": 10}))
    outcome = await workspace.begin(set_traffic(green=10, blue=90), NOW)
    assert outcome == Succeeded(data={"traffic": "blue=90,green=10"})
    assert azure.writes() == []


async def test_a_deployment_with_no_share_is_the_same_as_one_that_is_not_named(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    assert await workspace.begin(roll_back(blue=100, green=0), NOW) == Succeeded(data={"traffic": "blue=100"})


@pytest.mark.parametrize("traffic", [{"blue": 90}, {"blue": 90, "green": 20}, {"blue": 150, "green": -50}])
async def test_traffic_that_is_not_a_whole_is_refused_before_anything_is_sent(azure, workspace, traffic):
    outcome = await workspace.begin(set_traffic(**traffic), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert azure.asked == []


async def test_all_traffic_can_be_taken_away(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    azure.on("PUT", ENDPOINT, document({}, "Updating"))
    assert isinstance(await workspace.begin(set_traffic(blue=0), NOW), Started)
    assert azure.writes()[0].body["properties"]["traffic"] == {}


async def test_a_roll_back_is_written_the_same_way(azure, workspace):
    azure.on("GET", ENDPOINT, document({"green": 100}))
    azure.on("PUT", ENDPOINT, document({}, "Updating"))
    assert isinstance(await workspace.begin(roll_back(blue=100), NOW), Started)
    assert azure.writes()[0].body["properties"]["traffic"] == {"blue": 100}


async def test_an_endpoint_that_somebody_else_is_changing_is_busy(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, "Updating", **{"outerloop.command": "another"}))
    outcome = await workspace.begin(set_traffic(blue=90, green=10), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "busy" in outcome.reason
    assert "another" in outcome.reason


async def test_our_own_write_under_way_is_followed_and_not_repeated(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, "Updating", **{"outerloop.command": "c" * 24}))
    assert isinstance(await workspace.begin(set_traffic(blue=90, green=10), NOW), Started)
    assert azure.writes() == []


async def test_a_conflict_while_writing_may_be_tried_again(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    azure.on("PUT", ENDPOINT, refusal(409, "Conflict", "an operation is under way"))
    outcome = await workspace.begin(set_traffic(blue=90, green=10), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "busy" in outcome.reason


async def test_a_write_without_an_answer_has_an_unknown_effect(azure, workspace):
    workspace.clients.call_timeout_seconds = 0.5
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    azure.on("PUT", ENDPOINT, Answer(delay_seconds=1.5))
    outcome = await workspace.begin(set_traffic(blue=90, green=10), NOW)
    assert isinstance(outcome, Unknown)


async def test_a_read_without_an_answer_has_no_effect(azure, workspace):
    workspace.clients.call_timeout_seconds = 0.5
    azure.on("GET", ENDPOINT, Answer(delay_seconds=1.5))
    outcome = await workspace.begin(set_traffic(blue=90, green=10), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable


async def look(workspace, command):
    return await workspace.look(command, WORKSPACE + ENDPOINT, NOW)


async def test_traffic_that_arrived_is_a_success_with_the_split(azure, workspace):
    azure.on("GET", ENDPOINT, document({"green": 10, "blue": 90}))
    assert await look(workspace, set_traffic(blue=90, green=10)) == Succeeded(data={"traffic": "blue=90,green=10"})


async def test_a_write_under_way_is_asked_about_again(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, "Updating"))
    assert isinstance(await look(workspace, set_traffic(blue=90, green=10)), Started)


async def test_a_foreign_change_is_reported_and_never_fought_over(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 50, "green": 50}, **{"outerloop.command": "another"}))
    outcome = await look(workspace, set_traffic(blue=90, green=10))
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "changed by somebody else" in outcome.reason
    assert "another" in outcome.reason
    assert outcome.data == {"traffic": "blue=50,green=50", "by_hand": "blue=50,green=50", "written": 1.0}
    assert azure.writes() == []


async def test_an_endpoint_that_failed_may_be_written_again(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, "Failed"))
    outcome = await look(workspace, set_traffic(blue=90, green=10))
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_a_question_that_failed_says_nothing_of_the_operation(azure, workspace, status):
    azure.on("GET", ENDPOINT, refusal(status, "Later", "try again", **{"Retry-After": "17"}))
    outcome = await look(workspace, set_traffic(blue=90, green=10))
    assert outcome == Started(operation=WORKSPACE + ENDPOINT, look_again_at=NOW + timedelta(seconds=17))


async def test_an_endpoint_that_vanished_is_not_waited_for(azure, workspace):
    outcome = await look(workspace, set_traffic(blue=90, green=10))
    assert isinstance(outcome, Failed)
    assert "onlineEndpoints/flight" in outcome.reason


def shadow(**mirror):
    return SetTraffic(**AT_ENDPOINT, traffic={"blue": 100, "green": 0}, mirror=mirror)


async def test_a_shadow_step_is_one_write_of_traffic_and_mirror(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    azure.on("PUT", ENDPOINT, document({"blue": 100}, "Updating"))
    assert isinstance(await workspace.begin(shadow(green=20), NOW), Started)
    (write,) = azure.writes()
    assert write.body["properties"]["traffic"] == {"blue": 100}
    assert write.body["properties"]["mirrorTraffic"] == {"green": 20}


async def test_a_shadow_step_that_is_in_force_is_not_written_again_and_says_what_is_mirrored(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, mirror={"green": 20}))
    assert await workspace.begin(shadow(green=20), NOW) == Succeeded(data={"traffic": "blue=100,mirror:green=20"})
    assert azure.writes() == []


@pytest.mark.parametrize("command", [roll_back(blue=100, green=0), set_traffic(blue=90, green=10)])
async def test_a_deployment_that_is_named_is_mirrored_no_more(azure, workspace, command):
    azure.on("GET", ENDPOINT, document({"blue": 100}, mirror={"green": 20}))
    azure.on("PUT", ENDPOINT, document({"blue": 100}, "Updating"))
    await workspace.begin(command, NOW)
    (write,) = azure.writes()
    assert write.body["properties"]["mirrorTraffic"] == {}


async def test_a_mirror_that_somebody_else_changed_is_reported_and_never_fought_over(azure, workspace):
    azure.on("GET", ENDPOINT, document({"blue": 100}, mirror={"green": 50}))
    outcome = await look(workspace, shadow(green=20))
    assert (outcome.retryable, outcome.data) == (False, {"traffic": "blue=100,mirror:green=50"})
    assert "ordered blue=100,mirror:green=20, found blue=100,mirror:green=50" in outcome.reason


@pytest.mark.parametrize("command", [set_traffic, roll_back])
async def test_nothing_is_said_of_mirrors_to_an_endpoint_on_kubernetes(azure, workspace, command):
    azure.on("GET", ENDPOINT, document({"blue": 100}))
    azure.on("PUT", ENDPOINT, document({"blue": 100}, "Updating"))

    await workspace.begin(replace(command(blue=90, green=10), endpoint_kind="kubernetes_online"), NOW)

    (write,) = azure.writes()
    assert write.body["properties"]["traffic"] == {"blue": 90, "green": 10}
    assert "mirrorTraffic" not in write.body["properties"]
