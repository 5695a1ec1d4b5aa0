"""The example's training code makes its profile without our library; built from the same table, ours has the same bins."""

import pytest

from shared.cli.reference_files import Request, build
from shared.parsing.reference_rows import Wanted
from shared.telemetry.building import Choices
from shared.telemetry.profiles import profile_from_tags, profile_to_tags

LEFT_OUT = frozenset({"label", "row_id", "event_time"})


@pytest.fixture(scope="module")
def training_table(src, january, trained, tmp_path_factory):
    """The rows that the training saw, with their scores, as a CSV file."""
    rows = january[~src.flight_rows.is_held_out(january["row_id"])]
    file = tmp_path_factory.mktemp("training") / "train.csv.gz"
    rows.assign(score=trained.model.scores(rows)).to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def built(training_table):
    wanted = Wanted(prediction="score", exclude=LEFT_OUT)
    return build(Request([training_table], wanted, Choices(bins=10), rows_max=1_000_000, seed=0)).profile


@pytest.fixture(scope="module")
def left(trained):
    """The profile in the tags that the example's own code left."""
    return profile_from_tags(trained.tags)


def test_both_profile_the_same_features_over_the_same_rows(built, left):
    assert built.features.keys() == left.features.keys()
    assert built.rows == left.rows


def test_the_edges_of_numbers_are_the_same_to_the_digits_that_the_example_keeps(src, built, left):
    for name in src.flight_features.NUMERIC:
        ours, theirs = built.features[name], left.features[name]
        assert [round(edge, 4) for edge in ours.edges] == list(theirs.edges), name
        assert (ours.nulls, ours.min, ours.max) == (
            theirs.nulls,
            pytest.approx(theirs.min, abs=1e-4),
            pytest.approx(theirs.max, abs=1e-4),
        ), name


def test_where_rounding_moves_no_edge_the_counts_are_the_same(src, built, left):
    """Wind speeds have five digits: the example's edges lie a little beside the values that many rows share."""
    moved = {name for name in src.flight_features.NUMERIC if built.features[name].edges != left.features[name].edges}
    assert moved == {"wind_speed"}
    for name in set(src.flight_features.NUMERIC) - moved:
        assert built.features[name].counts == left.features[name].counts, name


def test_the_counts_of_categories_are_the_same(src, built, left):
    for name in src.flight_features.CATEGORICAL:
        ours, theirs = built.features[name], left.features[name]
        assert {text: ours.counts[text] for text in theirs.counts} == theirs.counts, name
        assert sum(ours.counts.values()) + ours.other == sum(theirs.counts.values()) + theirs.other, name


def test_twenty_bins_of_all_features_travel_as_tags(training_table):
    wanted = Wanted(prediction="score", exclude=LEFT_OUT)
    profile = build(Request([training_table], wanted, Choices(), rows_max=1_000_000, seed=0)).profile
    assert profile_from_tags(profile_to_tags(profile)) == profile
