"""Azure's command template language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.azure.job_command import CommandError, fill_in


def test_inputs_and_outputs_are_filled_in():
    template = "python t.py --data ${{inputs.data}} --out ${{ outputs.model }}"

    assert fill_in(template, {"data": "/d"}, {"model": "/m"}) == "python t.py --data /d --out /m"


def test_an_optional_group_stands_when_all_its_inputs_are_given():
    template = "run $[[--from ${{inputs.a}} --to ${{inputs.b}}]] end"

    assert fill_in(template, {"a": "1", "b": "2"}, {}) == "run --from 1 --to 2 end"


@pytest.mark.parametrize("inputs", [{}, {"a": "1"}, {"b": "2"}])
def test_an_optional_group_falls_when_any_of_its_inputs_is_missing(inputs: dict[str, str]):
    template = "run $[[--from ${{inputs.a}} --to ${{inputs.b}}]] end"

    assert fill_in(template, inputs, {}) == "run  end"


def test_groups_are_judged_one_by_one():
    template = "$[[${{inputs.a}}]]-$[[${{inputs.b}}]]"

    assert fill_in(template, {"b": "2"}, {}) == "-2"


def test_a_place_without_a_value_is_an_error_that_names_it():
    with pytest.raises(CommandError, match=r"inputs\.data"):
        fill_in("run ${{inputs.data}}", {}, {"data": "an output of that name does not help"})


@given(st.text(alphabet=st.characters(blacklist_characters="$")))
def test_text_without_places_is_left_alone(text: str):
    assert fill_in(text, {"a": "1"}, {}) == text


@given(st.text())
def test_values_are_put_in_as_they_are_and_not_read_again(value: str):
    assert fill_in("[${{inputs.a}}]", {"a": value}, {}) == f"[{value}]"
