from datetime import timedelta

import pytest

from shared.domain.budget_facts import BudgetFreeze
from shared.domain.decisions import Hold
from shared.domain.facts import Facts, Rollout, Version
from shared.domain.ids import derive
from shared.domain.outcomes import Failed
from shared.domain.records import RejectedRow, SignalRow
from shared.domain.signals import HoldElapsed
from shared.domain.silences import Silence
from shared.domain.values import replace
from shared.rendering.plain import plain
from shared.services import views
from tests.contracts.store_samples import commit, evaluation, notify
from tests.unit.filled_store import START, SUBJECT, WORKLOAD, FilledStore, asking_first, opened


def link(workload, approval_id):
    return f"https://outerloop.example/{workload}/{approval_id}"


@pytest.fixture
async def loop():
    store = await opened()
    yield FilledStore(store)
    await store.close()


@pytest.fixture
async def proposing(tmp_path):
    """A loop whose policy asks first."""
    store = await opened()
    yield FilledStore(store, asking_first(tmp_path))
    await store.close()


async def shown(loop):
    return await views.workload(loop.store, await loop.policy(), WORKLOAD, link, loop.clock.now())


async def with_rollout(loop, **changes):
    """A rollout of version 2 over version 1, at the step that the changes say."""
    versions = {
        name: Version(version=name, model="m", state=state, since=START, registered_at=START)
        for name, state in (("1", "serving"), ("2", "rolling_out"))
    }
    rollout = Rollout(version="2", champion="1", percent=10)
    facts = Facts(champion="1", versions=versions, rollout=replace(rollout, **changes))
    await commit(loop.store, evaluation("rollout-begins", subject=SUBJECT, facts=facts))


async def test_a_workload_that_was_never_heard_of_is_shown_empty(loop):
    seen = await shown(loop)
    assert (seen.name, seen.mode, seen.task) == (WORKLOAD, "act", "classical")
    assert (seen.champion, seen.traffic, seen.rollout) == ("", {}, None)
    assert (seen.versions, seen.incidents, seen.holds, seen.questions) == ((), (), (), ())


async def test_the_champion_has_all_of_the_traffic_while_nothing_rolls_out(loop):
    await loop.until_serving("1")
    seen = await shown(loop)
    assert seen.champion == "1"
    assert seen.traffic == {"1": 100}
    assert [(version.version, version.state) for version in seen.versions] == [("1", "serving")]


async def test_a_step_in_force_shows_its_share_of_the_traffic(loop):
    await with_rollout(loop, step=1, percent=50, step_started_at=START)
    seen = await shown(loop)
    assert seen.traffic == {"1": 50, "2": 50}
    assert (seen.rollout.step, seen.rollout.steps, seen.rollout.percent) == (2, 3, 50)
    assert seen.rollout.in_force_since == START


async def test_a_rollout_that_stands_still_says_why(loop):
    await with_rollout(loop, step=1, percent=50, step_started_at=START, frozen="120 of 400 requests failed", errors=2)
    seen = (await shown(loop)).rollout
    assert (seen.frozen, seen.errors) == ("120 of 400 requests failed", 2)


async def test_a_shadow_step_shows_what_is_mirrored_and_leaves_the_champion_all_of_the_traffic(loop):
    await with_rollout(loop, step=0, percent=0, mirror=20, step_started_at=START)
    seen = await shown(loop)
    assert (seen.rollout.mirror, seen.traffic) == (20, {"1": 100, "2": 0})


async def test_while_a_step_is_being_set_the_one_before_is_in_force(loop):
    await with_rollout(loop, step=1, percent=50, pending="c")
    seen = await shown(loop)
    assert seen.traffic == {"1": 90, "2": 10}
    assert seen.rollout.in_force_since is None


async def test_while_the_first_step_is_being_set_the_champion_has_everything(loop):
    await with_rollout(loop, step=0, percent=10, pending="c")
    assert (await shown(loop)).traffic == {"1": 100, "2": 0}


async def test_a_first_version_has_one_step_and_no_traffic_until_it_is_done(loop):
    await with_rollout(loop, champion="", percent=100, pending="c")
    seen = await shown(loop)
    assert seen.traffic == {}
    assert (seen.rollout.step, seen.rollout.steps) == (1, 1)


async def test_a_question_is_open_with_its_link_until_it_is_answered(loop):
    asked = await loop.until_approval("1")
    (question,) = await views.questions(loop.store, await loop.policy(), link)
    assert (question.version, question.approval_id, question.quorum) == ("1", asked.id, 1)
    assert question.link == f"https://outerloop.example/{WORKLOAD}/{asked.id}"
    assert question.expires_at == asked.expires_at

    await loop.approve("1")
    assert await views.questions(loop.store, await loop.policy(), link) == []


async def in_words(loop, purpose):
    return [hold.words for hold in (await shown(loop)).holds if hold.purpose == purpose]


async def test_what_waits_is_said_in_words_and_not_by_the_keys_of_the_rules(loop):
    await loop.until_approval("1")
    assert await in_words(loop, "approval_expiry") == ["the question about version 1"]
    await loop.approve("1")
    for _ in range(4):
        loop.later(seconds=10)
        await loop.finish()
    await loop.ask("pause")
    await loop.register("2")
    await loop.drift()
    assert await in_words(loop, "retry") == ["version 2", "incident: data drift of version 1"]


async def test_a_hold_about_something_that_is_no_longer_known_keeps_its_key(loop):
    def hold(purpose, about):
        signal = HoldElapsed(
            source="s",
            dedup_key=purpose,
            occurred_at=START,
            workload=WORKLOAD,
            hold_id=purpose,
            purpose=purpose,
            about=about,
        )
        return Hold(id=purpose, due=START, signal=signal)

    wanted = {
        "bake": ("3/1/4", "version 3, step 2 of its rollout"),
        "standby_expiry": ("1", "version 1, kept warm"),
        "failed_expiry": ("2", "version 2, kept to be looked into"),
        "approval_expiry": ("a9", "approval a9"),
        "verify_deadline": ("i9", "incident i9"),
    }
    holds = tuple(hold(purpose, about) for purpose, (about, _) in wanted.items())
    await commit(loop.store, evaluation("waits", subject=SUBJECT, holds=holds))
    assert {seen.purpose: seen.words for seen in (await shown(loop)).holds} == {
        purpose: words for purpose, (_, words) in wanted.items()
    }


async def test_a_freeze_is_shown_until_its_end_with_what_lifts_it(loop):
    ends = START + timedelta(days=30)
    freeze = BudgetFreeze(budget="monthly", ratio=1.02, since=START, until=ends)
    lifted = replace(freeze, budget="other", lifted_by="erin")
    await commit(loop.store, evaluation("frozen", subject=SUBJECT, facts=Facts(freezes={"a": freeze, "b": lifted})))
    (seen,) = (await shown(loop)).freezes
    assert (seen.budget, seen.ratio, seen.until) == ("monthly", 1.02, ends)
    assert seen.lift == "outerloop ask lift-freeze flight-delay --by YOU --why WHY"
    loop.later(days=30)
    assert (await shown(loop)).freezes == ()


async def test_a_silence_is_shown_until_its_end_with_what_ends_it_sooner(loop):
    silence = Silence(id="s1", what="data_drift", by="grace", comment="known", until=START + timedelta(hours=1))
    await commit(loop.store, evaluation("quiet", subject=SUBJECT, facts=Facts(silences=(silence,))))
    (seen,) = (await shown(loop)).silences
    assert (seen.what, seen.by, seen.comment) == ("data_drift", "grace", "known")
    assert seen.expire == "outerloop silence expire flight-delay s1 --by YOU --why WHY"
    loop.later(hours=1)
    assert (await shown(loop)).silences == ()


async def test_an_open_question_waits_for_its_expiry(loop):
    asked = await loop.until_approval("1")
    (hold,) = (await shown(loop)).holds
    assert (hold.purpose, hold.due) == ("approval_expiry", asked.expires_at)
    assert "rejected" in hold.then


async def test_a_question_about_what_would_be_begun_is_shown_until_it_is_answered(proposing):
    await proposing.register("1")
    (question,) = (await shown(proposing)).questions
    assert (question.begins, question.title, question.version) == ("promote version 1", "promote version 1", "")
    assert question.quorum == 1
    holds = {hold.purpose: hold for hold in (await shown(proposing)).holds}
    assert set(holds) == {"retry", "approval_expiry"}
    (reason,) = holds["retry"].reasons
    assert (reason.code, reason.until) == ("approval", question.expires_at)
    await proposing.answer("approve")
    assert (await shown(proposing)).questions == ()


async def test_a_held_decision_shows_every_guard_that_holds_it(loop):
    await loop.ask("pause")
    await loop.register("1")
    (hold,) = (await shown(loop)).holds
    assert hold.about == "version 1"
    assert [reason.code for reason in hold.reasons] == ["paused"]
    assert hold.reasons[0].release == "outerloop ask resume flight-delay --by YOU --why WHY"


async def test_a_hold_that_was_renewed_shows_the_newest_reasons(loop):
    await loop.ask("pause")
    await loop.register("1")
    (hold,) = await loop.store.holds(SUBJECT)
    loop.later(hours=2)
    await loop.tell(hold.signal)
    (renewed,) = (await shown(loop)).holds
    assert renewed.id == hold.id
    assert renewed.due > hold.due
    assert [reason.code for reason in renewed.reasons] == ["paused"]


async def test_a_second_look_at_a_step_shows_why_the_first_was_not_enough(loop):
    await with_rollout(loop, step=0, percent=10, step_started_at=START, looks=1)
    first, second = (derive("hold", SUBJECT, "bake", f"2/0/{look}") for look in (0, 1))

    def bake(hold_id, look):
        signal = HoldElapsed(
            source="outerloop/holds",
            dedup_key=f"elapsed-{look}",
            occurred_at=START,
            workload=WORKLOAD,
            hold_id=hold_id,
            purpose="bake",
            about=f"2/0/{look}",
        )
        return Hold(id=hold_id, due=START, signal=signal)

    ended = SignalRow(signal=bake(first, 0).signal, received_at=START)
    await loop.store.insert_signal(ended)
    held = evaluation("not-enough", subject=SUBJECT, facts=await loop.facts(), holds=(bake(second, 1),))
    decision = replace(held.decision, cause=ended.signal.dedup_key, cause_kind="HoldElapsed")
    await commit(loop.store, replace(held, decision=decision))

    (hold,) = (await shown(loop)).holds
    assert hold.purpose == "bake"
    assert [reason.code for reason in hold.reasons] == ["cooldown"]
    assert (await shown(loop)).rollout.look_at == START


async def test_an_incident_is_shown_with_what_it_is_about(loop):
    await loop.until_serving("1")
    await loop.drift()
    (incident,) = (await shown(loop)).incidents
    assert (incident.kind, incident.state, incident.version) == ("data_drift", "remedying", "1")


async def test_the_ledger_has_the_newest_first_with_their_commands(loop):
    await loop.until_approval("1")
    entries = await views.ledger(loop.store, SUBJECT, 100)
    times = [entry.decision.decided_at for entry in entries]
    assert times == sorted(times, reverse=True)
    first = entries[-1]
    assert [type(row.command).__name__ for row in first.commands] == ["ShareModel", "RecordReference"]
    assert {row.state for row in first.commands} == {"finished"}


async def test_the_ledger_is_as_long_as_asked_for(loop):
    await loop.until_approval("1")
    assert len(await views.ledger(loop.store, None, 2)) == 2


async def test_a_command_that_failed_shows_its_outcome(loop):
    await loop.register("1")
    await loop.finish("ShareModel", outcome=Failed(retryable=False, reason="the registry is gone"))
    newest = await views.ledger(loop.store, SUBJECT, 10)
    outcomes = [row.outcome for entry in newest for row in entry.commands if row.state == "finished"]
    assert outcomes == [Failed(retryable=False, reason="the registry is gone")]


async def test_a_workload_that_left_the_policy_is_still_shown(loop):
    await commit(loop.store, evaluation("old", notify("n"), subject="workload/retired-model"))
    seen = await views.workloads(loop.store, await loop.policy(), link, loop.clock.now())
    assert [(known.name, known.mode) for known in seen] == [
        (WORKLOAD, "act"),
        ("handwritten-digits", "act"),
        ("scanned-forms", "act"),
        ("retired-model", ""),
    ]


async def test_signals_that_match_nothing_are_no_workload(loop):
    await commit(loop.store, evaluation("u", subject="unmatched"))
    seen = await views.workloads(loop.store, await loop.policy(), link, loop.clock.now())
    assert [known.name for known in seen] == [WORKLOAD, "handwritten-digits", "scanned-forms"]


async def test_the_dashboard_leaves_the_bodies_of_rejections_out(loop):
    row = RejectedRow(
        id="r", channel="event_hubs", reason="malformed_json", detail="x", received_at=START, body=b"secret rows"
    )
    await loop.store.add_rejected(row)
    view = await views.dashboard(loop.store, await loop.policy(), START, link)
    assert [refused.body for refused in view.rejected] == [b""]
    assert "secret" not in str(plain(view))
    assert (await loop.store.rejected(1))[0].body == b"secret rows"


async def test_looking_changes_nothing(loop):
    await loop.until_approval("1")
    before = await loop.store.facts(SUBJECT)
    await views.dashboard(loop.store, await loop.policy(), START, link)
    assert (await loop.store.facts(SUBJECT)).etag == before.etag
