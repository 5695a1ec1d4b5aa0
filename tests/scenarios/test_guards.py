"""Each guard alone and with each other, in a story: what holds is listed in order, and what was held begins when all have ended.

Every story begins alike: a maintenance window holds a wish until 13:00. Meanwhile the guards under test come to hold, so at
13:00 the wish is evaluated under all of them. NOW is Monday, 2 March 2026, noon UTC.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from shared.domain.facts import CheckResult
from shared.domain.image_facts import Image
from shared.domain.signals import DEPTH_MAX
from shared.domain.values import replace
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    NOW,
    PRODUCTION,
    asked,
    breached,
    budgeted,
    changed,
    crossed,
    expired,
    failure,
    finished,
    known,
    registered,
    silenced,
    version,
)
from tests.unit.domain.platform_builders import IMAGES, STAGING, found_in, judged

ELSEWHERE = PRODUCTION.replace("mlops", "somebody-elses")
FIRST_HELD = {"maintenance": [{"days": ["mon"], "from": "10:00", "to": "13:00"}]}
WHY = {"monitor"}  # reasons that say why a retraining is wanted
CHECKED = (CheckResult(name="job", command_id="job"),)


def nothing(_story):
    """The guard holds by its facts or by its policy alone."""


def resumed(story):
    story.push(asked("resume", dedup_key=f"resume-{story.now}"))


def passing(code):
    """Time passes until the last moment that the guard itself has named."""

    def wait(story):
        ends = [reason.until for reason in holding(story) if reason.code == code]
        story.at(seconds(max([*ends, story.now])))

    return wait


@dataclass(frozen=True)
class Case:
    """How one guard comes to hold, and how it ends."""

    code: str
    ends: Callable[[Timeline], Any]
    facts: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    depth: int = 0
    happens: Callable[[Timeline], Any] = nothing


def without_policy_of(code):
    """The person changes the policy back: the case's part of it is gone."""

    def change(story):
        story.in_force = [case for case in story.in_force if case.code != code]
        story.policy = policy_of(*story.in_force)

    return change


PAUSE = Case("paused", resumed, happens=lambda story: story.push(asked("pause")))
MODE = Case("mode_observe", without_policy_of("mode_observe"), policy={"mode": "observe"})
DEPTH = Case("causal_depth", resumed, depth=DEPTH_MAX)
MOVED = {"environments": {name: {"workspace": ELSEWHERE} for name in ("development", "production")}}
SCOPE = Case("out_of_scope", without_policy_of("out_of_scope"), policy=MOVED)
SILENCE = Case(
    "silenced",
    lambda story: story.push(expired(story.facts.silences[0].id)),
    happens=lambda story: story.push(silenced(until="20d")),
)
MAINTENANCE = Case(
    "maintenance", passing("maintenance"), policy={"maintenance": [{"days": ["mon"], "from": "10:00", "to": "15:00"}]}
)
COOLDOWN = Case("cooldown", passing("cooldown"), facts={"retrained_at": (NOW - timedelta(hours=1),)})
LIMIT = Case("limit", passing("limit"), facts={"retrained_at": (NOW - timedelta(hours=20), NOW - timedelta(hours=21))})
BUDGET = Case(
    "budget_freeze",
    lambda story: story.push(asked("lift_freeze")),
    happens=lambda story: story.push(crossed(1.2)),
)
GIVE_UP = Case("give_up", resumed, facts={"fruitless": 3})
BLOCKED = Case(
    "noncompliant",
    lambda story: story.push(judged(STAGING, compliant=True, occurred_at=story.now, dedup_key="mended")),
    happens=lambda story: story.push(judged(STAGING, compliant=False, dedup_key="judged")),
)
IMAGE = Case(
    "image",
    lambda story: story.push(found_in(healthy=True, occurred_at=story.now)),
    facts={"images": (Image(registry="contoso", repository="scoring/flights", digest="sha256:1", pushed_at=NOW),)},
    policy={"images": {**IMAGES, "to": ""}},
)
LEASE = Case(
    "promotion_under_way",
    lambda story: story.push(finished("job", "RunEvaluation", failure())),
    facts={"other": version("3", "testing", checks=CHECKED, awaiting=("job",))},
)
APPROVAL = Case("approval", lambda story: story.say("approve"), policy={"mode": "propose"})

RETRAINING = (PAUSE, MODE, DEPTH, SCOPE, SILENCE, MAINTENANCE, COOLDOWN, LIMIT, BUDGET, GIVE_UP, APPROVAL)
PROMOTION = (PAUSE, MODE, DEPTH, SCOPE, MAINTENANCE, BLOCKED, IMAGE, LEASE, APPROVAL)
TIMED = {"maintenance", "cooldown", "limit"}  # they say when they end, and end then
ORDER = [case.code for case in (*RETRAINING[:-1], BLOCKED, IMAGE, LEASE, APPROVAL)]
EACH = [(what, case) for what, cases in (("retraining", RETRAINING), ("promotion", PROMOTION)) for case in cases]
PAIRS = [
    (what, one, other)
    for what, cases in (("retraining", RETRAINING), ("promotion", PROMOTION))
    for one, other in combinations(cases, 2)
    if not {one.code, other.code} >= {"mode_observe", "approval"}  # a policy has one mode
]


def named(value):
    return getattr(value, "code", value)


def seconds(moment):
    return f"{round((moment - NOW).total_seconds())}s"


def policy_of(*cases):
    workload: Any = {}
    for case in cases:
        workload = changed(workload, case.policy)
    return budgeted(workload)


def wished(what, *cases):
    """A wish that was held until 13:00, when these guards had come to hold."""
    facts: dict[str, Any] = {}
    for case in cases:
        past = (*facts.get("retrained_at", ()), *case.facts.get("retrained_at", ()))
        facts |= case.facts | ({"retrained_at": past} if past else {})
    others = [facts.pop("other")] if "other" in facts else []
    story = Timeline(budgeted(FIRST_HELD), known(version("1"), *others))
    story.in_force = list(cases)  # type: ignore[attr-defined]  # of this story: what its policy is made of
    depth = max(case.depth for case in cases)
    story.push(breached(depth=depth) if what == "retraining" else registered("2", depth=depth))
    story.facts = replace(story.facts, **facts)
    for case in cases:
        case.happens(story)
    story.policy = policy_of(*cases)
    return story.at("1h")


def held_decision(story):
    return [known for known in story.ledger if known.verdict == "hold"][-1]


def holding(story):
    return [reason for reason in held_decision(story).reasons if reason.code not in WHY]


def begun(story):
    if "2" in story.facts.versions:
        return story.facts.versions["2"].state != "registered"
    return story.facts.incidents[-1].state != "open"


def some_time_later(story):
    """Long enough for the next look at what no guard can date."""
    story.at(seconds(story.now + timedelta(minutes=61)))


@pytest.mark.parametrize(("what", "case"), EACH, ids=named)
def test_each_guard_alone_holds_says_how_it_ends_and_when_it_ends_what_was_held_begins(what, case):
    story = wished(what, case)
    (reason, *_) = reasons = holding(story)
    assert {one.code for one in reasons} == {case.code}
    assert reason.until or reason.release
    assert not begun(story)
    case.ends(story)
    some_time_later(story)
    assert begun(story)


@pytest.mark.parametrize(("what", "one", "other"), PAIRS, ids=named)
def test_of_two_guards_both_are_listed_in_order_and_nothing_begins_before_both_have_ended(what, one, other):
    story = wished(what, one, other)
    reasons = holding(story)
    assert list(dict.fromkeys(reason.code for reason in reasons)) == sorted((one.code, other.code), key=ORDER.index)
    assert all(reason.until or reason.release for reason in reasons)
    assert held_decision(story).planned
    assert not begun(story)
    if {one.code, other.code} <= TIMED:
        last = max(reason.until for reason in reasons)
        assert not begun(story.at(seconds(last - timedelta(seconds=1))))
        assert begun(story.at(seconds(last)))
        return
    one.ends(story)
    if other.ends is not one.ends:  # one word of a person may end both
        assert not begun(story)
        some_time_later(story)
        assert not begun(story) or other.code in TIMED
    if not begun(story):
        other.ends(story)
    some_time_later(story)
    assert begun(story)


@pytest.mark.parametrize(("what", "one", "other"), [pair for pair in PAIRS if APPROVAL not in pair], ids=named)
def test_it_does_not_matter_which_of_two_guards_ends_first(what, one, other):
    story = wished(what, one, other)
    other.ends(story)
    some_time_later(story)
    if not begun(story):
        one.ends(story)
    some_time_later(story)
    assert begun(story)


@pytest.mark.parametrize("case", [case for case in PROMOTION if case not in (MODE, APPROVAL)], ids=named)
def test_while_another_guard_holds_nobody_is_asked(case):
    story = wished("promotion", case, APPROVAL)
    assert story.commands("RequestApproval") == []
    case.ends(story)
    some_time_later(story)
    assert len(story.commands("RequestApproval")) == 1


@pytest.mark.parametrize("case", RETRAINING, ids=named)
def test_no_guard_holds_a_rollback(case):
    story = Timeline(policy_of(case), known(version("1"), version("2", "standby"), **case.facts))
    case.happens(story)
    story.push(asked("rollback", depth=case.depth)).expect_ordered("RollBackTraffic")
    assert story.facts.champion == "2"
