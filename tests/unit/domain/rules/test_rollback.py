import pytest

from shared.domain.rules.rollback import go_back, on_rollback_asked, warm_standby
from shared.domain.situation import because
from tests.unit.domain.builders import NOW, asked, codes, known, ordered, rolling, serving, situation, version

REASON = because("alert", "the alert fired")
WARM = known(version("1", "standby"), version("2"))


def back(facts, **fields):
    return go_back(situation(asked("rollback"), facts, **fields), REASON)


def test_during_a_rollout_the_way_back_leads_to_the_champion():
    ruling = back(rolling())
    assert ordered(ruling, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}
    assert (ruling.facts.rollout, ruling.facts.champion) == (None, "1")
    assert ruling.facts.versions["2"].state == "rolled_back"


def test_afterwards_it_leads_to_the_warm_standby():
    ruling = back(WARM)
    assert ordered(ruling, "RollBackTraffic").traffic == {"version-1": 100, "version-2": 0}
    assert (ruling.facts.champion, ruling.facts.standby) == ("1", "")
    assert len(ruling.released) == 1


def test_the_reason_is_what_is_recorded_and_told():
    ruling = back(WARM)
    assert codes(ruling) == ["alert"]
    assert ordered(ruling, "Notify").facts == {"alert": "the alert fired"}


@pytest.mark.parametrize("facts", [serving("1"), known(version("1", "standby"), version("2"), standby_until=NOW)])
def test_without_either_there_is_no_way_back(facts):
    assert back(facts) is None
    assert codes(on_rollback_asked(situation(asked("rollback"), facts), asked("rollback"))) == ["no_standby"]


def test_a_first_version_is_taken_off_the_traffic():
    assert ordered(back(rolling(over="")), "RollBackTraffic").traffic == {"version-2": 0}


def test_a_standby_is_warm_until_its_time_is_over():
    assert warm_standby(situation(asked("rollback"), WARM)).version == "1"
    assert warm_standby(situation(asked("rollback"), WARM, now=WARM.standby_until)) is None
