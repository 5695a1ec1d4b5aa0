"""What may be started in a system that runs pipelines, and by which mark a run of it is found again.

Owns these values and their limits on the wire. Knows nothing of why something is started (``commands``) or how (``adapters``).
The mark is the id of the command: it travels as an input of the run, and the run shows it. A run that cannot be told from
another would be started twice, or followed for another's.
"""

import re

from shared.domain.ids import ID_LENGTH
from shared.domain.values import Value

GIVEN_PREFIX = "outerloop_"  # of everything that the loop tells a run
MARK_INPUT = "outerloop_command"  # an input of a workflow, a key of a payload, or a parameter of a template
MODEL_INPUT, VERSION_INPUT = "outerloop_model", "outerloop_version"
DEPLOYMENT_INPUT, ENVIRONMENT_INPUT = "outerloop_deployment", "outerloop_environment"
MODEL_TAG = "outerloop.command"  # on the model version that a run registers
GITHUB_INPUTS_MAX = 25  # of a workflow_dispatch, with the mark
GITHUB_PAYLOAD_KEYS_MAX = 10  # at the top of a repository_dispatch, with the mark
GITHUB_EVENT_TYPE_MAX = 100  # characters
GITHUB_PAYLOAD_BYTES_MAX = 64 * 1024

_MARK = re.compile(rf"\b[0-9a-f]{{{ID_LENGTH}}}\b")


class GithubWorkflowRun(Value, frozen=True, kw_only=True):
    """One run of a workflow file that listens to ``workflow_dispatch``. ``repository`` is OWNER/NAME."""

    repository: str
    workflow: str
    ref: str
    inputs: dict[str, str] = {}


class GithubDispatchRun(Value, frozen=True, kw_only=True):
    """The run of whichever workflow listens to a ``repository_dispatch`` of this type."""

    repository: str
    event_type: str
    payload: dict[str, str] = {}


class AzurePipelineRun(Value, frozen=True, kw_only=True):
    """One run of a YAML pipeline of Azure DevOps. ``ref`` is a whole one, such as refs/heads/main."""

    organization: str
    project: str
    pipeline: int
    ref: str
    parameters: dict[str, str] = {}


class SynapseRun(Value, frozen=True, kw_only=True):
    """One run of a pipeline of a Synapse workspace, by both names."""

    synapse: str
    pipeline: str
    parameters: dict[str, str] = {}


class BatchEndpointRun(Value, frozen=True, kw_only=True):
    """One job of a batch endpoint whose deployment is a pipeline component; without ``deployment``, of the endpoint's default.

    ``data`` is bound to the input ``data_input``, at the version that its label names at the order.
    """

    workspace: str
    endpoint: str
    deployment: str = ""
    data: str
    data_input: str
    inputs: dict[str, str] = {}
    experiment: str


CiRun = GithubWorkflowRun | GithubDispatchRun | AzurePipelineRun
TrainingRun = CiRun | BatchEndpointRun


def where(run: TrainingRun | SynapseRun) -> str:
    """What is started, in words."""
    match run:
        case GithubWorkflowRun():
            return f"workflow {run.workflow} of {run.repository} at {run.ref}"
        case GithubDispatchRun():
            return f"repository_dispatch {run.event_type} of {run.repository}"
        case AzurePipelineRun():
            return f"pipeline {run.pipeline} of {run.organization}/{run.project} at {run.ref}"
        case BatchEndpointRun():
            return f"{run.deployment or 'the default deployment'} of batch endpoint {run.endpoint}"
        case SynapseRun():
            return f"pipeline {run.pipeline} of the Synapse workspace {run.synapse}"


def shows_mark(title: str) -> bool:
    """Whether the title of a run shows the mark of some command."""
    return _MARK.search(title) is not None
