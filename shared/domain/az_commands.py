"""Commands of the Azure CLI that a person can copy and run, complete with resource group and workspace.

Owns their spelling, which a batch endpoint has of its own. Runs nothing. Syntax: learn.microsoft.com/cli/azure/ml (online-endpoint,
online-deployment, batch-endpoint, batch-deployment), and ``az resource update`` for what these cannot say.
"""

from collections.abc import Mapping

from shared.domain.policy_environments import Environment


def set_traffic(environment: Environment, traffic: Mapping[str, int]) -> str:
    """Give each deployment of an endpoint its share; of a batch endpoint, make the one with all of it the default."""
    if environment.kind == "batch":
        return _set_default(environment, next((name for name, share in sorted(traffic.items()) if share), ""))
    shares = " ".join(f"{name}={share}" for name, share in sorted(traffic.items()))
    return f'az ml online-endpoint update --name {environment.endpoint} --traffic "{shares}"{_where(environment)}'


def read_logs(environment: Environment, deployment: str) -> str:
    """What a deployment says of itself; nothing runs of a batch one but its jobs, each with a log of its own."""
    place = f"--name {deployment} --endpoint-name {environment.endpoint}{_where(environment)}"
    if environment.kind == "batch":
        return f"az ml batch-deployment list-jobs {place}"
    return f"az ml online-deployment get-logs {place}"


def scale_deployment(environment: Environment, deployment: str, instances: int) -> str:
    """Give a deployment so many instances."""
    named = f"--name {deployment} --endpoint-name {environment.endpoint}"
    return f"az ml online-deployment update {named} --set instance_count={instances}{_where(environment)}"


def delete_endpoint(environment: Environment) -> str:
    """Delete an endpoint with all of its deployments; the Azure CLI asks before it does."""
    kind = "batch" if environment.kind == "batch" else "online"
    return f"az ml {kind}-endpoint delete --name {environment.endpoint}{_where(environment)}"


def _set_default(environment: Environment, deployment: str) -> str:
    if deployment:
        default = f"--set defaults.deployment_name={deployment}"
        return f"az ml batch-endpoint update --name {environment.endpoint} {default}{_where(environment)}"
    # ``az ml`` can set a default to another one, and has no word for none.
    resource = f"{environment.workspace.rstrip('/')}/batchEndpoints/{environment.endpoint}"
    return f"az resource update --ids {resource} --remove properties.defaults"


def _where(environment: Environment) -> str:
    parts = environment.workspace.strip("/").split("/")
    names = dict(zip((part.lower() for part in parts[0::2]), parts[1::2], strict=False))
    group, workspace = names.get("resourcegroups", ""), names.get("workspaces", "")
    return f" --resource-group {group} --workspace-name {workspace}" if group and workspace else ""
