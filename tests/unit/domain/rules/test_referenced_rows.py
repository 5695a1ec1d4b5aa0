"""Rows in a blob of their own are read where the policy says that the collector writes, and nowhere else."""

import pytest

from shared.domain.evaluate import evaluate
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.plans import stale, waits
from tests.unit.domain.builders import (
    COLLECTING,
    COLLECTOR,
    NOW,
    codes,
    finished,
    kinds,
    ordered,
    policy_with,
    referenced,
    serving,
    situation,
)

POLICY = policy_with(**COLLECTING)
PATH = "modelDataCollector/flight-delay/rows/1.json"
MINE = {"account": "mlops", "container": COLLECTOR["container"]}


def decide(signal, facts=None, policy=POLICY):
    return evaluate(situation(signal, facts or serving("1"), policy=policy))


@pytest.mark.parametrize("where", [{}, MINE, {"account": "MLOPS"}])
def test_the_rows_of_an_event_are_read_with_all_that_the_event_says_of_them(where):
    done = decide(referenced(correlation_id="c", content_range="bytes 0-8/9", **where))
    command = ordered(done, "ReadReferenced")
    assert (done.decision.verdict, done.decision.rule, codes(done)) == ("act", "referenced_rows", ["referenced"])
    assert (command.storage, command.container, command.path) == (COLLECTOR["storage"], COLLECTOR["container"], PATH)
    assert (command.deployment, command.collection, command.at) == ("version-1", "model_inputs", NOW)
    assert (command.correlation_id, command.content_range, command.bytes_max) == ("c", "bytes 0-8/9", 16 * 1024 * 1024)


@pytest.mark.parametrize(
    "signal",
    [
        referenced(account="somebody", container=COLLECTOR["container"]),
        referenced(account="mlops", container="another"),
        referenced("elsewhere/flight-delay/1.json"),
        referenced("modelDataCollector/flight-delay-2/1.json"),
        referenced("modelDataCollector/flight-delay/../../secret.json"),
    ],
    ids=["another account", "another container", "another folder", "another endpoint", "a way out"],
)
def test_what_lies_outside_of_the_collector_is_not_read_and_it_is_said_what_to_do(signal):
    done = decide(signal)
    assert (kinds(done), codes(done)) == ([], ["not_collected"])
    assert "mend the policy" in done.decision.reasons[0].text


def test_without_a_collector_in_the_policy_nothing_is_read():
    assert codes(decide(referenced(), policy=policy_with())) == ["not_collected"]


def test_the_same_event_gives_the_same_order_and_another_event_another():
    once, again, other = decide(referenced()), decide(referenced()), decide(referenced(dedup_key="other"))
    assert ordered(once, "ReadReferenced") == ordered(again, "ReadReferenced")
    assert ordered(once, "ReadReferenced").id != ordered(other, "ReadReferenced").id


def test_the_policy_says_how_large_a_blob_may_be():
    policy = policy_with(environments={"production": {"collector": COLLECTOR | {"event_mib_max": 2}}})
    assert ordered(decide(referenced(), policy=policy), "ReadReferenced").bytes_max == 2 * 1024 * 1024


@pytest.mark.parametrize("mode", ["observe", "propose", "act"])
def test_rows_are_counted_in_every_mode_and_change_no_facts(mode):
    facts = serving("1")
    done = decide(referenced(), facts, policy_with(mode=mode, **COLLECTING))
    assert (kinds(done), done.facts) == (["ReadReferenced"], facts)


def test_a_pause_does_not_hold_it_and_it_never_is_stale():
    paused = serving("1", paused=True)
    command = ordered(decide(referenced(), paused), "ReadReferenced")
    assert (waits(command, paused), stale(command, paused)) == ("", "")


def test_what_was_counted_is_said():
    done = decide(finished("c", "ReadReferenced", Succeeded(data={"rows": 12.0})))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["counted_rows"])
    assert "12 rows" in done.decision.reasons[0].text


def test_a_blob_that_could_not_be_read_is_for_a_person():
    done = decide(finished("c", "ReadReferenced", Failed(retryable=False, reason="HTTP 403")))
    assert (done.decision.verdict, codes(done)) == ("escalate", ["rows_not_read"])
    assert "HTTP 403" in done.decision.reasons[0].text
