from shared.domain.facts import INCIDENTS_KEPT_MAX, VERSIONS_KEPT_MAX, Facts
from tests.unit.domain.builders import held, incident, known, serving, version


def test_the_beginning_knows_nothing():
    assert Facts() == Facts(versions={}, champion="", incidents=())


def test_facts_are_copied_and_never_changed():
    facts = serving("1")
    facts.with_version(version("2", "staging"))
    facts.with_incident(incident())
    facts.with_held("hold", held("key", "version 2"))
    assert facts == serving("1")


def test_a_version_is_replaced_by_its_newer_self():
    assert serving("1").with_version(version("1", "standby")).versions["1"].state == "standby"


def test_the_oldest_versions_that_have_ended_are_forgotten():
    facts = serving("1")
    for number in range(2, 60):
        facts = facts.with_version(version(str(number), "rejected"))
    assert len(facts.versions) == VERSIONS_KEPT_MAX
    assert "1" in facts.versions
    assert "59" in facts.versions
    assert "2" not in facts.versions


def test_versions_that_still_live_are_never_forgotten():
    living = [version(str(number), "registered") for number in range(2, 40)]
    facts = known(version("1"), *living).with_version(version("40", "staging"))
    assert len(facts.versions) == 40


def test_closed_incidents_are_forgotten_and_open_ones_are_not():
    facts = Facts().with_incident(incident("open", id="open"))
    for number in range(30):
        facts = facts.with_incident(incident("closed", id=f"closed-{number}"))
    assert [one.id for one in facts.incidents if one.state != "closed"] == ["open"]
    assert len(facts.incidents) <= INCIDENTS_KEPT_MAX + 2
    assert facts.incidents[-1].id == "closed-29"


def test_an_incident_is_replaced_by_its_newer_self():
    facts = Facts().with_incident(incident("open")).with_incident(incident("verifying"))
    assert [one.state for one in facts.incidents] == ["verifying"]


def test_the_open_incident_of_a_kind_is_found():
    facts = Facts(incidents=(incident("closed", id="old"), incident("remedying", id="new")))
    assert facts.open_incident("data_drift").id == "new"
    assert facts.open_incident("manual_retrain") is None
