import pytest

from shared.adapters.azure_ml import AzureMachineLearning
from tests.unit.adapters.scripted_azure import ScriptedAzure, StaticCredential, cloud_of, serving

POLL_SECONDS = 5.0


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    app = ScriptedAzure()
    with pytest.MonkeyPatch.context() as patch, serving(app, tmp_path_factory.mktemp("tls")) as (url, ca_file):
        patch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
        patch.setenv("SSL_CERT_FILE", str(ca_file))
        app.url = url
        yield app


@pytest.fixture
def azure(server):
    server.reset()
    return server


@pytest.fixture
def workspace(azure):
    return AzureMachineLearning(StaticCredential, cloud_of(azure.url), POLL_SECONDS, 5.0)
