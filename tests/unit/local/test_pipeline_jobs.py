"""Steps of a pipeline: which come first, and what each is given."""

from pathlib import Path

import pytest

from local.azure.assets import Asset, Assets
from local.azure.datastores import Datastores
from local.azure.errors import ArmError
from local.azure.jobs import Job
from local.azure.pipeline_jobs import literal_defaults, spec_of, steps_of
from local.azure.references import Scope
from local.azure.tracking import Run, Tracking

DEV = Scope("s", "g", "workspaces", "Dev")
STEP = {"type": "command", "command": "run", "inputs": {"size": {"type": "string", "default": "small"}}}


def component(kind, **outputs):
    return {**STEP, "type": kind, "outputs": {name: {"type": of} for name, of in outputs.items()}}


@pytest.fixture
def datastores(tmp_path: Path):
    assets = Assets()
    assets.know(DEV)
    for name, spec in (("make", component("command", made="uri_folder")), ("inner", component("pipeline"))):
        assets.add(Asset(DEV, "components", name, "1", {"componentSpec": spec}))
    return Datastores(tmp_path, assets)


def parent(**inputs):
    properties = {"jobType": "Pipeline", "inputs": inputs, "outputs": {"model": {"jobOutputType": "custom_model"}}}
    return Job(DEV, "whole", properties, Run("whole", "e-1", "e", "file:///tmp"))


def step(inputs=None, of="make", **outputs):
    return {"componentId": f"{DEV.id}/components/{of}/versions/1", "inputs": inputs or {}, "outputs": outputs}


def steps(datastores, job, **jobs):
    return {one.properties["displayName"]: one for one in steps_of(job, {"jobs": jobs}, datastores, Tracking())}


def test_a_step_comes_behind_those_whose_outputs_it_reads(datastores):
    second = step({"from": "${{parent.jobs.first.outputs.made}}"})
    found = steps(datastores, parent(), second=second, first=step())
    assert list(found) == ["first", "second"]
    read = found["second"].properties["inputs"]["from"]
    assert read == {"jobInputType": "uri_folder", "uri": f"azureml://jobs/{found['first'].name}/outputs/made"}


def test_inputs_of_the_pipeline_literals_and_defaults_are_what_a_step_is_given(datastores):
    data = {"jobInputType": "uri_folder", "uri": "azureml:flights:7"}
    bound = step({"data": {"job_input_type": "literal", "value": "${{parent.inputs.data}}"}, "rate": 3})
    given = steps(datastores, parent(data=data), only=bound)["only"].properties["inputs"]
    assert given["data"] == data
    assert {name: given[name]["value"] for name in ("rate", "size")} == {"rate": "3", "size": "small"}


def test_an_input_of_the_pipeline_without_a_value_is_not_given(datastores):
    given = steps(datastores, parent(), only=step({"size": "${{parent.inputs.size}}"}))["only"].properties["inputs"]
    assert given["size"]["value"] == "small"


def test_an_output_that_is_the_pipelines_lies_where_the_pipelines_does(datastores):
    only = steps(datastores, parent(), only=step(made={"type": "literal", "value": "${{parent.outputs.model}}"}))[
        "only"
    ]
    assert only.properties["outputs"]["made"]["uri"].endswith("/paths/azureml/whole/model")
    own = steps(datastores, parent(), only=step())["only"]
    assert own.properties["outputs"]["made"] == {"jobOutputType": "uri_folder"}


def test_every_step_has_a_run_of_its_own_that_names_its_pipeline(datastores):
    tracking, job = Tracking(), parent()
    (only,) = steps_of(job, {"jobs": {"only": step()}}, datastores, tracking)
    assert tracking.get(DEV.key, only.name).tags["mlflow.parentRunId"] == "whole"
    assert only.name != job.name


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        (
            {"a": step({"x": "${{parent.jobs.b.outputs.made}}"}), "b": step({"x": "${{parent.jobs.a.outputs.made}}"})},
            "a, b",
        ),
        ({"a": step(of="inner")}, "only command steps run here"),
        ({"a": {"componentId": ""}}, "Not a component"),
    ],
    ids=["circle", "kind", "nameless"],
)
def test_what_cannot_run_is_refused_at_once(datastores, jobs, said):
    with pytest.raises(ArmError, match=said):
        steps(datastores, parent(), **jobs)


def test_a_component_and_its_defaults_are_found_by_its_name(datastores):
    assert literal_defaults(spec_of("azureml:make:1", DEV, datastores)) == {
        "size": {"jobInputType": "literal", "value": "small"}
    }
