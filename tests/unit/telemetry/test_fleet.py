"""Rows of many models in one pass: what each gets is what its own counter gives it, to the bit."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telemetry.accumulate import accumulate
from shared.telemetry.counting import RowCounter
from shared.telemetry.encoding import encode_delta
from shared.telemetry.fleet import FEW, FLEET_MIN, Few, count_few
from shared.telemetry.profiles import CategoricalReference, NumericReference, ReferenceProfile
from tests.unit.telemetry.telemetry_builders import BLUE, inputs, outputs, steady

MODELS = 6
ONE_BY_ONE = FLEET_MIN - 1  # so many models are too few for one pass


def profile(number, **changes):
    """The features of all models are the same; edges, ranges and so the places of the bins are each one's own."""
    edges = tuple(float(edge) for edge in range(-number, 3))
    features = {
        "distance": NumericReference(edges=edges, counts=(1,) * (len(edges) + 1), min=-1.0, max=number / 2),
        "speed": NumericReference(edges=(0.5,), counts=(1, 1)),
        "carrier": CategoricalReference(counts={"AA": 1, "UA": number + 1}),
        "airport": CategoricalReference(counts={"": 1, "JFK": 2, "é": 3}),
        "prediction": NumericReference(edges=(0.25, 0.25 + number), counts=(1, 2, 1)),
    }
    return ReferenceProfile(rows=4, features=features | changes)


COUNTERS = [RowCounter(profile(number)) for number in (2,) * MODELS] + [RowCounter(profile(n)) for n in range(MODELS)]
SAME_SHAPE = COUNTERS[:MODELS]
numbers = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-3, 3)
    | st.integers(-(2**63), 2**63)
    | st.sampled_from(["2.5", "x", "", "inf", "-inf", "nan", -0.0, 0.0, 1.0, 0.25])
)
texts = st.none() | st.sampled_from(["AA", "UA", "JFK", "B6", "", "é"])
input_rows = st.fixed_dictionaries(
    {}, optional={"distance": numbers, "speed": numbers, "carrier": texts, "airport": texts, "else": texts}
)
output_rows = st.fixed_dictionaries({"prediction": numbers})
few_rows = st.tuples(st.lists(input_rows, max_size=3), st.lists(output_rows, max_size=3))


def typed(rows, row_type):
    return msgspec.json.decode(json.dumps(rows), type=list[row_type])


def few(counter, some, others, *, as_objects=False):
    types = counter.types
    return Few(counter, typed(some, types.input_row), others if as_objects else typed(others, types.output_row))


def bits(counted):
    moments = counted.moments
    return (
        counted.counts.tolist(),
        (moments.lowest.tobytes(), moments.highest.tobytes()),
        (moments.sums, moments.squares, {type(each) for each in (*moments.sums, *moments.squares)}),
    )


def assert_as_alone(waiting, expected):
    found = dict(count_few(waiting))
    assert sorted(found) == list(expected)
    for place, counted in found.items():
        alone = waiting[place]
        assert bits(counted) == bits(alone.counter.count(alone.inputs, alone.outputs))


@settings(steady, max_examples=200)
@given(st.lists(few_rows, min_size=MODELS, max_size=MODELS), st.lists(st.booleans(), min_size=MODELS, max_size=MODELS))
def test_each_model_gets_what_its_own_counter_gives(rows, as_objects):
    drawn = zip(SAME_SHAPE, rows, as_objects, strict=True)
    assert_as_alone([few(counter, *some, as_objects=objects) for counter, some, objects in drawn], range(MODELS))


def test_models_with_edges_and_bins_of_their_own_are_not_confused():
    wide = [
        RowCounter(
            profile(2, prediction=NumericReference(edges=tuple(map(float, range(3 + n))), counts=(1,) * (4 + n)))
        )
        for n in range(3)
    ]
    counters = [wide[number % 3] for number in range(MODELS)]
    waiting = [few(each, [{"distance": n, "carrier": "B6"}], [{"prediction": n}]) for n, each in enumerate(counters)]
    assert len({each.profile.size for each in counters}) == 3
    assert_as_alone(waiting, range(MODELS))


def test_a_profile_without_prediction_or_numbers_or_categories_is_counted_too():
    everything = profile(2).features
    for names in (("distance", "carrier"), ("distance",), ("carrier",), ("prediction",)):
        each = RowCounter(ReferenceProfile(rows=1, features={name: everything[name] for name in names}))
        rows = [{"distance": 1, "carrier": "UA"}, {"distance": "x"}, {}]
        assert_as_alone([few(each, rows, [{"prediction": 0.5}]) for _ in range(MODELS)], range(MODELS))


def test_few_models_many_rows_and_loose_categories_are_left_to_their_own_counters():
    row = [{"distance": 1.0}]
    assert_as_alone([few(each, row, []) for each in SAME_SHAPE[:ONE_BY_ONE]], [])
    assert_as_alone([few(each, row * (FEW + 1), []) for each in SAME_SHAPE], [])
    loose = RowCounter(profile(2, stops=CategoricalReference(counts={"0": 1})))
    assert_as_alone([few(loose, row, []) for _ in range(MODELS)], [])


def test_more_rows_than_are_held_at_once_are_all_counted():
    waiting = [few(SAME_SHAPE[n % MODELS], [{"distance": n / 100}] * FEW, [{"prediction": n}]) for n in range(500)]
    assert_as_alone(waiting, range(500))


@steady
@given(st.lists(st.tuples(st.integers(0, 2 * MODELS - 1), few_rows), max_size=24), st.integers(1, 5))
def test_a_batch_of_many_models_adds_what_its_models_add_one_by_one(events, cut):
    refs = [msgspec.structs.replace(BLUE, endpoint=f"model-{number}") for number in range(2 * MODELS)]
    counters = {ref.key: counter for ref, counter in zip(refs, COUNTERS, strict=True)}
    windows = dict.fromkeys(counters, ("1d", "1mo"))
    messages = []
    for number, (some, others) in events:
        types = COUNTERS[number].types
        messages += [inputs(*typed(some, types.input_row), deployment=refs[number])] if some else []
        messages += [outputs(*typed(others, types.output_row), deployment=refs[number])] if others else []
    together = accumulate(messages, counters, windows, "1m")
    alone = accumulate([], counters, windows, "1m")
    for message in messages:  # a batch of one model has no fleet
        alone = alone.plus(accumulate([message], counters, windows, "1m"))
    halves = accumulate(messages[:cut], counters, windows, "1m").plus(
        accumulate(messages[cut:], counters, windows, "1m")
    )
    assert encode_delta(together) == encode_delta(alone) == encode_delta(halves)


def test_models_of_the_same_features_share_the_type_of_their_rows():
    assert len({each.types for each in COUNTERS}) == 1
    listed = RowCounter(profile(2, carrier=CategoricalReference(counts={"AA": 1, "DL": 1})))
    assert listed.types is not COUNTERS[0].types
