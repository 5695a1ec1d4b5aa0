"""Traffic of endpoints: one write of the whole map, marked with the command that ordered it, and looking back at it.

Owns the endpoint's document and its fence tag. Knows nothing of deployments' contents, leases or retries.
All of the traffic of a batch endpoint is its default deployment (``azure_ml_batch``).
A document that was read is written back whole, so that settings which Outerloop does not know (network, mirrors of others) survive.
Wire format: learn.microsoft.com/rest/api/azureml/online-endpoints.
"""

from shared.adapters import azure_ml_batch as batch
from shared.adapters import foreign_traffic as foreign
from shared.adapters.arm_names import compute_id, endpoint_id
from shared.adapters.arm_session import Json
from shared.adapters.azure_ml_client import Attempt
from shared.adapters.foreign_traffic import TrafficCommand
from shared.domain.commands import DeployModel, EndpointCommand, EndpointKind, SetTraffic
from shared.domain.outcomes import Failed, Outcome, Started, Succeeded

FENCE_TAG = "outerloop.command"
WORKLOAD_TAG = "outerloop.workload"
VERSION_TAG = "outerloop.version"
READ_ONLY = frozenset({"provisioningState", "scoringUri", "swaggerUri"})
FINAL_STATES = frozenset({"Succeeded", "Failed", "Canceled"})


def begin_traffic(command: TrafficCommand, attempt: Attempt) -> Outcome:
    """Write the traffic map with the fence tag; as ordered already: done without a write.

    A step writes over nothing that somebody else set; a rollback does, and says so.
    """
    wanted = shares(command.traffic)
    if sum(wanted.values()) not in {0, 100} or min(wanted.values(), default=0) < 0:
        return Failed(retryable=False, reason=f"traffic must sum to 0 or 100, not {sum(wanted.values())}")
    resource = place_of(command)
    document = attempt.arm.get(resource)
    if state(document) not in FINAL_STATES:
        return _busy_or_ours(command, document, attempt)
    if state(document) == "Succeeded" and _is_in_force(command, document):
        return _as_ordered(command, document)
    found = traffic_of(document, command.endpoint_kind)
    # What a failed write of ours left behind is nobody else's.
    failed_ours = state(document) != "Succeeded" and _owner(document) == command.id
    if isinstance(command, SetTraffic) and foreign.is_foreign(command, found) and not failed_ours:
        return foreign.refusal(command, found)
    attempt.arm.put(resource, _with_traffic(command, document, wanted))
    return attempt.started(resource)


def look_traffic(command: TrafficCommand, operation: str, attempt: Attempt) -> Outcome:
    """What became of the write: there, still under way, refused, or overwritten by somebody else."""
    document = attempt.arm.get(operation)
    if state(document) not in FINAL_STATES:
        return attempt.started(operation)
    if state(document) != "Succeeded":
        return Failed(retryable=True, reason=f"the endpoint is {state(document)} after the traffic write")
    if _is_in_force(command, document):
        return _as_ordered(command, document)
    live = traffic_of(document, command.endpoint_kind)
    found = shown(live, document["properties"].get("mirrorTraffic"))
    owner = _owner(document) or "nobody that left a mark"
    by_hand = foreign.met(live, written=True) if live != shares(command.traffic) else {}
    return Failed(
        retryable=False,
        reason=f"changed by somebody else: ordered {_ordered(command)}, found {found}, last write by {owner}",
        data={"traffic": found, **by_hand},
    )


def create(command: DeployModel, location: str, attempt: Attempt) -> Started:
    """Create an endpoint without traffic: an online one with key authentication, a batch one, which has no keys, by token."""
    resource = place_of(command)
    body = {
        "location": location,
        "identity": {"type": "SystemAssigned"},
        "tags": marks(command),
        "properties": _new(command),
    }
    attempt.arm.put(resource, body)
    return attempt.started(resource)


def _new(command: DeployModel) -> Json:
    match command.endpoint_kind:
        case "batch":
            return {"authMode": "AADToken"}
        case "kubernetes_online":
            return {"authMode": "Key", "traffic": {}, "compute": compute_id(command.workspace, command.compute)}
        case "managed_online":
            return {"authMode": "Key", "traffic": {}}


def made_elsewhere(command: DeployModel, document: Json) -> str:
    """Where an endpoint is that the policy says is on a cluster, when it is not there. Empty otherwise.

    A deployment names no cluster: it lands on that of its endpoint, whatever the policy says.
    """
    if command.endpoint_kind != "kubernetes_online":
        return ""
    found = str(document["properties"].get("compute") or "").rpartition("/")[2]
    if found.lower() == command.compute.rpartition("/")[2].lower():
        return ""
    place = f"on the cluster {found}" if found else "a managed one"
    return (
        f"endpoint {command.endpoint} is {place}, and the policy says compute: {command.compute}; an endpoint stays where "
        "it was made: name another endpoint, or write what is there into the policy"
    )


def state(document: Json) -> str:
    """The provisioning state of an endpoint or deployment: Creating, Updating, Deleting, Succeeded, Failed or Canceled."""
    return str(document["properties"].get("provisioningState") or "Succeeded")


def marks(command: EndpointCommand) -> dict[str, str]:
    """The tags that say who wrote last, and for which workload."""
    return {FENCE_TAG: command.id, WORKLOAD_TAG: command.workload}


def shares(traffic: dict[str, int] | None) -> dict[str, int]:
    """A traffic map without its zeros: Azure treats an absent deployment and one with 0 % alike."""
    return {name: int(share) for name, share in (traffic or {}).items() if share}


def shown(traffic: dict[str, int] | None, mirror: dict[str, int] | None = None) -> str:
    """Traffic as text, ``blue=90,green=10,mirror:red=20``, in the order of names; ``none`` when nothing takes any."""
    live = [f"{name}={share}" for name, share in sorted(shares(traffic).items())]
    return ",".join([*live, *(f"mirror:{name}={share}" for name, share in sorted(shares(mirror).items()))]) or "none"


def _mirror_after(command: TrafficCommand, document: Json) -> dict[str, int]:
    """What is mirrored once this is done. A deployment gets live or mirrored traffic; one that is not ours keeps its own."""
    found = shares(document["properties"].get("mirrorTraffic"))
    kept = {name: share for name, share in found.items() if name not in command.traffic}
    return {**kept, **(command.mirror if isinstance(command, SetTraffic) else {})}


def _is_in_force(command: TrafficCommand, document: Json) -> bool:
    mirrored = shares(document["properties"].get("mirrorTraffic")) == _mirror_after(command, document)
    return mirrored and traffic_of(document, command.endpoint_kind) == shares(command.traffic)


def _ordered(command: TrafficCommand) -> str:
    return shown(command.traffic, command.mirror if isinstance(command, SetTraffic) else None)


def _busy_or_ours(command: TrafficCommand, document: Json, attempt: Attempt) -> Outcome:
    owner = _owner(document)
    if owner == command.id:
        return attempt.started(place_of(command))
    return Failed(retryable=True, reason=f"busy: endpoint {command.endpoint} is {state(document)}, marked by {owner}")


def _owner(document: Json) -> str:
    return str((document.get("tags") or {}).get(FENCE_TAG) or "")


def _as_ordered(command: TrafficCommand, document: Json) -> Succeeded:
    overwrote = str((document.get("tags") or {}).get(foreign.OVERWROTE_TAG) or "")
    said = {"overwrote": overwrote} if overwrote and _owner(document) == command.id else {}
    return Succeeded(data={"traffic": _ordered(command), **said})


def place_of(command: EndpointCommand) -> str:
    """The ARM id of a command's endpoint."""
    return endpoint_id(command.workspace, command.endpoint, command.endpoint_kind)


def traffic_of(document: Json, kind: EndpointKind) -> dict[str, int]:
    """The traffic map of an endpoint's document, without its zeros."""
    return batch.default_of(document) if kind == "batch" else shares(document["properties"].get("traffic"))


def _with_traffic(command: TrafficCommand, document: Json, traffic: dict[str, int]) -> Json:
    """The document as it is to be written: what the service computes is left out, as its schema demands."""
    properties = {key: value for key, value in document["properties"].items() if key not in READ_ONLY}
    if command.endpoint_kind == "batch":
        properties = batch.with_default(properties, traffic)
    else:
        properties |= {"traffic": traffic, "mirrorTraffic": _mirror_after(command, document)}
        if command.endpoint_kind == "kubernetes_online" and not properties["mirrorTraffic"]:
            del properties["mirrorTraffic"]  # which such an endpoint does not have, so that none is asked for
    kept = {key: document[key] for key in ("location", "kind", "sku") if document.get(key)}
    identity = {"identity": _identity(document["identity"])} if document.get("identity") else {}
    tags = document.get("tags") or {}
    overwrote = foreign.overwritten(command, traffic_of(document, command.endpoint_kind), tags, _owner(document))
    others = {name: value for name, value in tags.items() if name != foreign.OVERWROTE_TAG}
    said = {foreign.OVERWROTE_TAG: overwrote} if overwrote else {}
    return {
        **kept,
        **identity,
        "tags": {**others, **marks(command), **said},
        "properties": properties,
    }


def _identity(identity: Json) -> Json:
    assigned = identity.get("userAssignedIdentities")
    return {"type": identity["type"], **({"userAssignedIdentities": {key: {} for key in assigned}} if assigned else {})}
