"""What is measured with: rows of one kind of model, from a seed, and the messages that carry them.

Owns the shape of the data: 20 numeric and 5 categorical features and a prediction, in the wire forms that the app hears.
Knows nothing of who reads them. The bytes are written to a file once, and everybody who is compared reads that file.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.domain.observations import DeploymentRef
from shared.telemetry.profiles import PREDICTION, CategoricalReference, FeatureReference, NumericReference
from shared.telemetry.profiles import ReferenceProfile as Profile

BATCH = 256  # rows of a packed message, and messages of an unpacked batch
BINS = 20
CATEGORIES = (4, 6, 8, 10, 12)
NUMERIC = tuple(f"feature_{number:02d}" for number in range(20))
CATEGORICAL = tuple(f"category_{number}" for number in range(len(CATEGORIES)))
WORKSPACE = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/prod"
AT = "2026-03-05T12:00:00Z"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that a model scored, and what it answered."""

    inputs: Sequence[Row]
    predictions: Sequence[float]

    def batches(self, size: int = BATCH) -> "Iterator[Rows]":
        """The rows, so many at a time."""
        for start in range(0, len(self.inputs), size):
            yield Rows(self.inputs[start : start + size], self.predictions[start : start + size])


def rows(count: int, seed: int = 0) -> Rows:
    """So many rows. Odd features are lognormal, even ones normal, each with a scale of its own; text is a category."""
    random = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {}
    for number, name in enumerate(NUMERIC):
        values = random.lognormal(0, 1, count) if number % 2 else random.normal(number, 1 + number, count)
        columns[name] = np.round(values, 4).tolist()
    for name, size in zip(CATEGORICAL, CATEGORIES, strict=True):
        drawn = np.minimum(random.geometric(min(5 / size, 0.9), count) - 1, size)  # now and then one that is not listed
        columns[name] = [f"value_{each}" for each in drawn.tolist()]
    inputs = [dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)]
    return Rows(inputs, np.round(random.beta(2, 5, count), 6).tolist())


def drifted(some: Rows) -> Rows:
    """The same rows, with every third number a tenth larger."""
    moved = dict.fromkeys(NUMERIC[::3], 1.1)
    return Rows(
        [{k: v * moved[k] if k in moved else v for k, v in row.items()} for row in some.inputs], some.predictions
    )


def profile_of(reference: Rows) -> Profile:
    """The reference profile of some rows: twenty bins between their quantiles, and the values that they hold."""
    features: dict[str, FeatureReference] = {}
    for name in NUMERIC:
        features[name] = _numeric([row[name] for row in reference.inputs])
    for name, size in zip(CATEGORICAL, CATEGORIES, strict=True):
        values = [row[name] for row in reference.inputs]
        listed = {f"value_{each}": values.count(f"value_{each}") for each in range(size)}
        features[name] = CategoricalReference(counts=listed, other=len(values) - sum(listed.values()))
    features[PREDICTION] = _numeric(list(reference.predictions))
    return Profile(rows=len(reference.inputs), features=features)


def _numeric(values: list[float]) -> NumericReference:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = np.bincount(edges.searchsorted(values), minlength=len(edges) + 1).tolist()
    return NumericReference(edges=tuple(edges.tolist()), counts=tuple(counts), min=min(values), max=max(values))


def source(number: int = 0) -> str:
    """The id of one of many deployments, as it is written on the wire."""
    return f"{WORKSPACE}/onlineEndpoints/model-{number}/deployments/blue"


def deployment(number: int = 0) -> DeploymentRef:
    """The same deployment, as the app knows it."""
    return DeploymentRef(workspace=WORKSPACE.lower(), endpoint=f"model-{number}", deployment="blue")


def packed(some: Rows, number: int = 0) -> bytes:
    """One message in the emitter's packed form: a line of inputs and a line of outputs, with all rows."""
    outputs = [{PREDICTION: each} for each in some.predictions]
    return b"\n".join([_event("model_inputs", some.inputs, number, 0), _event("model_outputs", outputs, number, 0)])


def collector_lines(some: Rows, number: int = 0) -> bytes:
    """One message of one-row collector events: for each row a line of inputs and a line of outputs."""
    return b"\n".join(packed(one, number) for one in some.batches(1))


def _event(collection: str, data: Sequence[Row], number: int, correlation: int) -> bytes:
    content = json.dumps(data)
    envelope = {
        "specversion": "1.0",
        "id": f"11111111-2222-3333-4444-{correlation:012d}",
        "source": source(number),
        "type": f"azureml.inference.{collection}",
        "datacontenttype": "application/json",
        "time": AT,
        "modelversion": "3",
        "contentrange": f"bytes 0-{len(content) - 1}/{len(content)}",
        "correlationid": f"99999999-8888-7777-6666-{correlation:012d}",
        "xrequestid": f"99999999-8888-7777-6666-{correlation:012d}",
        "collectdatatype": "pandas.core.frame.DataFrame",
        "agent": "outerloop-emitter/0.1.0",
    }
    return f'{json.dumps(envelope)[:-1]}, "data": {content}}}'.encode()


def traffic_envelopes(count: int, seed: int = 0, deployments: int = 2) -> list[bytes]:
    """Diagnostic envelopes of the traffic log, ``BATCH`` requests each, with all documented columns."""
    random, durations = np.random.default_rng(seed), latencies_ms(count, seed)
    codes = random.choice([200, 200, 200, 200, 200, 200, 400, 424, 429, 500], count).tolist()
    names = [("blue", "green")[each] for each in random.integers(0, deployments, count).tolist()]
    records = [_request(*each) for each in zip(range(count), durations, codes, names, strict=True)]
    groups = (records[start : start + BATCH] for start in range(0, count, BATCH))
    return [json.dumps({"records": group}).encode() for group in groups]


def latencies_ms(count: int, seed: int = 0) -> list[float]:
    """How long so many requests took: lognormal, 33 ms in the middle."""
    drawn: list[float] = np.round(np.random.default_rng(seed).lognormal(3.5, 0.8, count), 2).tolist()
    return drawn


def _request(number: int, duration_ms: float, code: int, name: str) -> dict[str, Any]:
    id_ = f"11111111-2222-3333-4444-{number:012d}"
    return {
        "time": f"2026-03-05T12:{number // 600 % 60:02d}:{number // 10 % 60:02d}.{number % 10}027358Z",  # ten a second
        "resourceId": f"{WORKSPACE}/onlineEndpoints/model-0".upper(),
        "category": "AmlOnlineEndpointTrafficLog",
        "operationName": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score",
        "level": "Informational",
        "location": "westeurope",
        "properties": {
            "Method": "POST",
            "Path": "/score",
            "SubscriptionId": "00000000-0000-0000-0000-000000000000",
            "AzureMLWorkspaceId": "dddd3333-ee44-5555-66ff-777777aaaaaa",
            "AzureMLWorkspaceName": "prod",
            "EndpointName": "model-0",
            "DeploymentName": name,
            "Protocol": "HTTP/1.1",
            "ResponseCode": str(code),
            "ResponseCodeReason": "",
            "ModelStatusCode": "200" if code < 424 else "500",
            "ModelStatusReason": "",
            "RequestPayloadSize": 310,
            "ResponsePayloadSize": 38,
            "UserAgent": "python-requests/2.31.0",
            "XRequestId": id_,
            "XMSClientRequestId": id_,
            "TotalDurationMs": duration_ms,
            "RequestDurationMs": 3,
            "ResponseDurationMs": duration_ms,
            "RequestThrottlingDelayMs": 0,
            "ResponseThrottlingDelayMs": 0,
        },
    }


def write_messages(path: Path, messages: Sequence[bytes]) -> Path:
    """The messages in one file, each behind its length, for processes that share no code with this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(struct.pack("<I", len(message)) + message for message in messages))
    return path
