import pytest

from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.outcomes import Failed, Succeeded
from shared.domain.plans import stale, waits
from shared.domain.platform_signals import DataDeleted
from tests.unit.domain.builders import (
    COLLECTED_PATH,
    COLLECTING,
    COLLECTOR,
    DATA_RULE,
    codes,
    collected,
    drift_rule,
    finished,
    kinds,
    ordered,
    policy_with,
    serving,
    situation,
)

POLICY = policy_with(**COLLECTING)


def decide(signal, facts=None, policy=POLICY):
    return evaluate(situation(signal, facts or serving("1"), policy=policy))


def test_a_file_of_the_collector_is_read_on():
    done = decide(collected())
    command = ordered(done, "ReadCollected")
    assert (done.decision.verdict, done.decision.rule, codes(done)) == ("act", "collected_files", ["collected"])
    assert (command.storage, command.container, command.path) == (
        COLLECTOR["storage"],
        COLLECTOR["container"],
        COLLECTED_PATH,
    )
    assert command.bytes_max == 1024 * 1024 * 1024


def test_the_same_event_gives_the_same_order_and_the_next_write_another():
    once, again, later = decide(collected()), decide(collected()), decide(collected(dedup_key="later"))
    assert ordered(once, "ReadCollected").id == ordered(again, "ReadCollected").id
    assert ordered(once, "ReadCollected").id != ordered(later, "ReadCollected").id


def test_the_policy_says_how_much_of_a_file_is_read():
    policy = policy_with(environments={"production": {"collector": COLLECTOR | {"file_mib_max": 2}}})
    assert ordered(decide(collected(), policy=policy), "ReadCollected").bytes_max == 2 * 1024 * 1024


def test_what_is_collected_leaves_the_facts_as_they_are():
    facts = serving("1")
    assert decide(collected(), facts).facts == facts


@pytest.mark.parametrize("mode", ["observe", "propose", "act"])
def test_rows_are_counted_in_every_mode(mode):
    policy = policy_with(mode=mode, **COLLECTING)
    assert kinds(decide(collected(), policy=policy)) == ["ReadCollected"]


def test_a_pause_does_not_keep_rows_from_being_counted():
    paused = serving("1", paused=True)
    command = ordered(decide(collected(), paused), "ReadCollected")
    assert (waits(command, paused), stale(command, paused)) == ("", "")


def test_rows_that_are_kept_beside_the_lines_are_no_lines():
    done = decide(collected("modelDataCollector/flight-delay/version-1/model_inputs/2026/03/02/11/b5c1.json"))
    assert (done.decision.verdict, codes(done), kinds(done)) == ("suppress", ["not_lines"], [])


def test_a_file_of_the_collector_counts_for_no_rule_about_new_data():
    rule = {**DATA_RULE, "storage": COLLECTOR["storage"], "path": f"{COLLECTOR['container']}/*"}
    policy = policy_with(monitoring=[drift_rule(), rule], **COLLECTING)
    done = decide(collected(), policy=policy)
    assert (kinds(done), done.facts.arrivals.count) == (["ReadCollected"], 0)


def test_what_was_counted_of_a_deleted_file_stays_counted():
    done = decide(collected(kind=DataDeleted))
    assert (done.decision.verdict, codes(done), kinds(done)) == ("suppress", ["collected_deleted"], [])


def test_how_much_was_counted_is_in_the_ledger():
    done = decide(finished("c", "ReadCollected", lines=12.0, bytes=9000.0, through=12_000.0))
    assert (done.decision.verdict, codes(done)) == ("suppress", ["counted_lines"])
    assert "12 new lines were counted, up to byte 12000" in done.decision.reasons[0].text


def test_a_file_that_cannot_be_read_is_for_a_person_to_look_at():
    failed = Failed(retryable=False, reason="HTTP 403: the app's identity needs the role Storage Blob Data Reader")
    done = decide(finished("c", "ReadCollected", failed))
    assert (done.decision.verdict, codes(done)) == ("escalate", ["not_read"])
    assert "Storage Blob Data Reader" in done.decision.reasons[0].text


def test_an_outcome_without_figures_is_read_too():
    done = decide(finished("c", "ReadCollected", Succeeded()), Facts())
    assert codes(done) == ["counted_lines"]
