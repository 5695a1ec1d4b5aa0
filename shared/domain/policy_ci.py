"""What a policy says about pipelines of a system for continuous integration: which one, of which repository, with what.

Owns the grammar of these sections, and what each of them starts. The host is never in a policy: it comes from the settings,
so that a policy can send no token elsewhere.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.domain.ci_runs import (
    GITHUB_EVENT_TYPE_MAX,
    GITHUB_INPUTS_MAX,
    GITHUB_PAYLOAD_BYTES_MAX,
    GITHUB_PAYLOAD_KEYS_MAX,
    GIVEN_PREFIX,
    AzurePipelineRun,
    CiRun,
    GithubDispatchRun,
    GithubWorkflowRun,
)
from shared.domain.policy_section import FaultAtError, Section
from shared.domain.values import encode

PIPELINES = ("github_workflow", "github_dispatch", "azure_pipeline")


def _no_path(name: str) -> str:
    """A name that is part of an address must not lead out of its place."""
    if {".", ".."} & set(name.split("/")):
        raise ValueError(f"{name!r} is no name")
    return name


def _none_of_ours(keys: dict[str, str]) -> dict[str, str]:
    ours = next((key for key in keys if key.startswith(GIVEN_PREFIX)), "")
    if ours:
        raise ValueError(f"{ours}: names that begin with {GIVEN_PREFIX} are given by the loop")
    return keys


Repository = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$"),
    AfterValidator(_no_path),
]
WorkflowFile = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*\.ya?ml|[0-9]+)$")]
Texts = Annotated[dict[str, str], AfterValidator(_none_of_ours)]


class GithubWorkflow(Section):
    """A GitHub Actions workflow that listens to ``workflow_dispatch`` and declares the input ``outerloop_command``."""

    repository: Repository = Field(description="OWNER/NAME")
    workflow: WorkflowFile = Field(description="the file's name below .github/workflows, or the workflow's number")
    ref: str = Field(default="main", min_length=1, description="branch or tag whose workflow file runs")
    inputs: Texts = Field(default={}, max_length=GITHUB_INPUTS_MAX - 1)

    def run(self, given: Mapping[str, str]) -> GithubWorkflowRun:
        """What this section starts, told what the loop gives."""
        inputs = {**self.inputs, **given}
        return GithubWorkflowRun(repository=self.repository, workflow=self.workflow, ref=self.ref, inputs=inputs)


class GithubDispatch(Section):
    """An event that a workflow of the default branch listens to: ``on: {repository_dispatch: {types: [EVENT_TYPE]}}``."""

    repository: Repository = Field(description="OWNER/NAME")
    event_type: str = Field(min_length=1, max_length=GITHUB_EVENT_TYPE_MAX)
    payload: Texts = Field(default={}, max_length=GITHUB_PAYLOAD_KEYS_MAX - 1)

    @model_validator(mode="after")
    def _is_small(self) -> "GithubDispatch":
        if len(encode(self.payload)) >= GITHUB_PAYLOAD_BYTES_MAX - 1024:  # with room for the mark
            raise FaultAtError(f"GitHub takes a payload below {GITHUB_PAYLOAD_BYTES_MAX // 1024} KB", "payload")
        return self

    def run(self, given: Mapping[str, str]) -> GithubDispatchRun:
        """What this section starts, told what the loop gives."""
        payload = {**self.payload, **given}
        return GithubDispatchRun(repository=self.repository, event_type=self.event_type, payload=payload)


class AzurePipeline(Section):
    """A YAML pipeline of Azure DevOps that declares the template parameter ``outerloop_command``."""

    organization: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,49}$")
    project: Annotated[
        str, StringConstraints(pattern=r"^[^/\\?#%&:*<>|;@+={}\x00-\x1f]{1,64}$"), AfterValidator(_no_path)
    ]
    pipeline: int = Field(ge=1, description="its number, as definitionId in the pipeline's address")
    ref: str = Field(default="refs/heads/main", pattern=r"^refs/(heads|tags)/.+$")
    parameters: Texts = Field(default={}, description="template parameters; all are written as texts")

    def run(self, given: Mapping[str, str]) -> AzurePipelineRun:
        """What this section starts, told what the loop gives."""
        return AzurePipelineRun(
            organization=self.organization,
            project=self.project,
            pipeline=self.pipeline,
            ref=self.ref,
            parameters={**self.parameters, **given},
        )


class PipelineChoice(Section):
    """One pipeline, wherever it runs."""

    github_workflow: GithubWorkflow | None = None
    github_dispatch: GithubDispatch | None = None
    azure_pipeline: AzurePipeline | None = None

    def run(self, given: Mapping[str, str] | None = None) -> CiRun | None:
        """What is started, told what the loop gives; None when no pipeline is named."""
        section = self.github_workflow or self.github_dispatch or self.azure_pipeline
        return section.run(given or {}) if section else None

    def exactly_one_of(self, *names: str) -> None:
        """Raises ValueError unless one of these is named."""
        named = [name for name in names if getattr(self, name) is not None]
        if len(named) != 1:
            text = f"exactly one of {', '.join(names)} has to be named, and {' and '.join(named) or 'none of them'} is"
            raise ValueError(text)
