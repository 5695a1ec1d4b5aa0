import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.joining import join
from shared.telemetry.performance import auc, pairs_of
from shared.telemetry.sampling import ALL_KEYS, ValueSample, priorities, sampled
from tests.unit.telemetry.telemetry_builders import steady

keyed = st.dictionaries(st.integers(0, 60), st.floats(-5, 5), max_size=40)


def sample_of(values, capacity=100):
    return sampled(np.array(list(values), dtype=np.uint64), list(values.values()), capacity)


@steady
@given(keyed, keyed, keyed, st.tuples(*[st.integers(1, 50)] * 3))
def test_pairs_are_the_equal_keys_below_the_smallest_limit(predictions, labels, groups, capacities):
    samples = [sample_of(side, room) for side, room in zip((predictions, labels, groups), capacities, strict=True)]
    limit = min(sample.limit for sample in samples)
    keys = sorted(key for key in predictions.keys() & labels.keys() if key < limit)
    found = join(*samples)
    assert found.predictions.tolist() == [predictions[key] for key in keys]
    assert found.labels.tolist() == [labels[key] for key in keys]
    np.testing.assert_array_equal(found.groups, [groups.get(key, np.nan) for key in keys])
    assert found.without_group == sum(key not in groups for key in keys)
    assert found.predictions_alone == sum(key < limit and key not in labels for key in predictions)
    assert found.labels_alone == sum(key < limit and key not in predictions for key in labels)
    assert (found.matched, found.limit) == (len(keys), limit)


def test_samples_with_room_left_are_joined_whole():
    found = join(sample_of({1: 0.2, 5: 0.9, 2**64 - 1: 0.4}), sample_of({5: 1.0, 2**64 - 1: 0.0, 7: 1.0}))
    assert (found.predictions.tolist(), found.labels.tolist()) == ([0.9, 0.4], [1.0, 0.0])
    assert (found.predictions_alone, found.labels_alone) == (1, 1)
    assert (found.groups, found.without_group) == (None, 0)
    assert (found.limit, found.share) == (ALL_KEYS, 1.0)


def test_what_lies_beyond_a_full_sample_is_neither_a_pair_nor_alone():
    found = join(sample_of({1: 0.1, 2: 0.2}, capacity=2), sample_of({2: 1.0, 8: 1.0, 9: 0.0}))
    assert (found.matched, found.predictions_alone, found.labels_alone) == (1, 1, 0)


def test_nothing_joins_with_nothing():
    found = join(ValueSample(), ValueSample(), ValueSample())
    assert (found.matched, found.predictions_alone, found.labels_alone, found.without_group) == (0, 0, 0, 0)
    assert join(sample_of({1: 1.0}), sample_of({1: 1.0}), ValueSample()).without_group == 1


def test_a_label_that_is_asked_for_among_many_rows_is_found_however_late_and_the_pairs_speak_for_all():
    rng = np.random.default_rng(4)
    ids = [f"request-{number}" for number in range(60_000)]
    keys = priorities(ids, np.ones(60_000))
    scores = rng.random(60_000)
    labels = (rng.random(60_000) < scores).astype(float)
    known = rng.random(60_000) < 0.6  # the others have no label yet
    turned = rng.permutation(np.flatnonzero(known))
    found = join(sampled(keys, scores), sampled(keys[turned], labels[turned]))
    assert found.matched == pytest.approx(0.6 * 8_192, rel=0.05)
    assert found.labels_alone == 0
    assert found.matched / found.share == pytest.approx(known.sum(), rel=0.05)
    assert found.matched / (found.matched + found.predictions_alone) == pytest.approx(0.6, abs=0.03)
    estimate, true = auc(pairs_of(found.predictions, found.labels)), auc(pairs_of(scores, labels)).value
    assert estimate.lower < true < estimate.upper
