import pytest

from shared.domain.rules.freeze import REMIND_AFTER, on_continue_asked, remind, stand_still
from shared.domain.situation import because
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    after,
    asked,
    codes,
    elapsed,
    kinds,
    ordered,
    policy_with,
    rolling,
    situation,
)

FREEZES = policy_with(promotion={"rollout": {"on_failure": "freeze"}})
WHY = because("error_rate", "too many failed")


def standing(facts=None):
    facts = facts or rolling()
    here = situation(elapsed("bake", "2/0/0"), facts, policy=FREEZES, now=after("30m"))
    return stand_still(here, facts.rollout, WHY)


def test_standing_still_writes_no_traffic_and_ends_nothing():
    ruling = standing()
    assert (ruling.verdict, kinds(ruling), codes(ruling)) == ("escalate", ["Notify"], ["error_rate", "frozen"])
    assert ruling.facts.rollout.frozen == "too many failed"
    assert ruling.facts.versions["2"].state == "rolling_out"


def test_it_is_looked_at_again_to_remind():
    (hold,) = standing().holds
    assert (hold.signal.purpose, hold.signal.about, hold.due) == ("bake", "2/0/0", after("30m") + REMIND_AFTER)
    facts = standing().facts
    ruling = remind(situation(hold.signal, facts, policy=FREEZES, now=hold.due), facts.rollout)
    assert (ruling.verdict, ruling.facts.rollout.looks) == ("escalate", 1)
    assert "too many failed" in ordered(ruling, "Notify").facts["frozen"]


def test_a_long_story_of_what_went_wrong_is_kept_short():
    facts = rolling()
    here = situation(elapsed("bake", "2/0/0"), facts, policy=FREEZES)
    assert len(stand_still(here, facts.rollout, because("x", "y" * 9_000)).facts.rollout.frozen) == 1_000


@pytest.mark.parametrize(("percent", "onward"), [(10, 50), (50, 100)])
def test_going_on_takes_the_next_step_with_all_counts_anew(percent, onward):
    facts = standing(rolling(percent=percent, failures=1, bakes=3)).facts
    ruling = on_continue_asked(situation(asked("continue"), facts, policy=FREEZES, now=NOW), asked("continue"))
    assert ordered(ruling, "SetTraffic").traffic == {"version-2": onward, "version-1": 100 - onward}
    rollout = ruling.facts.rollout
    assert (rollout.frozen, rollout.failures, rollout.bakes, rollout.percent) == ("", 0, 0, onward)
    assert "grace@contoso.com lets it go on" in ruling.reasons[0].text


@pytest.mark.parametrize("facts", [rolling(), replace(rolling(), rollout=None)], ids=["it bakes", "there is none"])
def test_where_nothing_stands_still_there_is_nothing_to_let_go_on(facts):
    ruling = on_continue_asked(situation(asked("continue"), facts, policy=FREEZES), asked("continue"))
    assert (ruling.verdict, codes(ruling), ruling.facts) == ("suppress", ["not_frozen"], facts)
