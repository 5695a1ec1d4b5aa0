import itertools

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.rules.compliance import JUDGED_KEPT_MAX
from shared.domain.values import encode
from tests.unit.domain.builders import DEVELOPMENT, after, codes, held, kinds, ordered, registered, serving, situation
from tests.unit.domain.platform_builders import ASSIGNMENT, PRODUCTION, STAGING, judged


def after_hearing(*signals, facts=None):
    """The last evaluation."""
    done = None
    for signal in signals:
        done = evaluate(situation(signal, done.facts if done else facts or serving("1")))
    return done


@pytest.mark.parametrize("resource", [STAGING, PRODUCTION, f"{PRODUCTION}/computes/cpu", PRODUCTION.upper()])
def test_what_is_wrong_in_staging_or_production_blocks_and_is_told(resource):
    done = after_hearing(judged(resource))
    assert (done.decision.verdict, codes(done), kinds(done)) == ("act", ["judged", "noncompliant"], ["Notify"])
    assert ordered(done, "Notify").facts["assignment"] == ASSIGNMENT
    assert after_hearing(judged(resource), registered("2")).decision.verdict == "hold"


@pytest.mark.parametrize("resource", [DEVELOPMENT, f"{PRODUCTION}-eu", PRODUCTION.partition("/providers/")[0]])
def test_what_is_wrong_elsewhere_is_not_remembered(resource):
    done = after_hearing(judged(resource))
    assert (done.decision.verdict, done.facts) == ("no_match", serving("1"))


def test_the_owner_is_told_once_until_it_is_mended():
    more = [judged(f"{PRODUCTION}/computes/{number}") for number in range(3)]
    assert [kinds(after_hearing(judged(), *more[: n + 1])) for n in range(3)] == [[], [], []]


def test_a_repeat_of_a_judgement_says_nothing_new():
    assert codes(after_hearing(judged(), judged(dedup_key="again"))) == ["older"]
    later = judged(occurred_at=after("1h"))
    assert codes(after_hearing(judged(), later)) == ["judged", "still_blocked"]


def test_in_whatever_order_judgements_come_the_newest_counts():
    signals = [judged(compliant=n % 2 == 1, occurred_at=after(f"{n}h")) for n in range(4)]
    for order in itertools.permutations(signals):
        (known,) = after_hearing(*order).facts.judged
        assert (known.compliant, known.at) == (True, after("3h"))


def test_of_two_judgements_of_one_moment_the_stricter_counts():
    for order in itertools.permutations([judged(), judged(compliant=True)]):
        assert not after_hearing(*order).facts.judged[0].compliant


def test_what_was_held_is_woken_when_it_is_mended_and_other_holds_are_not():
    facts = after_hearing(judged()).facts
    facts = facts.with_held("a", held("registered-2", "version 2")).with_held("b", held("breach", "incident i"))
    done = after_hearing(judged(compliant=True, occurred_at=after("1h")), facts=facts)
    assert [hold.retries for hold in done.holds] == ["registered-2"]
    assert codes(done) == ["judged", "mended"]


def test_what_waits_for_production_is_woken_although_staging_still_blocks():
    """A yes that leads into production asks nothing of staging."""
    facts = after_hearing(judged(), judged(f"{STAGING}/computes/cpu")).facts.with_held("a", held("yes", "version 2"))
    done = after_hearing(judged(compliant=True, occurred_at=after("1h")), facts=facts)
    assert codes(done) == ["judged", "still_blocked"]
    assert [hold.retries for hold in done.holds] == ["yes"]


def test_what_was_compliant_all_along_wakes_nobody():
    done = after_hearing(judged(compliant=True))
    assert (codes(done), done.holds, done.decision.commands) == (["judged", "not_blocked"], (), ())


def test_a_judgement_that_was_deleted_blocks_no_more():
    done = after_hearing(judged(), judged(compliant=True, change="deleted", occurred_at=after("1h")), registered("2"))
    assert done.decision.verdict == "act"


def test_compliant_judgements_are_forgotten_first():
    signals = [judged(f"{PRODUCTION}/computes/{n}", compliant=n % 2 == 0) for n in range(JUDGED_KEPT_MAX + 10)]
    kept = after_hearing(*signals).facts.judged
    assert len(kept) == JUDGED_KEPT_MAX
    assert sum(not one.compliant for one in kept) == (JUDGED_KEPT_MAX + 10) // 2


def test_when_too_much_is_wrong_to_remember_a_person_is_told():
    signals = [judged(f"{PRODUCTION}/computes/{number}") for number in range(JUDGED_KEPT_MAX + 1)]
    done = after_hearing(*signals)
    assert (done.decision.verdict, codes(done)) == ("escalate", ["compliance_full"])
    assert len(encode(done.facts)) < 32 * 1024


def test_a_promotion_that_waits_says_what_it_would_order():
    done = after_hearing(judged(), registered("2"))
    assert [type(command).__name__ for command in done.decision.planned] == ["ShareModel", "RecordReference"]
    assert isinstance(done.facts, Facts)
