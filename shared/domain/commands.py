"""What the loop orders: imperative values with deterministic ids.

Owns the closed set of commands and their targets. Knows nothing of how an effect is brought about, or of what is done when that
is unknown (``on_unknown``).
Resource ids are full ARM ids; endpoint and deployment are names inside a workspace.
"""

from datetime import datetime, timedelta
from typing import Literal

from shared.domain.ci_runs import CiRun, SynapseRun, TrainingRun
from shared.domain.values import Part, Value

EndpointKind = Literal["managed_online", "kubernetes_online", "batch"]


class Command(Value, frozen=True, kw_only=True):
    """An order. ``id`` is derived from the decision; ``reason`` is the sentence that a person reads beside it."""

    id: str
    workload: str
    reason: str


class EndpointCommand(Command, frozen=True, kw_only=True):
    """An order to one endpoint; every write is executed under the endpoint's lease.

    Of a batch endpoint, all of the traffic is its default deployment: who invokes it and names none gets that one.
    """

    workspace: str
    endpoint: str
    endpoint_kind: EndpointKind = "managed_online"


class ShareModel(Command, frozen=True, kw_only=True):
    """Copy a registered model into the registry, so that other workspaces can deploy it. Present already: done."""

    workspace: str
    registry: str
    model: str
    version: str


class ShareEnvironment(Command, frozen=True, kw_only=True):
    """Copy the environment that candidates run in into the registry, at the version that its label names now.

    ``environment`` is ``azureml:NAME@LABEL`` or ``azureml:NAME:VERSION`` of the workspace. Present already: done.
    """

    workspace: str
    registry: str
    environment: str


class RecordReference(Command, frozen=True, kw_only=True):
    """Read the reference profile that the training run logged, and keep it under the model version."""

    workspace: str
    model: str
    version: str


class ReadCollected(Command, frozen=True, kw_only=True):
    """Count the lines of a collector's file that were not counted yet, up to so many bytes of it.

    The store knows up to where the file was counted, so a repeat counts nothing twice. ``storage`` is the account's ARM id.
    """

    storage: str
    container: str
    path: str
    bytes_max: int


class ReadReferenced(Command, frozen=True, kw_only=True):
    """Count the rows of one collector event, which lie in a blob of at most so many bytes.

    ``event`` names it in the store, which knows whether it was counted: a repeat counts nothing twice, nor does the order of
    another workload. The other fields are what the event says of its rows. ``storage`` is the account's ARM id.
    """

    event: str
    storage: str
    container: str
    path: str
    bytes_max: int
    workspace: str
    endpoint: str
    deployment: str
    collection: str
    correlation_id: str
    content_range: str
    at: datetime


class BatchSettings(Part, frozen=True, kw_only=True):
    """Where a batch deployment scores: a cluster of the workspace, and how its work is cut."""

    compute: str
    mini_batch_size: int
    concurrency: int
    error_threshold: int
    timeout_seconds: int


class DeployModel(EndpointCommand, frozen=True, kw_only=True):
    """Create or update one deployment of an endpoint. It takes no traffic by itself."""

    deployment: str
    model_ref: str
    version: str
    environment: str
    code: str
    scoring_script: str
    instance_type: str
    instance_count: int
    batch: BatchSettings | None = None
    compute: str = ""  # the Kubernetes cluster that an endpoint of that kind is made on


class RemoveDeployment(EndpointCommand, frozen=True, kw_only=True):
    """Delete a deployment that has no traffic. Gone already: done."""

    deployment: str
    production: bool = False


class ScaleDeployment(EndpointCommand, frozen=True, kw_only=True):
    """Give a deployment another number of instances. ``expected`` is what it is believed to have.

    Another number than these two is somebody else's, or autoscale's, and is left as it is.
    """

    deployment: str
    expected: int
    instances: int


class RestartDeployment(EndpointCommand, frozen=True, kw_only=True):
    """Replace the instances of a deployment by new ones of the same: Azure ML has no call for that, so one environment variable changes."""

    deployment: str


class StopCompute(Command, frozen=True, kw_only=True):
    """Stop a compute instance on which nothing runs. Stopped or gone: done; used, or started since ``idle_since``: left alone."""

    workspace: str
    compute: str
    idle_since: datetime


class CheckEndpoint(EndpointCommand, frozen=True, kw_only=True):
    """Send real requests to one deployment by header, and measure latency percentiles and errors."""

    deployment: str
    requests: int
    payload: str  # the name of a file beside the policy


OVERDUE = "Overdue"  # what ``ScoreBatch`` says in ``status`` of a run that it cancelled at its deadline


class ScoreBatch(EndpointCommand, frozen=True, kw_only=True):
    """Invoke one deployment of a batch endpoint on an input. The run has the command's id as its name and in its output folder.

    The invocation takes no token of ours: a second attempt looks for that name first. A run that is not over ``deadline`` after
    it began is cancelled; the order may wait before it begins, as in a pause.
    """

    deployment: str
    data: str
    deadline: timedelta


class CompareScores(Command, frozen=True, kw_only=True):
    """Start the job that compares what two batch runs wrote about one input. Its name is the command's id.

    ``candidate`` and ``champion`` are the addresses of their output folders; without a champion the latter is empty.
    """

    workspace: str
    component: str
    candidate: str
    champion: str
    data: str


class RunEvaluation(Command, frozen=True, kw_only=True):
    """Start the evaluation job of a candidate, beside the champion when there is one. Its name is the command's id."""

    workspace: str
    component: str
    model_ref: str
    champion_ref: str
    data: str
    on: Literal["holdout", "later"]


class Retrain(Command, frozen=True, kw_only=True):
    """Start the training job on the newest labelled data. Its name is the command's id, so a repeat finds it.

    The component's model output is registered as ``model``, under the workspace's next version unless ``version`` names one.
    """

    workspace: str
    component: str
    data: str
    experiment: str
    model: str
    inputs: dict[str, str] = {}
    version: str = ""
    came_of: str = ""  # the model version that is trained anew, as the job's tag says
    compute: str = ""  # a cluster of the workspace; else what the component asks for


class RefreshData(Command, frozen=True, kw_only=True):
    """Start the pipeline that brings the newest data to where the training reads them, with the command's id as its mark."""

    start: SynapseRun


class DispatchTraining(Command, frozen=True, kw_only=True):
    """Start the pipeline that trains, with the command's id as its mark.

    A version of ``model`` that carries this mark as the tag ``outerloop.command`` in ``workspace`` is what came of it.
    """

    start: TrainingRun
    workspace: str
    model: str


class DispatchPromotion(Command, frozen=True, kw_only=True):
    """Start the pipeline that brings a version to staging, with the command's id as its mark.

    A run that ends well has shared the model into the registry and deployed it as ``deployment`` in ``workspace``.
    """

    start: CiRun
    workspace: str
    model: str
    version: str
    deployment: str


class SetTraffic(EndpointCommand, frozen=True, kw_only=True):
    """Give each deployment its share of the endpoint's traffic, in percent, 0 or 100 in all.

    ``mirror``: the percent of requests that a deployment without traffic gets a copy of, whose answer nobody sees. What is
    named in ``traffic`` and not here is mirrored no more. ``expected``: the map that we left; any other was set by somebody else,
    and is not written over. Empty: there is none that we know of (a first version, an order of an earlier release).
    """

    traffic: dict[str, int]
    mirror: dict[str, int] = {}
    expected: tuple[dict[str, int], ...] = ()


class RollBackTraffic(EndpointCommand, frozen=True, kw_only=True):
    """Give all traffic back to the champion or the warm standby, in one write. No guard can stop it.

    What is named is mirrored no more. ``expected``: the maps that we may have left; any other was set by somebody else, and is
    written over all the same, which is said.
    """

    traffic: dict[str, int]
    until: datetime
    expected: tuple[dict[str, int], ...] = ()


class RequestApproval(Command, frozen=True, kw_only=True):
    """Ask the persona to approve; the answer arrives through the signed page."""

    approval_id: str
    persona: str
    channels: tuple[str, ...]
    title: str
    facts: dict[str, str]
    expires_at: datetime


class Notify(Command, frozen=True, kw_only=True):
    """Tell a persona something it should know."""

    persona: str
    channels: tuple[str, ...]
    title: str
    facts: dict[str, str]


Training = Retrain | DispatchTraining  # what limits and cooldowns count, whoever trains


def kind_of(command: Command) -> str:
    """The name of a command's kind, as the ledger shows it."""
    return type(command).__name__
