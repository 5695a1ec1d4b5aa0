"""One change by hand is one incident, whichever road it came by, and holds the steps of a rollout while it is about traffic."""

from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.rules.hand_incidents import (
    CHANGED,
    EXPIRES_AFTER,
    adopted,
    frozen_by_hand,
    known_at,
    opened,
    target_of,
    traffic_alert,
)
from tests.unit.domain.builders import NOW, WORKLOAD, asked, rolling, serving, situation
from tests.unit.domain.platform_builders import ENDPOINT

BLUE = EndpointSeen(traffic={"blue": 100})


def told(facts=None, alert=CHANGED, target=ENDPOINT):
    return opened(situation(asked("pause")), facts or serving("2"), alert, target, NOW, "the endpoint was updated")


def test_targets_are_ids_in_lower_case():
    production = WORKLOAD.environments.production
    assert target_of(production) == ENDPOINT
    assert target_of(production, "version-1") == f"{ENDPOINT}/deployments/version-1"


def test_what_is_opened_ends_after_a_week_at_the_latest():
    seen, incident, facts, (hold,) = told()
    assert (seen, hold.due, hold.signal.about) == ("opened", NOW + EXPIRES_AFTER, incident.id)
    again, _, facts, holds = told(facts)
    assert (again, holds, facts.incidents[0].repeats) == ("repeated", (), 1)


def test_an_open_incident_is_found_by_its_resource():
    _, incident, facts, _ = told()
    assert known_at(facts, ENDPOINT) == incident
    assert known_at(facts, f"{ENDPOINT}/deployments/blue") is None


def test_what_an_event_said_of_the_endpoint_is_found_to_be_about_its_traffic():
    _, incident, facts, _ = told()
    (known,) = adopted(facts, ENDPOINT, BLUE).incidents
    assert (known.id, known.alert) == (incident.id, "traffic blue=100")


def test_traffic_that_is_an_incident_already_adopts_nothing():
    _, _, facts, _ = told(alert=traffic_alert(EndpointSeen()))
    assert adopted(facts, ENDPOINT, BLUE) == facts
    assert adopted(serving("2"), ENDPOINT, BLUE) == serving("2")


def test_only_traffic_holds_the_steps_of_a_rollout():
    changed, traffic = told(rolling())[2], told(rolling(), alert=traffic_alert(BLUE))[2]
    assert frozen_by_hand(situation(asked("pause"), changed)) is None
    frozen = frozen_by_hand(situation(asked("pause"), traffic))
    assert (frozen.code, frozen.observed) == ("frozen_by_hand", "blue=100")
