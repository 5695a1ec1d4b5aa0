"""The example workload as its jobs and its deployment see it: month files, the code folder, a trained model."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "flight_delays"
SRC_MODULES = ["flight_features", "flight_rows", "flight_model", "reference_profile", "train", "evaluate", "score"]


@pytest.fixture(scope="session")
def data():
    spec = importlib.util.spec_from_file_location("flight_delays_data", EXAMPLE / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def src():
    """The code folder as a job sees it: first on the path, modules imported by their plain names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE / "src")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in SRC_MODULES})
    for name in SRC_MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def folder(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    data.write_months(folder, [1, 2])
    return folder


@pytest.fixture(scope="session")
def january(src, folder):
    return src.flight_rows.read_months(folder, ["2013-01"])


@pytest.fixture(scope="session")
def trained(src, january):
    return src.train.train(january, ["2013-01"])


@pytest.fixture
def complete(data, january):
    return data.request_rows(january.dropna().head(50))
