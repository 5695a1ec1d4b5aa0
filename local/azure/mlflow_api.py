"""MLflow's REST protocol (2.0) for the runs of jobs, at the addresses that Azure Machine Learning uses.

Owns the wire shapes: what mlflow-skinny 3.17 sends from inside a job, and what a reader of metrics and tags asks.
Errors are MLflow's ``{"error_code", "message"}``; the records are ``tracking``'s.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from local.azure.arm import ArmAnswer, ArmRequest, ArmRoute
from local.azure.errors import ArmError
from local.azure.tracking import Metric, Run, Tracking, now_ms

PREFIX = "/mlflow/v1.0{scope}/api/2.0/mlflow"


class MlflowApi:
    """Routes for runs and experiments of a workspace."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[ArmRoute]:
        """Read and write runs; read experiments."""
        posts: dict[str, Callable[[ArmRequest], dict[str, Any]]] = {
            "runs/log-metric": self._log_metric,
            "runs/log-batch": self._log_batch,
            "runs/log-parameter": self._log_parameter,
            "runs/set-tag": self._set_tag,
            "runs/update": self._update,
            "runs/log-inputs": lambda _: {},
        }
        gets: dict[str, Callable[[ArmRequest], dict[str, Any]]] = {
            "runs/get": self._get,
            "metrics/get-history": self._history,
            "experiments/get": self._experiment,
            "experiments/get-by-name": self._experiment_by_name,
        }
        return [
            *[ArmRoute("POST", f"{PREFIX}/{path}", _speak(handler)) for path, handler in posts.items()],
            *[ArmRoute("GET", f"{PREFIX}/{path}", _speak(handler)) for path, handler in gets.items()],
        ]

    def _run(self, request: ArmRequest) -> Run:
        given = {**request.query, **request.body}
        return self._tracking.get(request.scope.key, str(given.get("run_id") or given.get("run_uuid")))

    def _get(self, request: ArmRequest) -> dict[str, Any]:
        return {"run": run_document(self._run(request))}

    def _log_metric(self, request: ArmRequest) -> dict[str, Any]:
        self._run(request).metrics.append(_metric(request.body))
        return {}

    def _log_batch(self, request: ArmRequest) -> dict[str, Any]:
        run, body = self._run(request), request.body
        run.metrics.extend(_metric(one) for one in body.get("metrics", []))
        run.params.update({one["key"]: one["value"] for one in body.get("params", [])})
        run.tags.update({one["key"]: one["value"] for one in body.get("tags", [])})
        return {}

    def _log_parameter(self, request: ArmRequest) -> dict[str, Any]:
        self._run(request).params[request.body["key"]] = request.body["value"]
        return {}

    def _set_tag(self, request: ArmRequest) -> dict[str, Any]:
        self._run(request).tags[request.body["key"]] = request.body["value"]
        return {}

    def _update(self, request: ArmRequest) -> dict[str, Any]:
        run, body = self._run(request), request.body
        run.status = body.get("status", run.status)
        run.end_time = body.get("end_time", run.end_time)
        if name := body.get("run_name"):
            run.tags["mlflow.runName"] = name
        return {"run_info": run_document(run)["info"]}

    def _history(self, request: ArmRequest) -> dict[str, Any]:
        key = request.query.get("metric_key")
        return {"metrics": [metric.document() for metric in self._run(request).metrics if metric.key == key]}

    def _experiment(self, request: ArmRequest) -> dict[str, Any]:
        wanted = request.query.get("experiment_id", "")
        name = self._tracking.experiment_names(request.scope.key).get(wanted)
        return _experiment_document(wanted, name)

    def _experiment_by_name(self, request: ArmRequest) -> dict[str, Any]:
        wanted = request.query.get("experiment_name", "")
        known = self._tracking.experiment_names(request.scope.key)
        found = next((experiment for experiment, name in known.items() if name == wanted), "")
        return _experiment_document(found, wanted if found else None)


def run_document(run: Run) -> dict[str, Any]:
    """A run as ``runs/get`` shows it."""
    info = {
        "run_id": run.id,
        "run_uuid": run.id,
        "run_name": run.tags.get("mlflow.runName", run.id),
        "experiment_id": run.experiment_id,
        "user_id": "local",
        "status": run.status,
        "start_time": run.start_time,
        "artifact_uri": run.artifact_uri,
        "lifecycle_stage": "active",
    }
    data = {
        "metrics": [metric.document() for metric in run.latest_metrics()],
        "params": _pairs(run.params),
        "tags": _pairs(run.tags),
    }
    return {"info": info | ({"end_time": run.end_time} if run.end_time else {}), "data": data}


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _metric(body: dict[str, Any]) -> Metric:
    # Protobuf's JSON writes 64-bit integers as text, and leaves zeros out.
    stamp = int(body.get("timestamp") or now_ms())
    return Metric(body["key"], float(body.get("value", 0.0)), stamp, int(body.get("step", 0)))


def _experiment_document(experiment_id: str, name: str | None) -> dict[str, Any]:
    if name is None:
        raise ArmError(404, "RESOURCE_DOES_NOT_EXIST", "No such experiment")
    return {
        "experiment": {
            "experiment_id": experiment_id,
            "name": name,
            "lifecycle_stage": "active",
            "artifact_location": "",
        }
    }


def _speak(handler: Callable[[ArmRequest], dict[str, Any]]) -> Callable[[ArmRequest], Awaitable[ArmAnswer]]:
    async def answer(request: ArmRequest) -> ArmAnswer:
        try:
            return ArmAnswer(handler(request))
        except ArmError as error:
            return ArmAnswer({"error_code": error.code, "message": error.message}, error.status)
        except (KeyError, TypeError, ValueError) as error:
            return ArmAnswer({"error_code": "INVALID_PARAMETER_VALUE", "message": repr(error)}, 400)

    return answer
