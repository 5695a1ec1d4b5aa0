"""Rows for a reference profile: CSV, JSON lines and collector lines become columns; what is left out is counted."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.parsing.reference_rows import ROWS_AT_A_TIME, TableError, Wanted, read_table

ID = "/subscriptions/S/resourceGroups/mlops/providers/Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints"
BLUE = f"{ID}/flights/deployments/blue".lower()


def chunks(text, **wanted):
    body = text.encode() if isinstance(text, str) else text
    return list(read_table(body.splitlines(keepends=True), Wanted(**wanted)))


def columns(text, **wanted):
    """All columns of a table, put together."""
    found = chunks(text, **wanted)
    names = dict.fromkeys(name for chunk in found for name in chunk.columns)
    return {name: list(chain.from_iterable(chunk.columns[name] for chunk in found)) for name in names}


def left_out(text, **wanted):
    return dict(sum((chunk.left_out for chunk in chunks(text, **wanted)), Counter()))


def event(*rows, collection="model_inputs", time="2026-03-14T12:00:00Z", deployment="blue", **changes):
    """One line of the collector."""
    known = {
        "specversion": "1.0",
        "type": f"azureml.inference.{collection}",
        "source": f"{ID}/flights/deployments/{deployment}",
        "time": time,
        "data": list(rows),
        "correlationid": "c",
    }
    return json.dumps(known | changes) + "\n"


# CSV


def test_a_csv_file_becomes_columns_and_an_empty_field_is_none():
    assert columns("hour,carrier\n7,AA\n,UA\n") == {"hour": ["7", None], "carrier": ["AA", "UA"]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_first_line_tells_the_delimiter(delimiter):
    assert columns(f"a{delimiter}b\n1{delimiter}2\n") == {"a": ["1"], "b": ["2"]}


def test_quoted_fields_may_hold_delimiters_quotes_and_lines():
    assert columns('a,b\n"x, ""y""\nz",2\n') == {"a": ['x, "y"\nz'], "b": ["2"]}


def test_a_byte_order_mark_and_spaces_around_names_are_no_part_of_them():
    assert columns("\ufeffa, b \n1,2\n") == {"a": ["1"], "b": ["2"]}


def test_lines_that_do_not_fit_the_header_are_left_out_and_counted():
    text = "a,b\n1,2\n3\n4,5,6\n\n7,8\n"
    assert columns(text) == {"a": ["1", "7"], "b": ["2", "8"]}
    assert left_out(text) == {"more or fewer fields than the first line": 2}


def test_texts_that_stand_for_nothing_can_be_named():
    assert columns("a\nNA\n1\n-\n", nulls=frozenset({"NA", "-"})) == {"a": [None, "1", None]}


def test_the_prediction_and_what_is_excluded_are_no_inputs():
    [chunk] = chunks("id,x,score\nr1,2,0.5\nr2,3,\n", prediction="score", exclude=frozenset({"id"}))
    assert chunk.columns == {"x": ["2", "3"]}
    assert chunk.predictions == ["0.5", None]
    assert chunk.names == {"id", "x", "score"}
    assert chunk.header == ("id", "x", "score")


def test_a_column_called_prediction_is_the_prediction():
    [chunk] = chunks("x,prediction\n1,0.5\n")
    assert (chunk.columns, chunk.predictions) == ({"x": ["1"]}, ["0.5"])


def test_a_long_table_comes_in_pieces():
    found = chunks("n\n" + "".join(f"{n}\n" for n in range(ROWS_AT_A_TIME * 2 + 1)))
    assert [chunk.rows for chunk in found] == [ROWS_AT_A_TIME, ROWS_AT_A_TIME, 1]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"a,,b\n1,2,3\n", "column 2 has no name"),
        (b"a,b,a\n1,2,3\n", "two columns are called 'a'"),
        (b"a,b\n\xff,1\n", "line 2: no UTF-8 text"),
        (b"a\n" + b"x" * 200_000 + b"\n", "field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(body, sentence):
    with pytest.raises(TableError, match=sentence):
        chunks(body)


def test_rows_of_a_csv_file_tell_no_time():
    with pytest.raises(TableError, match="tell no time"):
        chunks("a\n1\n", since=datetime(2026, 3, 1, tzinfo=UTC))


# JSON lines


def test_json_lines_become_columns_and_a_missing_key_is_none():
    assert columns('{"a":1,"b":"x"}\n\n{"a":2.5}\n{"b":null,"c":true}\n') == {
        "a": [1, 2.5, None],
        "b": ["x", None, None],
        "c": [None, None, True],
    }


def test_an_array_on_one_line_holds_rows_too():
    assert columns('[{"a":1},{"a":2}]\n') == {"a": [1, 2]}


def test_a_row_s_prediction_is_no_input():
    [chunk] = chunks('{"a":1,"p":0.5}\n{"a":2}\n', prediction="p", exclude=frozenset({"z"}))
    assert (chunk.columns, chunk.predictions) == ({"a": [1, 2]}, [0.5])


def test_lines_that_cannot_be_read_hide_no_neighbour():
    text = '{"a":1}\n{"a":\n7\n"text"\n[1,{"a":2}]\n{"a":3}\n'
    assert columns(text) == {"a": [1, 2, 3]}
    assert left_out(text) == {"no JSON (one object a line is expected)": 1, "no JSON object": 3}


def test_plain_rows_tell_no_time_and_are_left_out_of_a_period():
    assert list(left_out('{"a":1}\n', since=datetime(2026, 3, 1, tzinfo=UTC)).values()) == [1]


def test_a_text_that_mentions_the_collector_makes_no_collector_line_of_a_row():
    assert columns('{"note":"sent as azureml.inference.model_inputs"}\n') == {
        "note": ["sent as azureml.inference.model_inputs"]
    }


# Lines of the data collector


def test_collected_inputs_become_columns_and_outputs_predictions():
    text = event({"x": 1, "y": "a"}, {"x": 2}) + event({"prediction": 0.25}, {"score": 0.5}, collection="model_outputs")
    [chunk] = chunks(text)
    assert chunk.columns == {"x": [1, 2], "y": ["a", None]}
    assert chunk.predictions == [0.25, 0.5]
    assert chunk.deployments == {BLUE}


def test_a_period_has_its_first_moment_and_not_its_last():
    text = "".join(event({"day": day}, time=f"2026-03-{day:02}T00:00:00Z") for day in range(1, 6))
    period = {"since": datetime(2026, 3, 2, tzinfo=UTC), "until": datetime(2026, 3, 4, tzinfo=UTC)}
    assert columns(text, **period) == {"day": [2, 3]}
    assert left_out(text, **period) == {}


def test_one_deployment_can_be_chosen():
    text = event({"x": 1}) + event({"x": 2}, deployment="green")
    assert columns(text, deployment=BLUE) == {"x": [1]}
    assert {each for chunk in chunks(text) for each in chunk.deployments} == {BLUE, BLUE.replace("blue", "green")}


def test_an_input_called_prediction_is_not_taken_for_the_output():
    [chunk] = chunks(event({"x": 1, "prediction": 9}))
    assert (chunk.columns, chunk.predictions) == ({"x": [1]}, [])


def test_collected_lines_without_rows_to_count_say_why():
    text = event({"x": 1}, collection="model_inputs_outputs") + event(time="yesterday") + event({"x": 1}, source="?")
    reasons = left_out(text)
    assert reasons["of the collection model_inputs_outputs"] == 1
    assert sorted(reason.partition(":")[0] for reason in reasons if ":" in reason) == ["malformed_field"] * 2


def test_collected_positions_are_names():
    assert columns(event([1, "a"], [2, "b"])) == {"0": [1, 2], "1": ["a", "b"]}


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:az019\n ').map(str.encode))
def test_whatever_the_bytes_the_answer_is_columns_or_a_table_error(body):
    try:
        found = chunks(body)
    except TableError:
        return
    for chunk in found:
        assert all(len(column) == chunk.rows for column in chunk.columns.values())
