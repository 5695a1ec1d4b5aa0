import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.profiles import (
    CategoricalReference,
    NumericReference,
    ProfileError,
    ReferenceProfile,
    decode_profile,
    encode_profile,
    profile_from_tags,
    profile_to_tags,
    recounted,
)
from shared.telemetry.tag_parts import fits, spread
from tests.unit.telemetry.telemetry_builders import PROFILE, steady

NUMERIC = {"kind": "numeric", "edges": [1, 2.5], "counts": [3, 4, 5], "nulls": 1, "min": 0.5, "max": 9}
CATEGORICAL = {"kind": "categorical", "counts": {"UA": 4, "AA": 6}, "other": 2, "nulls": 0}
PREDICTION = {"kind": "numeric", "edges": [0.5], "counts": [7, 6], "nulls": 0, "min": None, "max": None}


def tags(**changes):
    """The tags of a good training run, with some replaced (None: taken away). ``summary`` is the tag without a name."""
    found = {"summary": {"rows": 13, "features": ["dep_hour", "carrier"]}}
    found |= {"dep_hour": NUMERIC, "carrier": CATEGORICAL, "prediction": PREDICTION} | changes
    return {
        "outerloop.reference" + ("" if name == "summary" else f".{name}"): value
        if isinstance(value, str)
        else json.dumps(value)
        for name, value in found.items()
        if value is not None
    }


def test_a_training_run_s_tags_become_a_profile():
    profile = profile_from_tags({**tags(), "mlflow.user": "someone"})
    assert profile.rows == 13
    assert profile.features == {
        "dep_hour": NumericReference(edges=(1.0, 2.5), counts=(3, 4, 5), nulls=1, min=0.5, max=9.0),
        "carrier": CategoricalReference(counts={"UA": 4, "AA": 6}, other=2),
        "prediction": NumericReference(edges=(0.5,), counts=(7, 6)),
    }


def test_a_profile_may_lack_the_prediction():
    assert set(profile_from_tags(tags(prediction=None)).features) == {"dep_hour", "carrier"}


def test_a_constant_feature_has_one_bin_and_no_edges():
    profile = profile_from_tags(tags(dep_hour={"kind": "numeric", "edges": [], "counts": [13], "nulls": 0}))
    assert profile.features["dep_hour"].bins == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"summary": None}, "has no tag outerloop.reference[.]"),
        ({"carrier": None}, "has no tag outerloop.reference.carrier"),
        ({"carrier": "not JSON"}, "tag outerloop.reference.carrier cannot be read"),
        ({"carrier": "[" * 100_000}, "cannot be read"),
        ({"carrier": {**CATEGORICAL, "kind": "text"}}, "cannot be read: Invalid value 'text'"),
        ({"carrier": {**CATEGORICAL, "counts": {"AA": -1}}}, "cannot be read"),
        ({"carrier": {**CATEGORICAL, "counts": {}, "other": 0}}, "'carrier' counted no value"),
        ({"carrier": {**CATEGORICAL, "counts": {str(i): 1 for i in range(257)}}}, "lists 257 values, at most 256"),
        ({"dep_hour": {**NUMERIC, "edges": [1]}}, "'dep_hour' needs 2 counts, one more than its edges, and has 3"),
        ({"dep_hour": {**NUMERIC, "edges": [2.5, 1]}}, "finite edges, each greater"),
        ({"dep_hour": {**NUMERIC, "edges": [1, 1]}}, "finite edges, each greater"),
        ({"dep_hour": {**NUMERIC, "counts": [0, 0, 0]}}, "'dep_hour' counted no value"),
        ({"dep_hour": {**NUMERIC, "counts": [1, 2, 2**60]}}, "cannot be read"),
        ({"dep_hour": {**NUMERIC, "edges": list(range(65)), "counts": [1] * 66}}, "65 edges, at most 64"),
        ({"dep_hour": '{"kind":"numeric","edges":[NaN],"counts":[1,1]}'}, "cannot be read"),
        ({"prediction": CATEGORICAL}, "'prediction' must be numeric"),
        ({"summary": {"rows": 13, "features": ["prediction"]}}, "that name is kept for the model's output"),
        ({"summary": {"rows": 13, "features": [], "x": 1}, "prediction": None}, "has no features"),
        ({"summary": {"rows": 13, "features": [str(i) for i in range(501)]}}, "501 features, at most 500"),
        ({"summary": {"rows": "many", "features": []}}, "outerloop.reference cannot be read"),
    ],
)
def test_tags_that_make_no_profile_are_refused_with_a_sentence(changes, sentence):
    with pytest.raises(ProfileError, match=sentence):
        profile_from_tags(tags(**changes))


@steady
@given(st.dictionaries(st.sampled_from(list(tags())), st.text() | st.from_regex(r'\{"(rows|kind|features)":.*\}')))
def test_whatever_the_tags_hold_the_answer_is_a_profile_or_a_profile_error(changed):
    try:
        profile_from_tags({**tags(), **changed})
    except ProfileError as error:
        assert str(error).endswith(".")  # noqa: PT017 - either outcome is right


def test_a_stored_profile_comes_back_equal():
    stored = encode_profile(PROFILE)
    assert decode_profile(stored) == PROFILE
    assert encode_profile(decode_profile(stored)) == stored


@pytest.mark.parametrize("stored", [b"", b"{}", b"\xff", b"[1]", b'{"rows":1,"features":{}}'])
def test_bytes_that_are_no_profile_are_refused(stored):
    with pytest.raises(ProfileError):
        decode_profile(stored)


def test_the_digest_names_the_edges_and_not_the_counts():
    same = profile_from_tags(tags(dep_hour={**NUMERIC, "counts": [9, 9, 9], "nulls": 0}))
    assert profile_from_tags(tags()).digest == same.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"dep_hour": {**NUMERIC, "edges": [1, 2.25]}},
        {"dep_hour": {**NUMERIC, "min": 0}},
        {"dep_hour": {**NUMERIC, "max": 10}},
        {"carrier": {**CATEGORICAL, "counts": {"UA": 4, "DL": 6}}},
        {"carrier": NUMERIC},
        {"prediction": None},
        {"summary": {"rows": 13, "features": ["dep_hour", "carrier", "origin"]}, "origin": CATEGORICAL},
    ],
)
def test_other_edges_have_another_digest(changes):
    assert profile_from_tags(tags()).digest != profile_from_tags(tags(**changes)).digest


def test_the_order_of_features_and_of_categories_does_not_matter():
    turned = profile_from_tags(
        tags(
            summary={"rows": 13, "features": ["carrier", "dep_hour"]},
            carrier={**CATEGORICAL, "counts": {"AA": 6, "UA": 4}},
        )
    )
    assert turned.digest == profile_from_tags(tags()).digest
    assert turned.slices == profile_from_tags(tags()).slices
    assert turned.features["carrier"].bin_counts.tolist() == [6, 4, 2]


def test_features_lie_side_by_side_in_the_vector_of_counts():
    profile = profile_from_tags(tags())
    places = sorted((where.start, where.stop) for where in profile.slices.values())
    assert places[0][0] == 0
    assert [stop for _, stop in places[:-1]] == [start for start, _ in places[1:]]
    assert places[-1][1] == profile.size
    told_apart = profile.feature_counts(np.arange(profile.size))
    assert told_apart["carrier"].bins.tolist() == [0, 1, 2]
    assert (told_apart["carrier"].nulls, told_apart["carrier"].type_errors, told_apart["carrier"].outside) == (3, 4, 5)
    assert sum(len(feature.bins) + 3 for feature in told_apart.values()) == profile.size


def test_the_prediction_is_not_an_input():
    assert PROFILE.inputs == ("carrier", "distance")
    assert ReferenceProfile(rows=1, features={"prediction": PROFILE.features["prediction"]}).inputs == ()


# Tags that a profile leaves


def large(features=120, edges=10):
    """A profile that no workspace would keep with one tag for each feature."""
    random = np.random.default_rng(5)
    return ReferenceProfile(
        rows=1000,
        features={
            f"feature {number}": NumericReference(
                edges=tuple(sorted(random.normal(size=edges).tolist())),
                counts=tuple(random.integers(1, 1000, size=edges + 1).tolist()),
            )
            for number in range(features)
        },
    )


@pytest.mark.parametrize("profile", [PROFILE, profile_from_tags(tags()), large(5), large(120)])
def test_a_profile_comes_back_from_the_tags_that_it_leaves(profile):
    left = profile_to_tags(profile)
    assert profile_from_tags(left) == profile
    assert profile_from_tags({**left, "mlflow.user": "someone"}).digest == profile.digest
    assert fits(left)


def test_a_usual_profile_leaves_one_readable_tag_for_each_feature():
    left = profile_to_tags(PROFILE)
    assert json.loads(left["outerloop.reference"]) == {"rows": 100, "features": ["carrier", "distance"]}
    assert json.loads(left["outerloop.reference.carrier"])["counts"] == {"AA": 60, "UA": 40}
    assert len(left) == 4


def test_twenty_bins_of_any_numbers_are_readable_in_one_tag():
    assert len(profile_to_tags(large(features=1, edges=19))) == 2


@pytest.mark.parametrize("name", ["naïve", "a//b", "x" * 90, "price (EUR)", "price: net"])
def test_a_feature_whose_name_may_be_no_tag_travels_in_parts(name):
    profile = ReferenceProfile(rows=1, features={name: NumericReference(edges=(), counts=(1,))})
    left = profile_to_tags(profile)
    assert set(left) == {"outerloop.reference", "outerloop.reference.part1"}
    assert profile_from_tags(left) == profile


def test_a_feature_called_like_a_part_is_a_feature():
    profile = ReferenceProfile(rows=1, features={"part1": NumericReference(edges=(), counts=(1,))})
    assert profile_from_tags(profile_to_tags(profile)) == profile


def test_a_profile_that_takes_more_tags_than_a_run_keeps_is_refused_with_what_to_do():
    with pytest.raises(ProfileError, match=r"of 500 features takes \d+ tags, a run keeps 40 for it: use fewer bins"):
        profile_to_tags(large(features=500, edges=19))


def test_damaged_parts_are_refused_with_a_sentence():
    left = profile_to_tags(large(120))
    with pytest.raises(ProfileError, match=r"^The reference profile has no tag outerloop.reference.part2\.$"):
        profile_from_tags({key: value for key, value in left.items() if not key.endswith("part2")})
    with pytest.raises(ProfileError, match="cannot be read"):
        profile_from_tags({"outerloop.reference": '{"rows":1,"parts":1}', **spread("outerloop.reference.part", b"{}")})


# The same edges, counted again


def test_a_profile_counted_again_keeps_its_edges_and_so_its_digest():
    again = recounted(PROFILE, 7, np.arange(PROFILE.size))
    assert again.digest == PROFILE.digest
    assert again.rows == 7
    assert again.features["carrier"] == CategoricalReference(counts={"AA": 0, "UA": 1}, other=2, nulls=3)
    told_apart = again.feature_counts(np.arange(PROFILE.size))
    assert again.features["distance"].bin_counts.tolist() == told_apart["distance"].bins.tolist()
    assert again.features["distance"].max == PROFILE.features["distance"].max


def test_a_profile_that_counted_nothing_of_a_feature_is_refused():
    with pytest.raises(ProfileError, match="counted no value"):
        recounted(PROFILE, 0, np.zeros(PROFILE.size, dtype=np.int64))
