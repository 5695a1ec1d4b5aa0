"""Commands of the Azure CLI that a person can copy and run, complete with resource group and workspace.

Owns their spelling. Runs nothing. Syntax: learn.microsoft.com/cli/azure/ml.
"""

from collections.abc import Mapping

from shared.domain.policy_environments import Environment


def set_traffic(environment: Environment, traffic: Mapping[str, int]) -> str:
    """Give each deployment of an endpoint its share."""
    shares = " ".join(f"{name}={share}" for name, share in sorted(traffic.items()))
    return f'az ml online-endpoint update --name {environment.endpoint} --traffic "{shares}"{_where(environment)}'


def read_logs(environment: Environment, deployment: str) -> str:
    """What a deployment says of itself."""
    return f"az ml online-deployment get-logs --name {deployment} --endpoint-name {environment.endpoint}{_where(environment)}"


def scale_deployment(environment: Environment, deployment: str, instances: int) -> str:
    """Give a deployment so many instances."""
    named = f"--name {deployment} --endpoint-name {environment.endpoint}"
    return f"az ml online-deployment update {named} --set instance_count={instances}{_where(environment)}"


def delete_endpoint(environment: Environment) -> str:
    """Delete an endpoint with all of its deployments; the Azure CLI asks before it does."""
    return f"az ml online-endpoint delete --name {environment.endpoint}{_where(environment)}"


def _where(environment: Environment) -> str:
    parts = environment.workspace.strip("/").split("/")
    names = dict(zip((part.lower() for part in parts[0::2]), parts[1::2], strict=False))
    group, workspace = names.get("resourcegroups", ""), names.get("workspaces", "")
    return f" --resource-group {group} --workspace-name {workspace}" if group and workspace else ""
