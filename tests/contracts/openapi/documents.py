"""The tables of docs/wire.md, which say what is not held against a definition, as tests read them.

Owns the reading of the page, and what it means that a route of the local Azure is defined.
"""

import re
from pathlib import Path

from tests.contracts.openapi.closure import call_for

PAGE = Path(__file__).parents[3] / "docs" / "wire.md"
SCOPES = tuple(
    f"/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/{kind}/n"
    for kind in ("workspaces", "registries")
)


def _rows(heading: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [re.findall(r"`([^`]+)`", row.rpartition("|")[0]) for row in section.splitlines() if row.startswith("| `")]


def without_definition() -> set[tuple[str, str]]:
    """Method and path template of the calls that Azure publishes no definition of."""
    return {(method, path) for method, path, *_ in _rows("Calls without a definition")}


def other_versions() -> set[tuple[str, str]]:
    """Operation and API version of the calls that azure-ai-ml makes in another version than its models are of."""
    return {(call, version) for call, *versions in _rows("Calls in another version") for version in versions}


def is_defined(method: str, template: str) -> bool:
    """Whether Azure's definitions know a route of the local Azure, in a workspace or in a registry."""
    paths = [re.sub(r"\{\w+\}", "x", template.replace("{scope}", scope)) for scope in SCOPES]
    return any(call_for(method, path) for path in paths)
