"""What holds a remedy for a deployment in trouble back, guard by guard, and what makes it pointless."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain import relief_guards
from shared.domain.budget_facts import BudgetFreeze
from shared.domain.capacity import Quota
from shared.domain.commands import RestartDeployment, ScaleDeployment
from shared.domain.facts import Incident
from shared.domain.policy_infrastructure import Relief
from shared.domain.proposals import Beginning
from shared.domain.relief_facts import Relief as Relieved
from shared.domain.values import replace
from tests.unit.domain.builders import NOW, PRODUCTION, serving, situation
from tests.unit.domain.platform_builders import fired, listening

LIMITS = Relief(instances_max=3)
POLICY = listening({"then": "scale_out", "relief": {"instances_max": 3}, "to": "infrastructure"}, mode="act")
GUIDE = Path(__file__).parents[3] / "docs" / "guide.md"


def here(facts=None, policy=POLICY, **fields):
    return situation(fired(), facts or serving("1"), policy=policy, **fields)


def order(kind=ScaleDeployment, **fields):
    scale = {"expected": 1, "instances": 2} if kind is ScaleDeployment else {}
    place = {"workspace": PRODUCTION, "endpoint": "flight-delay", "deployment": "version-1"}
    return kind(id="c", workload="flight-delay", reason="because", **{**place, **scale, **fields})


def beginning(*plan):
    return Beginning(
        what="relief", about="incident i", title="scale out", plan=plan or (order(),), names=("infrastructure",)
    )


def codes(place, plan=None, limits=LIMITS):
    return [reason.code for reason in relief_guards.holding(place, plan or beginning(), limits)]


def incident(**fields):
    return Incident(**{"id": "i", "kind": "infrastructure", "state": "open", "opened_at": NOW, **fields})


def with_facts(**fields):
    return replace(serving("1"), **fields)


def test_nothing_holds_a_remedy_when_all_is_well():
    assert codes(here()) == []


def test_a_pause_holds_it():
    assert codes(here(with_facts(paused=True))) == ["paused"]


def test_to_observe_and_to_propose_hold_it():
    assert codes(here(policy=listening(mode="observe"))) == ["mode_observe"]
    assert codes(here(policy=listening(mode="propose"))) == ["approval"]


def test_another_workspace_is_none_of_ours():
    assert codes(here(), beginning(order(workspace=f"{PRODUCTION}-2"))) == ["out_of_scope"]


@pytest.mark.parametrize("state", ["deploying", "probing", "rolling_out"])
def test_a_version_on_its_way_into_production_has_the_endpoint(state):
    facts = serving("1")
    candidate = replace(facts.versions["1"], version="2", state=state)
    held = relief_guards.holding(here(facts.with_version(candidate)), beginning(), LIMITS)
    assert [(one.code, one.until) for one in held] == [("promotion_under_way", NOW + relief_guards.LOOK_AGAIN)]


@pytest.mark.parametrize("state", ["staging", "testing", "awaiting_approval", "rejected"])
def test_a_version_that_is_not_there_yet_is_in_nobodys_way(state):
    facts = serving("1")
    assert codes(here(facts.with_version(replace(facts.versions["1"], version="2", state=state)))) == []


@pytest.mark.parametrize(
    ("alert", "held"),
    [("service_health abc-1", True), ("maintenance", True), ("resource_health", False), ("cpu is busy", False)],
)
def test_azure_that_is_unwell_itself_is_waited_for(alert, held):
    place = here(with_facts(incidents=(incident(alert=alert),)))
    assert codes(place) == (["platform_unwell"] if held else [])


def test_azure_that_was_unwell_is_not():
    assert codes(here(with_facts(incidents=(incident(alert="service_health abc-1", state="closed"),)))) == []


@pytest.mark.parametrize(("state", "held"), [("remedying", True), ("verifying", True), ("open", False)])
def test_one_remedy_at_a_time(state, held):
    place = here(with_facts(incidents=(incident(id="other", state=state),)))
    assert codes(place) == (["remedy_under_way"] if held else [])


def test_a_retraining_is_no_such_remedy():
    assert codes(here(with_facts(incidents=(incident(kind="data_drift", state="remedying"),)))) == []


def test_the_cooldown_says_until_when():
    relieved = Relieved(ordered_at=(NOW - timedelta(minutes=10),))
    (held,) = relief_guards.holding(here(with_facts(relief=relieved)), beginning(), LIMITS)
    assert (held.code, held.until) == ("cooldown", NOW + timedelta(minutes=20))
    assert codes(here(with_facts(relief=Relieved(ordered_at=(NOW - timedelta(minutes=30),))))) == []


def test_a_budget_that_is_used_up_holds_instances_and_no_restart():
    freeze = BudgetFreeze(budget="ml", ratio=1.1, since=NOW, until=NOW + timedelta(days=3))
    place = here(with_facts(freezes={"ml": freeze}))
    (held,) = relief_guards.holding(place, beginning(), LIMITS)
    assert (held.code, held.until, held.observed) == ("budget_freeze", freeze.until, 1.1)
    assert codes(place, beginning(order(RestartDeployment))) == []


@pytest.mark.parametrize(("used", "held"), [(96, False), (97, True)])
def test_quota_counts_what_is_added_with_azures_fifth(used, held):
    quota = Quota(location="westeurope", family="dsv3", cores=4, used=used, limit=100)
    assert codes(here(quota=quota)) == ([] if not held else ["quota"])  # 1 counts as 2, and 2 as 3: one more


def test_quota_without_a_limit_and_quota_that_nobody_could_read_hold_nothing():
    assert codes(here(quota=Quota(location="w", family="f", cores=4, used=9, limit=-1))) == []
    assert codes(here(quota=None)) == []


def test_a_restart_needs_no_quota():
    quota = Quota(location="w", family="f", cores=4, used=100, limit=100)
    assert codes(here(quota=quota), beginning(order(RestartDeployment))) == []


def test_every_guard_that_holds_is_listed_in_order():
    facts = with_facts(paused=True, incidents=(incident(alert="maintenance"),), relief=Relieved(ordered_at=(NOW,)))
    assert codes(here(facts)) == ["paused", "platform_unwell", "cooldown"]


@pytest.mark.parametrize(("fruitless", "gave_up"), [(0, False), (1, False), (2, True), (3, True)])
def test_after_so_many_in_vain_a_person_has_to_look(fruitless, gave_up):
    found = relief_guards.gave_up(here(with_facts(relief=Relieved(fruitless=fruitless))), LIMITS)
    assert (found is not None) is gave_up
    assert found is None or found.release.startswith("outerloop ask resume flight-delay")


def test_the_limit_of_instances_says_what_would_release_it():
    found = relief_guards.at_limit(LIMITS)
    assert (found.code, found.limit) == ("instances_max", 3)
    assert "raise instances_max" in found.release


def test_the_guide_shows_the_order_as_it_is():
    assert relief_guards.as_markdown() in GUIDE.read_text(encoding="utf-8")
