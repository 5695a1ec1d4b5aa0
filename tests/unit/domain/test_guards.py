import dataclasses
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest

from shared.domain import guards
from shared.domain.budget_facts import BudgetFreeze
from shared.domain.commands import RemoveDeployment, ShareModel
from shared.domain.facts import Facts, Incident, Judged
from shared.domain.guards import GUARDS, holding
from shared.domain.image_facts import Image
from shared.domain.policy import Policy
from shared.domain.proposals import Beginning
from shared.domain.signals import DEPTH_MAX
from shared.domain.silences import Silence
from shared.domain.situation import because
from shared.domain.upstream_facts import UpstreamSeen
from tests.unit.domain.builders import (
    DATA_RULE,
    NOW,
    PRODUCTION,
    WORKLOAD,
    asked,
    breached,
    codes,
    drift_rule,
    policy_with,
    raw_policy,
    registered,
    situation,
    version,
)
from tests.unit.domain.platform_builders import IMAGES

ELSEWHERE = PRODUCTION.replace("mlops", "somebody-elses")

# each guard alone: how it comes to hold, as (code, facts, policy, depth)
PAUSED = ("paused", {"paused": True}, {}, 0)
OBSERVING = ("mode_observe", {}, {"mode": "observe"}, 0)
DEEP = ("causal_depth", {}, {}, DEPTH_MAX)
STRANGE = ("out_of_scope", {}, {}, 0)
SILENCE = Silence(id="s", what="*", by="ada", comment="holidays", until=NOW + timedelta(hours=5))
SILENCED = ("silenced", {"silences": (SILENCE,)}, {}, 0)
MAINTAINED = ("maintenance", {}, {"maintenance": [{"from": "10:00", "to": "14:00"}]}, 0)
COOLING = ("cooldown", {"retrained_at": (NOW - timedelta(hours=1),)}, {}, 0)
LIMITED = ("limit", {"retrained_at": (NOW - timedelta(hours=20), NOW - timedelta(hours=21))}, {}, 0)
FREEZE = BudgetFreeze(budget="mlops", ratio=1.1, since=NOW, until=NOW + timedelta(days=20))
FROZEN = ("budget_freeze", {"freezes": {"mlops": FREEZE}}, {}, 0)
ORIGIN = {"features": "carrier", "models_min": 3, "to": "ml_engineers"}
SHARED = ("upstream_wait", {}, {"upstream": [ORIGIN]}, 0)
LACKING = ("new_files", {}, {"retrain": {"requires": {"new_files_min": 1}}, "monitoring": [drift_rule(), DATA_RULE]}, 0)
HOPELESS = ("give_up", {"fruitless": 3}, {}, 0)
JUDGED = Judged(resource=PRODUCTION, assignment="/policies/private", compliant=False, at=NOW)
BLOCKED = ("noncompliant", {"judged": (JUDGED,)}, {}, 0)
UNSCANNED = Image(registry="contoso", repository="scoring/flights", digest="sha256:1", pushed_at=NOW)
IMAGE = ("image", {"images": (UNSCANNED,)}, {"images": {**IMAGES, "to": ""}}, 0)
LEASED = ("promotion_under_way", {"versions": {"1": version("1", "testing")}}, {}, 0)
ASKING = ("approval", {}, {"mode": "propose"}, 0)

BOTH = (PAUSED, OBSERVING, DEEP, STRANGE, MAINTAINED, ASKING)
OF_RETRAINING = (SILENCED, COOLING, LIMITED, FROZEN, SHARED, LACKING, HOPELESS)
OF_PROMOTION = (BLOCKED, IMAGE, LEASED)
ORDER = [
    name
    for name, *_ in (
        *(PAUSED, OBSERVING, DEEP, STRANGE, SILENCED, MAINTAINED, COOLING, LIMITED, FROZEN, SHARED, LACKING, HOPELESS),
        *(BLOCKED, IMAGE, LEASED, ASKING),
    )
]
EACH = [
    *(("retraining", guard) for guard in (*BOTH, *OF_RETRAINING)),
    *(("promotion", guard) for guard in (*BOTH, *OF_PROMOTION)),
]


def held_by(*holding, what="retraining"):
    """A situation in which these guards hold, and what would be begun."""
    facts, policy, depth = {}, {}, 0
    for _, known, changes, deep in holding:
        past = (*facts.get("retrained_at", ()), *known.get("retrained_at", ()))
        facts |= known
        facts |= {"retrained_at": past} if past else {}
        policy |= changes
        depth = max(depth, deep)
    place = ELSEWHERE if STRANGE in holding else PRODUCTION
    heard = breached(workspace=place, depth=depth) if what == "retraining" else registered(workspace=place, depth=depth)
    beginning = Beginning(what=what, about="version 2", names=("data_drift",))
    top = {"upstream": policy.pop("upstream", None)}
    known = Policy.model_validate(raw_policy(policy, **top))
    return situation(heard, Facts(**facts), policy=known), beginning


def together(guards_of_both):
    """Whether two guards can hold at once: a policy has one mode."""
    return sum(guard in (OBSERVING, ASKING) for guard in guards_of_both) < 2


PAIRS = [
    (what, one, other)
    for what, guards_of in (("retraining", (*BOTH, *OF_RETRAINING)), ("promotion", (*BOTH, *OF_PROMOTION)))
    for one, other in combinations(guards_of, 2)
    if together((one, other))
]


@pytest.mark.parametrize("what", ["retraining", "promotion"])
def test_nothing_holds_when_nothing_is_wrong(what):
    assert holding(*held_by(what=what)) == ()


@pytest.mark.parametrize(("what", "guard"), EACH, ids=lambda one: one if isinstance(one, str) else one[0])
def test_each_guard_holds_alone_and_says_when_or_how_it_releases(what, guard):
    reasons = holding(*held_by(guard, what=what))
    assert codes(reasons) == [guard[0]]
    assert all(reason.text and (reason.until or reason.release) for reason in reasons)


@pytest.mark.parametrize(("what", "one", "other"), PAIRS, ids=lambda one: one if isinstance(one, str) else one[0])
def test_of_two_guards_both_are_listed_in_order(what, one, other):
    found = dict.fromkeys(codes(holding(*held_by(one, other, what=what))))
    assert list(found) == sorted((one[0], other[0]), key=ORDER.index)


def test_the_table_has_a_case_for_every_guard_of_this_order():
    """A guard that is added to the table and not to these tests is found here."""
    holds = {name: [code for code, facts, policy, depth in CASES.get(name, ())] for name in (g.name for g in GUARDS)}
    assert all(holds.values()), f"no test for {[name for name, found in holds.items() if not found]}"
    by_place = [code for guard in dict.fromkeys(guard.name for guard in GUARDS) for code in holds[guard]]
    assert by_place == ORDER


CASES = {
    "pause": (PAUSED,),
    "mode": (OBSERVING,),
    "depth": (DEEP,),
    "scope": (STRANGE,),
    "silence": (SILENCED,),
    "maintenance": (MAINTAINED,),
    "cooldown": (COOLING,),
    "limits": (LIMITED,),
    "budget": (FROZEN,),
    "upstream": (SHARED,),
    "requirements": (LACKING, HOPELESS, BLOCKED, IMAGE),
    "lease": (LEASED,),
    "approval": (ASKING,),
}


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.name}-{guard.holds_back}")
def test_every_guard_of_the_table_holds_when_its_case_is_there_and_says_how_it_ends(guard):
    what = "promotion" if guard.holds_back == "promotion" else "retraining"
    held = [reason for case in CASES[guard.name] for reason in guard.asked(*held_by(case, what=what))]
    assert held
    assert all(reason.until or reason.release for reason in held)


def test_all_that_hold_are_listed():
    assert codes(holding(*held_by(*(guard for guard in (*BOTH, *OF_RETRAINING) if guard != ASKING)))) == [
        *("paused", "mode_observe", "causal_depth", "out_of_scope", "silenced", "maintenance"),
        *("cooldown", "limit", "budget_freeze", "upstream_wait", "new_files", "give_up"),
    ]


@pytest.mark.parametrize("guard", OF_RETRAINING, ids=lambda guard: guard[0])
def test_what_only_concerns_retraining_holds_no_promotion(guard):
    assert holding(*held_by(guard, what="promotion")) == ()


@pytest.mark.parametrize("guard", OF_PROMOTION, ids=lambda guard: guard[0])
def test_what_only_concerns_promotions_holds_no_retraining(guard):
    assert holding(*held_by(guard)) == ()


def test_the_documented_order_is_that_of_the_table():
    page = (Path(__file__).parents[3] / "docs" / "guide.md").read_text(encoding="utf-8")
    assert guards.as_markdown() in page


def led_to(**order):
    """The reasons of the scope when a plan has one order that leads somewhere."""
    here, beginning = held_by()
    command = here.order(RemoveDeployment, "d", "because", **{"deployment": "d", **order})
    return guards.out_of_scope(here, dataclasses.replace(beginning, plan=(command,)))


def test_a_plan_may_touch_the_workloads_own_places_in_whatever_case():
    production = WORKLOAD.environments.production
    assert led_to(workspace=production.workspace.upper(), endpoint=production.endpoint.upper()) == ()


@pytest.mark.parametrize("place", [{"workspace": ELSEWHERE}, {"endpoint": "of-somebody-else"}])
def test_a_plan_that_touches_what_is_not_the_workloads_is_held(place):
    own = {"workspace": WORKLOAD.environments.production.workspace, "endpoint": "flight-delay"}
    (reason,) = led_to(**{**own, **place})
    assert reason.code == "out_of_scope"
    assert next(iter(place.values())) in reason.text


def test_an_endpoint_of_another_environment_is_not_this_ones():
    changes = {"environments": {"staging": {"endpoint": "flight-delay-staging"}}}
    policy = policy_with(**changes)
    here = situation(asked("retrain"), policy=policy)
    where = {"workspace": policy.workloads[0].environments.production.workspace, "endpoint": "flight-delay-staging"}
    command = here.order(RemoveDeployment, "d", "because", deployment="d", **where)
    assert codes(guards.out_of_scope(here, Beginning(what="promotion", plan=(command,)))) == ["out_of_scope"]


def test_a_registry_that_is_not_the_workloads_is_out_of_scope():
    here, beginning = held_by(what="promotion")
    where = {"workspace": WORKLOAD.environments.development.workspace, "registry": "theirs"}
    command = here.order(ShareModel, "m", "because", model="m", version="2", **where)
    reasons = guards.out_of_scope(here, dataclasses.replace(beginning, plan=(command,)))
    assert [reason.observed for reason in reasons] == ["theirs"]


def test_one_less_than_the_depth_is_still_no_storm():
    assert guards.too_deep(situation(registered(depth=DEPTH_MAX - 1))) is None
    assert guards.too_deep(situation(registered(depth=DEPTH_MAX))) is not None


UPSTREAM = Incident(id="weather", kind="upstream", state="open", opened_at=NOW)
SEEN = UpstreamSeen(features=("carrier", "origin"), models=("flight-cancel", "flight-price", "flight-delay"))


def shared_by(facts, *, about="incident x", incidents=(), heard=None, **rule):
    """The reasons of the guard when so much is known of the origin of ``carrier``."""
    policy = Policy.model_validate(raw_policy(upstream=[ORIGIN | rule]))
    known = {"upstream/carrier": facts}
    here = situation(heard or breached(), Facts(incidents=incidents), policy=policy, upstream=known)
    return guards.upstream(here, Beginning(what="retraining", about=about))


def test_what_many_models_drift_on_holds_until_that_is_over_and_names_them():
    (reason,) = shared_by(Facts(incidents=(UPSTREAM,), upstream=SEEN))
    assert (reason.code, reason.observed, reason.limit) == ("upstream", 3, 3)
    assert "carrier drift in 3 models at once (flight-cancel, flight-price, flight-delay)" in reason.text
    assert "outerloop ask close 'upstream/carrier'" in reason.release


def test_an_incident_about_other_features_of_that_origin_is_not_this_one():
    other = UpstreamSeen(features=("origin",), models=SEEN.models)
    assert codes(shared_by(Facts(incidents=(UPSTREAM,), upstream=other))) == ["upstream_wait"]


def test_without_others_it_waits_a_moment_from_when_its_own_incident_began():
    (reason,) = shared_by(Facts())
    assert (reason.code, reason.until) == ("upstream_wait", NOW + timedelta(minutes=10))
    old = Incident(id="x", kind="data_drift", state="open", opened_at=NOW - timedelta(minutes=10))
    assert shared_by(Facts(), incidents=(old,)) == ()
    young = Incident(id="x", kind="data_drift", state="open", opened_at=NOW - timedelta(minutes=9))
    assert codes(shared_by(Facts(), incidents=(young,))) == ["upstream_wait"]


@pytest.mark.parametrize("free", [{"holds": False}, {"features": "weather_*"}])
def test_an_origin_that_holds_nothing_or_has_other_features_does_not_matter(free):
    assert shared_by(Facts(incidents=(UPSTREAM,), upstream=SEEN), **free) == ()


def test_what_a_person_asks_for_is_not_held_by_drift():
    assert shared_by(Facts(incidents=(UPSTREAM,), upstream=SEEN), heard=asked("retrain")) == ()


def cooling_after(hours):
    here, _ = held_by(("", {"retrained_at": (NOW - timedelta(hours=hours),)}, {}, 0))
    return guards.cooling_down(here)


def test_the_cooldown_ends_to_the_second():
    assert cooling_after(12) is None
    reason = cooling_after(12 - 1 / 3600)
    assert (reason.until, reason.limit) == (NOW + timedelta(seconds=1), "12h")


def test_the_cooldown_counts_from_the_newest_retraining():
    past = (NOW - timedelta(hours=30), NOW - timedelta(hours=2), NOW - timedelta(hours=40))
    here, _ = held_by(("", {"retrained_at": past}, {}, 0))
    assert guards.cooling_down(here).until == NOW + timedelta(hours=10)


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
    assert guards.hopeless(held_by(("", {"fruitless": 2}, {}, 0))[0]) is None
    reason = guards.hopeless(held_by(HOPELESS)[0])
    assert (reason.observed, reason.limit, reason.until) == (3, 3, None)


def test_what_is_held_is_looked_at_again_when_the_last_known_guard_releases():
    early, late = NOW + timedelta(hours=2), NOW + timedelta(hours=9)
    reasons = (because("a", "", until=early), because("b", ""), because("c", "", until=late))
    assert guards.until(reasons, NOW) == late


def test_what_no_guard_can_date_is_looked_at_again_in_an_hour():
    assert guards.until((because("paused", ""),), NOW) == NOW + timedelta(hours=1)


def test_what_is_over_already_is_looked_at_again_in_an_hour_not_at_once():
    assert guards.until((because("approval", "", until=NOW),), NOW) == NOW + timedelta(hours=1)


def test_a_silence_holds_what_it_names_and_nothing_else():
    silence = Silence(id="s", what="data_*", by="ada", comment="holidays", until=NOW + timedelta(hours=5))
    here, beginning = held_by(("", {"silences": (silence,)}, {}, 0))
    assert holding(here, dataclasses.replace(beginning, names=("remedy", "manual_retrain"))) == ()
    (reason,) = holding(here, beginning)
    assert reason.text == "ada silenced data_* until 2026-03-02 17:00 UTC: holidays"
    assert (reason.until, reason.release) == (
        silence.until,
        "outerloop silence expire flight-delay s --by YOU --why WHY",
    )


def test_of_two_maintenance_windows_the_one_that_ends_last_counts():
    windows = [{"from": "10:00", "to": "14:00"}, {"from": "11:00", "to": "15:30"}, {"from": "20:00", "to": "21:00"}]
    here, _ = held_by(("", {}, {"maintenance": windows}, 0))
    assert guards.in_maintenance(here).until == NOW + timedelta(hours=3.5)
