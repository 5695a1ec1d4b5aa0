"""How Azure Machine Learning names things: scopes (workspaces, registries), asset references and storage addresses.

Owns the grammar of those texts and nothing else; it does not know which of them exist.
The forms are those that azure-ai-ml 1.35.2 sends and accepts; ids compare case-insensitively.
"""

import re
import uuid
from dataclasses import dataclass

PROVIDER = "Microsoft.MachineLearningServices"
SCOPE_PATTERN = (
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/(?P<scope_kind>workspaces|registries)/(?P<scope_name>[^/]+)"
)
_ITEM = r"(?P<kind>\w+)/(?P<name>[^/]+)/(?:versions/(?P<version>[^/]+)|labels/(?P<label>[^/]+))"
_FORMS = [
    re.compile(rf"(?:azureml:)?{SCOPE_PATTERN}/{_ITEM}", re.IGNORECASE),
    re.compile(rf"azureml://registries/(?P<registry>[^/]+)/{_ITEM}", re.IGNORECASE),
    re.compile(rf"azureml://locations/[^/]+/workspaces/(?P<guid>[^/]+)/{_ITEM}", re.IGNORECASE),
    re.compile(r"(?:azureml:)?(?P<name>(?!azureml:)[^/:@]+):(?P<version>[^/:@]+)"),
    re.compile(r"(?:azureml:)?(?P<name>(?!azureml:)[^/:@]+)@(?P<label>[^/:@]+)"),
]


@dataclass(frozen=True)
class Scope:
    """A workspace or a registry. ``id`` keeps the case it was given in; ``key`` is what scopes are compared by."""

    subscription: str
    group: str
    kind: str
    name: str

    @property
    def id(self) -> str:
        """The full ARM id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{PROVIDER}/{self.kind}/{self.name}"

    @property
    def key(self) -> str:
        """The ARM id of a workspace in lower case; ``registries/{name}`` for a registry, whose name is global."""
        return self.id.lower() if self.kind == "workspaces" else registry_key(self.name)

    @property
    def guid(self) -> str:
        """The workspace id (a GUID) that asset ids carry, derived from the ARM id so that it never changes."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.key))


@dataclass(frozen=True)
class AssetReference:
    """A parsed reference. ``scope`` is a scope's key, a workspace GUID, or empty for "the workspace at hand"."""

    scope: str
    kind: str
    name: str
    version: str
    label: str


def registry_key(name: str) -> str:
    """The key of a registry."""
    return f"registries/{name.lower()}"


def parse_scope(text: str) -> Scope:
    """A scope from its ARM id.

    Raises:
        ValueError: the text is not such an id.
    """
    found = re.fullmatch(SCOPE_PATTERN, text.rstrip("/"), re.IGNORECASE)
    if not found:
        raise ValueError(f"Not the id of a workspace or registry: {text}")
    kind = "workspaces" if found["scope_kind"].lower() == "workspaces" else "registries"
    return Scope(found["subscription"], found["group"], kind, found["scope_name"])


def parse_reference(text: str) -> AssetReference | None:
    """An asset reference from any of the forms that the SDK uses, or None when the text is not one."""
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    return _reference(found) if found else None


def _reference(found: re.Match[str]) -> AssetReference:
    parts = found.groupdict()
    return AssetReference(
        scope=_scope_of(parts),
        kind=(parts.get("kind") or "").lower(),
        name=parts["name"],
        version=parts.get("version") or "",
        label=parts.get("label") or "",
    )


def _scope_of(parts: dict[str, str | None]) -> str:
    if registry := parts.get("registry"):
        return registry_key(registry)
    if guid := parts.get("guid"):
        return guid.lower()
    if not parts.get("scope_name"):
        return ""
    found = {key: value or "" for key, value in parts.items()}
    return Scope(found["subscription"], found["group"], found["scope_kind"].lower(), found["scope_name"]).key
