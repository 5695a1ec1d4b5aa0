"""No adapter is without its faults: one that comes new fails here until somebody plays them to it."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import shared.adapters
from tests.contracts.fault_reads import ELSEWHERE, PARTS, READS
from tests.contracts.test_message_faults import CHANNELS
from tests.contracts.test_run_faults import ADAPTERS

TESTS = Path(__file__).parents[1]
# Played by kind of command (fault_cases), and by system that runs pipelines (test_run_faults, where the preview is too).
COMMANDS = {"AzureMachineLearning.begin", "AzureMachineLearning.look", "AzurePipelines.preview"} | {
    f"{adapter.__name__}.{step}" for adapter in ADAPTERS for step in ("begin", "look")
}


def spoken():
    """Each asynchronous method of each adapter that is no file of this machine, as ``Class.method``."""
    for found in pkgutil.iter_modules(shared.adapters.__path__):
        module = importlib.import_module(f"shared.adapters.{found.name}")
        for name, thing in vars(module).items():
            is_here = inspect.isclass(thing) and thing.__module__ == module.__name__
            if is_here and not name.startswith("_") and not found.name.startswith("sqlite"):
                yield from (
                    f"{name}.{method}"
                    for method, function in vars(thing).items()
                    if inspect.iscoroutinefunction(function) and not method.startswith("_")
                )


def test_every_question_of_every_adapter_has_its_faults_played_somewhere():
    said = set(spoken())
    assert len(said) > 40
    alone = {one for one in said if one.partition(".")[0] not in PARTS | set(ELSEWHERE) | set(CHANNELS)}
    assert alone - COMMANDS == set(READS)


def test_what_is_said_to_be_elsewhere_is_an_adapter_and_is_there():
    classes = {one.partition(".")[0] for one in spoken()}
    assert set(ELSEWHERE) | set(CHANNELS) | PARTS <= classes
    for file, test in ELSEWHERE.values():
        tree = ast.parse((TESTS / file).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert test in names, file
