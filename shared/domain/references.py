"""How a model version is named where it is used: in Azure ML's asset references and as a deployment.

Owns these spellings. Azure ML: deployment names have 3 to 32 letters, digits and hyphens and begin with a letter.
"""

import re

from shared.domain.ids import derive

NAME_LENGTH_MAX = 32


def deployment_name(version: str) -> str:
    """The deployment of a version, the same in every environment. Odd or long versions get a short hash instead,
    and so do those with capitals: case does not tell two deployments apart.
    """
    plain = f"version-{version}"
    if re.fullmatch(r"[a-z0-9-]+", plain) and len(plain) <= NAME_LENGTH_MAX:
        return plain
    return f"version-{derive('deployment', version)[:12]}"


def retrained_in_staging(model: str) -> str:
    """The model that versions retrained in staging are registered as, each under the number of the version it came of.

    Versions are numbers that no two workspaces share, so the name has to differ: see decision 0013.
    """
    return f"{model}-retrained-in-staging"


def in_workspace(model: str, version: str) -> str:
    """A model version of the workspace that the reader is in."""
    return f"azureml:{model}:{version}"


def in_registry(registry: str, model: str, version: str) -> str:
    """A model version of a registry, readable from every workspace that may read the registry."""
    return f"azureml://registries/{registry}/models/{model}/versions/{version}"
