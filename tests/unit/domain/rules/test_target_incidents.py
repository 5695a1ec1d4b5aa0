import itertools
from datetime import timedelta

import pytest

from shared.domain.facts import INCIDENTS_KEPT_MAX, Facts
from shared.domain.policy_infrastructure import rank
from shared.domain.rules.target_incidents import DETAIL_MAX, NAME_MAX, OPEN_MAX, Sighting, end, newest, sight
from shared.domain.values import encode
from tests.unit.domain.builders import ENDLESS, NOW, incident, serving, situation
from tests.unit.domain.platform_builders import ENDPOINT, fired


def sighting(hours=0, alert="latency", target=ENDPOINT, **fields):
    fields = {"kind": "infrastructure", **fields}
    return Sighting(alert=alert, target=target, at=NOW + timedelta(hours=hours), **fields)


def heard(facts, *steps):
    """The facts after sightings and ends, and what each was taken for."""
    taken = []
    for number, (step, one) in enumerate(steps):
        seen, _, facts = step(situation(fired(dedup_key=f"k{number}"), facts), facts, one)
        taken.append(seen)
    return taken, facts


def test_the_first_sighting_opens_and_the_next_is_counted():
    taken, facts = heard(serving("1"), (sight, sighting()), (sight, sighting(1)), (sight, sighting(2)))
    (opened,) = facts.incidents
    assert taken == ["opened", "repeated", "repeated"]
    assert (opened.state, opened.repeats, opened.version, opened.target) == ("open", 2, "1", ENDPOINT)
    assert opened.heard_at == NOW + timedelta(hours=2)


def test_the_id_follows_from_the_signal_the_alert_and_the_target():
    found = [sight(situation(fired()), Facts(), sighting())[1].id for _ in range(2)]
    other = sight(situation(fired()), Facts(), sighting(target="/other"))[1].id
    assert found[0] == found[1] != other


@pytest.mark.parametrize("other", [{"alert": "cpu"}, {"target": "/other"}, {"kind": "security"}])
def test_another_alert_target_or_kind_is_another_incident(other):
    taken, facts = heard(Facts(), (sight, sighting()), (sight, sighting(**other)))
    assert taken == ["opened", "opened"]
    assert len(facts.incidents) == 2


def test_an_end_closes_and_is_known_afterwards():
    taken, facts = heard(Facts(), (sight, sighting()), (end, sighting(1)), (end, sighting(1)), (sight, sighting()))
    assert taken == ["opened", "closed", "late", "late"]
    assert (facts.incidents[0].closed_as, facts.incidents[0].closed_at) == ("resolved", NOW)


def test_in_whatever_order_begin_and_end_are_heard_nothing_stays_open():
    steps = ((sight, sighting(0)), (sight, sighting(1)), (end, sighting(2)))
    for order in itertools.permutations(steps):
        _, facts = heard(Facts(), *order)
        assert [known.state for known in facts.incidents] == ["closed"]


def test_in_whatever_order_two_episodes_are_heard_the_second_stays_open():
    steps = ((sight, sighting(0)), (end, sighting(1)), (sight, sighting(2)))
    for order in itertools.permutations(steps):
        _, facts = heard(Facts(), *order)
        assert newest(facts, sighting()).state == "open"


def test_an_end_older_than_the_newest_sighting_closes_nothing():
    taken, facts = heard(Facts(), (sight, sighting(2)), (end, sighting(1)))
    assert (taken, facts.incidents[0].state) == (["opened", "late"], "open")


def test_a_worse_severity_is_news_and_a_milder_one_is_not():
    steps = [(sight, sighting(severity=severity)) for severity in ("Medium", "Low", "High", "Medium", "")]
    taken, facts = heard(Facts(), *steps)
    assert taken == ["opened", "repeated", "worse", "repeated", "repeated"]
    assert facts.incidents[0].severity == "High"


@pytest.mark.parametrize(
    ("milder", "worse"), list(itertools.pairwise(["Informational", "LOW", "medium", "High", "Critical"]))
)
def test_severities_are_ordered_in_any_case(milder, worse):
    assert rank(milder) < rank(worse)


def test_a_severity_that_we_do_not_know_is_as_bad_as_it_gets():
    assert rank("Sev0") > rank("critical")


def test_a_storm_keeps_the_newest_and_other_incidents():
    drift = incident("remedying")
    steps = [(sight, sighting(target=f"/resource/{number}")) for number in range(OPEN_MAX + 30)]
    taken, facts = heard(Facts(incidents=(drift,)), *steps)
    states = [known.closed_as or known.state for known in facts.incidents]
    assert set(taken) == {"opened"}
    assert (states.count("open"), states.count("remedying")) == (OPEN_MAX, 1)
    assert states.count("crowded_out") <= INCIDENTS_KEPT_MAX + 1
    assert facts.incidents[-1].target == f"/resource/{OPEN_MAX + 29}"


def test_long_texts_do_not_fill_the_facts():
    _, facts = heard(Facts(), *((sight, sighting(target=f"/{n}", detail="x" * 9_000)) for n in range(OPEN_MAX)))
    assert len(facts.incidents[0].detail) == DETAIL_MAX
    assert len(encode(facts)) < 32 * 1024


def test_names_without_end_neither_fill_the_facts_nor_become_one():
    endless = ["latency" + ENDLESS + end for end in ("one", "other")]
    taken, facts = heard(Facts(), *((sight, sighting(alert=name, target=name, severity=name)) for name in endless * 2))
    assert taken == ["opened", "opened", "repeated", "repeated"]
    assert len(encode(facts)) < 2 * 4 * (NAME_MAX + 100)
    taken, facts = heard(facts, (end, sighting(1, alert=endless[0], target=endless[0])))
    assert (taken, [known.closed_as for known in facts.incidents]) == (["closed"], ["", "resolved"])
