"""What a policy says about where a model lives: workspaces, endpoints, and what a deployment runs on.

Owns the grammar of these sections. Knows no endpoint that exists (``adapters``).
"""

import re

from pydantic import Field, model_validator

from shared.domain.commands import EndpointKind
from shared.domain.money import Money
from shared.domain.policy_batch import BatchCluster
from shared.domain.policy_index import plain_id
from shared.domain.policy_section import FaultAtError, Section
from shared.domain.policy_texts import MoneyText, ResourceId, StorageId

ASSET_OF_WORKSPACE = r"azureml:[A-Za-z0-9][\w.-]*[:@][\w.-]+"
COLLECTED_IN = "modelDataCollector"
NAME_IN_WORKSPACE = r"[A-Za-z0-9][\w-]*"
NAME_IN_CLUSTER = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"  # of a Kubernetes resource
DEFAULT_INSTANCES = "the cluster's default instance type"


class Environment(Section):
    """One workspace of a workload, and the endpoint that serves there."""

    workspace: ResourceId
    endpoint: str = ""
    kind: EndpointKind = Field(
        default="managed_online",
        description="batch: scored by jobs on a cluster; of staging and production alike, with deployment.batch and promotion.comparison. "
        "kubernetes_online: on a Kubernetes cluster (AKS or Azure Arc) that is attached as compute",
    )
    compute: str = Field(default="", description="of kubernetes_online: the name of the attached Kubernetes compute")
    instance_type: str = Field(
        default="",
        description="of kubernetes_online: the name of an InstanceType of the cluster; its default one when it is left out",
    )

    @model_validator(mode="after")
    def _names_its_cluster(self) -> "Environment":
        on_cluster = self.on_kubernetes
        if on_cluster and not self.compute:
            raise FaultAtError("kind: kubernetes_online needs compute: the name of the attached cluster", "compute")
        for key in ("compute", "instance_type"):
            if getattr(self, key) and not on_cluster:
                raise FaultAtError(f"only kind: kubernetes_online has {key} here: see deployment", key)
        if on_cluster and not re.fullmatch(NAME_IN_WORKSPACE, self.compute):
            text = f"write the name that the cluster has in the workspace, such as edge: {self.compute!r} is none"
            raise FaultAtError(text, "compute")
        if self.instance_type and not re.fullmatch(NAME_IN_CLUSTER, self.instance_type):
            text = (
                f"write the name of one of the cluster's instance types (kubectl get instancetype), such as four-cores: "
                f"{self.instance_type!r} is none, since Kubernetes has lower-case names"
            )
            raise FaultAtError(text, "instance_type")
        return self

    @property
    def on_kubernetes(self) -> bool:
        """Whether it serves on an attached cluster: then Azure Monitor knows nothing of its requests, its script does."""
        return self.kind == "kubernetes_online"

    @property
    def place(self) -> tuple[str, str]:
        """The workspace and the endpoint, as they are compared."""
        return self.workspace.lower(), self.endpoint.lower()


class Collector(Section):
    """Where the model data collector of the production endpoint writes, when its rows come as files."""

    storage: StorageId = Field(description="the ARM id of the storage account")
    container: str = Field(
        min_length=1, description="of the datastore workspaceblobstore, unless the collector has another"
    )
    folder: str = Field(
        default="",
        pattern=r"^([^/]+(/[^/]+)*)?$",
        description="which holds all its files; by default modelDataCollector/ENDPOINT, where Azure ML's collector writes",
    )
    file_mib_max: int = Field(default=1024, ge=1, description="how much of one file is read, in MiB")
    event_mib_max: int = Field(
        default=16,
        ge=1,
        le=32,
        description="the largest blob with the rows of one event (dataref) that is read, in MiB",
    )


class Production(Environment):
    """The workspace and the endpoint that serve in production, and where what they scored and served can be read."""

    collector: Collector | None = None
    region: str = Field(
        default="",
        pattern=r"^([a-z0-9]+)?$",
        description="of an analysis by metrics: where the workspace is, such as westeurope; Azure Monitor answers by region",
    )
    log_analytics: str = Field(
        default="",
        pattern=r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$",
        description="of an analysis by logs: the Workspace ID (a GUID) of the Log Analytics workspace that the endpoint's "
        "diagnostic setting sends AmlOnlineEndpointTrafficLog to",
    )

    def collects(self, storage: str, container: str, path: str) -> bool:
        """Whether a file lies where the collector writes."""
        collector = self.collector
        if collector is None or plain_id(storage) != plain_id(collector.storage) or container != collector.container:
            return False
        folder = (collector.folder or f"{COLLECTED_IN}/{self.endpoint}").lower()
        # A client may resolve dots in a path: what was in the folder would then be elsewhere.
        return path.lower().startswith(f"{folder}/") and not {".", "..", ""} & set(path.split("/"))

    def keeps(self, account: str, container: str, path: str) -> tuple[str, str, str] | None:
        """Account's id, container and path of a blob by the account's name, if it lies where the collector writes; else None.

        An empty account or container is the collector's own.
        """
        collector = self.collector
        if collector is None or account.lower() not in ("", plain_id(collector.storage).rpartition("/")[2]):
            return None
        within = container or collector.container
        return (collector.storage, within, path) if self.collects(collector.storage, within, path) else None

    @model_validator(mode="after")
    def _is_collected_somewhere(self) -> "Production":
        if self.collector and not (self.endpoint or self.collector.folder):
            raise FaultAtError("the collector of no endpoint: name the endpoint, or the folder", "collector", "folder")
        return self


class Environments(Section):
    """Where a workload lives."""

    development: Environment
    staging: Environment
    production: Production


class Deployment(Section):
    """What a deployment of the model runs on: assets registered beforehand, so nothing is uploaded."""

    code: str
    scoring_script: str = "score.py"
    environment: str
    share_environment: bool = Field(
        default=False,
        description="copy the environment from the development workspace into the registry with each candidate, so that staging "
        "and production run exactly that version; otherwise each workspace has its own",
    )
    instance_type: str = "Standard_DS3_v2"
    instance_count: int = Field(default=1, ge=1, le=50)
    batch: BatchCluster | None = Field(default=None, description="of a workload whose endpoints are of the kind batch")
    price_per_hour: MoneyText | None = Field(
        default=None, description="what one instance costs, such as 0.27 EUR: then people are told what a standby costs"
    )

    def runs_on(self, environment: Environment) -> str:
        """What people call one instance of it there: a machine of Azure's, or what a cluster calls so."""
        if environment.on_kubernetes:
            return environment.instance_type or DEFAULT_INSTANCES
        return self.instance_type

    @property
    def hourly(self) -> Money | None:
        """What one deployment costs in an hour: the price of its instances."""
        price = self.price_per_hour
        return Money(amount=price.amount * self.instance_count, currency=price.currency) if price else None

    @model_validator(mode="after")
    def _shares_what_a_workspace_has(self) -> "Deployment":
        if self.share_environment and not re.fullmatch(ASSET_OF_WORKSPACE, self.environment):
            text = (
                f"share_environment copies azureml:NAME@LABEL or azureml:NAME:VERSION; {self.environment!r} is neither"
            )
            raise FaultAtError(text, "environment")
        return self
