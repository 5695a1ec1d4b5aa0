import pytest

from shared.domain.arrivals import Arrivals
from shared.domain.ids import decision_id, derive
from shared.domain.outcomes import Failed
from shared.domain.values import replace
from shared.services.explain import explain, relevant
from tests.unit.filled_store import SUBJECT, WORKLOAD, FilledStore, asking_first, opened


@pytest.fixture
async def loop():
    store = await opened()
    yield FilledStore(store)
    await store.close()


def codes(explained):
    return [reason.code for reason in explained.entry.decision.reasons]


async def newest(loop):
    return (await loop.store.decisions(SUBJECT, 1))[0]


async def test_an_id_that_nothing_has_explains_nothing(loop):
    await loop.register("1")
    assert await explain(loop.store, "0" * 24) is None


async def test_a_decision_shows_what_it_heard_why_and_what_it_ordered(loop):
    signal = await loop.register("1")
    found = await explain(loop.store, decision_id(signal.dedup_key, SUBJECT))
    (explained,) = found.decisions
    assert found.about == "decision"
    assert explained.signal.signal == signal
    assert codes(explained) == ["registered"]
    assert len(explained.entry.commands) == 2
    assert explained.hold is None
    assert explained.facts["version 1"].startswith("staging since 2026-03-01 12:00:00")


async def test_a_signal_leads_to_its_decision(loop):
    signal = await loop.register("1")
    found = await explain(loop.store, signal.dedup_key)
    assert found.about == "signal"
    assert [explained.entry.decision.cause for explained in found.decisions] == [signal.dedup_key]


async def test_a_held_decision_shows_all_guards_what_is_planned_and_until_when(loop):
    await loop.until_serving("1")
    await loop.ask("retrain")
    await loop.finish("Retrain", outcome=Failed(retryable=False, reason="no quota"))
    await loop.ask("pause")
    loop.later(minutes=5)
    asked = await loop.ask("retrain")
    (explained,) = (await explain(loop.store, asked.dedup_key)).decisions
    decision = explained.entry.decision
    assert codes(explained) == ["asked", "paused", "cooldown"]
    assert [type(command).__name__ for command in decision.planned] == ["Retrain"]
    assert explained.hold.due == max(reason.until for reason in decision.reasons if reason.until)
    assert explained.facts["paused"] == "yes"
    assert "last retraining" in explained.facts


async def test_new_data_since_the_last_retraining_are_shown(loop):
    await loop.until_serving("1")
    signal = await loop.ask("retrain")
    stored = await loop.store.facts(SUBJECT)
    facts = replace(stored.value, arrivals=Arrivals(count=2, size_bytes=2048))
    decision = (await explain(loop.store, signal.dedup_key)).decisions[0].entry.decision
    assert "since then" not in relevant(stored.value, decision, None)
    assert relevant(facts, decision, None)["since then"] == "2 new files (2,048 bytes)"


async def test_a_hold_leads_to_the_decision_that_it_waits_for(loop):
    await loop.ask("pause")
    signal = await loop.register("1")
    (hold,) = await loop.store.holds(SUBJECT)
    found = await explain(loop.store, hold.id)
    assert found.about == "hold"
    assert [explained.entry.decision.cause for explained in found.decisions] == [signal.dedup_key]
    assert found.decisions[0].hold.id == hold.id


async def test_a_hold_that_ended_is_no_longer_waited_for(loop):
    await loop.ask("pause")
    signal = await loop.register("1")
    await loop.ask("resume")
    (hold,) = await loop.store.holds(SUBJECT)
    loop.later(seconds=1)
    await loop.tell(hold.signal)
    (explained,) = (await explain(loop.store, signal.dedup_key)).decisions
    assert explained.entry.decision.verdict == "hold"
    assert explained.hold is None


async def test_a_command_shows_who_ordered_it_and_what_its_end_led_to(loop):
    await loop.register("1")
    await loop.finish()
    ordered = (await loop.store.decisions(SUBJECT, 100))[0].commands[0]
    found = await explain(loop.store, ordered.id)
    assert found.about == "command"
    first, last = found.decisions
    assert ordered.id in {row.command.id for row in first.entry.commands}
    assert last.signal.signal.command_id == ordered.id


async def test_a_command_that_has_not_ended_shows_only_its_order(loop):
    await loop.register("1")
    ordered = (await newest(loop)).commands[0]
    assert len((await explain(loop.store, ordered.id)).decisions) == 1


async def test_an_incident_shows_its_opening_its_remedy_and_what_repeated(loop):
    await loop.until_serving("1")
    await loop.drift(months=4)
    (incident,) = (await loop.facts()).incidents
    found = await explain(loop.store, incident.id)
    assert found.about == "incident"
    assert found.incident == incident
    kinds = [type(c).__name__ for explained in found.decisions for c in explained.entry.decision.commands]
    assert "Retrain" in kinds
    assert "incident_open" in codes(found.decisions[-1])
    assert all(explained.entry.decision.subject == SUBJECT for explained in found.decisions)


async def test_an_incident_of_another_subject_is_found_too(loop):
    await loop.until_serving("1")
    await loop.ask("retrain")
    (incident,) = (await loop.facts()).incidents
    assert incident.id == derive(
        "incident", SUBJECT, "manual_retrain", derive("asked", "retrain", loop.clock.at.isoformat())
    )
    assert (await explain(loop.store, incident.id)).decisions[0].entry.decision.cause_kind == "OperatorAsked"


async def test_the_facts_of_an_answer_are_those_of_its_version(loop):
    await loop.until_approval("1")
    answer = await loop.approve("1")
    (explained,) = (await explain(loop.store, answer.dedup_key)).decisions
    assert explained.facts["champion"] == "none"
    assert explained.facts["version 1"].startswith("deploying")
    assert explained.signal.signal.workload == WORKLOAD


async def test_an_explanation_knows_of_the_question_that_is_open(tmp_path):
    store = await opened()
    loop = FilledStore(store, asking_first(tmp_path))
    signal = await loop.register("1")
    (explained,) = (await explain(store, signal.dedup_key)).decisions
    assert explained.facts["question about version 1"] == "waits for a yes, until 2026-03-03 12:00:00 UTC"
    assert [type(command).__name__ for command in explained.entry.decision.planned] == ["ShareModel", "RecordReference"]
    answer = await loop.answer("approve")
    (explained,) = (await explain(store, answer.dedup_key)).decisions
    assert explained.facts["question about version 1"].startswith("has a yes")
    await store.close()


async def test_an_incident_is_explained_with_the_answer_that_refused_it(tmp_path):
    store = await opened()
    loop = FilledStore(store, asking_first(tmp_path))
    await loop.ask("retrain")
    (incident,) = (await loop.facts()).incidents
    await loop.answer("reject")
    found = await explain(store, incident.id)
    assert [codes(one)[-1] for one in found.decisions] == ["approval", "refused"]
    assert found.incident.closed_as == "refused"
    await store.close()
