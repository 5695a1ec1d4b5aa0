"""The closures, read back from clients, are what Azure published; and the limits that only the publication has count."""

import pytest

from tests.contracts.openapi import closure, published
from tests.contracts.openapi.test_closure import BATCH, DEPLOYMENT, ENDPOINT, JOB, MODEL, WORKSPACE, exchange

FILE = "machine-learning"
# A base's mark knows only the kinds that the client has a class for (what else it may say has no properties of its own),
# and one kind of job that the publication does not have. Outerloop orders none of those.
MARKS = {
    "BatchDeploymentConfiguration.deploymentConfigurationType": ("PipelineComponent", "Model|PipelineComponent"),
    "ComputeSecrets.computeType": (
        "AKS|Databricks|VirtualMachine",
        "|".join(sorted(published.lines(FILE)["ComputeType"]["enum"])),
    ),
    "JobBaseProperties.jobType": (
        "AutoML|Command|FineTuning|Pipeline|Spark|Sweep",
        "AutoML|Command|Pipeline|Spark|Sweep",
    ),
    "OnlineDeploymentProperties.endpointComputeType": ("Kubernetes|Managed", "AzureMLCompute|Kubernetes|Managed"),
}
DIFFERENCES = {f"{place} is enum({ours}), published as enum({theirs})" for place, (ours, theirs) in MARKS.items()} | {
    "JobBaseProperties: FineTuningJob is not published as FineTuning"
}
NOT_LOOKED_INTO = {"AutoMLJob", "FineTuningJob"}  # never ordered: the closure has nothing but their names


def definitions():
    return closure.call_for("GET", f"{WORKSPACE}/onlineEndpoints").definitions


@pytest.mark.parametrize("name", sorted(definitions().keys() - NOT_LOOKED_INTO))
def test_a_definition_is_the_published_one(name):
    assert set(published.differences(FILE, name, definitions()[name])) <= DIFFERENCES


def test_every_difference_that_is_known_is_still_there():
    found = {
        each
        for name in definitions().keys() - NOT_LOOKED_INTO
        for each in published.differences(FILE, name, definitions()[name])
    }
    assert found == DIFFERENCES


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("OnlineEndpointProperties", {"required": []}, "authMode is required"),
        ("OnlineEndpointProperties", {"required": ["authMode", "traffic"]}, "traffic need not be there"),
        ("OnlineEndpointProperties", {"traffic": {"type": "string"}}, "traffic is string, published as {integer}"),
        ("OnlineEndpointProperties", {"authMode": {"enum": ["Key"]}}, "authMode is enum(Key), published as"),
        ("OnlineEndpointProperties", {"trafic": {"type": "string"}}, "trafic is not published"),
        ("OnlineEndpointProperties", {"traffic": None}, "traffic is missing"),
        ("OnlineEndpointProperties", {"scoringUri": {"type": "string"}}, "scoringUri is read only on one side"),
        ("ManagedOnlineDeployment", {"endpointComputeType": {"const": "Magic"}}, "endpointComputeType is enum(Magic)"),
    ],
)
def test_whatever_differs_is_told(name, change, says):
    schema = definitions()[name]
    required = change.pop("required", schema.get("required", []))
    properties = {each: value for each, value in {**schema["properties"], **change}.items() if value is not None}
    found = list(published.differences(FILE, name, {**schema, "properties": properties, "required": required}))
    assert any(says in each for each in found), found


def test_a_kind_by_another_name_is_told():
    swapped = {
        "if": {"properties": {"jobType": {"const": "Spark"}}},
        "then": {"$ref": "#/definitions/CommandJob"},
    }
    found = list(
        published.differences(FILE, "JobBaseProperties", {**definitions()["JobBaseProperties"], "allOf": [swapped]})
    )
    assert "JobBaseProperties: CommandJob is not published as Spark" in found


@pytest.mark.parametrize(
    ("sent", "path", "says"),
    [
        ({"properties": {**JOB["properties"], "command": ""}}, "/jobs/j", "command"),
        ({"properties": {**JOB["properties"], "environmentId": "-"}}, "/jobs/j", "environmentId"),
        (
            {**DEPLOYMENT, "properties": {**DEPLOYMENT["properties"], "codeConfiguration": {"scoringScript": ""}}},
            "/onlineEndpoints/flight/deployments/blue",
            "scoringScript",
        ),
    ],
)
def test_what_the_publication_limits_is_refused(sent, path, says):
    found = closure.problems([exchange("PUT", f"{WORKSPACE}{path}", sent, 200, sent)])
    assert any(says in each for each in found), found


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/jobs/j", JOB),
        ("/onlineEndpoints/flight", ENDPOINT),
        ("/batchEndpoints/flight", BATCH),
        ("/models/m/versions/1", MODEL),
    ],
)
def test_what_keeps_within_the_limits_is_good(path, sent):
    assert closure.problems([exchange("PUT", f"{WORKSPACE}{path}", sent, 200, sent)]) == []


@pytest.mark.parametrize("name", sorted(published.operations(FILE)))
def test_an_operation_is_the_published_one(name):
    ours = next(each.document for each in closure.calls() if each.id == name)
    theirs = {key: value for key, value in published.operations(FILE)[name].items() if key != "headers"}
    assert published.told_of(ours) == theirs


def test_what_was_accepted_says_in_location_where_to_ask_which_is_what_an_exchange_is_held_to():
    accepted = [each for each in published.operations(FILE).values() if "202" in each["answers"]]
    assert accepted
    assert all("Location" in each["headers"]["202"] for each in accepted)


def test_every_operation_on_traffic_deployments_jobs_and_batch_was_read():
    groups = ("OnlineEndpoints", "OnlineDeployments", "BatchEndpoints", "BatchDeployments", "Jobs")
    wanted = {each.id for each in closure.calls() if each.id.partition(".")[0] in groups}
    assert wanted - published.operations(FILE).keys() == {"BatchEndpoints.list_keys"}


def test_a_type_is_said_the_same_on_both_sides():
    assert published.shape(FILE, "{JobInput?}?") == "{JobInput}"
    assert published.shape(FILE, "[ComputeWeekDay]").startswith("[enum(Friday|Monday|")
    assert published.shape(FILE, "Azure.Core.uuid") == "string"
    assert published.shape_of({"anyOf": [{"type": "array", "items": {}}, {"type": "null"}]}) == "[any]"
    assert published.shape_of({"type": "object", "additionalProperties": {"type": "integer"}}) == "{integer}"
