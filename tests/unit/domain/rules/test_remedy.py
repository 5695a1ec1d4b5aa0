from datetime import timedelta

import pytest

from shared.domain import requirements
from shared.domain.arrivals import Arrivals
from shared.domain.evaluate import evaluate
from shared.domain.facts import Facts
from shared.domain.outcomes import Refusal, Skipped, Succeeded
from shared.domain.rules.remedy import RETRAINS_KEPT_MAX
from shared.domain.values import replace
from tests.unit.domain.builders import (
    NOW,
    after,
    asked,
    breached,
    codes,
    elapsed,
    failure,
    finished,
    incident,
    kinds,
    known,
    ordered,
    policy_with,
    registered,
    retried,
    serving,
    situation,
    version,
    window,
)


def decide(signal, facts=None, **fields):
    return evaluate(situation(signal, facts, **fields))


def remedying(**fields):
    return serving("1", incidents=(incident(remedy="training"),), **fields)


def verifying(**fields):
    """Version 2 took over from version 1 as a remedy."""
    fields = {"remedy": "training", "remedy_version": "2", **fields}
    return known(version("1", "standby"), version("2"), incidents=(incident("verifying", **fields),))


def closed(done):
    (known_incident,) = done.facts.incidents
    return known_incident.state, known_incident.closed_as


def test_a_retraining_is_ordered_by_the_policys_component_on_the_newest_data():
    order = ordered(decide(asked("retrain"), serving("1")), "Retrain")
    assert (order.component, order.data) == ("azureml:flight_train@latest", "azureml:flights-labelled@latest")
    assert (order.model, order.experiment, order.inputs) == ("flight-delay", "flight-delay", {"months_newest": "3"})
    assert order.workspace.endswith("flights-dev")


def test_the_incident_remembers_its_remedy_and_the_version_that_it_is_about():
    done = decide(asked("retrain"), serving("1"))
    (opened,) = done.facts.incidents
    assert (opened.kind, opened.state, opened.version) == ("manual_retrain", "remedying", "1")
    assert opened.remedy == ordered(done, "Retrain").id
    assert done.facts.retrained_at == (NOW,)


def test_a_request_says_who_asked_and_why():
    done = decide(asked("retrain", why="new routes"), serving("1"))
    assert ordered(done, "Notify").facts["asked"] == "grace@contoso.com asked for it: new routes"


def test_only_so_many_past_retrainings_are_kept():
    past = tuple(NOW - timedelta(days=400 - day) for day in range(RETRAINS_KEPT_MAX))
    done = decide(asked("retrain"), serving("1", retrained_at=past))
    assert len(done.facts.retrained_at) == RETRAINS_KEPT_MAX
    assert done.facts.retrained_at[-1] == NOW


def test_a_second_request_during_a_retraining_is_refused():
    done = decide(asked("retrain"), remedying())
    assert (codes(done), kinds(done)) == (["asked", "remedy_under_way"], [])


def test_without_a_retrain_section_there_is_no_remedy():
    policy = policy_with(retrain=None, monitoring=[])
    assert codes(decide(asked("retrain"), serving("1"), policy=policy)) == ["no_retrain"]


def test_a_guard_holds_the_order_and_keeps_the_incident_open():
    done = decide(asked("retrain"), serving("1", retrained_at=(NOW - timedelta(hours=2),)))
    assert (done.decision.verdict, codes(done), kinds(done)) == ("hold", ["asked", "cooldown"], [])
    assert kinds(done.decision.planned) == ["Retrain"]
    assert done.holds[0].due == after("10h")
    assert [known.state for known in done.facts.incidents] == ["open"]
    assert [known.about for known in done.facts.held.values()] == [f"incident {done.facts.incidents[0].id}"]


def test_what_was_held_is_ordered_when_its_time_has_come():
    first = decide(breached(), serving("1", retrained_at=(NOW - timedelta(hours=2),)))
    (hold,) = first.holds
    done = decide(hold.signal, first.facts, original=breached(), now=hold.due)
    assert (kinds(done), done.released, done.facts.held) == (["Retrain", "Notify"], (hold.id,), {})
    assert [known.state for known in done.facts.incidents] == ["remedying"]


def test_what_is_still_held_waits_on_under_the_same_hold():
    facts = serving("1", paused=True)
    first = decide(breached(), facts)
    (hold,) = first.holds
    again = decide(hold.signal, first.facts, original=breached(), now=hold.due)
    assert (again.holds[0].id, again.released) == (hold.id, ())
    assert len(again.facts.held) == len(again.facts.incidents) == 1


def test_giving_up_holds_and_calls_for_a_person():
    done = decide(asked("retrain"), serving("1", fruitless=3))
    assert codes(done) == ["asked", "give_up"]


def test_the_training_tells_which_version_it_made():
    done = decide(finished("training", "Retrain", model_version="2"), remedying())
    assert (done.facts.incidents[0].remedy_version, done.facts.incidents[0].state) == ("2", "remedying")


def test_a_training_whose_version_already_serves_is_verified_at_once():
    facts = known(version("1", "standby"), version("2"), incidents=(incident(remedy="training"),))
    done = decide(finished("training", "Retrain", model_version="2"), facts)
    assert done.facts.incidents[0].state == "verifying"
    assert [(hold.signal.purpose, hold.due) for hold in done.holds] == [("verify_deadline", after("7d"))]


@pytest.mark.parametrize("state", ["rejected", "rolled_back", "retired"])
def test_a_training_whose_version_has_already_been_refused_has_failed(state):
    facts = known(version("1"), version("2", state), incidents=(incident(remedy="training"),))
    done = decide(finished("training", "Retrain", model_version="2"), facts)
    assert closed(done) == ("closed", "failed")
    assert done.facts.fruitless == 1


@pytest.mark.parametrize("outcome", [failure("no quota"), Skipped(reason="limit"), Succeeded()])
def test_a_training_that_made_nothing_has_failed(outcome):
    done = decide(finished("training", "Retrain", outcome), remedying())
    assert (closed(done), done.facts.fruitless, kinds(done)) == (("closed", "failed"), 1, ["Notify"])


def test_a_training_that_nobody_waits_for_changes_nothing():
    facts = serving("1", incidents=(incident("closed", remedy="training"),))
    for command in ("training", "unknown"):
        done = decide(finished(command, "Retrain", model_version="2"), facts)
        assert (codes(done), done.facts) == (["stale"], facts)


def test_the_next_window_measures_both_versions_on_later_rows():
    done = decide(window(6, number="2"), verifying())
    order = ordered(done, "RunEvaluation")
    assert (order.on, order.model_ref, order.champion_ref) == (
        "later",
        "azureml:flight-delay:2",
        "azureml:flight-delay:1",
    )
    assert done.facts.incidents[0].verification == order.id
    assert done.decision.verdict == "act"


def test_while_a_measurement_runs_no_second_one_is_ordered():
    assert kinds(decide(window(6, number="2"), verifying(verification="measure"))) == []


def test_without_the_replaced_version_there_is_nothing_to_compare_with():
    assert kinds(decide(window(6, number="2"), verifying(version="long forgotten"))) == []


@pytest.mark.parametrize(
    ("new", "old", "verdict", "fruitless"),
    [(0.70, 0.66, "helped", 0), (0.66, 0.66, "no_effect", 3), (0.60, 0.66, "worse", 3)],
)
def test_the_incident_is_closed_by_what_was_measured(new, old, verdict, fruitless):
    facts = replace(verifying(verification="measure"), fruitless=2)
    done = decide(finished("measure", "RunEvaluation", auc=new, auc_champion=old), facts)
    assert (closed(done), done.facts.fruitless) == (("closed", verdict), fruitless)
    assert done.facts.incidents[0].closed_at == NOW
    assert kinds(done) == ["Notify"]
    assert done.released == (situation(asked("pause")).wake("verify_deadline", "incident", NOW).id,)


@pytest.mark.parametrize(("difference", "verdict"), [(0.011, "helped"), (0.009, "no_effect"), (-0.011, "worse")])
def test_how_much_better_it_has_to_be_is_the_policys(difference, verdict):
    policy = policy_with(retrain={"verify": {"better_by_min": 0.01}})
    end = finished("measure", "RunEvaluation", auc=0.7 + difference, auc_champion=0.7)
    assert closed(decide(end, verifying(verification="measure"), policy=policy)) == ("closed", verdict)


@pytest.mark.parametrize("outcome", [Succeeded(), Succeeded(data={"auc": 0.7}), failure("the cluster is gone")])
def test_without_later_rows_the_next_window_asks_again(outcome):
    done = decide(finished("measure", "RunEvaluation", outcome), verifying(verification="measure"))
    assert (codes(done), done.facts.incidents[0].verification) == (["not_measured"], "")
    again = decide(window(7, number="2"), done.facts)
    assert kinds(again) == ["RunEvaluation"]


def test_a_measurement_that_comes_after_the_deadline_changes_nothing():
    facts = serving("1", incidents=(incident("closed", verification="measure", closed_as="no_effect"),))
    done = decide(finished("measure", "RunEvaluation", auc=0.9, auc_champion=0.1), facts)
    assert (codes(done), done.facts) == (["stale"], facts)


def test_the_deadline_closes_what_nobody_could_measure():
    done = decide(elapsed("verify_deadline", "incident"), verifying())
    assert (closed(done), done.facts.fruitless) == (("closed", "no_effect"), 1)


def test_the_deadline_closes_a_remedy_whose_version_never_came_to_serve():
    done = decide(elapsed("verify_deadline", "incident"), serving("1", incidents=(incident("remedying"),)))
    assert (closed(done), done.facts.fruitless) == (("closed", "failed"), 1)


def test_a_retraining_sets_its_incident_a_deadline_that_serving_renews():
    ordered = decide(asked("retrain"), serving("1"))
    assert [hold.signal.purpose for hold in ordered.holds] == ["verify_deadline"]


@pytest.mark.parametrize("state", ["open", "closed"])
def test_the_deadline_of_an_incident_that_has_no_remedy_changes_nothing(state):
    facts = serving("1", incidents=(incident(state),))
    assert decide(elapsed("verify_deadline", "incident"), facts).facts == facts


def test_a_new_remedy_of_an_old_incident_is_measured_from_the_start():
    older = incident("verifying", kind="manual_retrain", remedy_version="2", verification="old measurement")
    facts = known(version("1", "standby"), version("2"), incidents=(older,))
    (again,) = decide(asked("retrain"), facts).facts.incidents
    assert (again.state, again.version, again.remedy_version, again.verification) == ("remedying", "2", "", "")


def test_drift_alone_never_says_that_a_remedy_helped():
    done = decide(window(6, number="2", drifted=0), verifying(verification="measure"))
    assert done.facts.incidents[0].state == "verifying"


def test_a_held_request_that_is_retried_without_its_signal_says_so():
    here = retried(asked("retrain"), Facts(), "incident i")
    assert codes(decide(here.signal, here.facts)) == ["no_rule"]
    assert decide(registered("1")).facts.incidents == ()


# A limit across workloads


UNTIL = after("5h")
REFUSAL = Refusal(code="fleet_limit", text="all are limited to 2/1d", observed=2, limit="2/1d", until=UNTIL)
REFUSED = Skipped(reason="limit: all are limited to 2/1d", until=UNTIL, refusals=(REFUSAL,))


def refused(**fields):
    """Version 1's remedy was ordered just now, and a limit had no room for it."""
    first = decide(asked("retrain"), serving("1", **fields))
    order = ordered(first, "Retrain")
    return decide(finished(order.id, "Retrain", REFUSED), first.facts)


def test_a_refused_training_is_held_until_the_limit_has_room():
    done = refused()
    (reason,) = done.decision.reasons
    assert (done.decision.verdict, reason.code, reason.observed, reason.limit) == ("hold", "fleet_limit", 2, "2/1d")
    assert [(hold.due, hold.signal.purpose) for hold in done.holds] == [(UNTIL, "retry")]
    assert "outerloop ask resume" in reason.release
    assert kinds(done.decision.planned) == ["Retrain"]


def test_it_waits_for_the_last_of_the_limits():
    money = replace(REFUSAL, code="budget_reserved", until=after("9d"))
    first = decide(asked("retrain"), serving("1"))
    outcome = replace(REFUSED, refusals=(REFUSAL, money))
    done = decide(finished(ordered(first, "Retrain").id, "Retrain", outcome), first.facts)
    assert (codes(done), done.holds[0].due) == (["fleet_limit", "budget_reserved"], after("9d"))


def test_its_incident_stays_open_and_is_no_remedy_that_failed():
    done = refused()
    assert [known.state for known in done.facts.incidents] == ["open"]
    assert done.facts.fruitless == 0


def test_what_was_refused_was_no_retraining():
    earlier = NOW - timedelta(days=3)
    assert refused(retrained_at=(earlier,)).facts.retrained_at == (earlier,)


def test_the_deadline_of_a_training_that_never_was_is_released():
    first = decide(asked("retrain"), serving("1"))
    (deadline,) = first.holds
    done = decide(finished(ordered(first, "Retrain").id, "Retrain", REFUSED), first.facts)
    assert done.released == (deadline.id,)


def test_the_owner_who_heard_of_the_retraining_hears_that_it_waits():
    message = ordered(refused(), "Notify")
    assert (message.title, message.facts) == (
        "flight-delay: the retraining because of manual retrain waits",
        {"fleet_limit": "all are limited to 2/1d"},
    )


def test_when_the_limit_has_room_it_is_ordered_anew():
    waiting = refused()
    (hold,), (known_incident,) = waiting.holds, waiting.facts.incidents
    original = finished(known_incident.remedy, "Retrain", REFUSED)
    done = decide(hold.signal, waiting.facts, original=original, now=UNTIL)
    assert (kinds(done), codes(done), done.released) == (["Retrain", "Notify"], ["limit_waited"], (hold.id,))
    assert ordered(done, "Retrain").id != known_incident.remedy
    assert (done.facts.incidents[0].state, done.facts.retrained_at) == ("remedying", (UNTIL,))


def test_when_another_guard_holds_by_then_it_waits_for_that():
    waiting = refused()
    (hold,), (known_incident,) = waiting.holds, waiting.facts.incidents
    original = finished(known_incident.remedy, "Retrain", REFUSED)
    paused = replace(waiting.facts, paused=True)
    done = decide(hold.signal, paused, original=original, now=UNTIL)
    assert (codes(done), [again.id for again in done.holds]) == (["limit_waited", "paused"], [hold.id])


def test_drift_that_repeats_while_it_waits_is_counted():
    first = decide(breached(), serving("1"))
    waiting = decide(finished(ordered(first, "Retrain").id, "Retrain", REFUSED), first.facts)
    done = decide(breached("run-2"), waiting.facts)
    assert (codes(done)[-1], done.facts.incidents[0].repeats) == ("incident_open", 1)


def test_what_closed_meanwhile_is_not_ordered_anew():
    waiting = refused()
    (hold,), (known_incident,) = waiting.holds, waiting.facts.incidents
    original = finished(known_incident.remedy, "Retrain", REFUSED)
    facts = waiting.facts.with_incident(replace(known_incident, state="closed", closed_as="promoted"))
    assert codes(decide(hold.signal, facts, original=original, now=UNTIL)) == ["stale"]


def test_new_data_that_a_refused_order_used_up_are_new_again():
    arrivals = Arrivals(count=3, size_bytes=30, newest=NOW)
    first = decide(asked("retrain"), serving("1", arrivals=arrivals, labelled_rows=100), labelled_rows=900)
    assert (first.facts.arrivals, first.facts.labelled_rows) == (Arrivals(), 900)
    meanwhile = replace(first.facts, arrivals=Arrivals(count=1, size_bytes=5, newest=after("1h")))
    done = decide(finished(ordered(first, "Retrain").id, "Retrain", REFUSED), meanwhile)
    assert done.facts.arrivals == Arrivals(count=4, size_bytes=35, newest=after("1h"))
    assert done.facts.labelled_rows == 100


def test_labelled_rows_are_asked_for_only_when_it_is_ordered_anew():
    required = policy_with(retrain={"requires": {"new_labelled_rows_min": 5}})
    heard = finished("training", "Retrain", REFUSED)
    waited = retried(heard, serving("1"), "incident incident", policy=required)
    assert requirements.asks_for_rows(waited)
    assert not requirements.asks_for_rows(situation(heard, policy=required))
    assert not requirements.asks_for_rows(situation(finished("training", "Retrain"), policy=required))


def test_a_schedule_that_waited_is_overtaken_by_a_retraining_that_began_meanwhile():
    waiting = incident("open", kind="scheduled_retrain", remedy="training")
    facts = serving("1", incidents=(waiting,), retrained_at=(after("1h"),))
    done = evaluate(retried(finished("training", "Retrain", REFUSED), facts, "incident incident", now=UNTIL))
    assert (codes(done), closed(done)) == (["overtaken"], ("closed", "overtaken"))
