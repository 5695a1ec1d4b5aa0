"""What a policy says under ``retrain:``: who trains, how often, what it costs, and how it is measured whether it helped.

Owns that section's grammar. Judges no signal (``rules.remedy``).
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from shared.domain.ci_runs import BatchEndpointRun, SynapseRun, TrainingRun
from shared.domain.policy_batch import BatchInput
from shared.domain.policy_ci import PIPELINES, PipelineChoice, Texts
from shared.domain.policy_faults import out_of_bounds
from shared.domain.policy_section import FaultAtError, Section, refuse
from shared.domain.policy_texts import Duration, MoneyText
from shared.domain.policy_triggers import Requirements


class AzureMlTraining(Section):
    """Training by a registered component: dispatch uploads nothing."""

    component: str
    data: str
    experiment: str = "retrain"
    inputs: dict[str, str] = {}


class StagingTraining(AzureMlTraining):
    """A candidate is trained anew in the staging workspace, on what production knows, before it is tested there.

    What comes of it takes the candidate's place: same number, another model name. Component and data are the staging
    workspace's, or a registry's. Left out: candidates are tested as they were registered.
    """

    experiment: str = "retrain-in-staging"
    compute: str = Field(
        default="", description="a cluster of the staging workspace; by default what the component asks for"
    )
    metrics: dict[str, float] = Field(
        default={}, description="what the training has to log, each metric with _min or _max behind it"
    )
    otherwise: Literal["reject", "as_registered"] = Field(
        default="reject",
        description="when the training fails or its metrics fall short; as_registered: the candidate goes on as it is",
    )
    estimated_cost: MoneyText | None = Field(
        default=None, description="of one such training: what a budget's reserve: is charged with"
    )
    override_reason: str = Field(default="", description="why a vision model is retrained in staging")

    @model_validator(mode="after")
    def _can_be_met(self) -> "StagingTraining":
        refuse(out_of_bounds(self.metrics))
        return self


class BatchEndpointTraining(Section):
    """Training by a batch endpoint whose deployment is a pipeline component with the string input ``outerloop_command``."""

    endpoint: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{2,31}$", description="of the development workspace")
    deployment: str = Field(
        default="",
        pattern=r"^([A-Za-z][A-Za-z0-9-]{2,31})?$",
        description="by default the endpoint's default deployment",
    )
    data: BatchInput = Field(
        description="a data asset (azureml:NAME@latest or azureml:NAME:VERSION), or the address of a folder"
    )
    data_input: str = Field(
        default="data", pattern=r"^[A-Za-z_]\w*$", description="the pipeline's input that the data are bound to"
    )
    inputs: Texts = Field(default={}, description="literal inputs of the pipeline; all are written as texts")
    experiment: str = "retrain"

    @model_validator(mode="after")
    def _binds_the_data_once(self) -> "BatchEndpointTraining":
        if self.data_input in self.inputs:
            raise FaultAtError(f"{self.data_input} is what the data are bound to (data_input)", "inputs")
        return self


class Trainer(PipelineChoice):
    """Who trains: exactly one of these."""

    azure_ml: AzureMlTraining | None = None
    batch_endpoint: BatchEndpointTraining | None = None
    labelled_data: str = Field(
        default="",
        description="the data asset that a pipeline trains on, whose tag rows tells how many labelled rows there are; azure_ml and batch_endpoint say it as data",
    )

    @model_validator(mode="after")
    def _is_one(self) -> "Trainer":
        self.exactly_one_of("azure_ml", "batch_endpoint", *PIPELINES)
        own = "azure_ml" if self.azure_ml else "batch_endpoint" if self.batch_endpoint else ""
        if own and self.labelled_data:
            raise FaultAtError(f"{own} says it as data", "labelled_data")
        return self

    def dispatched(self, workspace: str) -> TrainingRun | None:
        """What is started in the development workspace or elsewhere; None when a component of Azure ML trains."""
        endpoint = self.batch_endpoint
        if endpoint is None:
            return self.run()
        return BatchEndpointRun(
            workspace=workspace,
            endpoint=endpoint.endpoint,
            deployment=endpoint.deployment,
            data=endpoint.data,
            data_input=endpoint.data_input,
            inputs=dict(endpoint.inputs),
            experiment=endpoint.experiment,
        )

    @property
    def data(self) -> str:
        """The data asset whose labelled rows are counted; empty when the policy names none."""
        own = self.azure_ml or self.batch_endpoint
        return own.data if own else self.labelled_data


class SynapsePipeline(Section):
    """A pipeline of a Synapse workspace that declares the parameter ``outerloop_command``."""

    workspace: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$", description="its name")
    pipeline: str = Field(pattern=r"^[A-Za-z0-9_][^/?#%&<>*:.+\\\\]{0,139}$")
    parameters: Texts = {}

    def run(self) -> SynapseRun:
        """What this section starts."""
        return SynapseRun(synapse=self.workspace, pipeline=self.pipeline, parameters=dict(self.parameters))


class Refresh(Section):
    """What brings the newest data to where the training reads them."""

    synapse: SynapsePipeline


class Verification(Section):
    """How it is measured whether a remedy helped: both versions on the same rows, later than the training of either."""

    component: str
    data: str
    metric: str = "auc"
    better_by_min: float = 0.0


class Retraining(Section):
    """When and how often a new version may be trained, and when to stop and call a person."""

    trainer: Trainer = Field(alias="with")
    refresh: Refresh | None = Field(
        default=None, description="runs first; the training is ordered when it has ended well"
    )
    requires: Requirements | None = None
    cooldown: Duration = timedelta(hours=12)
    verify: Verification
    verify_within: Duration = timedelta(days=7)
    give_up_after: int = Field(default=3, ge=1)
    estimated_cost: MoneyText | None = Field(
        default=None, description="of one retraining, such as 40 EUR: what a budget's reserve: is charged with"
    )

    @model_validator(mode="after")
    def _counts_rows_of_something(self) -> "Retraining":
        if self.requires and self.requires.new_labelled_rows_min is not None and not self.trainer.data:
            text = "new_labelled_rows_min counts the rows of a data asset: name it as with: {labelled_data: azureml:NAME@latest}"
            raise FaultAtError(text, "requires", "new_labelled_rows_min")
        return self
