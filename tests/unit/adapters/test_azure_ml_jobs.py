from datetime import timedelta

import pytest

from shared.domain.outcomes import Failed, Started, Succeeded
from tests.unit.adapters.orders import BASE, NOW, WORKSPACE, evaluate, record_reference, retrain
from tests.unit.adapters.scripted_azure import Answer, refusal

NAME = BASE["id"]
JOB = f"/jobs/{NAME}"
RUN = "/api/2.0/mlflow/runs/get"


def job(status, **properties):
    return Answer(body={"name": NAME, "properties": {"jobType": "Command", "status": status, **properties}})


def run(metrics=None, tags=None):
    data = {
        "metrics": [{"key": key, "value": value, "timestamp": 1, "step": 0} for key, value in (metrics or {}).items()],
        "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
    }
    return Answer(body={"run": {"info": {"run_id": NAME}, "data": data}})


def asset(kind, name, version, **properties):
    identity = f"{WORKSPACE}/{kind}/{name}/versions/{version}"
    return Answer(body={"id": identity, "name": version, "properties": {"isArchived": False, **properties}})


def component(outputs, **more):
    spec = {
        "type": "command",
        "name": "flight-train",
        "version": "1",
        "command": "python train.py ${{inputs.data}} ${{inputs.months}} ${{outputs.model}}",
        "environment": f"azureml:{WORKSPACE}/environments/flight-env/versions/2",
        "code": f"azureml:{WORKSPACE}/codes/flight-code/versions/1",
        "inputs": {"data": {"type": "uri_folder"}, "months": {"type": "integer", "default": "3"}},
        "outputs": outputs,
        **more,
    }
    return asset("components", "flight-train", "1", componentSpec=spec, tags=more.get("tags") or {})


@pytest.fixture
def tracked(azure):
    uri = f"azureml://{azure.url.removeprefix('https://')}/mlflow/v1.0{WORKSPACE}"
    properties = {"workspaceId": "the-guid", "mlFlowTrackingUri": uri}
    azure.on(
        "GET", "/workspaces/prod", Answer(body={"id": WORKSPACE, "location": "westeurope", "properties": properties})
    )
    return azure


@pytest.fixture
def submitting(tracked):
    def with_component(answer):
        tracked.on("GET", "/components/flight-train/versions/1", answer)

    version = {"latestVersion": "4", "nextVersion": "5", "dataType": "uri_folder"}
    tracked.on(
        "GET", "/data/flights-labelled", Answer(body={"id": "d", "name": "flights-labelled", "properties": version})
    )
    data = asset(
        "data", "flights-labelled", "4", dataType="uri_folder", dataUri="azureml://x/y", tags={}, properties={}
    )
    tracked.on("GET", "/data/flights-labelled/versions/4", data)
    tracked.on("PUT", JOB, job("NotStarted", command="x", environmentId="e", services={}, tags={}, properties={}))
    with_component(component({"model": {"type": "custom_model"}}))
    return with_component


ORDER = retrain(component="azureml:flight-train:1")


async def test_a_training_is_submitted_under_the_commands_name_with_nothing_uploaded(azure, workspace, submitting):
    outcome = await workspace.begin(ORDER, NOW)

    assert isinstance(outcome, Started)
    assert outcome.operation == NAME
    (write,) = azure.writes()
    sent = write.body["properties"]
    assert write.path.endswith(JOB)
    assert sent["experimentName"] == "flight-delay-retrain"
    assert sent["tags"] == {"outerloop.command": NAME, "outerloop.workload": "flight-delay"}
    assert sent["codeId"].endswith("/codes/flight-code/versions/1")
    assert sent["environmentId"].endswith("/environments/flight-env/versions/2")
    assert sent["inputs"]["data"]["uri"].endswith("/data/flights-labelled/versions/4")
    assert sent["inputs"]["months"]["value"] == "3"
    assert sent["outputs"]["model"]["assetName"] == "flight-delay"
    assert sent["outputs"]["model"]["jobOutputType"] == "custom_model"
    assert not sent.get("computeId")


def pipeline(**tags):
    """A registered pipeline of two steps: features, then the training."""
    step = {"type": "command", "componentId": f"{WORKSPACE}/components/flight-step/versions/1"}
    spec = {
        "type": "pipeline",
        "name": "flight-train",
        "version": "1",
        "inputs": {"data": {"type": "uri_folder"}, "months": {"type": "integer", "default": "3"}},
        "outputs": {"model": {"type": "custom_model"}},
        "jobs": {
            "features": {**step, "inputs": {"data": {"path": "${{parent.inputs.data}}"}}},
            "train": {**step, "outputs": {"model": "${{parent.outputs.model}}"}},
        },
        "tags": tags,
    }
    return asset("components", "flight-train", "1", componentSpec=spec, tags=tags)


async def test_a_pipeline_component_is_submitted_as_a_pipeline_under_the_commands_name(azure, workspace, submitting):
    submitting(pipeline())
    outcome = await workspace.begin(ORDER, NOW)

    assert isinstance(outcome, Started), outcome
    (write,) = azure.writes()
    sent = write.body["properties"]
    assert write.path.endswith(JOB)
    assert sent["jobType"] == "Pipeline"
    assert sent["componentId"].endswith("/components/flight-train/versions/1")
    assert sent["tags"] == {"outerloop.command": NAME, "outerloop.workload": "flight-delay"}
    assert sent["inputs"]["data"]["uri"].endswith("/data/flights-labelled/versions/4")
    assert sent["inputs"]["months"]["value"] == "3"
    assert sent["outputs"]["model"]["assetName"] == "flight-delay"
    assert sent["outputs"]["model"]["jobOutputType"] == "custom_model"
    assert sent["settings"]["default_compute"].endswith("/serverless")
    assert not sent.get("jobs")  # the steps are the component's


async def test_a_pipeline_that_is_there_already_is_followed_and_not_started_again(azure, workspace, submitting):
    submitting(pipeline())
    azure.on("GET", JOB, job("Running"))
    assert isinstance(await workspace.begin(ORDER, NOW), Started)
    assert azure.writes() == []


async def test_a_pipeline_may_name_its_default_cluster(azure, workspace, submitting):
    submitting(pipeline(**{"outerloop.compute": "gpu-cluster"}))
    assert isinstance(await workspace.begin(ORDER, NOW), Started)
    assert azure.writes()[0].body["properties"]["settings"]["default_compute"].endswith("/computes/gpu-cluster")


async def test_a_pipeline_ends_with_the_version_that_its_output_was_registered_as(tracked, workspace):
    outputs = {"model": {"assetName": "flight-delay", "assetVersion": "8", "jobOutputType": "custom_model"}}
    properties = {"jobType": "Pipeline", "status": "Completed", "outputs": outputs}
    tracked.on("GET", JOB, Answer(body={"name": NAME, "properties": properties}))
    tracked.on("GET", RUN, run())
    assert await workspace.look(ORDER, NAME, NOW) == Succeeded(data={"job": NAME, "model_version": "8"})


async def test_an_evaluation_is_no_pipeline_since_metrics_would_be_those_of_its_steps(azure, workspace, submitting):
    submitting(pipeline())
    outcome = await workspace.begin(evaluate(component="azureml:flight-train:1"), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "metrics" in outcome.reason
    assert azure.writes() == []


async def test_a_component_of_another_type_is_refused(azure, workspace, submitting):
    submitting(component({"model": {"type": "custom_model"}}, type="spark", entry={"file": "x.py"}, conf={}))
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    assert azure.writes() == []


async def test_a_component_may_name_its_cluster(azure, workspace, submitting):
    submitting(component({"model": {"type": "custom_model"}}, tags={"outerloop.compute": "gpu-cluster"}))
    body = {"location": "westeurope", "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "x"}}}
    azure.on("GET", "/computes/gpu-cluster", Answer(body={"id": "c", "name": "gpu-cluster", **body}))
    assert isinstance(await workspace.begin(ORDER, NOW), Started)
    assert azure.writes()[0].body["properties"]["computeId"].endswith("/computes/gpu-cluster")


@pytest.mark.parametrize("outputs", [{}, {"a": {"type": "custom_model"}, "b": {"type": "mlflow_model"}}])
async def test_a_training_needs_one_output_to_register(azure, workspace, submitting, outputs):
    submitting(component(outputs))
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "model outputs" in outcome.reason
    assert azure.writes() == []


async def test_a_reference_that_looks_like_a_path_is_refused_and_not_uploaded(azure, workspace, submitting):
    outcome = await workspace.begin(retrain(component="azureml:flight-train:1", data="./data"), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert azure.writes() == []


async def test_optional_arguments_stand_only_when_their_inputs_are_given(azure, workspace, submitting):
    inputs = {
        "data": {"type": "uri_folder"},
        "months": {"type": "integer", "default": "3"},
        "champion": {"type": "custom_model", "optional": True},
    }
    line = "python t.py $[[--data ${{inputs.data}} --months ${{inputs.months}}]] $[[--c ${{inputs.champion}}]] ${{outputs.model}}"
    submitting(component({"model": {"type": "custom_model"}}, inputs=inputs, command=line))
    assert isinstance(await workspace.begin(ORDER, NOW), Started)
    sent = azure.writes()[0].body["properties"]
    assert sent["command"] == "python t.py --data ${{inputs.data}} --months ${{inputs.months}}  ${{outputs.model}}"
    assert set(sent["inputs"]) == {"data", "months"}


async def test_inputs_of_the_policy_are_given_in_the_declared_type(azure, workspace, submitting):
    order = retrain(component="azureml:flight-train:1", inputs={"months": "6"})
    assert isinstance(await workspace.begin(order, NOW), Started)
    assert azure.writes()[0].body["properties"]["inputs"]["months"]["value"] == "6"


@pytest.mark.parametrize("inputs", [{"moths": "6"}, {"months": "six"}, {"data": "./secrets"}])
async def test_inputs_of_the_policy_that_do_not_fit_are_for_a_person_to_correct(azure, workspace, submitting, inputs):
    outcome = await workspace.begin(retrain(component="azureml:flight-train:1", inputs=inputs), NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert next(iter(inputs.items()))[0 if "moths" in inputs else 1] in outcome.reason
    assert azure.writes() == []


async def test_an_input_that_the_convention_does_not_know_is_named(azure, workspace, submitting):
    strange = {"data": {"type": "uri_folder"}, "teacher": {"type": "custom_model"}}
    order = "python train.py ${{inputs.data}} ${{inputs.teacher}} ${{outputs.model}}"
    submitting(component({"model": {"type": "custom_model"}}, inputs=strange, command=order))
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "teacher" in outcome.reason


async def test_a_job_of_the_same_name_is_looked_at_instead(tracked, workspace):
    tracked.on("GET", JOB, job("Running"))
    assert isinstance(await workspace.begin(ORDER, NOW), Started)
    assert tracked.writes() == []


async def test_a_job_that_appeared_meanwhile_is_looked_at_instead(azure, workspace, submitting):
    azure.on("GET", JOB, refusal(404, "NotFound", "no job"), job("Running"))
    azure.on("PUT", JOB, refusal(409, "Conflict", "A job with this name already exists"))
    assert isinstance(await workspace.begin(ORDER, NOW), Started)


async def test_a_conflict_with_something_else_than_a_job_of_this_name_may_be_tried_again(azure, workspace, submitting):
    azure.on("GET", JOB, refusal(404, "NotFound", "no job"))
    azure.on("PUT", JOB, refusal(409, "Conflict", "The experiment is being deleted"))
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert "The experiment is being deleted" in outcome.reason


async def test_a_submission_that_is_throttled_is_tried_again_later_and_not_at_once(azure, workspace, submitting):
    azure.on("PUT", JOB, refusal(429, "TooManyRequests", "slow down", **{"Retry-After": "30"}))
    outcome = await workspace.begin(ORDER, NOW)
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert len(azure.writes()) == 1


@pytest.mark.parametrize(
    "status",
    ["NotStarted", "Starting", "Provisioning", "Preparing", "Queued", "Running", "Finalizing", "NotResponding"],
)
async def test_a_job_under_way_is_asked_about_again(tracked, workspace, status):
    tracked.on("GET", JOB, job(status))
    assert isinstance(await workspace.look(ORDER, NAME, NOW), Started)


async def test_a_completed_evaluation_brings_its_final_metrics(tracked, workspace):
    tracked.on("GET", JOB, job("Completed"))
    tracked.on("GET", RUN, run({"auc": 0.72, "auc_vs_champion": -0.001}))
    outcome = await workspace.look(evaluate(), NAME, NOW)
    assert outcome == Succeeded(data={"auc": 0.72, "auc_vs_champion": -0.001, "job": NAME})
    asked = next(asked for asked in tracked.asked if asked.path.endswith(RUN))
    assert asked.query == {"run_id": NAME}


async def test_a_metric_that_is_not_a_number_is_no_evidence(tracked, workspace):
    tracked.on("GET", JOB, job("Completed"))
    tracked.on("GET", RUN, run({"auc": "NaN", "loss": "Infinity", "rows": 10}))
    assert (await workspace.look(evaluate(), NAME, NOW)).data == {"rows": 10.0, "job": NAME}


async def test_a_completed_training_brings_the_version_that_its_output_became(tracked, workspace):
    outputs = {"model": {"jobOutputType": "custom_model", "assetName": "flight-delay", "assetVersion": "8"}}
    tracked.on("GET", JOB, job("Completed", outputs=outputs))
    tracked.on("GET", RUN, run({"auc": 0.74}))
    outcome = await workspace.look(ORDER, NAME, NOW)
    assert outcome == Succeeded(data={"auc": 0.74, "job": NAME, "model_version": "8"})


@pytest.mark.parametrize(("minutes", "waits"), [(9, True), (11, False)])
async def test_a_version_that_is_listed_a_while_after_its_job_is_waited_for(tracked, workspace, minutes, waits):
    tracked.on("GET", JOB, job("Completed", outputs={"model": {"assetName": "flight-delay"}}))
    ended = int((NOW - timedelta(minutes=minutes)).timestamp() * 1000)
    info = {"run_id": NAME, "end_time": ended}
    tracked.on("GET", RUN, Answer(body={"run": {"info": info, "data": {}}}))
    tracked.on("GET", "/models/flight-delay/versions", Answer(body={"value": []}))
    outcome = await workspace.look(ORDER, NAME, NOW)
    assert isinstance(outcome, Started) if waits else outcome == Succeeded(data={"job": NAME})


@pytest.mark.parametrize("status", [401, 403])
async def test_who_may_not_ask_for_a_while_does_not_end_a_training(tracked, workspace, status):
    tracked.on("GET", JOB, refusal(status, "Denied", "no role"))
    assert isinstance(await workspace.look(ORDER, NAME, NOW), Started)
    assert isinstance(await workspace.look(evaluate(), NAME, NOW), Failed)


async def test_a_version_that_the_job_does_not_show_is_found_by_its_job(tracked, workspace):
    tracked.on("GET", JOB, job("Completed", outputs={"model": {"assetName": "flight-delay"}}))
    tracked.on("GET", RUN, run())
    versions = [{"name": "9", "properties": {"jobName": "another"}}, {"name": "8", "properties": {"jobName": NAME}}]
    tracked.on("GET", "/models/flight-delay/versions", Answer(body={"value": versions}))
    assert (await workspace.look(ORDER, NAME, NOW)).data["model_version"] == "8"


async def test_a_failed_job_quotes_the_run_history(tracked, workspace):
    tracked.on("GET", JOB, job("Failed"))
    error = {"error": {"error": {"code": "UserError", "message": "ValueError: no labels"}}}
    tracked.on("GET", f"/history/v1.0{WORKSPACE}/runs/{NAME}/details", Answer(body=error))
    outcome = await workspace.look(ORDER, NAME, NOW)
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert outcome.reason == f"job {NAME} is Failed: ValueError: no labels"
    assert outcome.data == {"job": NAME}


async def test_a_canceled_job_is_a_failure_even_if_nobody_says_why(tracked, workspace):
    tracked.on("GET", JOB, job("Canceled"))
    outcome = await workspace.look(ORDER, NAME, NOW)
    assert isinstance(outcome, Failed)
    assert "Canceled: the run's log says why" in outcome.reason


async def test_a_long_error_keeps_its_beginning_and_its_end(tracked, workspace):
    message = f"Execution failed. {'x' * 5000} ValueError: the last line"
    tracked.on("GET", JOB, job("Failed", error={"message": message}))
    outcome = await workspace.look(ORDER, NAME, NOW)
    assert "Execution failed." in outcome.reason
    assert outcome.reason.endswith("ValueError: the last line")
    assert len(outcome.reason) < 1000


async def test_a_job_that_vanished_is_a_failure(tracked, workspace):
    outcome = await workspace.look(ORDER, NAME, NOW)
    assert isinstance(outcome, Failed)
    assert f"jobs/{NAME}" in outcome.reason


async def test_the_reference_is_the_tags_of_the_run_behind_the_version(tracked, workspace):
    tracked.on("GET", "/models/flight-delay/versions/7", Answer(body={"properties": {"jobName": "job-7"}}))
    tags = {"outerloop.reference": "a", "outerloop.reference.1": "b", "mlflow.user": "x"}
    tracked.on("GET", RUN, run(tags=tags))
    found = await workspace.read_reference(record_reference())
    assert found == {"outerloop.reference": "a", "outerloop.reference.1": "b"}


async def test_a_version_that_no_job_registered_has_no_reference(tracked, workspace):
    tracked.on("GET", "/models/flight-delay/versions/7", Answer(body={"properties": {}}))
    outcome = await workspace.read_reference(record_reference())
    assert outcome == Failed(retryable=False, reason="flight-delay:7 was not registered by a job")


async def test_a_reference_that_cannot_be_read_now_may_be_read_later(tracked, workspace):
    tracked.on(
        "GET", "/models/flight-delay/versions/7", refusal(503, "Busy", "later"), Answer(body={"no": "properties"})
    )
    for _ in range(2):
        outcome = await workspace.read_reference(record_reference())
        assert isinstance(outcome, Failed)
        assert outcome.retryable
