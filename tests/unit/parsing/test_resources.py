"""How resources are, and what was done to them."""

import json

import pytest

from shared.domain.platform_signals import PlatformHealthChanged, ResourceChanged
from shared.domain.signals import ModelDeployed, Rejected
from shared.parsing import parse
from shared.parsing.resources import type_of

MACHINE = "/subscriptions/S1/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/VM1"
WORKSPACE = "/subscriptions/s1/resourceGroups/RG/providers/Microsoft.MachineLearningServices/workspaces/Prod"
DEPLOYMENT = f"{WORKSPACE}/onlineEndpoints/Flight/deployments/Blue"
HEALTH = "Microsoft.ResourceNotifications.HealthResources."
RESOURCES = "Microsoft.ResourceNotifications.Resources."
WRITE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"
STATUS = {
    "targetResourceId": MACHINE,
    "targetResourceType": "Microsoft.Compute/virtualMachines",
    "occurredTime": "2023-07-24T19:20:37.9245071Z",
    "previousAvailabilityState": "Available",
    "availabilityState": "Unavailable",
}
ANNOTATION = {
    "targetResourceId": MACHINE,
    "occurredTime": "2023-07-24T19:20:37.9245071Z",
    "annotationName": "VirtualMachineDeallocationInitiated",
    "reason": "Stopping and deallocating",
    "summary": "This virtual machine is stopped and deallocated as asked for.",
    "context": "Customer Initiated",
    "category": "Not Applicable",
}


@pytest.fixture
def read(event):
    """Reads one event of the subscription."""

    def build(event_type, data, **changes):
        wrapped = event(event_type, data, **{"topic": "/subscriptions/S1", "subject": MACHINE} | changes)
        (parsed,) = parse(json.dumps(wrapped).encode())
        return parsed

    return build


def notified(properties, **info):
    return {"resourceInfo": {"id": f"{MACHINE}/x", "properties": properties} | info, "apiVersion": "2023-12-01"}


def operation(name=WRITE, uri=DEPLOYMENT, status="Succeeded"):
    return {"operationName": name, "resourceUri": uri, "status": status, "claims": {"name": "somebody"}}


# Health


def test_a_change_of_availability_names_the_resource_and_both_states(read):
    signal = read(f"{HEALTH}AvailabilityStatusChanged", notified(STATUS))
    assert isinstance(signal, PlatformHealthChanged)
    assert (signal.scope, signal.status, signal.targets) == ("resource", "Unavailable", (MACHINE.lower(),))
    assert signal.title == "Unavailable, was Available"
    assert signal.properties == {"previousAvailabilityState": "Available"}


def test_an_annotation_says_why_and_who_began_it(read):
    signal = read(f"{HEALTH}ResourceAnnotated", notified(ANNOTATION))
    assert isinstance(signal, PlatformHealthChanged)
    assert (signal.scope, signal.status) == ("resource", "VirtualMachineDeallocationInitiated")
    assert (signal.title, signal.cause) == ("Stopping and deallocating", "Customer Initiated")
    assert signal.properties == {"summary": ANNOTATION["summary"], "category": "Not Applicable"}


@pytest.mark.parametrize(
    ("name", "properties", "field"),
    [("AvailabilityStatusChanged", STATUS, "availabilityState"), ("ResourceAnnotated", ANNOTATION, "annotationName")],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_health_event_without_a_state_is_refused_by_name(read, name, properties, field, value):
    rejected = read(HEALTH + name, notified(properties | {field: value}))
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, f"data.resourceInfo.properties.{field}" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize(
    "data", [{}, {"resourceInfo": None}, {"resourceInfo": {}}, {"resourceInfo": {"properties": 5}}]
)
@pytest.mark.parametrize("name", ["AvailabilityStatusChanged", "ResourceAnnotated"])
def test_a_health_event_without_its_parts_is_refused(read, name, data):
    assert "data.resourceInfo" in read(HEALTH + name, data).detail


def test_the_subject_names_the_resource_when_the_data_do_not(read):
    data = notified(STATUS | {"targetResourceId": None})
    assert read(f"{HEALTH}AvailabilityStatusChanged", data).targets == (MACHINE.lower(),)
    rejected = read(f"{HEALTH}AvailabilityStatusChanged", data, subject="")
    assert (rejected.reason, "targetResourceId" in rejected.detail) == ("missing_field", True)


def test_what_is_not_needed_may_be_missing(read):
    bare = {"targetResourceId": MACHINE, "availabilityState": "Unknown", "annotationName": "Redeployed"}
    assert read(f"{HEALTH}AvailabilityStatusChanged", notified(bare)).title == "Unknown"
    assert read(f"{HEALTH}ResourceAnnotated", notified(bare)).title == "Redeployed"


# Notifications of the life cycle


@pytest.mark.parametrize(("name", "change"), [("CreatedOrUpdated", "created_or_updated"), ("Deleted", "deleted")])
def test_a_notification_names_the_resource_its_type_and_its_change(read, name, change):
    data = notified({"provisioningState": "Succeeded", "flag": 1}, id=WORKSPACE, type=RESOURCES + name)
    signal = read(RESOURCES + name, data)
    assert isinstance(signal, ResourceChanged)
    assert (signal.resource_id, signal.change, signal.status) == (WORKSPACE.lower(), change, "Succeeded")
    assert signal.resource_type == "microsoft.machinelearningservices/workspaces"


@pytest.mark.parametrize("properties", [None, {}, 5, {"provisioningState": 7}])
def test_a_notification_needs_no_properties(read, properties):
    assert read(f"{RESOURCES}Deleted", notified(properties)).status == ""


def test_a_notification_of_no_resource_is_refused(read):
    rejected = read(f"{RESOURCES}Deleted", {"resourceInfo": {}}, subject="")
    assert (rejected.reason, "resourceInfo.id" in rejected.detail) == ("missing_field", True)


@pytest.mark.parametrize("event_type", ["Deleted", "CreatedOrUpdated", "ResourceAnnotated", "Contoso.Things.Deleted"])
def test_the_last_word_of_a_long_type_is_not_enough(read, event_type):
    assert read(event_type, notified(STATUS)).reason == "unknown_event_type"


# Azure Resource Manager


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("ResourceWriteSuccess", "created_or_updated", "Succeeded"),
        ("ResourceWriteFailure", "other", "Failed"),
        ("ResourceWriteCancel", "other", "Canceled"),
        ("ResourceDeleteSuccess", "deleted", "Succeeded"),
        ("ResourceDeleteFailure", "other", "Failed"),
        ("ResourceDeleteCancel", "other", "Canceled"),
        ("ResourceActionSuccess", "other", "Succeeded"),
        ("ResourceActionFailure", "other", "Failed"),
        ("ResourceActionCancel", "other", "Canceled"),
    ],
)
@pytest.mark.parametrize("prefix", ["Microsoft.Resources.", "", "MICROSOFT.RESOURCES."])
def test_an_operation_is_a_change_only_when_it_succeeded(read, name, change, status, prefix):
    signal = read(prefix + name, operation("x/write", WORKSPACE, None))
    assert isinstance(signal, ResourceChanged)
    assert (signal.change, signal.status, signal.resource_id) == (change, status, WORKSPACE.lower())


@pytest.mark.parametrize("name", [WRITE, WRITE.lower(), WRITE.upper(), None])
@pytest.mark.parametrize("uri", [DEPLOYMENT, DEPLOYMENT.upper(), f"https://management.azure.com{DEPLOYMENT}/"])
def test_a_deployment_that_was_written_is_a_model_deployed(read, name, uri):
    signal = read("Microsoft.Resources.ResourceWriteSuccess", operation(name, uri))
    assert isinstance(signal, ModelDeployed)
    assert (signal.workspace, signal.service_name) == (WORKSPACE.lower(), "flight/blue")
    assert signal.source == "/subscriptions/s1"


def test_a_deployment_of_a_batch_endpoint_is_one_too(read):
    uri = f"{WORKSPACE}/batchEndpoints/Nightly/deployments/D"
    assert read("ResourceWriteSuccess", operation(None, uri)).service_name == "nightly/d"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ResourceWriteFailure", operation(status="Failed")),
        ("ResourceWriteCancel", operation(status="Canceled")),
        ("ResourceDeleteSuccess", operation(WRITE.replace("write", "delete"))),
        ("ResourceActionSuccess", operation(WRITE.replace("write", "getLogs/action"))),
        ("ResourceWriteSuccess", operation(status="Failed")),
        ("ResourceWriteSuccess", operation(uri=f"{WORKSPACE}/onlineEndpoints/Flight")),
        ("ResourceWriteSuccess", operation(uri=f"{DEPLOYMENT}/skus/x")),
    ],
)
def test_anything_else_done_to_an_endpoint_deploys_no_model(read, name, data):
    assert isinstance(read(name, data), ResourceChanged)


def test_an_operation_on_nothing_is_refused_by_name(read):
    rejected = read("ResourceWriteSuccess", {"operationName": WRITE}, subject=None)
    assert (rejected.reason, "data.resourceUri" in rejected.detail) == ("missing_field", True)


def test_the_caller_of_an_operation_is_not_kept(read):
    assert "somebody" not in repr(read("ResourceWriteSuccess", operation()))


@pytest.mark.parametrize(
    ("resource_id", "resource_type"),
    [
        (MACHINE, "microsoft.compute/virtualmachines"),
        (DEPLOYMENT, "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments"),
        (f"{MACHINE}/providers/Microsoft.ResourceHealth/statuses/1", "microsoft.resourcehealth/statuses"),
        ("/subscriptions/s1/resourceGroups/rg", ""),
        ("/subscriptions/s1/providers/Microsoft.Compute", ""),
        ("", ""),
    ],
)
def test_an_id_spells_out_its_type(resource_id, resource_type):
    assert type_of(resource_id) == resource_type
