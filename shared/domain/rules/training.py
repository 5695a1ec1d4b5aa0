"""The order to train: by a registered component, or by a pipeline elsewhere.

Owns which command carries it out, and what is said when nothing came of it. When it is given is ``remedy``'s.
"""

from shared.domain.ci_runs import MODEL_TAG
from shared.domain.commands import DispatchTraining, RefreshData, Retrain, Training
from shared.domain.facts import Incident
from shared.domain.policy_retraining import Retraining
from shared.domain.signals import CommandFinished
from shared.domain.situation import Situation


def order(situation: Situation, retraining: Retraining, incident: Incident) -> Training:
    """The training that an incident asks for, by whoever trains under this policy."""
    workload, trainer = situation.workload, retraining.trainer
    why = f"remedy of incident {incident.id}: {incident.detail}"
    workspace, model = workload.environments.development.workspace, model_of(situation)
    run = trainer.dispatched(workspace)
    if run:
        return situation.order(DispatchTraining, workload.name, why, start=run, workspace=workspace, model=model)
    component = trainer.azure_ml
    if component is None:  # the policy's own check: exactly one trains
        raise ValueError(f"nobody trains {workload.name}")
    return situation.order(
        Retrain,
        workload.name,
        why,
        workspace=workspace,
        component=component.component,
        data=component.data,
        experiment=component.experiment,
        inputs=component.inputs,
        model=model,
    )


def refreshing(situation: Situation, retraining: Retraining, incident: Incident) -> RefreshData | None:
    """What runs before the training; None when the policy asks for nothing."""
    if retraining.refresh is None:
        return None
    why = f"newest data first, for incident {incident.id}"
    return situation.order(RefreshData, situation.workload.name, why, start=retraining.refresh.synapse.run())


def model_of(situation: Situation) -> str:
    """The name under which a new version is registered: the champion's, or the workload's as long as there is none."""
    champion = situation.facts.versions.get(situation.facts.champion)
    return champion.model if champion else situation.workload.name


def without_model(situation: Situation, signal: CommandFinished) -> str:
    """What is said of a training that ended well and made nothing that can be found."""
    if signal.command_kind != DispatchTraining.__name__:
        return "the training succeeded and registered no model version"
    return (
        f"the run ended well, and no version of {model_of(situation)} in the development workspace has the tag "
        f"{MODEL_TAG}={signal.command_id}: the pipeline sets it on the version that it registers"
    )
