"""The images that a workload is served from, as timelines: a promotion waits for a scan, and for a mended one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import after, asked, registered, serving, steady
from tests.unit.domain.platform_builders import (
    found_in,
    image_deleted,
    judged,
    push_hooked,
    pushed,
    quarantined,
    watching,
)

WAITS = {"1": "serving", "2": "registered"}
GOES_ON = {"1": "serving", "2": "awaiting_approval"}


def story_of_version_1(**images):
    """Version 1 serves since noon, and images are watched."""
    story = Timeline(watching(**images), serving("1"))
    story.azure.traffic = {"version-1": 100}
    return story


def told(story, persona="guards"):
    return [notice.title for notice in story.commands("Notify") if notice.persona == persona]


def at(text, **fields):
    return {"occurred_at": after(text), **fields}


@pytest.mark.rule("images")
def test_an_unscanned_image_blocks_a_promotion_until_its_scan_is_clean():
    story = story_of_version_1().push(pushed(), registered("2")).expect(versions=WAITS).expect_reason("image")
    story.at("5h").expect(versions=WAITS)
    story.push(found_in(healthy=True, **at("5h"))).expect_reason("mended").at("5h").expect(
        versions=GOES_ON, incidents=[]
    )
    assert told(story) == []


def test_a_hold_names_the_image_and_what_would_release_it():
    story = story_of_version_1().push(pushed("sha256:213bbc182920ab41e18edc"), registered("2"))
    (reason,) = story.ledger[-1].reasons
    assert reason.text == "contoso/scoring/flights@sha256:213bbc182920: no scan of it is known"
    assert reason.release == "when its scan is clean, a newer image is, or it is deleted"
    assert (reason.observed, reason.limit) == ("unscanned", "medium")


def test_a_finding_within_what_is_suffered_is_a_scan_too():
    story = story_of_version_1().push(pushed(), registered("2"), found_in(severity="Medium"))
    story.at("0s").expect(versions=GOES_ON, incidents=[])


def test_an_image_that_fails_its_scan_is_told_by_severity_and_blocks():
    story = story_of_version_1().push(pushed(), found_in(severity="High")).expect(incidents=["open"])
    story.push(registered("2")).expect(versions=WAITS).expect_reason("image")
    story.push(found_in(severity="High", assessment="cve-2")).expect_reason("incident_open")
    story.push(found_in(severity="Critical", assessment="cve-3")).expect_reason("worse").expect(incidents=["open"])
    assert told(story) == [
        "flight-delay: image contoso/scoring/flights failed its scan (High)",
        "flight-delay: image contoso/scoring/flights failed its scan (Critical)",
    ]


def test_each_finding_has_to_be_mended_before_what_waits_goes_on():
    story = story_of_version_1().push(pushed(), found_in(), found_in(assessment="cve-2"), registered("2"))
    story.push(found_in(healthy=True, **at("1h"))).at("1h").expect(versions=WAITS, incidents=["open"])
    story.push(found_in(healthy=True, assessment="cve-2", **at("1h"))).at("1h")
    story.expect(versions=GOES_ON, incidents=["resolved"])
    assert told(story)[-1] == "flight-delay: resolved: image contoso/scoring/flights failed its scan"


def test_a_newer_clean_image_releases_what_a_failed_one_held():
    story = story_of_version_1().push(pushed(), found_in(), registered("2")).at("1h")
    story.push(pushed("sha256:2", **at("1h"))).expect(versions=WAITS, incidents=["resolved"])
    story.push(found_in("sha256:2", "Low", **at("1h"))).at("1h").expect(versions=GOES_ON)


def test_a_newer_image_that_is_not_scanned_holds_in_the_place_of_the_old_one():
    story = story_of_version_1().push(pushed(), found_in(healthy=True), pushed("sha256:2", **at("1m")), registered("2"))
    story.expect(versions=WAITS)
    story.push(found_in(healthy=True, assessment="cve-9", **at("2m"))).at("2m").expect(versions=WAITS)


def test_what_is_found_in_an_image_that_was_replaced_holds_nothing():
    story = story_of_version_1().push(pushed(), pushed("sha256:2", **at("1m")), found_in("sha256:2", healthy=True))
    story.push(found_in("sha256:1", "Critical", **at("2m")), registered("2")).expect(versions=GOES_ON, incidents=[])


@pytest.mark.rule("images")
def test_deleting_a_failed_image_releases_what_waits():
    story = story_of_version_1().push(pushed(), found_in(), registered("2")).at("1h")
    story.push(image_deleted(**at("1h"))).at("1h").expect(versions=GOES_ON, incidents=["resolved"])


def test_when_the_newest_image_is_deleted_the_one_before_counts():
    story = story_of_version_1().push(pushed(), found_in("sha256:1"), pushed("sha256:2", **at("1m")))
    story.push(found_in("sha256:2", healthy=True, **at("2m"))).expect(incidents=["resolved"])
    story.push(image_deleted("sha256:2", **at("3m")), registered("2")).expect(versions=WAITS)
    assert story.seen()["incidents"] == ["resolved", "open"]


def test_an_image_that_is_pushed_again_after_its_deletion_counts_again():
    story = story_of_version_1().push(pushed(), found_in(), image_deleted(**at("1h")))
    story.push(pushed(**at("2h")), registered("2")).expect(versions=WAITS)


def test_quarantine_holds_until_the_registry_tells_of_the_push():
    story = story_of_version_1().push(quarantined(), registered("2")).expect(versions=WAITS)
    assert "in quarantine" in story.ledger[-1].reasons[0].text
    story.at("10m").push(push_hooked(**at("10m"))).at("10m").expect(versions=GOES_ON)


def test_event_grids_push_lifts_no_quarantine_since_nobody_documents_that_it_waits():
    story = story_of_version_1().push(quarantined(), registered("2"))
    story.push(pushed(**at("10m"))).at("10m").expect(versions=WAITS)


def test_the_push_that_lifts_a_quarantine_makes_no_older_image_the_newest():
    story = story_of_version_1().push(quarantined(), quarantined("sha256:2", **at("1m")), push_hooked(**at("1h")))
    story.push(registered("2")).expect(versions=WAITS)
    story.push(push_hooked("sha256:2", **at("2h"))).at("2h").expect(versions=GOES_ON)


def test_a_quarantined_image_holds_even_where_unscanned_ones_are_allowed():
    story_of_version_1(unscanned="allow").push(pushed(), registered("2")).expect(versions=GOES_ON)
    story_of_version_1(unscanned="allow").push(quarantined(), registered("2")).expect(versions=WAITS)


def test_an_image_that_passed_its_quarantine_may_still_fail_a_later_scan():
    story = story_of_version_1().push(quarantined(), push_hooked(**at("1m")), found_in(**at("2m")), registered("2"))
    story.expect(versions=WAITS, incidents=["open"])


def test_silence_is_clean_after_a_while_where_the_policy_says_so():
    story = story_of_version_1(clean_after="6h").push(pushed(), registered("2")).expect(versions=WAITS)
    assert story.ledger[-1].reasons[0].until == after("6h")
    story.at("359m").expect(versions=WAITS).at("6h").expect(versions=GOES_ON)


def test_silence_does_not_clean_what_has_failed():
    story_of_version_1(clean_after="6h").push(pushed(), found_in(), registered("2")).at("48h").expect(versions=WAITS)


def test_the_policy_says_what_is_suffered():
    high = story_of_version_1(severity_max="high").push(pushed(), found_in(severity="High"), registered("2"))
    high.expect(versions=GOES_ON, incidents=[])
    low = story_of_version_1(severity_max="low").push(pushed(), found_in(severity="Medium"), registered("2"))
    low.expect(versions=WAITS, incidents=["open"])


def test_a_severity_that_nobody_knows_is_not_suffered():
    story_of_version_1().push(pushed(), found_in(severity="Dreadful"), registered("2")).expect(versions=WAITS)


def test_every_repository_has_to_be_clean():
    other = {"repository": "scoring/base"}
    story = story_of_version_1().push(pushed(), pushed(**other), registered("2"))
    story.push(found_in(healthy=True)).at("1m").expect(versions=WAITS)
    story.push(found_in(healthy=True, **other)).at("1m").expect(versions=GOES_ON)


def test_images_that_are_not_watched_hold_nothing():
    story = story_of_version_1().push(pushed(repository="training/big"), found_in(repository="training/big"))
    story.push(registered("2")).expect(versions=GOES_ON, incidents=[])
    elsewhere = story_of_version_1().push(pushed(registry="fabrikam.azurecr.io"), registered("2"))
    elsewhere.expect(versions=GOES_ON)
    assert elsewhere.ledger[0].cause_kind == "ModelRegistered"


def test_a_candidate_does_not_enter_staging_on_an_image_that_is_not_scanned():
    story = story_of_version_1()
    story.azure.next("ShareModel", None)
    story.push(registered("2"), pushed())
    (share,) = story.commands("ShareModel")
    story.finish(share).expect_reason("image").expect(versions={"1": "serving", "2": "staging"})
    story.push(found_in(healthy=True)).at("1m").expect(versions=GOES_ON)


def test_a_yes_waits_when_the_image_fails_meanwhile():
    story = story_of_version_1().push(registered("2"), pushed(), found_in()).approve("2")
    story.expect(versions=GOES_ON).expect_reason("image")
    story.push(found_in(healthy=True, **at("1m"))).at("1m").expect(percent=10)


def test_a_rollout_under_way_and_a_rollback_do_not_wait_for_images():
    story = (
        story_of_version_1().push(registered("2")).approve("2").push(pushed(), found_in()).at("30m").expect(percent=50)
    )
    story.push(asked("rollback")).expect(champion="1", traffic={"version-1": 100, "version-2": 0})


def test_an_image_and_a_workspace_that_is_not_compliant_hold_together():
    story = story_of_version_1().push(pushed(), judged(), registered("2"))
    story.expect_reason("noncompliant").expect_reason("image")
    story.push(judged(compliant=True, **at("1m"))).at("1m").expect(versions=WAITS)
    story.push(found_in(healthy=True)).at("1m").expect(versions=GOES_ON)


def test_an_image_and_a_pause_hold_together():
    story = story_of_version_1().push(asked("pause"), pushed(), registered("2"))
    story.expect_reason("paused").expect_reason("image").push(found_in(healthy=True)).at("1m").expect(versions=WAITS)
    story.push(asked("resume")).at("1m").expect(versions=GOES_ON)


def test_a_finding_alone_tells_of_an_image_when_it_says_since_when_it_is_there():
    story = story_of_version_1().push(found_in(image_pushed_at=after("0s")), registered("2"))
    story.expect(versions=WAITS, incidents=["open"])
    unknown = story_of_version_1().push(found_in(), registered("2")).expect(versions=GOES_ON, incidents=[])
    unknown.push(pushed(**at("1m"))).expect(incidents=["open"])


def test_defenders_findings_about_images_are_no_business_of_the_section_about_security():
    story = Timeline(watching(), serving("1")).push(pushed(), found_in())
    assert [known.target for known in story.facts.incidents] == ["contoso/scoring/flights"]


NEWS = (
    pushed("sha256:1"),
    found_in("sha256:1", "Critical", **at("1m")),
    found_in("sha256:1", "Critical", healthy=True, **at("3m")),
    quarantined("sha256:2", **at("4m")),
    push_hooked("sha256:2", **at("6m")),
    found_in("sha256:2", "High", assessment="cve-2", **at("7m")),
    pushed("sha256:3", **at("8m")),
    image_deleted("sha256:3", **at("9m")),
    pushed("sha256:1", repository="scoring/base", **at("2m")),
    image_deleted("sha256:1", repository="scoring/base", **at("5m")),
)


@given(st.permutations(NEWS))
@steady
def test_in_any_order_the_same_is_known_and_the_same_image_blocks(deliveries):
    story, reference = story_of_version_1(), story_of_version_1().push(*NEWS, registered("2"))
    story.push(*deliveries, registered("2"))
    assert story.facts.images == reference.facts.images
    assert [reason.text for reason in story.ledger[-1].reasons] == [
        "contoso/scoring/flights@sha256:2: its scan found something high"
    ]
    assert [known.severity for known in story.facts.incidents if known.state == "open"] == ["High"]
