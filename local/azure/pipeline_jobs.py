"""Pipeline components: the command jobs that their steps become, in an order in which they can run.

Owns the wiring of a step: what ``${{parent.inputs.x}}``, ``${{parent.outputs.y}}`` and ``${{parent.jobs.step.outputs.z}}`` mean on
this machine. Runs nothing (``job_runner``). Steps are registered command components; a parent's literal is a step's literal.
"""

import re
import uuid
from collections.abc import Iterator
from typing import Any

from local.azure.datastores import Datastores
from local.azure.errors import ArmError
from local.azure.jobs import Job
from local.azure.references import Scope, parse_reference
from local.azure.tracking import Run, Tracking

_PARENT = re.compile(r"\$\{\{\s*parent\.(inputs|outputs)\.(\w+)\s*\}\}")
_STEP = re.compile(r"\$\{\{\s*parent\.jobs\.(\w+)\.outputs\.(\w+)\s*\}\}")


def spec_of(component: str, scope: Scope, datastores: Datastores) -> dict[str, Any]:
    """The specification of a registered component.

    Raises:
        ArmError: 400 when the text names no component, 404 when there is none of that name.
    """
    reference = parse_reference(component)
    if not reference:
        raise ArmError(400, "UserError", f"Not a component: {component}")
    found: dict[str, Any] = datastores.assets.resolve(reference, scope, "components").properties["componentSpec"]
    return found


def literal_defaults(spec: dict[str, Any]) -> dict[str, Any]:
    """The inputs that a component gives itself."""
    inputs = spec.get("inputs") or {}
    found = {name: entry["default"] for name, entry in inputs.items() if isinstance(entry, dict) and "default" in entry}
    return {name: {"jobInputType": "literal", "value": str(value)} for name, value in found.items()}


def steps_of(parent: Job, spec: dict[str, Any], datastores: Datastores, tracking: Tracking) -> list[Job]:
    """The jobs of a pipeline's steps, each behind those whose outputs it reads.

    Raises:
        ArmError: 400 when a step is no command, or steps wait for each other.
    """
    wiring = _Wiring(parent, datastores)
    return [wiring.job(name, step, tracking) for name, step in _in_order(dict(spec.get("jobs") or {}))]


class _Wiring:
    """Where the inputs and outputs of one pipeline's steps come from and lead to."""

    def __init__(self, parent: Job, datastores: Datastores) -> None:
        self._parent, self._datastores = parent, datastores

    def job(self, name: str, step: dict[str, Any], tracking: Tracking) -> Job:
        parent = self._parent
        spec = spec_of(str(step.get("componentId") or ""), parent.scope, self._datastores)
        if spec.get("type") != "command":
            raise ArmError(400, "UserError", f"Step {name} is a {spec.get('type')}: only command steps run here.")
        bound = {key: self._input(_text(entry)) for key, entry in (step.get("inputs") or {}).items()}
        given = {key: entry for key, entry in bound.items() if entry is not None}
        properties = {
            "jobType": "Command",
            "displayName": name,
            "command": spec["command"],
            "codeId": spec.get("code"),
            "environmentId": spec.get("environment"),
            "inputs": {**literal_defaults(spec), **given},
            "outputs": dict(self._outputs(spec, step)),
        }
        run_id, of = self._id(name), parent.run
        tags = {"mlflow.runName": name, "mlflow.parentRunId": parent.name}
        run = Run(run_id, of.experiment_id, of.experiment_name, of.artifact_uri, tags=tags)
        tracking.create(parent.scope.key, run)
        return Job(parent.scope, run_id, properties, run)

    def _id(self, step: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._parent.id}/{step}"))

    def _input(self, text: str) -> dict[str, Any] | None:
        """What a step is given; None for an input of the pipeline that has no value."""
        if found := _STEP.fullmatch(text):
            return {"jobInputType": "uri_folder", "uri": f"azureml://jobs/{self._id(found[1])}/outputs/{found[2]}"}
        if found := _PARENT.fullmatch(text):
            entry: dict[str, Any] | None = (self._parent.properties.get("inputs") or {}).get(found[2])
            return entry
        return {"jobInputType": "literal", "value": text}

    def _outputs(self, spec: dict[str, Any], step: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, declared in (spec.get("outputs") or {}).items():
            entry = {"jobOutputType": (declared or {}).get("type") or "uri_folder"}
            if found := _PARENT.fullmatch(_text((step.get("outputs") or {}).get(name))):
                entry["uri"] = self._parents_output(found[2])
            yield name, entry

    def _parents_output(self, name: str) -> str:
        given = ((self._parent.properties.get("outputs") or {}).get(name) or {}).get("uri")
        return str(given or self._datastores.address(self._parent.scope, f"azureml/{self._parent.name}/{name}"))


def _text(entry: Any) -> str:
    """A binding or a literal, as YAML or the REST API writes it."""
    if isinstance(entry, dict):
        entry = entry.get("value") or entry.get("path") or ""
    return "" if entry is None else str(entry)


def _in_order(steps: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    done: set[str] = set()
    while len(done) < len(steps):
        ready = [name for name in steps if name not in done and _needs(steps[name]) <= done]
        if not ready:
            raise ArmError(400, "UserError", f"Steps wait for each other: {', '.join(sorted(set(steps) - done))}.")
        yield from ((name, steps[name]) for name in ready)
        done.update(ready)


def _needs(step: dict[str, Any]) -> set[str]:
    texts = map(_text, (step.get("inputs") or {}).values())
    return {found[1] for text in texts if (found := _STEP.fullmatch(text))}
