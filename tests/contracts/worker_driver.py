"""Drives Microsoft's own worker library: indexes a function app and invokes every function once.

``python worker_driver.py APP_FOLDER`` prints one JSON object: ``{"index": {name: trigger type}, "results": {name:
{"ok", "status"?, "error"?}}}``, or ``{"refused": reason}`` when the worker's indexer refuses the app. It takes the
library's protobuf-free entry (``native_invocation``), since the generated protobuf modules would bring a package named
``shared``. One app a process: the worker keeps its registry in module globals. Needs Python 3.13.
"""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as worker
from azure_functions_runtime import native_invocation
from azure_functions_runtime.bindings.datumdef import Datum

NOW = "2026-01-01T00:00:00.0000000Z"
EVENT_GRID_EVENT = {
    "id": "00000000-0000-0000-0000-000000000001",
    "topic": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ml/providers"
    "/Microsoft.MachineLearningServices/workspaces/dev",
    "subject": "models/flight-delay:1",
    "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
    "eventTime": NOW,
    "data": {"modelName": "flight-delay", "modelVersion": "1", "modelTags": {}, "modelProperties": {}},
    "dataVersion": "2",
    "metadataVersion": "1",
}


def named(name: str, **constants: int) -> type[SimpleNamespace]:
    """A stand-in for one protobuf message: any fields, and the constants of its enumerations."""
    return type(name, (SimpleNamespace,), dict(constants))


PROTOS = SimpleNamespace(
    BindingInfo=named("BindingInfo", **{"in": 0, "out": 1, "inout": 2, "undefined": 0}),
    RpcFunctionMetadata=named("RpcFunctionMetadata"),
    RpcRetryOptions=named("RpcRetryOptions"),
    WorkerInitResponse=named("WorkerInitResponse"),
    WorkerMetadata=named("WorkerMetadata"),
    StatusResult=named("StatusResult", Failure=0, Success=1),
    RpcException=named("RpcException"),
    FunctionMetadataResponse=named("FunctionMetadataResponse"),
)


def text(value: str) -> Datum:
    return Datum(value, "string")


def document(value: Any) -> Datum:
    return Datum(json.dumps(value), "json")


def http(trigger: dict[str, Any]) -> tuple[Datum, dict[str, Datum]]:
    method = (trigger.get("methods") or ["GET"])[0]
    params = {name.strip("{*}"): text("token") for name in trigger["route"].split("/") if name.startswith("{")}
    url = text(f"http://127.0.0.1/api/{trigger['route']}")
    body = Datum(json.dumps([EVENT_GRID_EVENT]).encode() if method == "POST" else b"", "bytes")
    return Datum(
        {"method": text(method), "url": url, "headers": {}, "query": {}, "params": params, "body": body}, "http"
    ), {}


def event_hub(trigger: dict[str, Any]) -> tuple[Datum, dict[str, Datum]]:
    body = json.dumps({"records": []})
    system = [{"SequenceNumber": 0, "Offset": "0", "EnqueuedTimeUtc": NOW, "PartitionKey": None}]
    context = {"EventHubName": trigger["eventHubName"], "ConsumerGroup": "$Default", "PartitionId": "0"}
    metadata = {
        "SystemPropertiesArray": document(system),
        "PropertiesArray": document([{}]),
        "PartitionContext": document(context),
        **{f"{name}Array": document([value]) for name, value in system[0].items()},
    }
    if trigger.get("dataType") == "BINARY":
        return Datum(SimpleNamespace(bytes=[body.encode()]), "collection_bytes"), metadata
    return Datum(SimpleNamespace(string=[body]), "collection_string"), metadata


def queue(_: dict[str, Any]) -> tuple[Datum, dict[str, Datum]]:
    body = text(json.dumps({"subject": "workload/flight-delay", "command_id": "0"}))
    times = {name: document(NOW) for name in ("InsertionTime", "ExpirationTime", "NextVisibleTime")}
    return body, {"Id": text("1"), "PopReceipt": text("1"), "DequeueCount": document(1), **times}


def timer(_: dict[str, Any]) -> tuple[Datum, dict[str, Datum]]:
    status = {"Last": NOW, "Next": NOW, "LastUpdated": NOW}
    return document({"IsPastDue": False, "ScheduleStatus": status, "Schedule": {"AdjustForDST": True}}), {}


INPUTS = {
    "httpTrigger": http,
    "eventGridTrigger": lambda _: (document(EVENT_GRID_EVENT), {}),
    "eventHubTrigger": event_hub,
    "queueTrigger": queue,
    "timerTrigger": timer,
}


def trigger_of(function: Any) -> dict[str, Any]:
    bindings = [json.loads(raw) for raw in function.raw_bindings]
    return next(binding for binding in bindings if binding["type"].endswith("Trigger"))


async def invoke(function: Any) -> dict[str, Any]:
    trigger = trigger_of(function)
    data, metadata = INPUTS[trigger["type"]](trigger)
    ok, returned, _, error, trace = await native_invocation.invocation_request_native(
        f"invocation-{function.name}", function.function_id, [(trigger["name"], data)], metadata
    )
    result = {"ok": ok} if ok else {"ok": ok, "error": f"{error}\n{trace}"}
    if returned is not None and returned.type == "http":
        result["status"] = int(returned.value["status_code"].value)
    return result


async def drive(folder: str) -> dict[str, Any]:
    init = SimpleNamespace(capabilities={}, function_app_directory=folder)
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init), properties={"host": "127.0.0.1", "protos": PROTOS}
    )
    started = await worker.worker_init_request(request)
    if started.result.status != PROTOS.StatusResult.Success:
        return {"refused": str(started.result.exception.message)}
    listed = await worker.functions_metadata_request(SimpleNamespace())
    if listed.result.status != PROTOS.StatusResult.Success:
        return {"refused": str(listed.result.exception.message)}
    functions = listed.function_metadata_results
    return {
        "index": {function.name: trigger_of(function)["type"] for function in functions},
        "results": {function.name: await invoke(function) for function in functions},
    }


if __name__ == "__main__":
    app_folder = str(Path(sys.argv[1]).resolve())
    sys.path.insert(0, app_folder)
    worker.start_threadpool_executor()
    print(json.dumps(asyncio.run(drive(app_folder))))  # noqa: T201 - the answer to the test
