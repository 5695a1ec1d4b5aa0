"""The example workload: its rows, its hold-out, its reference profile, and both ways to answer a request."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "flight_delays"
KNOWN_AFTER_DEPARTURE = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum", "label"}
NUMERIC = ["hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def test_features_contain_nothing_known_after_departure(data, src):
    assert len(src.flight_features.FEATURES) == 12
    assert set(src.flight_features.FEATURES) == set(data.FEATURES)
    assert not set(data.FEATURES) & KNOWN_AFTER_DEPARTURE


def test_every_row_is_labelled_and_has_its_own_id(january):
    assert set(january["label"]) == {0, 1}
    assert january["row_id"].is_unique
    assert january["event_time"].is_monotonic_increasing


def test_a_month_file_holds_the_rows_of_one_utc_month(data):
    assert set(data.labelled_rows([2])["event_time"].str[:7]) == {"2013-02"}


def test_the_join_neither_loses_nor_doubles_a_labelled_flight(data):
    flights = data._table("flights.csv.zip")
    landed = flights[flights["arr_delay"].notna() & flights["time_hour"].str.startswith("2013-02")]

    assert len(data.labelled_rows([2])) == len(landed)


def test_a_month_file_is_the_same_bytes_each_time(data, folder, tmp_path):
    [again] = data.write_months(tmp_path, [1])

    assert again.read_bytes() == (folder / "2013-01.csv.gz").read_bytes()


def test_a_month_file_gives_back_the_rows_that_were_written(data, january):
    pd.testing.assert_frame_equal(january, data.labelled_rows([1]), check_dtype=False)


def test_a_request_carries_missing_values_as_null_and_no_label(data, january):
    rows = data.request_rows(january[january["pressure"].isna()].head(1))

    assert json.loads(json.dumps(rows, allow_nan=False))[0]["pressure"] is None
    assert "label" not in rows[0]


def test_the_stored_sample_is_what_the_command_generates(data):
    assert json.loads((EXAMPLE / "sample_request.json").read_text("utf-8")) == data.sample_request()


def test_the_sample_has_fifty_complete_rows(data):
    rows = data.sample_request()["rows"]

    assert len(rows) == 5
    assert all(value is not None for row in rows for value in row.values())


def test_the_hold_out_is_fixed_by_the_id_alone(src, january):
    held_out = src.flight_rows.is_held_out(january["row_id"])
    shuffled = january.sample(frac=0.3, random_state=1)

    assert src.flight_rows.is_held_out(shuffled["row_id"]).equals(held_out.loc[shuffled.index])
    assert src.flight_rows.is_held_out(pd.Series(["2013-01-01T10:00:00Z/AA1141/JFK-MIA", "b", "c", "d"])).tolist() == [
        False,
        False,
        True,
        False,
    ]


def test_the_hold_out_is_a_fifth_and_training_sees_none_of_it(src, january, trained):
    held_out = src.flight_rows.is_held_out(january["row_id"])

    assert 0.19 < held_out.mean() < 0.21
    assert trained.metrics["rows"] == (~held_out).sum()


def test_labels_of_the_hold_out_do_not_change_the_model(src, january, trained):
    held_out = src.flight_rows.is_held_out(january["row_id"])
    flipped = january.assign(label=january["label"].where(~held_out, 1 - january["label"]))

    again = src.train.train(flipped, ["2013-01"])

    assert again.tags == trained.tags
    assert again.metrics["auc_holdout"] == pytest.approx(1 - trained.metrics["auc_holdout"])


@pytest.mark.parametrize(
    ("named", "newest", "expected"),
    [("", 0, ["2013-01", "2013-02", "2013-10"]), ("", 2, ["2013-02", "2013-10"]), ("1,10", 1, ["2013-01", "2013-10"])],
)
def test_months_are_all_or_the_newest_or_the_named(src, named, newest, expected):
    assert src.flight_rows.chosen_months(["2013-01", "2013-02", "2013-10"], named, newest) == expected


def test_a_month_without_a_file_is_refused(src):
    with pytest.raises(ValueError, match="no file for month 07"):
        src.flight_rows.chosen_months(["2013-01"], "7", 0)


def test_an_empty_data_folder_is_refused(src, tmp_path):
    with pytest.raises(FileNotFoundError, match="no month files"):
        src.flight_rows.months_in(tmp_path)


def test_there_is_a_tag_for_each_feature_and_the_prediction_each_under_a_thousand_characters(src, trained):
    named = {f"outerloop.reference.{name}" for name in [*src.flight_features.FEATURES, "prediction"]}

    assert set(trained.tags) == named | {"outerloop.reference"}
    assert max(map(len, trained.tags.values())) < 1000


def test_the_counts_of_each_profile_sum_to_the_rows(trained):
    reference = json.loads(trained.tags["outerloop.reference"])

    assert reference["rows"] == trained.metrics["rows"]
    for name in [*reference["features"], "prediction"]:
        profile = json.loads(trained.tags[f"outerloop.reference.{name}"])
        counts = profile["counts"]
        counted = sum(counts) if profile["kind"] == "numeric" else sum(counts.values()) + profile["other"]
        assert counted + profile["nulls"] == reference["rows"], name


def test_numeric_profiles_have_rising_edges_and_one_bin_more(trained):
    for name in [*NUMERIC, "prediction"]:
        profile = json.loads(trained.tags[f"outerloop.reference.{name}"])
        assert profile["edges"] == sorted(set(profile["edges"])), name
        assert len(profile["counts"]) == len(profile["edges"]) + 1, name


def test_a_bin_includes_its_upper_edge(src):
    profile = src.reference_profile.numeric_profile(pd.Series([0.0, 0.0, 0.5, 1.0, 1.5, None]), [0.0, 1.0])

    assert profile == {
        "kind": "numeric",
        "edges": [0.0, 1.0],
        "counts": [2, 2, 1],
        "nulls": 1,
        "min": 0.0,
        "max": 1.5,
    }


def test_values_beyond_the_thirty_most_frequent_are_counted_as_other(src):
    values = pd.Series([f"v{number:02d}" for number in range(35)] + ["v00", None])

    profile = src.reference_profile.categorical_profile(values)

    assert (len(profile["counts"]), profile["counts"]["v00"], profile["other"], profile["nulls"]) == (30, 2, 5, 1)


def test_row_by_row_equals_vectorised_on_complete_rows(trained, complete):
    broken = replace(trained.model, inference="row_by_row")

    assert broken.answer(complete) == pytest.approx(trained.model.answer(complete))


def test_vectorised_scores_rows_with_gaps_and_row_by_row_refuses_them(trained, complete):
    complete[7]["pressure"] = None
    broken = replace(trained.model, inference="row_by_row")

    assert len(trained.model.answer(complete)) == 50
    with pytest.raises(ValueError, match="row 7 has no value for pressure"):
        broken.answer(complete)


@pytest.mark.parametrize("inference", ["vectorised", "row_by_row"])
def test_a_destination_that_training_never_saw_is_scored(trained, complete, inference):
    complete[0]["dest"] = "XXX"

    assert 0 < replace(trained.model, inference=inference).answer(complete)[0] < 1


def test_a_row_without_a_feature_is_refused(trained, complete):
    del complete[3]["temp"]

    with pytest.raises(ValueError, match="no 'temp'"):
        trained.model.answer(complete)


def test_a_model_of_other_features_is_refused(src, trained, tmp_path):
    trained.model.save(tmp_path)
    described = json.loads((tmp_path / "model.json").read_text("utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(described | {"features": ["hour"]}), "utf-8")

    with pytest.raises(ValueError, match="trained on other features"):
        src.flight_model.load(tmp_path)
