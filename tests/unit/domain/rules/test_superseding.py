import pytest

from shared.domain.rules.superseding import give_way, in_the_way
from shared.domain.situation import because
from shared.domain.values import replace
from tests.unit.domain.builders import after, incident, policy_with, registered, rolling, situation, version

SUPERSEDES = policy_with(promotion={"rollout": {"newer_candidate": "supersedes"}})
WAITS = (because("promotion_under_way", "version 2 is being promoted"),)
NEWER = version("3", "registered")


def here(facts=None, policy=SUPERSEDES):
    return situation(registered("3"), facts or rolling(), policy=policy)


def test_only_a_rollout_of_an_older_version_that_is_alone_in_the_way_gives_way():
    assert in_the_way(here(), NEWER, WAITS) == rolling().rollout


@pytest.mark.parametrize("held_by", [(), (*WAITS, because("paused", "the workload is paused")), (because("x", "y"),)])
def test_what_other_guards_hold_is_held(held_by):
    assert in_the_way(here(), NEWER, held_by) is None


@pytest.mark.parametrize(
    "facts", [replace(rolling(), rollout=None), rolling(over="")], ids=["no rollout", "the first version of all"]
)
def test_without_a_champion_to_go_back_to_nothing_gives_way(facts):
    assert in_the_way(here(facts), NEWER, WAITS) is None


def test_by_default_and_for_an_older_version_nothing_gives_way():
    assert in_the_way(here(policy=policy_with()), NEWER, WAITS) is None
    assert in_the_way(here(), version("1", "registered"), WAITS) is None


def test_giving_way_takes_the_traffic_back_and_retires_the_older_version():
    facts, commands, removals = give_way(here(), rolling().rollout, NEWER)
    write, told = commands
    assert write.traffic == {"version-1": 100, "version-2": 0}
    assert told.title == "flight-delay: version 2 gives way to the newer version 3"
    assert (facts.rollout, facts.champion, facts.versions["2"].state) == (None, "1", "retired")
    (removal,) = removals
    assert (removal.signal.purpose, removal.signal.about, removal.due) == ("failed_expiry", "2", after("24h"))


def test_a_remedy_whose_version_gives_way_has_failed():
    facts, _, _ = give_way(
        here(replace(rolling(), incidents=(incident(remedy_version="2"),))), rolling().rollout, NEWER
    )
    assert [known.closed_as for known in facts.incidents] == ["failed"]
