"""Raw JSON values become text, numbers and times, or an error that names the field."""

from datetime import UTC, datetime

import pytest

from shared.parsing.fields import FieldError, Fields, number_of, plain_text_of, shown, text_of, time_of

NOON = datetime(2024, 3, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-03-05T12:00:00Z", NOON),
        ("2024-03-05T12:00:00z", NOON),
        ("2024-03-05T12:00:00", NOON),
        (" 2024-03-05T12:00:00Z ", NOON),
        ("2024-03-05T12:00:00+00:00", NOON),
        ("2024-03-05T14:00:00+02:00", NOON),
        ("2024-03-05T14:00:00+0200", NOON),
        ("2024-03-05 12:00:00Z", NOON),
        ("2024-03-05T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2024-03-05T12:00:00.9584103Z", NOON.replace(microsecond=958_410)),
        ("2024-03-05T12:00:00.123456789Z", NOON.replace(microsecond=123_456)),
        ("2024-03-05T12:00:00.9999999+00:00", NOON.replace(microsecond=999_999)),
    ],
)
def test_a_time_is_read_as_utc(written, meant):
    assert time_of(written, "t") == meant
    assert time_of(written, "t").tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "3/22/2019 1:36:31 PM", "2024-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 5, None, []],
)
def test_what_is_no_time_is_refused_with_an_example(written):
    with pytest.raises(FieldError, match=r"eventTime is .* expected a time such as 2024-") as caught:
        time_of(written, "eventTime")
    assert caught.value.reason == "malformed_field"


@pytest.mark.parametrize(
    ("raw", "text"), [(20, "20"), (20.0, "20"), (2.5, "2.5"), ("20", "20"), (" a ", "a"), ("", "")]
)
def test_a_version_may_be_a_number_or_text(raw, text):
    assert text_of(raw, "v") == text


@pytest.mark.parametrize("raw", [True, [], {}, None])
def test_what_is_neither_text_nor_a_number_is_refused(raw):
    with pytest.raises(FieldError, match=r"v is .*: expected text or a number"):
        text_of(raw, "v")


@pytest.mark.parametrize(("raw", "number"), [(1, 1.0), ("1.5", 1.5), (0.25, 0.25), (" 7 ", 7.0), ("1e3", 1000.0)])
def test_a_number_may_be_written_as_text(raw, number):
    assert number_of(raw, "n") == number


@pytest.mark.parametrize("raw", ["", "12a", "NaN", "inf", 10**400, True, None, [1], "9" * 5000])
def test_what_is_no_finite_number_is_refused(raw):
    with pytest.raises(FieldError, match=r"n is .*: expected a"):
        number_of(raw, "n")


@pytest.mark.parametrize(
    ("raw", "text"), [("a", "a"), (1, "1"), (True, "true"), (None, ""), ({"b": 1, "a": [2]}, '{"a":[2],"b":1}')]
)
def test_a_tag_of_any_type_becomes_text(raw, text):
    assert plain_text_of(raw) == text


def test_keys_are_found_in_any_case():
    fields = Fields.of({"ModelName": "m"}, "data.")
    assert fields.text("modelName") == "m"
    assert fields.has("MODELNAME")


def test_of_two_keys_that_differ_in_case_the_first_that_is_not_null_counts():
    assert Fields.of({"runId": None, "RunId": "a", "RUNID": "b"}).text("runId") == "a"


def test_a_missing_field_is_named_with_its_path_and_its_alternatives():
    with pytest.raises(FieldError, match=r"data\.topic \(or source\) is missing or empty: expected text") as caught:
        Fields.of({}, "data.").text("topic", "source")
    assert caught.value.reason == "missing_field"


@pytest.mark.parametrize("value", [None, "", "   "])
def test_an_empty_text_counts_as_missing(value):
    with pytest.raises(FieldError) as caught:
        Fields.of({"a": value}).text("a")
    assert caught.value.reason == "missing_field"


def test_an_optional_text_is_empty_when_it_is_absent():
    assert Fields.of({"a": None}).optional_text("a", "b") == ""


def test_the_second_name_counts_when_the_first_is_absent():
    assert Fields.of({"source": "s"}).text("topic", "source") == "s"


def test_an_arm_id_is_lower_case_and_ends_without_a_slash():
    assert Fields.of({"topic": "/Subscriptions/AB/"}).arm_id("topic") == "/subscriptions/ab"


def test_tags_keep_the_case_of_their_keys():
    assert Fields.of({"Tags": {"Area": "x", "n": 1}}).texts("tags") == {"Area": "x", "n": "1"}


def test_absent_tags_are_empty():
    assert Fields.of({"tags": None}).texts("tags") == {}


def test_tags_that_are_no_object_are_refused():
    with pytest.raises(FieldError, match=r"data.tags is a JSON array: expected a JSON object of tags"):
        Fields.of({"tags": ["a"]}, "data.").texts("tags")


@pytest.mark.parametrize("raw", [None, 1, "a", [], True])
def test_only_an_object_has_fields(raw):
    with pytest.raises(FieldError, match=r"data is .*: expected a JSON object"):
        Fields.of(raw, "data.")


def test_a_part_of_an_object_names_its_path():
    with pytest.raises(FieldError, match=r"data\.inner\.x is missing"):
        Fields.of({"inner": {"y": 1}}, "data.").part("inner").number("x")


def test_a_number_and_a_time_are_read_from_their_fields():
    fields = Fields.of({"N": "2", "T": "2024-03-05T12:00:00Z"})
    assert fields.number("n") == 2.0
    assert fields.time("t") == NOON


def test_a_foreign_value_is_cut_short_in_a_message():
    assert len(shown("x" * 10_000)) < 100
    assert shown({"secret": 1}) == "a JSON object"
    assert shown([1]) == "a JSON array"
