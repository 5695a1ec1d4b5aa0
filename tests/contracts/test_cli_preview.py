"""``outerloop preview``, beside a local Azure DevOps."""

import pytest
import yaml
from starlette.applications import Starlette
from typer.testing import CliRunner

from local.devops.api import AzureDevOps, Pipeline
from shared.cli import app
from tests.unit.adapters.scripted_azure import StaticCredential
from tests.unit.domain.builders import raw_policy

PIPELINE = {"organization": "contoso", "project": "flights", "pipeline": 12, "parameters": {"size": "m"}}


@pytest.fixture
def devops(front, journal):
    peer = AzureDevOps({"contoso/flights": {12: Pipeline(frozenset({"outerloop_command", "size"}))}}, journal)
    front.app = Starlette(routes=peer.routes)
    return peer


@pytest.fixture
def outerloop(front, tmp_path, monkeypatch):
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", StaticCredential)

    def run(*arguments, trainer=None):
        changes = {"retrain": {"with": {"azure_ml": None, "azure_pipeline": trainer}}} if trainer else {}
        file = tmp_path / "policy.yaml"
        file.write_text(yaml.safe_dump(raw_policy(changes)), encoding="utf-8")
        settings = {"OUTERLOOP_POLICY": str(file), "OUTERLOOP_AZURE_DEVOPS_URL": front.url}
        return CliRunner().invoke(app, ["preview", *arguments], env=settings)

    return run


def test_the_yaml_is_shown_and_nothing_is_started(outerloop, devops):
    shown = outerloop("flight-delay", trainer=PIPELINE)
    assert shown.exit_code == 0
    assert "'size': 'm'" in shown.stdout
    assert devops.runs == []


def test_a_pipeline_that_would_not_start_says_why(outerloop, devops):
    refused = outerloop("flight-delay", trainer={**PIPELINE, "parameters": {"other": "1"}})
    assert refused.exit_code == 1
    assert "pipeline 12 of contoso/flights at refs/heads/main would not start" in refused.stderr
    assert "Unexpected parameter 'other'" in refused.stderr
    assert devops.runs == []


def test_who_is_trained_by_somebody_else_has_no_preview(outerloop, devops):
    refused = outerloop("flight-delay")
    assert refused.exit_code == 1
    assert "is not trained by azure_pipeline" in refused.stderr


def test_an_unknown_workload_is_refused_with_those_that_there_are(outerloop, devops):
    refused = outerloop("fligth-delay", trainer=PIPELINE)
    assert refused.exit_code == 1
    assert "the policy has flight-delay" in refused.stderr
