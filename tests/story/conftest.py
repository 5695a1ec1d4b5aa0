import os

import pytest


def pytest_collection_modifyitems(items):
    """The story takes minutes and waits most of the time: begun first, it is over when everything else is."""
    items.sort(key=lambda item: item.get_closest_marker("story") is None)


@pytest.fixture
def environment():
    """Without what azure-ai-ml leaves behind in a process that other tests have used it in."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AZUREML_")}  # noqa: TID251
