"""The registry of signals, rules and stories: complete, in step with the code, and told in the documentation."""

import ast

import pytest

from local.reference import dispatch, pages, rulings, scenarios
from local.reference.sources import ROOT, SCENARIOS, Source, first_sentence, sources, used

WRITTEN = {"signals.md": pages.signals_page, "rules.md": pages.rules_page, "scenarios.md": pages.scenarios_page}
RULES = sorted(rulings.modules())


@pytest.mark.parametrize("name", WRITTEN)
def test_the_pages_are_in_step_with_the_code(name):
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == WRITTEN[name](), "run: make docs"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_scenario(rule):
    shown = scenarios.by_rule().get(rule)
    assert shown, f'no story shows {rule}: write one in tests/scenarios and mark it with @pytest.mark.rule("{rule}")'


def test_every_mark_names_a_rule_that_exists():
    assert scenarios.by_rule().keys() - set(RULES) == set()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_reached_by_some_signal_and_says_what_it_is(rule):
    heard = {function for functions in dispatch.handlers().values() for function in functions}
    reached = {name.partition(".")[0] for name in rulings.reached(heard)}
    assert rule in reached, f"nothing that is dispatched in evaluate leads to {rule}"
    assert rulings.modules()[rule].sentence.endswith((".", "?"))


def test_every_signal_is_made_somewhere():
    nobody = [name for name, makers in pages.makers().items() if not makers]
    assert nobody == [], "no parser and no service makes these signals"


def test_every_function_that_is_dispatched_to_exists():
    named = {function for functions in dispatch.handlers().values() for function in functions}
    assert named
    assert named - rulings.functions().keys() == set()


@pytest.mark.parametrize(
    ("signal", "functions"),
    [
        ("ModelRegistered", ("promotion.on_registered",)),
        ("WindowClosed", ("monitoring.on_window", "upstream.on_drift")),
        ("PerformanceMeasured", ("monitoring.on_measured",)),
        ("AlertResolved", ("infrastructure.on_resolved",)),
        ("BudgetCrossed", ("budget.freeze", "budget.tell")),
        ("SilenceAdded", ("silencing.on_added",)),
        ("ResourceChanged", ("by_hand.on_changed",)),
        ("TelemetryReceived", ()),
    ],
)
def test_who_judges_what_is_read_off_the_dispatch(signal, functions):
    assert sorted(dispatch.handlers()[signal]) == list(functions)


def test_what_a_rule_may_order_includes_what_those_whom_it_asks_order():
    assert {"Retrain", "Notify"} <= set(rulings.may_order(["monitoring.on_window"]))
    assert rulings.may_order(["rollback.on_finished"]) != []
    assert "Retrain" not in rulings.may_order(["annotation.open_task", "by_hand.on_deployed"])


def test_commands_that_end_are_followed_by_those_who_wait_for_them():
    judges = {name.partition(".")[0] for name in dispatch.handlers()["CommandFinished"]}
    assert {"promotion", "rollout", "rollback", "remedy", "operator"} <= judges


ROWS = scenarios.design_rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}: {row.says}")
def test_every_row_of_the_design_has_a_test_that_exists(row):
    assert row.tests
    assert [test for test in row.tests if not scenarios.exists(test)] == []


def test_every_signal_has_a_row():
    rows = [row.says for row in ROWS if row.section == "3a"]
    assert len(set(rows)) == len(rows)
    assert set(rows) == {*dispatch.NAMES, "Rejected"}, "add a row to tests/scenarios/design_rows.toml, with its story"


def test_the_rules_that_make_it_safe_are_all_there_in_their_order():
    numbers = [int(row.says.split(".")[0]) for row in ROWS if row.section == "7"]
    assert numbers == list(range(1, 13))


def test_no_row_belongs_to_another_section():
    assert {row.section for row in ROWS} == set(pages.SECTIONS)


def test_a_test_that_is_not_there_would_be_missed():
    assert not scenarios.exists("tests/scenarios/test_budget.py::test_nothing")
    assert not scenarios.exists("tests/scenarios/test_nothing.py::test_nothing")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One thing. Another.", "One thing."),
        ("One ``thing``\nover two lines.\n\nAnother.", "One `thing` over two lines."),
        ("1.5 of it", "1.5 of it"),
    ],
)
def test_the_first_sentence_is_one_line(text, first):
    assert first_sentence(text) == first


def test_names_are_read_in_full(tmp_path):
    file = tmp_path / "module.py"
    file.write_text("from a.b import c, d as e\ndef f(): return c.g(e, h)\ndef h(): return f\n", encoding="utf-8")
    source = Source(file)
    assert set(used(source, source.functions["f"])) == {"a.b.c.g", "a.b.c", "a.b.d", "module.h"}


def test_stories_are_read_and_not_played():
    assert {source.name for source in sources(SCENARIOS)} >= {"timeline", "test_budget"}
    assert isinstance(sources(SCENARIOS)[0].tree, ast.Module)
