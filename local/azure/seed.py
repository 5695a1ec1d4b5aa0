"""What exists in the local Azure when it starts, as a YAML file says.

Owns the file's grammar and the translation of a component's YAML (the one that ``az ml component create`` takes) into
the specification that the REST API keeps. Folders are relative to the file that names them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from local.azure.assets import Asset
from local.azure.datastores import Datastores
from local.azure.references import Scope, parse_reference

DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Content(_Part):
    """A data or code asset: a folder (data may be a file). Without a workspace it exists in all of them.

    ``tags`` are those of a data asset.
    """

    name: str
    version: str = "1"
    folder: Path
    workspace: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class ComponentFile(_Part):
    """A component's YAML file. Without a workspace it exists in all of them."""

    path: Path
    workspace: str | None = None


class EndpointSeed(_Part):
    """An online endpoint, which infrastructure code would have made.

    ``traffic`` names deployments of an earlier time and their shares; nothing serves behind these.
    """

    workspace: str
    name: str
    traffic: dict[str, int] = Field(default_factory=dict)


class Seed(_Part):
    """The whole file. ``environments`` are names or ``name:version``; ``hubs`` are names, with 2 partitions each.

    Of the ``computes`` those named ``ci-…`` are compute instances, ``k8s-…`` attached Kubernetes clusters, the others
    compute clusters.

    ``answer_seconds`` is how long each answer takes, half of it before what is asked for is done. ``exchanges`` keeps
    what was said to Resource Manager, and its answers, in ``exchanges.jsonl`` beside the journal.
    """

    workspaces: list[str]
    registries: list[str] = Field(default_factory=list)
    computes: list[str] = Field(default_factory=lambda: ["cpu"])
    environments: list[str] = Field(default_factory=list)
    components: list[ComponentFile] = Field(default_factory=list)
    data: list[Content] = Field(default_factory=list)
    codes: list[Content] = Field(default_factory=list)
    models: list[Content] = Field(default_factory=list)
    endpoints: list[EndpointSeed] = Field(default_factory=list)
    hubs: list[str] = Field(default_factory=lambda: ["telemetry"], min_length=1)
    channels: list[str] = Field(default_factory=list)
    location: str = "westeurope"
    answer_seconds: float = Field(default=0.0, ge=0.0)
    exchanges: bool = False


def read_seed(path: Path) -> Seed:
    """The file, with its folders made absolute.

    Raises:
        pydantic.ValidationError: a key is unknown, missing or wrong.
    """
    seed = Seed.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    base = path.resolve().parent
    return seed.model_copy(
        update={
            "data": [each.model_copy(update={"folder": base / each.folder}) for each in seed.data],
            "models": [each.model_copy(update={"folder": base / each.folder}) for each in seed.models],
            "codes": [each.model_copy(update={"folder": base / each.folder}) for each in seed.codes],
            "components": [each.model_copy(update={"path": base / each.path}) for each in seed.components],
        }
    )


def registry_scope(name: str) -> Scope:
    """The scope of a registry, which lives in a resource group of its own."""
    return Scope(DEFAULT_SUBSCRIPTION, f"registry-{name}", "registries", name)


class Planter:
    """Puts the seed's assets into the store."""

    def __init__(self, datastores: Datastores, workspaces: list[Scope]) -> None:
        self._assets = datastores.assets
        self._datastores = datastores
        self._workspaces = workspaces

    def plant(self, seed: Seed) -> None:
        """Everything that the seed names; components last, because they refer to codes and environments."""
        for text in seed.environments:
            name, _, version = text.partition(":")
            self._everywhere(None, "environments", name, version or "1", {"image": "local"}, None)
        for code in seed.codes:
            self.add_code(code.workspace, code.name, code.version, code.folder)
        for data in seed.data:
            self.add_data(data.workspace, data.name, data.version, data.folder, data.tags)
        for model in seed.models:
            self._add_model(model)
        for component in seed.components:
            self._add_component(component)

    def add_data(  # where it is, what it is called, what is in it, and what is said of it
        self, workspace: str | None, name: str, version: str | None, folder: Path, tags: Mapping[str, str]
    ) -> list[Asset]:
        """A data asset version; without a version, the next one. Returns one asset for each workspace."""
        if not folder.exists():
            raise FileNotFoundError(folder)
        kind = "uri_folder" if folder.is_dir() else "uri_file"
        added = []
        for scope in self._scopes(workspace):
            chosen = version or self._assets.next_version(scope.key, "data", name)
            address = self._datastores.link(scope, f"data/{name}/{chosen}", folder)
            properties = {"dataType": kind, "dataUri": address, "tags": dict(tags)}
            added.append(self._add(scope, "data", name, chosen, properties, folder))
        return added

    def add_code(self, workspace: str | None, name: str, version: str, folder: Path) -> None:
        """A code asset version."""
        if not folder.is_dir():
            raise NotADirectoryError(folder)
        uri = f"https://local.blob.core.windows.net/code/{name}/{version}"
        self._everywhere(workspace, "codes", name, version, {"codeUri": uri}, folder)

    def _add_model(self, model: Content) -> None:
        """A model version that some earlier job made: it is there, and nobody is told of it."""
        for scope in self._scopes(model.workspace):
            address = self._datastores.link(scope, f"models/{model.name}/{model.version}", model.folder)
            properties = {"modelType": "custom_model", "modelUri": address, "tags": dict(model.tags)}
            self._add(scope, "models", model.name, model.version, properties, model.folder)

    def _add_component(self, file: ComponentFile) -> None:
        document = yaml.safe_load(file.path.read_text(encoding="utf-8"))
        name, version = str(document["name"]), str(document.get("version", "1"))
        if document.get("type") == "pipeline":
            for scope in self._scopes(file.workspace):
                self._add(scope, "components", name, version, {"componentSpec": pipeline_spec(document, scope)}, None)
            return
        code = self._own_code(file, name, version, document.get("code"))
        for scope in self._scopes(file.workspace):
            # Azure resolves a label when the component is created; the component then names a version for good.
            environment = parse_reference(str(document["environment"]))
            if environment and environment.label:
                version_now = self._assets.latest(scope.key, "environments", environment.name).version
                document = {**document, "environment": f"azureml:{environment.name}:{version_now}"}
            spec = component_spec(document, scope, code)
            self._add(scope, "components", name, version, {"componentSpec": spec}, None)

    def _own_code(self, file: ComponentFile, name: str, version: str, code: str | None) -> str | None:
        """The code asset of a component that names a folder beside it, or what it names already."""
        if code is None or parse_reference(code):
            return code
        self.add_code(file.workspace, f"{name}-code", version, file.path.parent / code)
        return f"azureml:{name}-code:{version}"

    def _everywhere(
        self, workspace: str | None, kind: str, name: str, version: str, properties: dict[str, Any], folder: Path | None
    ) -> None:
        for scope in self._scopes(workspace):
            self._add(scope, kind, name, version, dict(properties), folder)

    def _add(
        self, scope: Scope, kind: str, name: str, version: str, properties: dict[str, Any], folder: Path | None
    ) -> Asset:
        common: dict[str, Any] = {"isArchived": False, "isAnonymous": False, "tags": {}, "properties": {}}
        asset = Asset(scope, kind, name, version, common | properties, folder)
        self._assets.add(asset)
        return asset

    def _scopes(self, workspace: str | None) -> list[Scope]:
        if workspace is None:
            return self._workspaces
        wanted = workspace.lower()
        found = [scope for scope in self._workspaces if wanted in {scope.key, scope.name.lower()}]
        if not found:
            raise LookupError(f"No workspace {workspace}")
        return found


def component_spec(document: dict[str, Any], scope: Scope, code: str | None) -> dict[str, Any]:
    """A command component as the REST API keeps it: its YAML with every reference made an ARM id."""
    spec = {key: value for key, value in document.items() if key not in {"$schema", "code", "environment", "version"}}
    spec |= {"version": str(document.get("version", "1")), "type": "command", "is_deterministic": False}
    spec["environment"] = _arm_reference(scope, "environments", str(document["environment"]))
    if code:
        spec["code"] = _arm_reference(scope, "codes", code)
    return spec


def pipeline_spec(document: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """A pipeline component as the REST API keeps it: every step names its component by ARM id, bindings are literals."""
    steps = {
        name: {
            "type": "command",
            "componentId": _arm_reference(scope, "components", str(step["component"])),
            "inputs": {
                key: {"job_input_type": "literal", "value": text} for key, text in (step.get("inputs") or {}).items()
            },
            "outputs": {key: {"type": "literal", "value": text} for key, text in (step.get("outputs") or {}).items()},
        }
        for name, step in document["jobs"].items()
    }
    spec = {key: value for key, value in document.items() if key not in {"$schema", "version", "jobs"}}
    return {**spec, "version": str(document.get("version", "1")), "is_deterministic": False, "jobs": steps}


def _arm_reference(scope: Scope, kind: str, text: str) -> str:
    reference = parse_reference(text)
    if reference is None:
        raise ValueError(f"A component must name its {kind} as azureml:NAME:VERSION, not {text}")
    tail = f"versions/{reference.version}" if reference.version else "labels/latest"
    return f"azureml:{scope.id}/{kind}/{reference.name}/{tail}"
