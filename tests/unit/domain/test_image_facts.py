"""What is kept of images: the latest moment of each kind, so that no order of delivery matters, and never too much."""

from datetime import timedelta
from itertools import permutations

import pytest

from shared.domain.image_facts import (
    FINDINGS_KEPT_MAX,
    IMAGES_KEPT_MAX,
    Finding,
    Image,
    newest,
    remembered,
    with_finding,
)
from tests.unit.domain.builders import NOW

MINUTE = timedelta(minutes=1)


def image(digest="sha256:1", **fields):
    return Image(**{"registry": "contoso", "repository": "scoring", "digest": digest, **fields})


def finding(name="cve", severity="High", *, healthy=False, minutes=0):
    return Finding(id=name, severity=severity, healthy=healthy, at=NOW + minutes * MINUTE)


def found(*findings):
    known = image()
    for one in findings:
        known = with_finding(known, one)
    return known


def test_of_one_finding_the_later_word_counts():
    words = finding(), finding(healthy=True, minutes=1), finding(severity="Low", minutes=2)
    assert {found(*order).worst for order in permutations(words)} == {"Low"}
    assert {found(*order).worst for order in permutations(words[:2])} == {""}


def test_of_two_words_of_one_moment_the_stricter_counts():
    for order in permutations((finding(), finding(healthy=True))):
        assert found(*order).worst == "High"


def test_the_worst_that_stands_counts():
    words = (
        finding("a", "Low"),
        finding("b", "Critical"),
        finding("c", "High"),
        finding("d", "Unheard of", healthy=True),
    )
    assert {found(*order).worst for order in permutations(words)} == {"Critical"}


@pytest.mark.parametrize("severity", ["Low", "Critical"])
def test_findings_beyond_what_is_kept_still_stand(severity):
    many = [finding(f"cve-{number}", severity) for number in range(FINDINGS_KEPT_MAX + 5)]
    known = found(*many)
    assert len(known.findings) == FINDINGS_KEPT_MAX
    mended = known
    for one in known.findings:
        mended = with_finding(mended, finding(one.id, healthy=True, minutes=1))
    assert mended.worst == severity


def test_the_least_severe_are_forgotten_first_so_that_the_severe_can_be_mended():
    known = found(*(finding(f"low-{number}", "Low") for number in range(40)), finding("bad", "Critical"))
    assert known.worst == "Critical"
    assert with_finding(known, finding("bad", "Critical", healthy=True, minutes=1)).worst == "Low"


@pytest.mark.parametrize(
    ("moments", "deleted"),
    [
        ({"deleted_at": NOW}, True),
        ({"pushed_at": NOW, "deleted_at": NOW}, True),
        ({"pushed_at": NOW, "deleted_at": NOW + MINUTE}, True),
        ({"pushed_at": NOW + MINUTE, "deleted_at": NOW}, False),
        ({"quarantined_at": NOW + MINUTE, "deleted_at": NOW}, False),
        ({"pushed_at": NOW}, False),
    ],
)
def test_an_image_is_gone_until_it_comes_again(moments, deleted):
    assert image(**moments).deleted is deleted


@pytest.mark.parametrize(("hooked", "waits"), [(None, True), (NOW - MINUTE, True), (NOW, True), (NOW + MINUTE, False)])
def test_only_a_later_web_hook_of_the_push_ends_a_quarantine(hooked, waits):
    known = image(quarantined_at=NOW, pushed_at=NOW + 9 * MINUTE, hooked_at=hooked)
    assert (known.quarantined, known.scanned) == (waits, not waits)


def test_without_a_quarantine_a_push_is_no_scan():
    assert not image(pushed_at=NOW, hooked_at=NOW).scanned
    assert image(pushed_at=NOW, findings=(finding(healthy=True),)).scanned


def test_the_newest_of_a_repository_came_last_and_is_still_there():
    images = (
        image("sha256:1", pushed_at=NOW),
        image("sha256:2", pushed_at=NOW + MINUTE),
        image("sha256:3", pushed_at=NOW + 2 * MINUTE, deleted_at=NOW + 3 * MINUTE),
        image("sha256:4", findings=(finding(),)),
        image("sha256:5", repository="base", pushed_at=NOW),
    )
    for order in permutations(images):
        assert [one.digest for one in newest(order)] == ["sha256:5", "sha256:2"]


def test_of_two_that_came_at_once_it_is_always_the_same():
    for order in permutations([image("sha256:1", pushed_at=NOW), image("sha256:2", pushed_at=NOW)]):
        assert [one.digest for one in newest(order)] == ["sha256:2"]


def test_beyond_the_limit_what_a_newer_image_replaced_is_forgotten_first():
    images, lost = (), None
    for number in range(IMAGES_KEPT_MAX + 5):
        images, lost = remembered(images, image(f"sha256:{number:03}", pushed_at=NOW + number * MINUTE))
        assert lost is None
    assert len(images) == IMAGES_KEPT_MAX
    assert newest(images)[0].digest == f"sha256:{IMAGES_KEPT_MAX + 4:03}"


def test_that_an_image_which_counts_is_forgotten_is_said():
    images = tuple(
        image(repository=f"r{number:03}", pushed_at=NOW + number * MINUTE) for number in range(IMAGES_KEPT_MAX)
    )
    kept, lost = remembered(images, image(repository="one more", pushed_at=NOW + timedelta(days=1)))
    assert lost is not None
    assert (lost.repository, len(kept)) == ("r000", IMAGES_KEPT_MAX)
