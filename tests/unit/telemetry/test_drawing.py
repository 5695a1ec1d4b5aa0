"""What is drawn from rows: predictions, labels and groups that meet by their keys, and rows for people, of allowed columns."""

import json
import math
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.observations import RowsCollected
from shared.telemetry.drawing import REVIEW_BYTES_MAX, Wanted, draw, merged
from shared.telemetry.samples import code_of, encode_sample
from shared.telemetry.sampling import priorities
from tests.unit.telemetry.telemetry_builders import BLUE, GREEN, NOON, PROFILE, steady

DAY = NOON.replace(hour=0)
ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2970, 1, 1, tzinfo=UTC))
LABELLED = Wanted(labelled=("1d",), sensitive="carrier")
REVIEWED = Wanted(reviewed=("1d",), columns=("distance", "carrier"), rows=3)


def event(collection, *rows, cid="c", at=NOON, deployment=BLUE):
    return RowsCollected(deployment, at, collection, cid, list(rows))


def predicted(*values, **about):
    return event("model_outputs", *({"prediction": value} for value in values), **about)


def labelled(*values, **about):
    return event("ground_truth", *({"label": value} for value in values), **about)


def drawn(*events, wanted=LABELLED, accepted=ALWAYS):
    return draw(events, {BLUE.key: wanted}, {BLUE.key: PROFILE}, accepted)


def samples(*messages, **options):
    found = drawn(*messages, **options)
    return {key.kind: partial for key, partial in found.items()}


def test_predictions_and_labels_of_one_row_share_a_key():
    found = samples(predicted(0.9, 0.1, cid="a"), labelled(1, 0, cid="a", at=NOON + timedelta(hours=1)))
    keys = priorities(["a"], [2])
    assert set(found["predictions"].numbers.keys) == set(found["labels"].numbers.keys) == set(keys)
    by_key = dict(zip(found["labels"].numbers.keys, found["labels"].numbers.values, strict=True))
    assert [by_key[key] for key in keys] == [1.0, 0.0]


def test_each_row_belongs_to_the_window_of_its_own_time():
    found = drawn(predicted(0.5), labelled(1, at=NOON + timedelta(days=9)), wanted=Wanted(labelled=("1d", "1mo")))
    assert sorted((key.kind, key.length, key.start) for key in found) == [
        ("labels", "1d", DAY + timedelta(days=9)),
        ("labels", "1mo", DAY.replace(day=1)),
        ("predictions", "1d", DAY),
        ("predictions", "1mo", DAY.replace(day=1)),
    ]


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"label": True}, 1.0),
        ({"y_true": "0.25"}, 0.25),
        ({"label": None}, math.nan),
        ({"label": "late"}, math.nan),
        ({"label": "9" * 100}, math.nan),
        ({"label": 10**400}, math.inf),
        ({"delay": 3}, math.nan),
        ([1], math.nan),
    ],
)
def test_what_a_label_is_worth(row, value):
    (found,) = samples(event("ground_truth", row))["labels"].numbers.values
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_the_policy_may_name_the_column_of_labels():
    wanted = Wanted(labelled=("1d",), label="was_late")
    found = samples(event("ground_truth", {"was_late": 1, "label": 0}), wanted=wanted)
    assert found["labels"].numbers.values.tolist() == [1.0]


def test_a_prediction_is_the_first_number_when_it_has_no_name():
    found = samples(event("outputs", {"class": "x", "score": 0.3, "other": 0.9}))
    assert found["predictions"].numbers.values.tolist() == [0.3]


def test_a_prediction_without_an_id_is_seen_and_never_met():
    found = samples(predicted(0.5, 0.6, cid=""), predicted(0.7, cid="a"))
    assert (len(found["predictions"].numbers.keys), found["predictions"].numbers.seen) == (1, 3)


def test_groups_come_from_inputs_or_outputs_and_meet_their_prediction():
    rows = [{"carrier": "AA"}, {"carrier": None}, {"carrier": 7}, {"carrier": []}]
    groups = samples(event("model_inputs", *rows), predicted(0, 0, 0, 0))["groups"]
    by_key = dict(zip(groups.numbers.keys, groups.numbers.values, strict=True))
    values = [by_key[key] for key in priorities(["c"], [4])]
    assert values[0] == code_of("AA")
    assert values[2] == code_of("7")
    assert all(map(math.isnan, (values[1], values[3])))
    assert groups.names == {code_of("AA"): "AA", code_of("7"): "7"}


def test_inputs_without_the_sensitive_column_bring_no_groups():
    assert "groups" not in samples(event("model_inputs", {"distance": 1}))


def test_of_deployments_that_nobody_asks_about_nothing_is_drawn():
    assert drawn(predicted(1, deployment=GREEN), labelled(1, deployment=GREEN)) == {}
    assert drawn(predicted(1), labelled(1), event("model_inputs", {"distance": 1}), wanted=Wanted()) == {}
    assert drawn(event("model_inputs"), event("another", {"prediction": 1})) == {}


def test_what_is_out_of_time_is_not_drawn():
    bounds = (NOON, NOON + timedelta(hours=1))
    early, late = predicted(1, at=NOON - timedelta(seconds=1)), predicted(1, at=NOON + timedelta(hours=1))
    assert drawn(early, late, accepted=bounds) == {}
    assert drawn(predicted(1, at=NOON.replace(tzinfo=None)), accepted=bounds)


# Rows for people


def rows_of(partial):
    return sorted((json.loads(payload) for payload in partial.payloads.payloads.values()), key=str)


def test_only_allowed_columns_are_kept():
    found = samples(event("model_inputs", {"distance": 1, "name": "Ada", "carrier": "AA"}), wanted=REVIEWED)
    assert rows_of(found["inputs"]) == [{"carrier": "AA", "distance": 1}]
    assert "misfits" not in found


def test_rows_that_do_not_fit_are_kept_on_their_own_too():
    rows = [{"distance": "far", "name": "Ada"}, {"distance": 1}]
    found = samples(event("model_inputs", *rows), wanted=REVIEWED)
    assert rows_of(found["misfits"]) == [{"distance": "far"}]
    assert found["inputs"].payloads.seen == 2


def test_so_many_rows_are_kept_and_no_more():
    rows = [{"distance": number} for number in range(100)]
    found = samples(event("model_inputs", *rows), wanted=REVIEWED)["inputs"].payloads
    assert (len(found.payloads), found.seen) == (3, 100)


def test_a_row_that_is_too_large_is_only_counted():
    found = samples(event("model_inputs", {"carrier": "A" * REVIEW_BYTES_MAX}), wanted=REVIEWED)["inputs"].payloads
    assert (len(found.payloads), found.too_large) == (0, 1)


def test_rows_without_an_id_are_told_apart_by_what_they_hold():
    events = [event("model_inputs", {"distance": number}, cid="") for number in (1, 2, 2)]
    assert rows_of(samples(*events, wanted=REVIEWED)["inputs"]) == [{"distance": 1}, {"distance": 2}]


@pytest.mark.parametrize("value", ["\ud800", 10**400, math.nan, math.inf, {"a": [1] * 9}, [[[]]], None, object])
def test_nothing_that_a_row_holds_stops_its_batch(value):
    found = drawn(event("model_inputs", {"distance": value, "carrier": value}), predicted(value), wanted=REVIEWED)
    assert found
    assert drawn(event("model_inputs", {"carrier": value}), predicted(value), labelled(value))


def test_a_row_that_is_no_object_keeps_its_place():
    found = samples(event("model_outputs", "none", {"prediction": 0.5}))["predictions"].numbers
    by_key = dict(zip(found.keys, found.values, strict=True))
    assert by_key[priorities(["c"], [2])[1]] == 0.5


events_drawn = st.builds(
    lambda kind, number, cid, hours: event(
        kind,
        *(
            {"distance": number + place, "carrier": "AB"[place % 2], "prediction": number, "label": place}
            for place in range(3)
        ),
        cid=cid,
        at=NOON + timedelta(hours=hours),
    ),
    st.sampled_from(["model_inputs", "model_outputs", "ground_truth"]),
    st.integers(0, 5),
    st.sampled_from(["a", "b", "c", ""]),
    st.integers(0, 30),
)
EVERYTHING = Wanted(("1d",), "", "carrier", ("1d",), ("distance",), 4)


@settings(steady, max_examples=40)
@given(st.lists(events_drawn, max_size=8), st.integers(0, 8), st.randoms())
def test_how_messages_are_batched_and_ordered_never_matters(messages, cut, random):
    whole = drawn(*messages, wanted=EVERYTHING)
    shuffled = random.sample(messages, len(messages))
    parts = [drawn(*some, wanted=EVERYTHING).values() for some in (shuffled[:cut], shuffled[cut:])]
    assert {key: encode_sample(partial) for key, partial in merged(chain(*parts)).items()} == {
        key: encode_sample(partial) for key, partial in whole.items()
    }


@settings(steady, max_examples=20)
@given(st.lists(events_drawn, min_size=1, max_size=6))
def test_a_message_twice_changes_nothing_but_how_much_was_seen(messages):
    once, twice = drawn(*messages, wanted=EVERYTHING), drawn(*messages, *messages, wanted=EVERYTHING)
    for key, partial in once.items():
        other = twice[key].sample
        if key.kind in ("inputs", "misfits"):
            assert other.payloads == partial.sample.payloads
        else:
            assert np.array_equal(other.keys, partial.sample.keys)
            assert np.array_equal(other.values, partial.sample.values, equal_nan=True)
