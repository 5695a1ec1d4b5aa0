"""The sampled inputs of a deployment, for people to look at.

Owns how a deployment is found by the name that a person gives it. Changes nothing, and logs no value.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.services.sampling import SampleKeeper
from shared.telemetry.samples import SamplePartial

KINDS = ("inputs", "misfits")
NAMED_MAX = 10  # deployments in a message


class UnknownDeploymentError(ValueError):
    """No such deployment has samples; the text is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class SampledRows:
    """The rows of one window. ``misfits`` do not fit the reference profile. Of ``seen`` rows these are a uniform sample.

    ``too_large`` were left out for their size.
    """

    deployment: str
    kind: str
    window: str
    start: datetime
    seen: int
    too_large: int
    rows: tuple[dict[str, Any], ...]


async def sampled_inputs(samples: SampleKeeper, deployment: str) -> list[SampledRows]:
    """What was sampled of a deployment, the oldest window first. It is named by its id, or ``ENDPOINT/DEPLOYMENT``.

    Raises UnknownDeploymentError or StoreUnavailableError.
    """
    named = deployment.strip().lower().rstrip("/")
    keys = sorted(index.value.ref.key for index in await samples.indexes())
    found = [key for key in keys if key == named or key.endswith(_ending(named))]
    if len(found) != 1:
        raise UnknownDeploymentError(_not_one(deployment, found, keys))
    partials = [state.partial for kind in KINDS for state in (await samples.all_of(f"{found[0]}/{kind}/")).values()]
    return [_rows(partial) for partial in sorted(partials, key=lambda each: (each.start, each.length, each.kind))]


def _ending(named: str) -> str:
    endpoint, _, deployment = named.partition("/")
    return f"/onlineendpoints/{endpoint}/deployments/{deployment}"


def _rows(partial: SamplePartial) -> SampledRows:
    sample = partial.payloads
    return SampledRows(
        deployment=partial.deployment.key,
        kind=partial.kind,
        window=partial.length,
        start=partial.start,
        seen=sample.seen,
        too_large=sample.too_large,
        rows=tuple(json.loads(payload) for _, payload in sorted(sample.payloads.items())),
    )


def _not_one(deployment: str, found: list[str], keys: list[str]) -> str:
    if found:
        return f"{deployment} is the name of {len(found)} deployments: name one by its id, of {', '.join(found)}"
    if not keys:
        return "no inputs are sampled: telemetry.samples of a workload names the columns that people may look at"
    more = ", …" if len(keys) > NAMED_MAX else ""
    return f"nothing was sampled of {deployment}: there are {', '.join(keys[:NAMED_MAX])}{more}"
