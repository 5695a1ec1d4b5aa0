"""One ruling at a time about images: what is remembered, who is told, and what stays small."""

import pytest

from shared.domain import routing
from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.image_facts import IMAGES_KEPT_MAX
from shared.domain.values import encode
from tests.unit.domain.builders import NOW, POLICY, SUBJECT, after, codes, kinds, ordered, serving, situation
from tests.unit.domain.platform_builders import (
    found_in,
    image_deleted,
    listening,
    push_hooked,
    pushed,
    quarantined,
    vulnerability,
    watching,
)

EVERY = (pushed(), push_hooked(), quarantined(), image_deleted(), found_in())


def after_hearing(*signals, policy=None):
    """The last evaluation."""
    done = None
    for signal in signals:
        known = done.facts if done else serving("1")
        done = evaluate(situation(signal, known, policy=policy or watching()))
    return done


def test_an_image_is_remembered_under_its_registrys_short_name():
    done = after_hearing(pushed("sha256:AB"))
    assert (done.decision.verdict, codes(done), kinds(done)) == ("suppress", ["image_seen", "image"], [])
    (image,) = done.facts.images
    assert (image.key, image.pushed_at) == (("contoso", "scoring/flights", "sha256:ab"), NOW)


def test_one_registry_under_two_names_is_one_image():
    arm_id = "/subscriptions/s/resourcegroups/rg/providers/microsoft.containerregistry/registries/contoso"
    done = after_hearing(pushed(), found_in(registry="contoso"), policy=watching(registry=arm_id))
    assert len(done.facts.images) == 1


@pytest.mark.parametrize("signal", EVERY, ids=lambda signal: type(signal).__name__)
def test_what_says_nothing_new_changes_nothing(signal):
    done = after_hearing(signal, signal)
    assert (done.decision.verdict, codes(done)) == ("suppress", ["older"])
    assert done.facts == after_hearing(signal).facts


def test_an_image_without_a_digest_is_known_by_its_tag():
    done = after_hearing(pushed("", tag="v1"), image_deleted("", tag="v1", occurred_at=after("1h")))
    assert [(image.digest, image.deleted) for image in done.facts.images] == [("v1", True)]


def test_the_message_says_what_failed_what_waits_and_what_releases_it():
    told = ordered(after_hearing(pushed(), found_in(severity="Critical")), "Notify")
    assert told.persona == "guards"
    assert told.facts["severity"] == "Critical"
    assert "sha256:1: its scan found something critical" in told.facts["image"]
    assert "nothing above medium" in told.facts["what waits"]


def test_without_a_persona_the_owner_is_told():
    assert ordered(after_hearing(pushed(), found_in(), policy=watching(to="")), "Notify").persona == "ml_engineers"


def test_an_incident_says_what_the_newest_image_has_failed_of():
    done = after_hearing(pushed(), found_in(severity="Critical"), pushed("sha256:2", occurred_at=after("1m")))
    assert [incident.closed_as for incident in done.facts.incidents] == ["resolved"]
    later = found_in("sha256:2", "High", occurred_at=after("2m"))
    done = after_hearing(
        pushed(),
        found_in(severity="Critical"),
        found_in("sha256:2", "High"),
        pushed("sha256:2", occurred_at=after("1m")),
        later,
    )
    (incident,) = done.facts.incidents
    assert (incident.state, incident.severity, incident.target) == ("open", "High", "contoso/scoring/flights")


def test_too_many_repositories_are_said_and_not_passed_over():
    many = [
        pushed(repository=f"scoring/{number}", occurred_at=after(f"{number}m")) for number in range(IMAGES_KEPT_MAX + 1)
    ]
    done = after_hearing(*many)
    assert (done.decision.verdict, codes(done), kinds(done)) == ("escalate", ["images_full"], ["Notify"])
    assert len(done.facts.images) == IMAGES_KEPT_MAX


def test_what_is_remembered_of_images_stays_small():
    facts = Facts()
    for number in range(IMAGES_KEPT_MAX * 2):
        place = {"repository": f"scoring/{'x' * 60}-{number}", "occurred_at": after(f"{number}m")}
        for signal in (
            quarantined("sha256:" + "a" * 64, **place),
            push_hooked("sha256:" + "a" * 64, **place),
            *(found_in("sha256:" + "a" * 64, assessment=f"cve-{each}", **place) for each in range(20)),
        ):
            facts = evaluate(situation(signal, facts, policy=watching())).facts
    assert len(encode(facts)) < 48 * 1024


# Routing


@pytest.mark.parametrize("signal", EVERY, ids=lambda signal: type(signal).__name__)
def test_images_of_a_registry_that_is_watched_are_in_scope(signal):
    assert routing.out_of_scope(watching(), signal) is None
    assert routing.route(watching(), signal) == (SUBJECT,)


@pytest.mark.parametrize("policy", [POLICY, listening(), watching(registry="fabrikam.azurecr.io")])
@pytest.mark.parametrize("signal", EVERY, ids=lambda signal: type(signal).__name__)
def test_images_of_other_registries_are_out_of_scope(policy, signal):
    refused = routing.out_of_scope(policy, signal)
    assert refused is not None
    assert refused.reason == "out_of_scope"


def test_a_repository_that_nobody_watches_concerns_no_workload():
    signal = pushed(repository="training/big")
    assert routing.out_of_scope(watching(), signal) is None
    assert routing.route(watching(), signal) == (routing.UNMATCHED,)


def test_a_finding_about_anything_else_is_still_about_security():
    done = after_hearing(vulnerability(), policy=listening(security={"to": "guards"}, images={"registry": "contoso"}))
    assert done.decision.rule == "security"
