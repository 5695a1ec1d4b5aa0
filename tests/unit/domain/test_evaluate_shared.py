"""What a budget or an origin of data does about a signal, and that it only records all the others."""

import pytest

from shared.domain.evaluate_shared import evaluate_budget, evaluate_upstream
from shared.domain.facts import Facts
from shared.domain.situation import Setting
from shared.parsing.policy_file import policy_digest
from tests.unit.domain.builders import (
    NOW,
    POLICY,
    answered,
    breached,
    crossed,
    elapsed,
    fell_silent,
    finished,
    registered,
    window,
)

STRANGERS = (registered(), breached(), fell_silent(), answered())


def setting(signal, subject):
    return Setting(
        policy=POLICY, policy_digest=policy_digest(POLICY), subject=subject, signal=signal, facts=Facts(), now=NOW
    )


@pytest.mark.parametrize("signal", [*STRANGERS, window(3, drifted=2), elapsed("retry", "x")], ids=lambda s: s.dedup_key)
def test_a_budget_records_what_is_not_about_it_and_does_nothing(signal):
    done = evaluate_budget(setting(signal, "budget/x"))
    assert (done.decision.verdict, done.facts, done.decision.commands) == ("no_match", Facts(), ())
    assert done.decision.reasons[0].text.endswith("no rule of a budget acts on it")


@pytest.mark.parametrize("signal", [*STRANGERS, crossed(0.9)], ids=lambda s: s.dedup_key)
def test_an_origin_records_what_is_not_about_it_and_does_nothing(signal):
    done = evaluate_upstream(setting(signal, "upstream/x"))
    assert (done.decision.verdict, done.facts, done.decision.commands) == ("no_match", Facts(), ())
    assert done.decision.reasons[0].text.endswith("no rule of an origin acts on it")


@pytest.mark.parametrize("evaluate", [evaluate_budget, evaluate_upstream])
def test_a_message_of_theirs_that_was_sent_is_noted(evaluate):
    done = evaluate(setting(finished("told", "Notify"), "budget/x"))
    assert done.decision.verdict != "no_match"
