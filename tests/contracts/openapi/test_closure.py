"""The closures are Azure's definitions, and whatever breaks a definition is found and told."""

import copy
import json

import pytest

from tests.contracts.openapi import closure, derive, documents

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/dev"
REGISTRY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/registries/contoso"
ENDPOINT = {
    "id": f"{WORKSPACE}/onlineEndpoints/flight",
    "location": "westeurope",
    "tags": {},
    "properties": {"authMode": "Key", "traffic": {"blue": 100}, "provisioningState": "Succeeded"},
}
DEPLOYMENT = {
    "location": "westeurope",
    "sku": {"name": "Default", "capacity": 1},
    "properties": {"endpointComputeType": "Managed", "scaleSettings": {"scaleType": "Default"}},
}
JOB = {"properties": {"jobType": "Command", "command": "python train.py", "environmentId": "azureml:e:1"}}
MODEL = {"properties": {"modelUri": "azureml://jobs/j/outputs/model", "modelType": "custom_model"}}
BATCH = {"location": "westeurope", "properties": {"authMode": "AADToken", "defaults": {"deploymentName": "blue"}}}
QUERY = {"type": "ActualCost", "timeframe": "MonthToDate", "dataset": {"granularity": "Daily"}}


def exchange(method, path, body=None, status=200, answer=None, **more):
    told = {"query": {"api-version": "2025-12-01"}, "headers": {}, **more}
    return closure.Exchange(method=method, path=path, body=body, status=status, answer=answer, **told)


EXCHANGES = {
    "traffic is read": exchange("GET", f"{WORKSPACE}/onlineEndpoints/flight", answer=ENDPOINT),
    "traffic is written": exchange("PUT", f"{WORKSPACE}/onlineEndpoints/flight", ENDPOINT, 201, ENDPOINT),
    "endpoints are listed": exchange("GET", f"{WORKSPACE}/onlineEndpoints", answer={"value": [ENDPOINT]}),
    "keys are asked for": exchange(
        "POST", f"{WORKSPACE}/onlineEndpoints/flight/listKeys", answer={"primaryKey": "a", "secondaryKey": "b"}
    ),
    "a version is deployed": exchange(
        "PUT", f"{WORKSPACE}/onlineEndpoints/flight/deployments/blue", DEPLOYMENT, 201, DEPLOYMENT
    ),
    "a version is deployed to Kubernetes": exchange(
        "PUT",
        f"{WORKSPACE}/onlineEndpoints/flight/deployments/blue",
        {**DEPLOYMENT, "properties": {"endpointComputeType": "Kubernetes"}},
        201,
        {**DEPLOYMENT, "properties": {"endpointComputeType": "Kubernetes"}},
    ),
    "a job is started": exchange("PUT", f"{WORKSPACE}/jobs/j", JOB, 201, JOB),
    "a batch endpoint is switched": exchange("PUT", f"{WORKSPACE}/batchEndpoints/flight", BATCH, 200, BATCH),
    "a model is read": exchange("GET", f"{WORKSPACE}/models/m/versions/1", answer=MODEL),
    "a shared model is read": exchange("GET", f"/mferp/managementfrontend{REGISTRY}/models/m/versions/1", answer=MODEL),
    "cost is asked for": exchange(
        "POST",
        "/subscriptions/s/providers/Microsoft.CostManagement/query",
        QUERY,
        200,
        {"properties": {"columns": [{"name": "Cost", "type": "Number"}], "rows": [[1.0]]}},
        query={"api-version": "2025-03-01"},
    ),
    "metrics are asked for": exchange(
        "GET",
        f"{WORKSPACE}/onlineEndpoints/flight/providers/Microsoft.Insights/metrics",
        answer={"timespan": "a/b", "value": []},
        query={"api-version": "2024-02-01", "metricnames": "RequestLatency"},
    ),
}


def required_of(schema, document, definitions, absent):
    """Paths of everything in a document that its schema requires, however deep."""
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    for each in schema.get("anyOf", []):
        yield from required_of(each, document, definitions, absent)
    for each in schema.get("allOf", []):
        mark, value = next((name, rule["const"]) for name, rule in each["if"]["properties"].items())
        if document.get(mark) == value:
            yield from required_of(each["then"], document, definitions, absent)
    for name, each in schema.get("properties", {}).items() if isinstance(document, dict) else ():
        if name in schema.get("required", []) and not each.get(absent) and name in document:
            yield (name,)
        if name in document:
            yield from ((name, *rest) for rest in required_of(each, document[name], definitions, absent))
    if isinstance(document, list) and "items" in schema:
        for place, each in enumerate(document):
            yield from ((place, *rest) for rest in required_of(schema["items"], each, definitions, absent))


def cases(side):
    for name, each in EXCHANGES.items():
        call = closure.call_for(each.method, each.path)
        schema = call.document["answers"][str(each.status)] if side == "answer" else call.document["body"]
        document = each.answer if side == "answer" else each.body
        absent = "writeOnly" if side == "answer" else "readOnly"
        for path in sorted(set(required_of(schema or {}, document, call.definitions, absent)), key=str):
            yield pytest.param(each, side, path, id=f"{name}: {side} without {'.'.join(map(str, path))}")


def changed(each, side, path, change):
    document = copy.deepcopy(getattr(each, side))
    place = document
    for part in path[:-1]:
        place = place[part]
    change(place, path[-1])
    return closure.Exchange(**{**vars(each), side: document})


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_azure_defines_is_found_good(name):
    assert closure.problems([EXCHANGES[name]]) == []


@pytest.mark.parametrize(("each", "side", "path"), [*cases("answer"), *cases("body")])
def test_a_required_property_can_neither_go_nor_change_its_type(each, side, path):
    gone = changed(each, side, path, lambda place, name: place.pop(name))
    other = changed(each, side, path, lambda place, name: place.__setitem__(name, 3.5 if name != "value" else {}))
    assert closure.problems([gone])
    assert closure.problems([other])


def test_every_area_has_required_properties_that_are_tried():
    tried = " ".join(case.id for case in [*cases("answer"), *cases("body")])
    assert {"traffic", "deployed", "job", "batch", "model", "cost", "metrics"} <= set(tried.replace(":", "").split())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": 418, "answer": {"error": {"code": "Teapot"}}}, "'message' is a required property"),
        ({"status": 204}, "the only answers are 200"),
        ({"query": {"api-version": "2025-12-01", "tpo": "3"}}, "there is no query parameter tpo"),
        ({"body": {"traffic": {}}}, "a body was sent"),
        ({"answer": {**ENDPOINT, "trafic": {}}}, "'trafic' was unexpected"),
        ({"answer": {**ENDPOINT, "properties": {"authMode": "Kye"}}}, "'Kye' is not one of"),
        ({"answer": {**ENDPOINT, "properties": {"authMode": "Key", "traffic": {"blue": "x"}}}}, "traffic.blue"),
    ],
)
def test_what_is_wrong_is_said(change, says):
    each = closure.Exchange(**{**vars(EXCHANGES["traffic is read"]), **change})
    assert says in " ".join(closure.problems([each]))


def test_what_was_accepted_says_where_to_ask():
    deletion = exchange("DELETE", f"{WORKSPACE}/onlineEndpoints/flight", status=202)
    assert "where to ask" in " ".join(closure.problems([deletion]))
    told = exchange("DELETE", f"{WORKSPACE}/onlineEndpoints/flight", status=202, headers={"location": "https://x"})
    assert closure.problems([told]) == []


def test_what_was_refused_as_malformed_is_judged_by_its_answer():
    error = {"error": {"code": "BadRequest", "message": "no"}}
    assert closure.problems([exchange("PUT", f"{WORKSPACE}/jobs/j", {"no": 1}, 400, error)]) == []
    assert closure.problems([exchange("PUT", f"{WORKSPACE}/jobs/j", {"no": 1}, 409, error)])


def test_a_preview_may_have_more_and_not_less():
    preview = {"query": {"api-version": "2024-01-01-preview"}}
    more, less = copy.deepcopy(JOB), copy.deepcopy(JOB)
    more["properties"]["new"] = 1
    del less["properties"]["command"]
    assert closure.problems([exchange("GET", f"{WORKSPACE}/jobs/j", answer=more, **preview)]) == []
    assert closure.problems([exchange("GET", f"{WORKSPACE}/jobs/j", answer=less, **preview)])
    asked = exchange("GET", f"{WORKSPACE}/jobs/j", answer=more, **preview)
    assert closure.other_versions([asked]) == {("Jobs.get", "2024-01-01-preview")}


def test_a_call_that_nobody_defines_is_passed_over():
    assert closure.call_for("GET", f"/mlflow/v1.0{WORKSPACE}/api/2.0/mlflow/runs/get") is None
    assert not documents.is_defined("POST", "{scope}/import")


def test_the_closure_is_that_of_the_installed_client():
    kept = (closure.HERE / "machine-learning.json").read_text(encoding="utf-8")
    assert json.loads(derive.derive("machine-learning")) == json.loads(kept), "run the script that SOURCES.md names"
