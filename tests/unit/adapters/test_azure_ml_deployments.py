import pytest

from shared.domain.outcomes import Failed, Started, Succeeded
from tests.unit.adapters.orders import NOW, WORKSPACE, deploy, remove
from tests.unit.adapters.scripted_azure import Answer, refusal

ENDPOINT = "/onlineEndpoints/flight"
GREEN = ENDPOINT + "/deployments/green"


def endpoint(state="Succeeded", traffic=None, **tags):
    properties = {"authMode": "Key", "provisioningState": state, "traffic": traffic or {}}
    return Answer(body={"location": "westeurope", "tags": tags, "properties": properties})


def deployment(state, command="c" * 24, **properties):
    body = {
        "location": "westeurope",
        "tags": {"outerloop.command": command},
        "properties": {"provisioningState": state, **properties},
    }
    return Answer(body=body)


async def test_an_endpoint_that_is_missing_is_created_first_with_key_authentication(azure, workspace):
    azure.on("GET", "/workspaces/prod", Answer(body={"location": "westeurope", "properties": {}}))
    azure.on("PUT", ENDPOINT, endpoint("Creating"))

    outcome = await workspace.begin(deploy(), NOW)

    assert isinstance(outcome, Started)
    assert outcome.operation == WORKSPACE + ENDPOINT
    (write,) = azure.writes()
    assert write.body["properties"]["authMode"] == "Key"
    assert write.body["location"] == "westeurope"
    assert write.body["tags"]["outerloop.command"] == "c" * 24


async def test_the_deployment_follows_once_the_endpoint_is_there(azure, workspace):
    operation = WORKSPACE + ENDPOINT
    azure.on("GET", ENDPOINT, endpoint("Creating", **{"outerloop.command": "c" * 24}), endpoint())
    azure.on("PUT", GREEN, deployment("Creating"))

    waiting = await workspace.look(deploy(), operation, NOW)
    assert isinstance(waiting, Started)
    assert waiting.operation == operation
    following = await workspace.look(deploy(), operation, NOW)
    assert isinstance(following, Started)
    assert following.operation == WORKSPACE + GREEN


async def test_a_deployment_is_written_with_whole_ids_and_tags(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", GREEN, deployment("Creating"))

    outcome = await workspace.begin(deploy(), NOW)

    assert isinstance(outcome, Started)
    assert outcome.operation == WORKSPACE + GREEN
    (write,) = azure.writes()
    assert write.body == {
        "location": "westeurope",
        "kind": "Managed",
        "sku": {"name": "Default", "capacity": 2},
        "tags": {"outerloop.command": "c" * 24, "outerloop.workload": "flight-delay", "outerloop.version": "7"},
        "properties": {
            "endpointComputeType": "Managed",
            "model": f"{WORKSPACE}/models/flight-delay/versions/7",
            "environmentId": f"{WORKSPACE}/environments/flight-env/versions/2",
            "codeConfiguration": {
                "codeId": f"{WORKSPACE}/codes/flight-scoring/versions/1",
                "scoringScript": "score.py",
            },
            "instanceType": "Standard_DS3_v2",
            "scaleSettings": {"scaleType": "Default"},
            "environmentVariables": {"OUTERLOOP_DEPLOYMENT_ID": WORKSPACE + GREEN},
        },
    }


async def test_a_model_of_a_registry_is_named_as_it_is(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", GREEN, deployment("Creating"))
    reference = "azureml://registries/contoso/models/flight-delay/versions/7"
    await workspace.begin(deploy(model_ref=reference), NOW)
    assert azure.writes()[0].body["properties"]["model"] == reference


async def test_an_mlflow_model_needs_neither_code_nor_environment(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", GREEN, deployment("Creating"))
    await workspace.begin(deploy(code="", environment="", scoring_script=""), NOW)
    assert not {"codeConfiguration", "environmentId"} & set(azure.writes()[0].body["properties"])


async def test_an_update_keeps_the_settings_that_outerloop_does_not_know(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    kept = {
        "environmentVariables": {"THREADS": "1"},
        "requestSettings": {"requestTimeout": "PT10S"},
        "dataCollector": {"collections": {}},
    }
    azure.on("GET", GREEN, deployment("Succeeded", "an older command", **kept))
    azure.on("PUT", GREEN, deployment("Updating"))
    await workspace.begin(deploy(), NOW)
    written = azure.writes()[0].body["properties"]
    assert written["requestSettings"] == {"requestTimeout": "PT10S"}
    assert written["environmentVariables"]["THREADS"] == "1"
    assert written["dataCollector"] == {"collections": {}}
    assert "provisioningState" not in written


@pytest.mark.parametrize(("state", "kind"), [("Succeeded", Succeeded), ("Updating", Started), ("Creating", Started)])
async def test_a_deployment_that_carries_our_mark_is_not_written_again(azure, workspace, state, kind):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("GET", GREEN, deployment(state))
    assert isinstance(await workspace.begin(deploy(), NOW), kind)
    assert azure.writes() == []


async def test_a_deployment_of_ours_that_failed_is_written_again(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("GET", GREEN, deployment("Failed"))
    azure.on("PUT", GREEN, deployment("Updating"))
    assert isinstance(await workspace.begin(deploy(), NOW), Started)
    assert len(azure.writes()) == 1


async def test_an_endpoint_under_somebody_elses_change_is_busy(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint("Updating", **{"outerloop.command": "another"}))
    outcome = await workspace.begin(deploy(), NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "busy" in outcome.reason


async def test_a_broken_endpoint_is_for_a_person(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint("Failed"))
    outcome = await workspace.begin(deploy(), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable


async def test_a_deployment_that_serves_is_a_success_with_its_version(azure, workspace):
    azure.on("GET", GREEN, deployment("Succeeded"))
    outcome = await workspace.look(deploy(), WORKSPACE + GREEN, NOW)
    assert outcome == Succeeded(data={"deployment": "green", "version": "7"})


async def test_a_deployment_under_way_is_asked_about_again(azure, workspace):
    azure.on("GET", GREEN, deployment("Creating"))
    assert isinstance(await workspace.look(deploy(), WORKSPACE + GREEN, NOW), Started)


async def test_a_deployment_that_failed_quotes_its_log(azure, workspace):
    azure.on("GET", GREEN, deployment("Failed"))
    azure.on("POST", GREEN + "/getLogs", Answer(body={"content": "Traceback\nValueError: no model file"}))
    outcome = await workspace.look(deploy(), WORKSPACE + GREEN, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "no model file" in outcome.reason


async def test_a_log_that_cannot_be_read_does_not_hide_the_failure(azure, workspace):
    azure.on("GET", GREEN, deployment("Failed"))
    outcome = await workspace.look(deploy(), WORKSPACE + GREEN, NOW)
    assert outcome == Failed(retryable=False, reason="deployment green of endpoint flight is Failed")


async def test_a_deployment_that_somebody_else_replaced_is_reported(azure, workspace):
    azure.on("GET", GREEN, deployment("Succeeded", "another"))
    outcome = await workspace.look(deploy(), WORKSPACE + GREEN, NOW)
    assert isinstance(outcome, Failed)
    assert "changed by somebody else" in outcome.reason


async def test_a_quota_that_is_exceeded_is_not_tried_again(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("PUT", GREEN, refusal(400, "OutOfQuota", "Not enough quota for Standard_DS3_v2"))
    outcome = await workspace.begin(deploy(), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "OutOfQuota" in outcome.reason


async def test_a_deployment_with_traffic_is_not_deleted(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint(traffic={"green": 10, "blue": 90}))
    outcome = await workspace.begin(remove(), NOW)
    assert isinstance(outcome, Failed)
    assert (outcome.retryable, outcome.reason) == (False, "deployment green still takes 10 % of the traffic")
    assert outcome.data["in_use"] == "green"
    assert azure.writes() == []


async def test_a_deletion_is_followed_until_the_deployment_is_gone(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint(traffic={"blue": 100}))
    azure.on("GET", GREEN, deployment("Succeeded"), deployment("Deleting"), refusal(404, "NotFound", "gone"))
    azure.on("DELETE", GREEN, Answer(202))
    begun = await workspace.begin(remove(), NOW)
    assert isinstance(begun, Started)
    assert isinstance(await workspace.look(remove(), begun.operation, NOW), Started)
    assert isinstance(await workspace.look(remove(), begun.operation, NOW), Succeeded)


async def test_a_deletion_that_is_done_at_once_is_a_success(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    azure.on("GET", GREEN, deployment("Succeeded"))
    azure.on("DELETE", GREEN, Answer(204))
    assert isinstance(await workspace.begin(remove(), NOW), Succeeded)


async def test_a_deletion_under_way_is_followed_and_not_ordered_again(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint(traffic={"blue": 100}))
    azure.on("GET", GREEN, deployment("Deleting"))
    assert isinstance(await workspace.begin(remove(), NOW), Started)
    assert azure.writes() == []


async def test_what_is_gone_already_need_not_be_deleted(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint())
    assert isinstance(await workspace.begin(remove(), NOW), Succeeded)
    azure.reset()
    assert isinstance(await workspace.begin(remove(), NOW), Succeeded)
    assert azure.writes() == []


async def test_a_deletion_that_failed_may_be_tried_again(azure, workspace):
    azure.on("GET", GREEN, deployment("Failed"))
    outcome = await workspace.look(remove(), WORKSPACE + GREEN, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable


# On a Kubernetes cluster

EDGE = {"endpoint_kind": "kubernetes_online", "compute": "edge"}


def endpoint_on(compute):
    answer = endpoint()
    answer.body["properties"]["compute"] = compute
    return answer


async def test_a_deployment_on_a_cluster_names_no_machine_of_azures(azure, workspace):
    azure.on("GET", ENDPOINT, endpoint_on(f"{WORKSPACE}/computes/Edge"))
    azure.on("PUT", GREEN, deployment("Creating"))

    outcome = await workspace.begin(deploy(**EDGE, instance_type=""), NOW)

    assert isinstance(outcome, Started)
    (write,) = azure.writes()
    assert "kind" not in write.body
    assert write.body["properties"]["endpointComputeType"] == "Kubernetes"
    assert "instanceType" not in write.body["properties"], "so the cluster takes its default one"
    assert write.body["properties"]["scaleSettings"] == {"scaleType": "Default"}, "as many as ordered, and no other"
    variables = {"OUTERLOOP_DEPLOYMENT_ID": WORKSPACE + GREEN, "OUTERLOOP_TELLS_REQUESTS": "1"}
    assert write.body["properties"]["environmentVariables"] == variables, "Azure Monitor tells nobody of requests there"


@pytest.mark.parametrize("compute", [None, "", f"{WORKSPACE}/computes/west"])
async def test_no_deployment_is_made_on_another_cluster_than_the_policy_says(azure, workspace, compute):
    azure.on("GET", ENDPOINT, endpoint_on(compute))

    outcome = await workspace.begin(deploy(**EDGE, instance_type=""), NOW)

    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert ("the cluster west" if compute else "a managed one") in outcome.reason
    assert azure.writes() == []


@pytest.mark.parametrize(
    ("log", "why"), [("", "ask the cluster (edge) with kubectl"), ("no weights", "ends with: no weights")]
)
async def test_what_found_no_room_in_the_cluster_has_no_log_and_people_are_told_where_to_look(
    azure, workspace, log, why
):
    azure.on("GET", GREEN, deployment("Failed"))
    azure.on("POST", GREEN + "/getLogs", Answer(body={"content": log}))

    outcome = await workspace.look(deploy(**EDGE, instance_type=""), WORKSPACE + GREEN, NOW)

    assert isinstance(outcome, Failed)
    assert why in outcome.reason


@pytest.mark.parametrize("status", [400, 404])
async def test_a_cluster_that_was_detached_is_told_in_azures_words_and_not_tried_again(azure, workspace, status):
    azure.on("GET", ENDPOINT, endpoint_on(f"{WORKSPACE}/computes/edge"))
    azure.on("PUT", GREEN, refusal(status, "ComputeNotFound", "Cannot find Kubernetes compute."))

    outcome = await workspace.begin(deploy(**EDGE, instance_type=""), NOW)

    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "Cannot find Kubernetes compute" in outcome.reason
