"""Each accepted signal gets one decision for each subject, whoever else writes and wherever a crash hits."""

import logging

import pytest

from shared.adapters.sqlite_store import SqliteStore
from shared.domain.facts import Facts, HeldSignal, Rollout
from shared.domain.ids import decision_id
from shared.domain.policy import Policy
from shared.domain.records import SignalRow
from shared.domain.routing import UNMATCHED
from shared.domain.situation import FAULT_RETRY
from shared.domain.values import replace
from shared.parsing.policy_file import policy_digest
from shared.ports import LoadedPolicy, Stored, StoreUnavailableError
from shared.services.aggregate import deployment_ref
from shared.services.decide import TRIES_MAX
from tests.unit.domain.builders import ENDLESS, GROUP, changed, crossed, raw_policy
from tests.unit.services.fakes import NOON, SUBJECT, ContestedStore, LaggingStore, World
from tests.unit.services.signals import asked, hold, registered, rolling_out, serving, window


def row(signal):
    return SignalRow(signal=signal, received_at=NOON)


async def accepted(world, signal):
    await world.store.insert_signal(row(signal))
    return row(signal)


async def contested(rivals):
    store = ContestedStore(":memory:", rivals)
    await store.open()
    return store


async def test_a_conflict_is_decided_again_on_the_new_facts():
    store = await contested(rivals=3)
    world = World(store)
    assert await world.decider.decide(await accepted(world, registered()))
    assert store.commits == 4
    assert (await world.facts()).versions["7"].state == "staging"
    await store.close()


async def test_after_too_many_conflicts_the_signal_is_left_undecided():
    store = await contested(rivals=TRIES_MAX)
    world = World(store)
    assert not await world.decider.decide(await accepted(world, registered()))
    assert not (await store.signal("registered-7")).decided
    assert world.queue.sent == []
    await store.close()


async def test_what_was_left_undecided_is_decided_by_the_next_sweep():
    store = await contested(rivals=TRIES_MAX)
    world = World(store)
    await world.ingest.take("event_grid", b"{}", [registered()])
    world.clock.pass_seconds(31)
    assert (await world.sweeper.run()).decided == 1
    assert (await store.signal("registered-7")).decided
    await store.close()


async def test_when_another_instance_has_decided_nothing_is_sent_again(tmp_path):
    path = str(tmp_path / "outerloop.db")
    first, lagging = World(SqliteStore(path)), LaggingStore(path)
    await first.store.open()
    await lagging.open()
    second = first.another(lagging)
    left = await accepted(first, registered())
    await first.decider.decide(left)
    sent = list(first.queue.sent)
    assert await second.decider.decide(left)
    assert first.queue.sent == sent
    assert len(await first.store.decisions(None, 10)) == 1
    await first.store.close()
    await lagging.close()


class DecidedMeanwhile(SqliteStore):
    """The embedded store while another instance commits the same decision between our read and our write."""

    async def commit(self, evaluation, facts_etag):
        await super().commit(evaluation, facts_etag)
        await super().commit(evaluation, facts_etag)


async def test_when_another_instance_decides_just_before_us_the_sending_is_its_own():
    store = DecidedMeanwhile(":memory:")
    await store.open()
    world = World(store)
    assert await world.decider.decide(await accepted(world, registered()))
    assert (await world.ledger())["registered-7"].verdict == "act"
    assert world.queue.sent == []
    await store.close()


async def test_a_signal_is_routed_once_though_the_policy_changes(world):
    left = await accepted(world, registered())
    await world.store.set_route("registered-7", (SUBJECT,), "the digest of then")
    world.policies.change("model: flight-delay*", "model: another*")
    assert await world.decider.decide(left)
    assert (await world.store.signal("registered-7")).policy_digest == "the digest of then"
    assert (await world.ledger())["registered-7"].subject == SUBJECT


async def test_a_signal_of_a_workload_that_has_gone_is_recorded_as_unmatched(world):
    left = await accepted(world, registered())
    await world.store.set_route("registered-7", ("workload/gone",), "")
    assert await world.decider.decide(left)
    decision = await world.store.decision(decision_id("registered-7", "workload/gone"))
    assert decision.verdict == "no_match"


async def test_a_signal_in_scope_that_no_workload_cares_for_is_recorded(world):
    world.policies.change("model: flight-delay*", "model: another*")
    assert await world.decider.decide(await accepted(world, registered()))
    decision = (await world.ledger())["registered-7"]
    assert (decision.subject, decision.verdict) == (UNMATCHED, "no_match")


async def test_the_decision_names_the_policy_that_it_was_made_by(world):
    await world.decider.decide(await accepted(world, registered()))
    assert (await world.ledger())["registered-7"].policy_digest == world.policies.loaded.digest


async def test_a_signal_about_damaged_facts_is_logged_and_left(world, caplog):
    await world.damage_facts()
    with caplog.at_level(logging.ERROR):
        assert not await world.decider.decide(await accepted(world, registered()))
    assert "registered-7" in caplog.text
    assert not (await world.store.signal("registered-7")).decided


async def test_a_decision_too_large_to_be_stored_ends_in_one_that_calls_a_person_and_changes_nothing(world):
    await world.order(facts=serving())
    endless = registered(model="flight-delay" + ENDLESS)  # its facts would exceed the row's 64 KiB
    assert await world.decider.decide(await accepted(world, endless))
    decision = (await world.ledger())["registered-7"]
    assert (decision.verdict, decision.commands) == ("escalate", ())
    assert [reason.code for reason in decision.reasons] == ["too_large"]
    assert "more than 65536" in decision.reasons[0].text
    assert await world.facts() == serving()
    assert (await world.store.signal("registered-7")).decided


async def test_what_waited_goes_on_waiting_when_its_decision_is_too_large_to_be_stored(world):
    endless = await accepted(world, registered(model="flight-delay" + ENDLESS))
    await world.store.mark_decided(endless.signal.dedup_key)
    held = {"hold-1": HeldSignal(dedup_key="registered-7", about="version 7")}
    waiting = hold(purpose="retry", about="version 7")
    await world.order(facts=Facts(held=held), holds=[waiting])
    world.clock.pass_seconds(60)
    await world.sweeper.run()
    assert (await world.ledger())[waiting.signal.dedup_key].reasons[0].code == "too_large"
    assert {known.dedup_key for known in (await world.facts()).held.values()} == {"registered-7"}
    (again,) = await world.store.holds(SUBJECT)
    assert (again.retries, again.due) == ("registered-7", world.clock.now() + FAULT_RETRY)


async def test_a_decision_too_large_to_be_stored_is_taken_once(world):
    await accepted(world, registered(model="flight-delay" + ENDLESS))
    world.clock.pass_seconds(31)
    assert [(await world.sweeper.run()).decided for _ in range(3)] == [1, 0, 0]
    assert len(await world.ledger()) == 1


async def test_with_the_store_down_it_raises(world, store):
    left = await accepted(world, registered())
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await world.decider.decide(left)


async def test_a_decision_that_could_not_be_sent_is_in_the_ledger_all_the_same(world):
    left = await accepted(world, registered())
    world.queue.down = True
    with pytest.raises(StoreUnavailableError):
        await world.decider.decide(left)
    assert (await world.ledger())["registered-7"].verdict == "act"


async def test_a_preview_writes_nothing(world):
    (previewed,) = await world.decider.preview(world.policies.loaded, registered())
    assert previewed.decision.verdict == "act"
    assert previewed.decision.commands
    assert await world.store.decisions(None, 10) == []
    assert await world.store.subjects() == []
    assert world.queue.sent == []


async def test_a_preview_says_what_the_decision_will_say(world):
    (previewed,) = await world.decider.preview(world.policies.loaded, registered())
    await world.decider.decide(await accepted(world, registered()))
    assert (await world.ledger())["registered-7"] == previewed.decision


async def test_the_end_of_a_retry_evaluates_the_signal_that_waited(world):
    await world.ingest.tell(asked("pause"))
    await world.ingest.take("event_grid", b"{}", [registered()])
    assert (await world.ledger())["registered-7"].verdict == "hold"
    (waiting,) = await world.store.holds(SUBJECT)
    await world.ingest.tell(asked("resume"))
    world.clock.pass_seconds(1)
    assert (await world.sweeper.run()).woken == 1
    assert (await world.facts()).versions["7"].state == "staging"
    assert waiting.retries == "registered-7"
    assert await world.store.holds(SUBJECT) == []


async def test_a_look_at_a_step_that_has_not_begun_is_given_no_traffic(world):
    await world.order(facts=rolling_out(pending="traffic-1"))
    woken = hold(purpose="bake", about="2/0/0").signal
    assert await world.decider.decide(await accepted(world, woken))
    assert (await world.ledger())[woken.dedup_key].verdict == "suppress"


async def test_a_step_whose_measurements_are_damaged_is_held_and_not_judged(world):
    facts = rolling_out(pending="")
    await world.order(facts=replace(facts, rollout=replace(facts.rollout, percent=10, step_started_at=NOON)))
    production = world.policies.loaded.policy.workload("flight-delay").environments.production
    ref = deployment_ref(production, "2")
    await world.store.save_fold({f"traffic/{ref.key}/{NOON.isoformat()}/1m/": Stored(b"damaged", "")}, [])
    woken = hold(purpose="bake", about="2/0/0").signal
    assert await world.decider.decide(await accepted(world, woken))
    decision = (await world.ledger())[woken.dedup_key]
    assert (decision.verdict, [reason.code for reason in decision.reasons]) == ("hold", ["provider_error"])
    assert (await world.facts()).rollout.errors == 1


async def test_windows_of_the_champion_are_remembered(world):
    await world.order(facts=serving())
    await world.decider.decide(await accepted(world, window(1)))
    by_rule = {seen.rule: seen.verdict for seen in (await world.facts()).windows["1"]}
    assert by_rule == dict.fromkeys(("data_drift", "prediction_drift", "data_quality"), "pass")


async def test_what_waited_goes_on_waiting_when_a_rule_breaks(world):
    broken = Facts(
        champion="1", rollout=Rollout(version="2", champion="1", percent=10, step_started_at=NOON, no_data=99)
    )
    waiting = hold(purpose="bake", about="2/0/0")
    await world.order(facts=broken, holds=[waiting])
    world.clock.pass_seconds(60)
    await world.sweeper.run()
    assert (await world.ledger())[waiting.signal.dedup_key].reasons[0].code == "rule_failed"
    (again,) = await world.store.holds(SUBJECT)
    assert (again.signal.purpose, again.signal.about) == ("bake", "2/0/0")
    assert again.due == world.clock.now() + FAULT_RETRY


async def test_a_budget_alert_is_told_once_and_freezes_every_workload_in_its_scope(world):
    raw = raw_policy(
        budgets=[{"scope": GROUP, "tiers": [{"at": 1.0, "then": "freeze_retraining", "to": "ml_engineers"}]}]
    )
    own = {name: {"endpoint": f"flight-cancel-{name}"} for name in ("staging", "production")}
    second = changed(raw["workloads"][0], {"name": "flight-cancel", "model": "flight-cancel*", "environments": own})
    policy = Policy.model_validate({**raw, "workloads": [*raw["workloads"], second]})
    world.policies.loaded = LoadedPolicy(policy, policy_digest(policy), {})
    await world.ingest.tell(crossed(1.0, occurred_at=world.clock.now()))
    subjects = ["workload/flight-delay", "workload/flight-cancel"]
    assert [bool((await world.store.facts(subject)).value.freezes) for subject in subjects] == [True, True]
    (told,) = [command for decision in (await world.store.decisions(None, 100)) for command in decision.commands]
    assert (told.persona, told.workload) == ("ml_engineers", "")
    await world.executor.run(f"budget/{GROUP}", told.id, "worker")
    assert world.messenger.journal == [("send", told.id)]
    assert (await world.store.decisions(None, 100))[-1].subject == f"budget/{GROUP}"


# What a new signal costs the store


class Asked(SqliteStore):
    """The embedded store, which writes down what it is asked about a signal."""

    def __init__(self, path):
        super().__init__(path)
        self.asked = []

    async def decision(self, decision_id, subject=None):
        self.asked.append("decision")
        return await super().decision(decision_id, subject)

    async def set_route(self, dedup_key, subjects, policy_digest):
        self.asked.append("set_route")
        return await super().set_route(dedup_key, subjects, policy_digest)


@pytest.fixture
async def asked_world():
    store = Asked(":memory:")
    await store.open()
    yield World(store)
    await store.close()


async def test_a_new_signal_is_stored_with_its_route_and_looked_up_nowhere(asked_world):
    world = asked_world
    await world.ingest.tell(registered())
    stored = await world.store.signal("registered-7")
    assert (stored.subjects, stored.policy_digest) == ((SUBJECT,), world.policies.loaded.digest)
    assert stored.decided
    assert world.store.asked == []


async def test_a_signal_that_a_crash_left_is_looked_up_before_it_is_decided(asked_world):
    world = asked_world
    assert await world.decider.decide(await accepted(world, registered()))
    assert world.store.asked == ["set_route", "decision"]


async def test_a_new_signal_that_a_rival_decides_meanwhile_has_one_decision(world):
    loaded = world.policies.loaded
    new = world.decider.routed(loaded, row(registered()))
    await world.store.insert_signal(new)
    assert await world.another().decider.decide(new)
    assert await world.decider.decide_new(loaded, new)
    assert len(await world.store.decisions(SUBJECT, 10)) == 1
    assert len(world.queue.sent) == 2


async def test_a_signal_on_which_routing_fails_is_stored_without_a_route(world, caplog):
    damaged = replace(registered(), model_name=None)
    new = world.decider.routed(world.policies.loaded, row(damaged))
    assert new == row(damaged)
    assert "stored without its route" in caplog.text
