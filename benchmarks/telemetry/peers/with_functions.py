"""Microsoft's worker library, which runs the handlers of ``worker_app`` as the host would have it run them.

Owns what the host sends: a batch of one partition, bodies as text, with its metadata. Runs in the environment of the app on
Python 3.13. With ``OUTERLOOP_FAST_EVENT_HUB_CONVERTER`` set it has the converter that the setting asks for.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as worker
from azure_functions_runtime import native_invocation
from azure_functions_runtime.bindings.datumdef import Datum

from benchmarks.telemetry import floors, material, ours
from benchmarks.telemetry.peers.serve import Abilities, read_messages
from benchmarks.telemetry.worker_app import KNOWN
from shared.settings import wants_fast_event_hub_converter
from shared.telemetry.profiles import decode_profile
from tests.contracts.worker_driver import PROTOS, document

APP = Path(__file__).parents[1] / "worker_app"
FORMATS = {  # of EnqueuedTimeUtc; which of them a live host writes was not observed
    "Z": "2026-03-05T12:00:00.123Z",
    "offset": "2026-03-05T12:00:00.1234567+00:00",
    "no zone": "2026-03-05T12:00:00.123",
}
PACKED, BATCHES = 16, 8  # invocations of a turn
Batch = tuple[list[tuple[str, Datum]], dict[str, Datum]]


def batch(bodies: Sequence[bytes], enqueued: str = FORMATS["Z"]) -> Batch:
    """The messages of one invocation."""
    system = [
        {"SequenceNumber": number, "Offset": str(4_096 * number), "EnqueuedTimeUtc": enqueued, "PartitionKey": None}
        for number in range(len(bodies))
    ]
    context = {"EventHubName": "telemetry", "ConsumerGroup": "$Default", "PartitionId": "0"}
    metadata = {
        "SystemPropertiesArray": document(system),
        "PropertiesArray": document([{} for _ in bodies]),
        "PartitionContext": document(context),
    }
    texts = SimpleNamespace(string=[body.decode() for body in bodies])
    return [("events", Datum(texts, "collection_string"))], metadata


def indexed(runner: asyncio.Runner) -> dict[str, str]:
    """The id of each function, by name, after the worker has read the app."""
    sys.path.insert(0, str(APP))
    worker.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=str(APP))
    asked = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init), properties={"host": "127.0.0.1", "protos": PROTOS}
    )
    started = runner.run(worker.worker_init_request(asked))
    if started.result.status != PROTOS.StatusResult.Success:
        raise RuntimeError(started.result.exception.message)
    listed = runner.run(worker.functions_metadata_request(SimpleNamespace()))
    return {function.name: function.function_id for function in listed.function_metadata_results}


def prepare(folder: Path) -> Abilities:
    """What can be asked: each handler with its batches, and the typed parse of the same bytes without a worker."""
    if wants_fast_event_hub_converter():
        from handlers.fast_converter import install  # noqa: PLC0415  # only where it is asked for, as in the app

        install()
    KNOWN.append(ours.known(decode_profile((folder / "profile").read_bytes())))
    runner = asyncio.Runner()
    functions = indexed(runner)
    packed = read_messages(folder / "packed")[:PACKED]
    single = read_messages(folder / "single")[: BATCHES * material.BATCH]
    batches = [single[start : start + material.BATCH] for start in range(0, len(single), material.BATCH)]

    def turn(function: str, sent: Sequence[Batch], rows: int) -> Callable[[], int]:
        return partial(invoke, runner, functions[function], sent, rows)

    one_by_one = [batch(bodies) for bodies in batches]
    idle = {
        f"idle, {name}": turn("idle", [batch(bodies, written) for bodies in batches], len(single))
        for name, written in FORMATS.items()
    }
    return Abilities(
        {
            "packed": turn("aggregated", [batch([body]) for body in packed], len(packed) * material.BATCH),
            "packed, idle": turn("idle", [batch([body]) for body in packed], len(packed) * material.BATCH),
            "packed, typed parse": partial(floors.parse_all, packed),
            "unpacked": turn("aggregated", one_by_one, len(single)),
            "unpacked, docs style": turn("docs_style", one_by_one, len(single)),
            "unpacked, typed parse": partial(floors.parse_all, single),
            **idle,
        }
    )


def invoke(runner: asyncio.Runner, function_id: str, sent: Sequence[Batch], rows: int) -> int:
    """One invocation for each batch; raises when one of them failed."""
    for number, (data, metadata) in enumerate(sent):
        answer: Any = runner.run(
            native_invocation.invocation_request_native(f"invocation-{number}", function_id, data, metadata)
        )
        if not answer[0]:
            raise RuntimeError(f"{answer[3]}\n{answer[4]}")
    return rows
