"""The documentation is part of the product: its links, commands, settings and numbers are compared with the code."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from shared.cli import app
from shared.settings import read_settings, wants_fast_event_hub_converter

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SKIPPED = ("node_modules", "__pycache__")
PICTURE_BYTES_MAX = 200_000

LINK = re.compile(r"(?<!\\)\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
OUTERLOOP = re.compile(r"(?:^|[\s/])outerloop((?: [a-z][a-z-]*)+)")
MAKE = re.compile(r"(?:^|[\s`])make ([a-z][a-z-]*)")


def is_ours(path):
    parts = path.relative_to(ROOT).parts
    return not any(part.startswith(".") or part in SKIPPED or part.endswith(".egg-info") for part in parts)


PAGES = sorted(path for path in ROOT.rglob("*.md") if is_ours(path))
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]


def text_of(path):
    return path.read_text(encoding="utf-8")


def prose_of(page):
    """A page without its code, where brackets are no links."""
    return INLINE.sub("", FENCE.sub("", page))


def code_of(page):
    """Every piece of shell or inline code of a page, a command a line."""
    blocks = [line for language, block in FENCE.findall(page) if language == "sh" for line in block.splitlines()]
    return [*blocks, *INLINE.findall(FENCE.sub("", page))]


def slug(heading):
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return kept.replace(" ", "-")


def anchors_of(path):
    return {slug(line.lstrip("#")) for line in FENCE.sub("", text_of(path)).splitlines() if line.startswith("#")}


def broken_links(path):
    for target in LINK.findall(prose_of(text_of(path))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors_of(file)):
            yield target


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(path):
    assert list(broken_links(path)) == []


def test_a_link_to_nowhere_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n[there](page.md) [down](#a-title) [gone](gone.md) [no](#nothing)\n", encoding="utf-8")
    assert list(broken_links(page)) == ["gone.md", "#nothing"]


def make_targets():
    return set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_make_target_that_is_named_exists(path):
    named = {target for code in code_of(text_of(path)) for target in MAKE.findall(code)}
    assert named - make_targets() == set()


def test_the_readme_says_how_to_run_and_test():
    named = {target for code in code_of(text_of(ROOT / "README.md")) for target in MAKE.findall(code)}
    assert {"run", "test", "dev", "install"} <= named


def unknown_command(words):
    """The first word that names no command, or None. Words behind a command are its arguments."""
    command: Any = get_command(app)
    for word in words:
        children = getattr(command, "commands", None)
        if children is None:
            return None
        if word not in children:
            return word
        command = children[word]
    return None


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_every_outerloop_command_that_is_named_exists(path):
    named = {words for code in code_of(text_of(path)) for words in OUTERLOOP.findall(code)}
    unknown = {words: wrong for words in named if (wrong := unknown_command(words.split()))}
    assert unknown == {}


@pytest.mark.parametrize(("words", "wrong"), [("rejected list", None), ("rejected eat", "eat"), ("fly", "fly")])
def test_a_command_that_does_not_exist_would_be_found(words, wrong):
    assert unknown_command(words.split()) == wrong


def test_every_command_is_described_somewhere():
    named = {words.split()[0] for page in PAGES for code in code_of(text_of(page)) for words in OUTERLOOP.findall(code)}
    assert set(getattr(get_command(app), "commands", {})) - named == set()


def shown_commands():
    """The commands of the README that look at files only: they work in a fresh clone."""
    for line in code_of(text_of(ROOT / "README.md")):
        words = shlex.split(line, comments=True) if line.startswith(".venv/bin/outerloop ") else []
        if words[1:2] in (["validate"], ["parse"], ["decide"]):
            yield words[1:]


def run_in_the_root(monkeypatch, words):
    monkeypatch.chdir(ROOT)
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("words", list(shown_commands()), ids=" ".join)
def test_the_commands_of_the_readme_work_word_for_word(monkeypatch, words):
    done = run_in_the_root(monkeypatch, words)
    assert done.exit_code == 0, done.output
    if "--json" in words:
        assert all(json.loads(line)["kind"] != "Rejected" for line in done.stdout.splitlines())


def test_what_the_readme_shows_of_decide_is_what_it_prints(monkeypatch):
    words = next(words for words in shown_commands() if words[0] == "decide" and "--json" not in words)
    shown = [block for language, block in FENCE.findall(text_of(ROOT / "README.md")) if language == "text"]
    assert run_in_the_root(monkeypatch, words).stdout in shown


class Asked(Mapping):
    """An environment that remembers what it was asked for."""

    def __init__(self, values):
        self.values_known, self.names = values, set()

    def __getitem__(self, name):
        self.names.add(name)
        return self.values_known[name]

    def __iter__(self):
        return iter(self.values_known)

    def __len__(self):
        return len(self.values_known)


def settings_read():
    asked = Asked({"OUTERLOOP_POLICY": "policy.yaml", "OUTERLOOP_TEAMS_X": "https://teams.example"})
    read_settings(asked)
    wants_fast_event_hub_converter(asked)
    names = asked.names
    return {"OUTERLOOP_TEAMS_*" if name.startswith("OUTERLOOP_TEAMS_") else name for name in names}


def settings_of_bindings():
    """Settings that the host reads: in percent signs, or as the connection of a trigger."""
    code = "".join(text_of(path) for path in (ROOT / "handlers").glob("*.py"))
    return {*re.findall(r'"%([A-Z_]+)%"', code), *re.findall(r'connection="(\w+)"', code)}


def settings_of_the_platform():
    return set(re.findall(r'values\.get\("([A-Z_]+)"', text_of(ROOT / "shared" / "sign_in.py")))


def settings_described():
    rows = re.findall(r"^\| `(\w+\*?)` \| [^|]+ \| [^|]+ \|$", text_of(DOCS / "operations.md"), re.MULTILINE)
    return {name for name in rows if re.match(r"OUTERLOOP_|WEBSITE_|AzureWebJobs", name)}


def test_every_setting_is_described_and_nothing_else_is():
    assert settings_described() == settings_read() | settings_of_bindings() | settings_of_the_platform()


def test_every_function_is_described():
    code = "".join(text_of(path) for path in (ROOT / "handlers").glob("*.py"))
    functions = set(re.findall(r"@blueprint\.[^@]*?async def (\w+)", code, re.DOTALL))
    page = text_of(DOCS / "operations.md")
    assert functions
    assert {name for name in functions if f"`{name}`" not in page} == set()


def test_every_reason_of_a_rejection_is_described():
    from typing import get_args  # noqa: PLC0415  # beside its only use

    from shared.domain.signals import RejectReason  # noqa: PLC0415

    page = text_of(DOCS / "operations.md")
    assert [reason for reason in get_args(RejectReason) if f"`{reason}`" not in page] == []


def test_every_guard_is_described():
    modules = [ROOT / "shared" / "domain" / f"{name}.py" for name in ("guards", "proposals", "requirements")]
    codes = {code for module in modules for code in re.findall(r'because\(\s*"(\w+)"', text_of(module))}
    page = text_of(DOCS / "guide.md")
    assert codes
    assert {code for code in codes if f"| `{code}` |" not in page} == set()


def test_decisions_are_numbered_without_gaps():
    files = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    titles = [text_of(file).splitlines()[0] for file in files]
    assert [title.split(".")[0] for title in titles] == [f"# {number}" for number in range(1, len(files) + 1)]


def test_every_dependency_has_its_reason():
    page = text_of(DOCS / "decisions" / "0002-dependencies.md")
    lines = [line for file in (ROOT / "requirements").iterdir() for line in text_of(file).splitlines()]
    names = {re.split(r"[=<>#;\s]", line)[0] for line in lines if re.match(r"[A-Za-z]", line)}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_pictures_are_shown_and_small():
    pictures = sorted((DOCS / "images").iterdir())
    pages = "".join(text_of(page) for page in PAGES)
    assert [picture.name for picture in pictures if f"images/{picture.name}" not in pages] == []
    assert [picture.name for picture in pictures if picture.stat().st_size > PICTURE_BYTES_MAX] == []
