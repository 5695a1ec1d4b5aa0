"""The weighted round robin of an endpoint's traffic."""

from collections import Counter
from itertools import pairwise

import pytest

from local.azure.traffic_split import TrafficSplit


@pytest.mark.parametrize(
    "traffic", [{"blue": 90, "green": 10}, {"blue": 100}, {"a": 33, "b": 33, "c": 34}, {"blue": 99, "green": 1}]
)
def test_a_hundred_requests_are_split_exactly_by_weight(traffic):
    split = TrafficSplit()
    assert Counter(split.pick("e", traffic) for _ in range(100)) == Counter(traffic)


def test_the_smaller_share_is_spread_evenly_not_bunched():
    split = TrafficSplit()
    picks = [split.pick("e", {"blue": 90, "green": 10}) for _ in range(100)]
    places = [index for index, name in enumerate(picks) if name == "green"]
    assert {later - earlier for earlier, later in pairwise(places)} == {10}


def test_the_same_requests_are_split_the_same_way_again():
    traffic = {"blue": 70, "green": 30}
    first, second = TrafficSplit(), TrafficSplit()
    assert [first.pick("e", traffic) for _ in range(50)] == [second.pick("e", traffic) for _ in range(50)]


@pytest.mark.parametrize("traffic", [{}, {"blue": 0}, {"blue": 0, "green": 0}])
def test_nothing_is_picked_without_traffic(traffic):
    assert TrafficSplit().pick("e", traffic) is None


def test_a_deployment_of_weight_zero_is_never_picked():
    split = TrafficSplit()
    assert {split.pick("e", {"blue": 100, "green": 0}) for _ in range(200)} == {"blue"}


def test_changed_weights_count_at_once():
    split = TrafficSplit()
    for _ in range(37):
        split.pick("e", {"blue": 100})
    traffic = {"blue": 50, "green": 50}
    assert Counter(split.pick("e", traffic) for _ in range(100)) == Counter(traffic)


def test_endpoints_are_split_independently():
    split, traffic = TrafficSplit(), {"blue": 90, "green": 10}
    picks = Counter((name, split.pick(name, traffic)) for _ in range(100) for name in ("e", "f"))
    assert picks == {("e", "blue"): 90, ("e", "green"): 10, ("f", "blue"): 90, ("f", "green"): 10}


@pytest.mark.parametrize("share", [1, 20, 50])
def test_of_a_hundred_requests_exactly_the_share_is_mirrored(share):
    split = TrafficSplit()
    copies = Counter(split.mirrored("e", {"green": share}) for _ in range(100))
    assert copies == {"green": share, None: 100 - share}


@pytest.mark.parametrize("mirror", [{}, {"green": 0}])
def test_nothing_is_mirrored_without_a_mirror(mirror):
    assert TrafficSplit().mirrored("e", mirror) is None


def test_what_is_mirrored_does_not_disturb_the_split_of_live_traffic():
    split, traffic = TrafficSplit(), {"blue": 70, "green": 30}
    picks = Counter()
    for _ in range(100):
        split.mirrored("e", {"red": 20})
        picks[split.pick("e", traffic)] += 1
    assert picks == traffic
