import os

import pytest


@pytest.fixture
def environment():
    """Without what azure-ai-ml leaves behind in a process that other tests have used it in."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AZUREML_")}  # noqa: TID251
