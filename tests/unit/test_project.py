"""The rules that the code base keeps about itself: sizes, imports, documentation, and what must not be in it."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
HEAVY = (
    "aiohttp",
    "azure.ai.ml",
    "azure.data.tables",
    "azure.eventgrid",
    "azure.eventhub",
    "azure.identity",
    "azure.storage",
    "matplotlib",
    "pandas",
    "scipy",
)
MODULES = sorted([*(ROOT / "shared").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")])

Function = ast.FunctionDef | ast.AsyncFunctionDef


def named(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def tracked_files():
    """Every file under version control that exists, and is text."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git here")
    listing = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    if listing.returncode:
        pytest.skip("this is no checkout: nothing is tracked")
    for name in listing.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture holds no addresses


def test_importing_the_app_loads_no_heavy_library():
    script = f"import sys, function_app; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_importing_the_app_needs_no_environment_and_opens_nothing():
    script = (
        "import sys\n"
        "def refuse(event, _):\n"
        "    if event in ('socket.connect', 'subprocess.Popen', 'sqlite3.connect'): raise RuntimeError(event)\n"
        "sys.addaudithook(refuse)\n"
        "import function_app\n"
        "print(type(function_app.app).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={}
    )
    assert (done.returncode, done.stdout.strip()) == (0, "FunctionApp"), done.stderr


def test_imports_keep_to_the_contracts():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=named(MODULES))
def test_a_module_is_short_enough_to_be_about_one_thing(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES_MAX


def functions_of(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def length_of(function):
    """Lines of a function without its docstring."""
    documented = ast.get_docstring(function) is not None
    docstring = function.body[0] if documented else None
    return function.end_lineno - function.lineno + 1 - (docstring.end_lineno - docstring.lineno + 1 if docstring else 0)


def test_no_function_is_longer_than_a_screen():
    lengths = {f"{path.name}:{f.name}": length_of(f) for path in MODULES for f in functions_of(path)}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}


def test_the_usual_function_is_below_ten_lines():
    lengths = sorted(length_of(f) for path in MODULES for f in functions_of(path))
    assert lengths[len(lengths) // 2] < 10


def public(body):
    """Public functions and classes of a body, and the public methods of those classes."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@pytest.mark.parametrize("path", MODULES, ids=named(MODULES))
def test_everything_public_says_what_it_promises(path):
    module = tree(path)
    silent = [node.name for node in public(module.body) if not ast.get_docstring(node)]
    assert silent == []
    assert ast.get_docstring(module), "the module does not say what it owns"


def imported(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_nobody_imports_what_only_runs_on_your_machine():
    product = [*MODULES, ROOT / "function_app.py", *(ROOT / "emitter").rglob("*.py")]
    users = [
        str(path.relative_to(ROOT)) for path in product for name in imported(path) if name.split(".")[0] == "local"
    ]
    assert users == []


def test_no_module_of_the_product_asks_whether_it_is_being_tested():
    suspicious = re.compile(r"pytest|PYTEST_CURRENT_TEST|unittest")
    product = [*MODULES, ROOT / "function_app.py"]
    assert [path.name for path in product if suspicious.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "common", "misc"])
def test_no_module_is_named_for_nothing(word):
    assert [path.name for path in MODULES if word in path.stem.split("_")] == []


def test_every_module_of_the_core_has_its_tests():
    core = ROOT / "shared" / "domain"
    only_values = {
        "commands",
        "comparison_facts",
        "decisions",
        "effects",
        "observations",
        "outcomes",
        "records",
        "signals",
        "telemetry_signals",
        "heard",
        "platform_signals",
        "candidate",
        "policy_texts",
        "policy_environments",
        "policy_section",
        "policy_telemetry",
        "policy_promotion",
    }
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "unit" / "domain").rglob("test_*.py")}
    modules = {path.stem for path in core.rglob("*.py")} - {"__init__"} - only_values
    assert modules - tests == set()


# Written in pieces, so that this file is not its own finding.
MACHINE_PATHS = re.compile("/" + r"(?:work/main|work/shared|home/[a-z][\w-]*/|Users/[A-Za-z][\w-]*/|root/)")
REGISTRIES = re.compile(
    r"https?://[^\s\"'/]*(?:"
    + "|".join(
        ["py" + "pi", "python" + "hosted", "npm" + "js", "arti" + "factory", "ne" + "xus", "pkgs.dev.az" + "ure"]
    )
    + r")[^\s\"']*|--(?:extra-)?index"
    + r"-url"
)


def test_no_tracked_file_names_a_path_of_somebodys_machine():
    assert [(name, found[0]) for name, text in tracked_files() if (found := MACHINE_PATHS.search(text))] == []


def test_no_tracked_file_names_a_package_registry():
    assert [(name, found[0]) for name, text in tracked_files() if (found := REGISTRIES.search(text))] == []
