import math
import weakref

import msgspec
import pytest

from shared.telemetry.profiles import CategoricalReference, NumericReference, ReferenceProfile
from shared.telemetry.row_types import UNLISTED, RowTypes, types_of

PROFILE = ReferenceProfile(
    rows=4,
    features={
        "wind speed (m/s)": NumericReference(edges=(1.0,), counts=(2, 2)),
        "class": CategoricalReference(counts={"business": 1, "economy": 2, "": 1}),
        "stops": CategoricalReference(counts={"0": 2, "1": 2}),
        "prediction": NumericReference(edges=(0.5,), counts=(2, 2)),
    },
)
TYPES = RowTypes(PROFILE)


def read(*texts):
    return [msgspec.json.decode(text, type=TYPES.input_row) for text in texts]


def test_features_are_told_apart_by_how_they_are_read():
    assert (TYPES.numbers, TYPES.places, TYPES.loose) == (("wind speed (m/s)",), ("class",), ("stops",))


def test_rows_become_numbers_and_places():
    rows = read(
        '{"class": "economy", "wind speed (m/s)": 2, "stops": 1, "else": []}',
        '{"class": "first", "wind speed (m/s)": 3.5}',
    )
    matrix, loose = TYPES.columns(rows)
    assert matrix.tolist() == [
        [2.0, 3.5],
        [2.0, 3.0],
    ]  # economy is the third of the listed, and first is in the bin for others
    assert [list(column) for column in loose] == [[1, None]]


@pytest.mark.parametrize("text", ['{"class": null}', '{"class": "economy", "wind speed (m/s)": "12"}'])
def test_what_is_no_number_is_left_to_be_told_apart(text):
    assert TYPES.columns(read(text)) is None


def test_told_apart_nulls_of_a_category_have_the_place_after_its_bins():
    numbers, places, loose = TYPES.parts(
        read('{"class": null, "stops": "1"}', '{"wind speed (m/s)": "12", "class": ""}')
    )
    assert math.isnan(numbers[0][0])
    assert numbers[0][1] == "12"
    assert places == [[4.0, 0.0]]
    assert [list(column) for column in loose] == [["1", None]]


@pytest.mark.parametrize("text", ['{"class": 3}', '{"wind speed (m/s)": []}', '{"stops": {}}', "[]"])
def test_a_row_that_does_not_fit_is_refused_by_the_type(text):
    with pytest.raises(msgspec.ValidationError):
        read(text)


def test_an_output_has_to_name_its_prediction():
    rows = [
        msgspec.json.decode(text, type=TYPES.output_row) for text in ('{"prediction": 0.5}', '{"prediction": null}')
    ]
    assert TYPES.predictions(rows) == [0.5, None]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode('{"score": 0.5}', type=TYPES.output_row)


def test_a_column_can_be_read_back_as_it_came():
    rows = read('{"class": "economy", "wind speed (m/s)": 2}', '{"class": "first"}', '{"class": null}')
    assert TYPES.column(rows, "class") == ["economy", UNLISTED, None]
    assert TYPES.objects(rows, ["class", "stops", "unknown"])[0] == {"class": "economy", "stops": None}
    assert TYPES.objects(rows, []) == [{}, {}, {}]


def test_types_are_shared_while_they_are_in_use_and_forgotten_then():
    profile = msgspec.structs.replace(PROFILE, features=PROFILE.features | {"length": PROFILE.features["prediction"]})
    one, other = types_of(profile), types_of(msgspec.structs.replace(profile, rows=5))
    assert one is other
    forgotten = weakref.ref(one)
    del one, other
    assert forgotten() is None


def test_categories_that_differ_in_one_value_have_types_of_their_own():
    another = PROFILE.features | {"class": CategoricalReference(counts={"business": 1, "economy": 2, "first": 1})}
    one, other = types_of(PROFILE), types_of(ReferenceProfile(rows=4, features=another))
    assert one is not other
