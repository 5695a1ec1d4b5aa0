import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from shared.telemetry.disparity import (
    CLASSIFICATION_GAPS,
    GROUPS_MAX,
    Gap,
    Rate,
    classification_disparities,
    regression_disparities,
)
from shared.telemetry.performance import Undefined
from tests.unit.telemetry.telemetry_builders import steady

some = settings(steady, max_examples=25)  # scikit-learn takes its time


@st.composite
def grouped(draw):
    """Scores, labels and the groups of people that a model treats more or less alike; every group has both labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    names = draw(st.sampled_from([("a", "b"), ("north", "south", "west"), tuple("abcdef")]))
    size = draw(st.integers(60, 300))
    groups = np.concatenate([np.repeat(names, 2), rng.choice(names, size)])
    labels = np.concatenate([np.tile([0, 1], len(names)), rng.integers(0, 2, size)])
    harsher = np.array([0.1 * names.index(group) for group in groups])
    return np.clip(rng.normal(0.4 + 0.3 * labels - harsher, 0.3), 0.0, 1.0), labels, groups


def by_group(scores, labels, groups, rate):
    return [rate(labels[groups == group], scores[groups == group] >= 0.5) for group in sorted(set(groups))]


def selected(_, predicted):
    return predicted.mean()


def true_positives(true, predicted):
    return metrics.recall_score(true, predicted, zero_division=0)


def false_positives(true, predicted):
    return predicted[true == 0].mean()


def spread(rates):
    return max(rates) - min(rates)


@some
@given(grouped())
def test_gaps_are_those_of_scikit_learns_rates_group_by_group(case):
    found = {name: gap.value for name, gap in classification_disparities(*case, group_min=1).gaps.items()}
    selection = by_group(*case, selected)
    assert found["demographic_parity_difference"] == pytest.approx(spread(selection))
    if max(selection):
        assert found["demographic_parity_ratio"] == pytest.approx(min(selection) / max(selection))
    opportunity, alarms = spread(by_group(*case, true_positives)), spread(by_group(*case, false_positives))
    assert found["equal_opportunity_difference"] == pytest.approx(opportunity)
    assert found["equalized_odds_difference"] == pytest.approx(max(opportunity, alarms))
    assert found["accuracy_difference"] == pytest.approx(spread(by_group(*case, metrics.accuracy_score)))


@some
@given(grouped())
def test_every_groups_rates_are_those_of_its_confusion_matrix(case):
    scores, labels, groups = case
    found = classification_disparities(*case, group_min=1)
    assert [group.name for group in found.groups] == sorted(set(groups))
    for group in found.groups:
        of_group = groups == group.name
        tn, fp, fn, tp = metrics.confusion_matrix(labels[of_group], scores[of_group] >= 0.5, labels=[0, 1]).ravel()
        assert group.pairs == of_group.sum()
        assert group.rates["selection_rate"] == pytest.approx(((tp + fp) / of_group.sum(), of_group.sum()))
        assert group.rates["true_positive_rate"] == pytest.approx((tp / (tp + fn), tp + fn))
        assert group.rates["false_positive_rate"] == pytest.approx((fp / (fp + tn), fp + tn))
        assert group.rates["accuracy"] == pytest.approx(((tp + tn) / of_group.sum(), of_group.sum()))
        assert group.rates["mean_prediction"] == pytest.approx((scores[of_group].mean(), of_group.sum()))


@some
@given(grouped())
def test_gaps_of_a_regression_are_those_of_scikit_learns_errors_group_by_group(case):
    predictions, labels, groups = case
    found = regression_disparities(*case, group_min=1).gaps
    errors = [
        metrics.mean_absolute_error(labels[groups == group], predictions[groups == group]) for group in set(groups)
    ]
    means = [predictions[groups == group].mean() for group in set(groups)]
    biases = [(predictions - labels)[groups == group].mean() for group in set(groups)]
    assert found["mae_difference"].value == pytest.approx(spread(errors))
    assert found["mean_prediction_difference"].value == pytest.approx(spread(means))
    assert found["bias_difference"].value == pytest.approx(spread(biases))


@some
@given(grouped(), st.integers(0, 100))
def test_the_order_of_the_pairs_does_not_matter(case, seed):
    turned = np.random.default_rng(seed).permutation(len(case[2]))
    one = classification_disparities(*case)
    other = classification_disparities(*(side[turned] for side in case))
    assert {name: gap.left_out for name, gap in one.gaps.items()} == {
        name: gap.left_out for name, gap in other.gaps.items()
    }
    for name, gap in one.gaps.items():
        assert gap.value == pytest.approx(other.gaps[name].value, abs=1e-12)


def people(*groups):
    """Scores, labels and groups of (name, selected positives, positives, selected negatives, negatives)."""
    scores, labels, names = [], [], []
    for name, hits, positives, alarms, negatives in groups:
        scores += [1.0] * hits + [0.0] * (positives - hits) + [1.0] * alarms + [0.0] * (negatives - alarms)
        labels += [1] * positives + [0] * negatives
        names += [name] * (positives + negatives)
    return scores, labels, names


def test_a_gap_names_the_groups_that_it_lies_between():
    found = classification_disparities(
        *people(("old", 80, 100, 20, 100), ("mid", 70, 100, 30, 100), ("new", 50, 100, 10, 100))
    )
    assert found.gaps["demographic_parity_difference"] == Gap(pytest.approx(0.2), "mid", "new")
    assert found.gaps["demographic_parity_ratio"] == Gap(pytest.approx(0.6), "mid", "new")
    assert found.gaps["equal_opportunity_difference"] == Gap(pytest.approx(0.3), "old", "new")
    assert found.gaps["equalized_odds_difference"] == Gap(pytest.approx(0.3), "old", "new")
    assert found.gaps["accuracy_difference"] == Gap(pytest.approx(0.1), "old", "mid")


def test_equalized_odds_is_the_gap_of_false_positives_when_that_is_the_larger():
    found = classification_disparities(*people(("a", 50, 100, 70, 100), ("b", 60, 100, 10, 100)))
    assert found.gaps["equalized_odds_difference"] == Gap(pytest.approx(0.6), "a", "b")


def test_a_group_that_is_too_small_is_left_out_and_named():
    found = classification_disparities(*people(("a", 50, 100, 10, 100), ("b", 60, 100, 10, 100), ("few", 0, 5, 5, 5)))
    assert found.gaps["accuracy_difference"] == Gap(pytest.approx(0.05), "b", "a", left_out=("few",))
    assert [(group.name, group.pairs) for group in found.groups] == [("a", 200), ("b", 200), ("few", 10)]


def test_a_group_with_few_positives_has_a_selection_rate_but_no_true_positive_rate():
    found = classification_disparities(*people(("a", 50, 100, 10, 100), ("b", 60, 100, 10, 100), ("c", 0, 3, 90, 300)))
    assert found.gaps["demographic_parity_difference"].left_out == ()
    assert found.gaps["equal_opportunity_difference"] == Gap(pytest.approx(0.1), "b", "a", left_out=("c",))
    assert found.gaps["equalized_odds_difference"].value == pytest.approx(0.2)
    assert found.gaps["equalized_odds_difference"].left_out == ("c",)


@pytest.mark.parametrize("groups", [(), (("a", 50, 100, 10, 100),), (("a", 50, 100, 10, 100), ("b", 1, 2, 1, 2))])
def test_one_group_alone_has_no_gap(groups):
    found = classification_disparities(*people(*groups))
    for gap in found.gaps.values():
        assert (gap.value, gap.undefined) == (None, Undefined.TOO_FEW_GROUPS)


def test_a_gap_of_a_rate_that_only_one_group_has_is_undefined():
    found = classification_disparities(*people(("a", 50, 100, 10, 100), ("b", 0, 0, 20, 100)))
    assert found.groups[1].rates["true_positive_rate"] == Rate(None, 0)
    assert found.gaps["equalized_odds_difference"] == Gap(None, left_out=("b",), undefined=Undefined.TOO_FEW_GROUPS)
    assert found.gaps["demographic_parity_difference"].value == pytest.approx(0.1)


def test_groups_of_whom_nobody_was_selected_are_alike_and_have_no_ratio():
    found = classification_disparities(*people(("a", 0, 100, 0, 100), ("b", 0, 100, 0, 100)))
    assert found.gaps["demographic_parity_difference"].value == 0.0
    assert found.gaps["demographic_parity_ratio"].undefined is Undefined.NONE_SELECTED


def test_labels_that_are_no_classes_have_no_rates():
    found = classification_disparities([0.5, 0.5], [0.0, 3.5], ["a", "b"])
    assert found.gaps == dict.fromkeys(CLASSIFICATION_GAPS, Gap(None, undefined=Undefined.NOT_BINARY))


def test_people_of_no_known_group_are_counted_and_not_compared():
    scores, labels, groups = people(("a", 50, 100, 10, 100), ("b", 60, 100, 10, 100))
    found = classification_disparities([*scores, 1.0, 1.0, 1.0], [*labels, 1, 1, 1], [*groups, None, "", float("nan")])
    assert found.pairs_left_out == 3
    assert [group.name for group in found.groups] == ["a", "b"]


def test_pairs_that_are_not_finite_are_counted_and_not_compared():
    scores, labels, groups = people(("a", 50, 100, 10, 100), ("b", 60, 100, 10, 100))
    found = classification_disparities([*scores, np.nan, 1.0], [*labels, 1, np.inf], [*groups, "a", "c"])
    assert found.pairs_left_out == 2
    assert [(group.name, group.pairs) for group in found.groups] == [("a", 200), ("b", 200)]


def test_groups_may_be_codes():
    scores, labels, groups = people((1, 50, 100, 10, 100), (0, 60, 100, 10, 100))
    assert [group.name for group in classification_disparities(scores, labels, groups).groups] == ["0", "1"]


def test_a_column_of_names_is_no_column_of_groups_and_only_the_largest_are_told_apart():
    names = [f"n{place:03}" for place in range(GROUPS_MAX + 10)] + ["n070"] * 5
    found = classification_disparities([1.0] * len(names), [1] * len(names), names, group_min=1)
    assert len(found.groups) == GROUPS_MAX
    assert "n070" in [group.name for group in found.groups]
    assert found.pairs_left_out == 10


def test_numbers_too_large_for_a_mean_leave_their_group_out():
    found = regression_disparities(
        [1e308, 1e308, 1.0, 2.0], [-1e308, -1e308, 1.0, 1.0], ["a", "a", "b", "b"], group_min=1
    )
    assert found.gaps["mae_difference"] == Gap(None, left_out=("a",), undefined=Undefined.TOO_FEW_GROUPS)


@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 1, 2), (1, 2, 2)])
def test_other_lengths_do_not_belong_together(sizes):
    predictions, labels, groups = ([1.0] * size for size in sizes)
    with pytest.raises(ValueError, match="do not belong together"):
        regression_disparities(predictions, labels, groups)
