from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.facts_body import FACTS_BYTES_MAX, pack_facts
from shared.domain.facts import Facts
from shared.domain.upstream_facts import (
    FEATURES_KEPT_MAX,
    MODELS_KEPT_MAX,
    WINDOWS_KEPT_MAX,
    SharedWindow,
    UpstreamSeen,
)
from tests.unit.domain.builders import steady

START = datetime(2026, 3, 1, tzinfo=UTC)
EMPTY = SharedWindow(start=START, window="1d")
NAMES = st.sampled_from(["wind", "rain", "snow"])
DRIFTS = st.lists(st.tuples(st.sampled_from("abcde"), st.sets(NAMES, min_size=1)), max_size=12)


def test_a_feature_is_shared_from_so_many_models_on():
    window = EMPTY.with_drift("a", ["wind", "rain"]).with_drift("b", ["wind"])
    assert window.shared(2) == {"wind": ("a", "b")}
    assert window.shared(3) == {}


def test_a_model_that_is_told_of_again_is_as_it_was_told_of_last():
    window = EMPTY.with_drift("a", ["wind"]).with_drift("a", ["rain"])
    assert window.shared(1) == {"rain": ("a",)}


@steady
@given(drifts=DRIFTS, order=st.randoms())
def test_the_order_of_models_does_not_matter(drifts, order):
    once = dict(drifts)
    shuffled = list(once.items())
    order.shuffle(shuffled)
    one, other = EMPTY, EMPTY
    for model, features in once.items():
        one = one.with_drift(model, sorted(features))
    for model, features in shuffled:
        other = other.with_drift(model, sorted(features))
    as_sets = [{name: set(models) for name, models in known.shared(2).items()} for known in (one, other)]
    assert as_sets[0] == as_sets[1]


def test_what_finds_no_room_is_counted():
    window = EMPTY.with_drift("a", [f"feature {n}" for n in range(FEATURES_KEPT_MAX + 3)])
    assert (len(window.features), window.unlisted) == (FEATURES_KEPT_MAX, 3)
    for number in range(MODELS_KEPT_MAX + 1):
        window = window.with_drift(f"model {number}", ["feature 0"])
    assert (len(window.models), window.unlisted) == (MODELS_KEPT_MAX, 5)
    assert window.with_drift("model 0", ["feature 1"]).unlisted == 5


def test_the_oldest_windows_are_forgotten():
    known = UpstreamSeen()
    for number in reversed(range(WINDOWS_KEPT_MAX + 2)):
        start = START + timedelta(days=number)
        known = known.with_window(known.window(start, "1d").with_drift("a", ["wind"]))
    assert len(known.windows) == WINDOWS_KEPT_MAX
    assert [one.start for one in known.windows] == sorted(one.start for one in known.windows)
    assert known.window(START, "1h").models == {}


def test_models_are_listed_in_the_order_in_which_they_were_heard_of():
    known = UpstreamSeen().affecting({"wind": ("b", "a")}).affecting({"rain": ("c", "a")})
    assert (known.features, known.models) == (("wind", "rain"), ("b", "a", "c"))
    assert known.over() == UpstreamSeen()


def test_a_row_takes_the_fullest_of_them():
    names = [f"{number}-{'x' * 60}" for number in range(MODELS_KEPT_MAX)]
    features = [f"{number}-{'weather' * 8}" for number in range(FEATURES_KEPT_MAX)]
    known = UpstreamSeen()
    for day in range(WINDOWS_KEPT_MAX):
        window = known.window(START + timedelta(days=day), "1d")
        for name in names:
            window = window.with_drift(name, features)
        known = known.with_window(window).affecting(window.shared(2))
    assert len(pack_facts(Facts(upstream=known))) < 0.9 * FACTS_BYTES_MAX
