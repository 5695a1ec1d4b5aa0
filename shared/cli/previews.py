"""The command that shows what a pipeline would do, before anything starts it.

Owns its arguments and output. How a pipeline is asked is ``adapters.azure_pipelines``'s.
"""

import asyncio
from typing import Annotated

import typer

from shared.cli.problems import CommandError, plainly
from shared.domain.ci_runs import AzurePipelineRun, where
from shared.domain.outcomes import Failed
from shared.domain.policy import Policy
from shared.settings import Settings, read_settings


def preview(workload: Annotated[str, typer.Argument(help="A workload of the policy.")]) -> None:
    """Show the Azure Pipelines run that would train a workload, with all templates filled in. Nothing is started.

    It tells beforehand whether the pipeline takes its parameters, and whether the identity may run it.

    \b
    Example:
      outerloop preview flight-delay
    """  # noqa: D301
    with plainly():
        typer.echo(asyncio.run(_preview(read_settings(), workload)), nl=False)


async def _preview(settings: Settings, name: str) -> str:
    from shared.adapters.policy_folder import PolicyFolder  # noqa: PLC0415  # brings the parsers along
    from shared.adapters.system_clock import SystemClock  # noqa: PLC0415
    from shared.connections import azure_pipelines  # noqa: PLC0415  # brings every adapter along

    run = _pipeline((await PolicyFolder(settings.policy, settings.overlay).current()).policy, name)
    shown = await azure_pipelines(settings).preview(run, SystemClock().now())
    if isinstance(shown, Failed):
        raise CommandError(f"{where(run)} would not start: {shown.reason}")
    return shown


def _pipeline(policy: Policy, name: str) -> AzurePipelineRun:
    workload = next((one for one in policy.workloads if one.name == name), None)
    if workload is None:
        known = ", ".join(one.name for one in policy.workloads)
        raise CommandError(f"there is no workload {name}: the policy has {known}")
    run = workload.retrain.trainer.run() if workload.retrain else None
    if not isinstance(run, AzurePipelineRun):
        raise CommandError(f"{name} is not trained by azure_pipeline; only Azure Pipelines show a run beforehand")
    return run
