from datetime import timedelta
from itertools import combinations

import pytest

from shared.domain import guards
from shared.domain.budget_facts import BudgetFreeze
from shared.domain.facts import Facts
from shared.domain.image_facts import Image
from shared.domain.signals import DEPTH_MAX
from shared.domain.silences import Silence
from shared.domain.situation import because
from tests.unit.domain.builders import NOW, asked, codes, policy_with, registered, situation
from tests.unit.domain.platform_builders import IMAGES

# each guard alone: how it comes to hold, as (facts, policy, depth)
PAUSED = ("paused", {"paused": True}, {}, 0)
OBSERVING = ("mode_observe", {}, {"mode": "observe"}, 0)
DEEP = ("causal_depth", {}, {}, DEPTH_MAX)
SILENCE = Silence(id="s", what="*", by="ada", comment="holidays", until=NOW + timedelta(hours=5))
SILENCED = ("silenced", {"silences": (SILENCE,)}, {}, 0)
MAINTAINED = ("maintenance", {}, {"maintenance": [{"from": "10:00", "to": "14:00"}]}, 0)
COOLING = ("cooldown", {"retrained_at": (NOW - timedelta(hours=1),)}, {}, 0)
LIMITED = ("limit", {"retrained_at": (NOW - timedelta(hours=20), NOW - timedelta(hours=21))}, {}, 0)
FREEZE = BudgetFreeze(budget="mlops", ratio=1.1, since=NOW, until=NOW + timedelta(days=20))
FROZEN = ("budget_freeze", {"freezes": {"mlops": FREEZE}}, {}, 0)
HOPELESS = ("give_up", {"fruitless": 3}, {}, 0)
UNSCANNED = Image(registry="contoso", repository="scoring/flights", digest="sha256:1", pushed_at=NOW)
IMAGE = ("image", {"images": (UNSCANNED,)}, {"images": {**IMAGES, "to": ""}}, 0)
EVERY = (PAUSED, OBSERVING, DEEP, SILENCED, MAINTAINED, COOLING, LIMITED, FROZEN, HOPELESS)
ORDER = [name for name, *_ in EVERY]


def held_by(*holding):
    """A situation in which these guards hold, and the retraining section of its policy."""
    facts, policy, depth = {}, {}, 0
    for _, known, changes, deep in holding:
        past = (*facts.get("retrained_at", ()), *known.get("retrained_at", ()))
        facts |= known
        facts |= {"retrained_at": past} if past else {}
        policy |= changes
        depth = max(depth, deep)
    changed = policy_with(**policy)
    return situation(asked("retrain", depth=depth), Facts(**facts), policy=changed), changed.workloads[0].retrain


def test_nothing_holds_when_nothing_is_wrong():
    assert guards.for_retraining(*held_by()) == ()
    assert guards.for_promotion(held_by()[0]) == ()


@pytest.mark.parametrize("guard", EVERY, ids=ORDER)
def test_each_guard_holds_a_retraining_alone(guard):
    assert codes(guards.for_retraining(*held_by(guard), "data_drift")) == [guard[0]]


@pytest.mark.parametrize("pair", list(combinations(EVERY, 2)), ids=lambda pair: f"{pair[0][0]}+{pair[1][0]}")
def test_of_two_guards_both_are_listed_in_order(pair):
    found = dict.fromkeys(codes(guards.for_retraining(*held_by(*pair), "data_drift")))
    assert list(found) == sorted((name for name, *_ in pair), key=ORDER.index)


def test_all_that_hold_are_listed():
    assert set(codes(guards.for_retraining(*held_by(*EVERY), "data_drift"))) == set(ORDER)


@pytest.mark.parametrize("guard", [PAUSED, OBSERVING, DEEP, MAINTAINED, IMAGE], ids=lambda guard: guard[0])
def test_what_holds_a_promotion(guard):
    assert codes(guards.for_promotion(held_by(guard)[0])) == [guard[0]]


@pytest.mark.parametrize("guard", [SILENCED, COOLING, LIMITED, FROZEN, HOPELESS], ids=lambda guard: guard[0])
def test_what_only_concerns_retraining_holds_no_promotion(guard):
    assert guards.for_promotion(held_by(guard)[0]) == ()


def test_one_less_than_the_depth_is_still_no_storm():
    assert guards.too_deep(situation(registered(depth=DEPTH_MAX - 1))) is None
    assert guards.too_deep(situation(registered(depth=DEPTH_MAX))) is not None


def cooling_after(hours):
    here, retraining = held_by(("", {"retrained_at": (NOW - timedelta(hours=hours),)}, {}, 0))
    return guards.cooling_down(here, retraining)


def test_the_cooldown_ends_to_the_second():
    assert cooling_after(12) is None
    reason = cooling_after(12 - 1 / 3600)
    assert (reason.until, reason.limit) == (NOW + timedelta(seconds=1), "12h")


def test_the_cooldown_counts_from_the_newest_retraining():
    past = (NOW - timedelta(hours=30), NOW - timedelta(hours=2), NOW - timedelta(hours=40))
    here, retraining = held_by(("", {"retrained_at": past}, {}, 0))
    assert guards.cooling_down(here, retraining).until == NOW + timedelta(hours=10)


def test_a_workloads_own_limits_take_the_place_of_the_defaults():
    here, _ = held_by(LIMITED, ("", {}, {"limits": {"retrains": ["3/1d"]}}, 0))
    assert guards.over_limit(here) == ()


def test_every_limit_that_is_used_up_is_listed_with_its_own_end():
    past = tuple(NOW - timedelta(hours=hours) for hours in (13, 14, 40, 60, 80))
    here, _ = held_by(("", {"retrained_at": past}, {}, 0))
    day, week = guards.over_limit(here)
    assert (day.limit, day.until) == ("2/1d", NOW + timedelta(hours=10))
    assert (week.limit, week.until) == ("5/1w", NOW + timedelta(hours=88))


def test_a_retraining_is_given_up_at_the_policys_count():
    assert guards.hopeless(*held_by(("", {"fruitless": 2}, {}, 0))) is None
    reason = guards.hopeless(*held_by(HOPELESS))
    assert (reason.observed, reason.limit, reason.until) == (3, 3, None)


def test_what_is_held_is_looked_at_again_when_the_last_known_guard_releases():
    early, late = NOW + timedelta(hours=2), NOW + timedelta(hours=9)
    reasons = (because("a", "", until=early), because("b", ""), because("c", "", until=late))
    assert guards.until(reasons, NOW) == late


def test_what_no_guard_can_date_is_looked_at_again_in_an_hour():
    assert guards.until((because("paused", ""),), NOW) == NOW + timedelta(hours=1)


@pytest.mark.parametrize("guard", EVERY, ids=ORDER)
def test_every_guard_says_when_or_how_it_releases(guard):
    (reason,) = guards.for_retraining(*held_by(guard), "data_drift")
    assert reason.text
    assert reason.until or reason.release or guard is DEEP


def test_a_silence_holds_what_it_names_and_nothing_else():
    silence = Silence(id="s", what="data_*", by="ada", comment="holidays", until=NOW + timedelta(hours=5))
    here, retraining = held_by(("", {"silences": (silence,)}, {}, 0))
    assert guards.for_retraining(here, retraining, "remedy", "manual_retrain") == ()
    (reason,) = guards.for_retraining(here, retraining, "data_drift")
    assert reason.text == "ada silenced data_* until 2026-03-02 17:00 UTC: holidays"
    assert (reason.until, reason.release) == (
        silence.until,
        "outerloop silence expire flight-delay s --by YOU --why WHY",
    )


def test_of_two_maintenance_windows_the_one_that_ends_last_counts():
    windows = [{"from": "10:00", "to": "14:00"}, {"from": "11:00", "to": "15:30"}, {"from": "20:00", "to": "21:00"}]
    here, _ = held_by(("", {}, {"maintenance": windows}, 0))
    assert guards.in_maintenance(here).until == NOW + timedelta(hours=3.5)


def test_an_unscanned_image_holds_no_retraining():
    assert guards.for_retraining(*held_by(IMAGE), "data_drift") == ()
