"""Remedies of deployments, ruling by ruling; whole stories are among the scenarios."""

from datetime import timedelta

from shared.domain.facts import Incident
from shared.domain.outcomes import Failed, Skipped, Succeeded
from shared.domain.plans import stale
from shared.domain.relief_facts import Relief
from shared.domain.rules import relief
from shared.domain.signals import CommandFinished
from shared.domain.values import replace
from tests.unit.domain.builders import NOW, SUBJECT, codes, elapsed, kinds, ordered, rolling, serving, situation
from tests.unit.domain.platform_builders import ENDPOINT, fired, listening

POLICY = listening({"then": "scale_out", "relief": {"instances_max": 3}, "to": "infrastructure"})
RULE = POLICY.workloads[0].alert_rules[0]
SCALED = Succeeded(data={"deployment": "version-1", "instances": 2.0})


def incident(**fields):
    given = {"id": "i", "kind": "infrastructure", "state": "open", "opened_at": NOW, "target": ENDPOINT}
    return Incident(**{**given, "alert": "high latency", "detail": "it is slow", **fields})


def place(known=None, signal=None, policy=POLICY, **fields):
    known = known or incident()
    return situation(signal or fired(), fields.pop("facts", serving("1")).with_incident(known), policy=policy, **fields)


def finished(outcome, command="c", kind="ScaleDeployment"):
    return CommandFinished(
        source="outerloop/commands",
        dedup_key=f"finished-{command}",
        occurred_at=NOW,
        subject=SUBJECT,
        workload="flight-delay",
        command_id=command,
        command_kind=kind,
        outcome=outcome,
    )


def begun(**fields):
    here = place(**fields)
    return relief.begin(here, RULE, here.facts.incidents[-1], ())


def done(outcome, **fields):
    known = incident(**{"state": "remedying", "remedy": "c", **fields})
    signal = finished(outcome)
    return relief.on_done(place(known, signal), signal)


def waited_for(**fields):
    known = incident(**{"state": "verifying", "remedy": "c", "relieved_at": NOW, **fields})
    signal = elapsed("verify_deadline", "i")
    return relief.on_verify_deadline(place(known, signal, now=NOW + timedelta(minutes=31)), signal)


def test_the_order_says_what_it_expects_and_what_it_sets():
    answer = begun()
    command = ordered(answer.ruling, "ScaleDeployment")
    assert (command.deployment, command.expected, command.instances) == ("version-1", 1, 2)
    (known,) = answer.ruling.facts.incidents
    assert (known.state, known.remedy) == ("remedying", command.id)
    assert answer.ruling.facts.relief.ordered_at == (NOW,)


def test_no_more_are_set_than_the_policy_allows():
    facts = replace(serving("1"), relief=Relief(instances={"1": 2}))
    wide = listening({"then": "scale_out", "relief": {"add": 5, "instances_max": 3}, "to": "infrastructure"})
    here = place(facts=facts, policy=wide)
    answer = relief.begin(here, wide.workloads[0].alert_rules[0], here.facts.incidents[-1], ())
    assert ordered(answer.ruling, "ScaleDeployment").instances == 3


def test_without_an_incident_about_what_serves_there_is_none():
    answer = relief.begin(place(), RULE, None, ())
    assert (codes(answer.ruling), answer.ruling.commands) == (["not_serving"], ())


def test_a_remedy_in_force_waits_for_its_effect_until_a_deadline():
    ruling = done(SCALED)
    (known,) = ruling.facts.incidents
    assert (known.state, known.relieved_at, ruling.facts.relief.instances) == ("verifying", NOW, {"1": 2})
    assert [hold.due for hold in ruling.holds] == [NOW + timedelta(minutes=30)]


def test_a_remedy_that_was_overtaken_was_not_in_vain_and_waits_for_its_turn():
    ruling = done(Skipped(reason="stale plan: a version is taking over: no other write begins"))
    assert (ruling.facts.incidents[-1].state, ruling.facts.relief.fruitless) == ("remedying", 0)
    assert kinds(ruling)[0] == "ScaleDeployment"


def test_a_remedy_that_was_not_taken_is_told_and_counts():
    ruling = done(Failed(retryable=False, reason="no"))
    assert (codes(ruling), kinds(ruling)) == (["relief_failed"], ["Notify"])
    assert (ruling.facts.incidents[-1].state, ruling.facts.relief.fruitless) == ("open", 1)


def test_instances_that_come_after_the_trouble_has_ended_are_known_and_told():
    ruling = done(SCALED, state="closed")
    assert (ruling.verdict, ruling.facts.relief.instances) == ("act", {"1": 2})
    assert "stays on 2; to go back to 1" in ordered(ruling, "Notify").facts["instances"]


def test_a_remedy_that_leaves_nothing_behind_ends_quietly_when_the_trouble_has_ended():
    ruling = done(Failed(retryable=False, reason="no"), state="closed")
    assert (ruling.verdict, ruling.commands) == ("suppress", ())


def test_at_the_deadline_an_alert_that_is_still_true_was_not_helped():
    ruling = waited_for()
    assert codes(ruling)[0] == "no_effect"
    assert ruling.facts.relief.fruitless == 1
    assert kinds(ruling) == ["ScaleDeployment", "Notify"]


def test_at_the_deadline_silence_of_an_alert_that_nobody_ends_is_help():
    ruling = waited_for(resolves=False, heard_at=NOW)
    assert (codes(ruling), ruling.facts.incidents[-1].closed_as) == (["helped"], "helped")


def test_another_alert_since_makes_it_worse_and_one_before_does_not():
    signal = elapsed("verify_deadline", "i")
    known = incident(state="verifying", relieved_at=NOW)
    for minutes, effect in ((5, "worse"), (-5, "no_effect")):
        other = incident(id="other", alert="errors", opened_at=NOW + timedelta(minutes=minutes))
        here = place(known, signal, facts=serving("1").with_incident(other))
        assert codes(relief.on_verify_deadline(here, signal))[0] == effect


def test_a_deadline_of_an_incident_that_is_over_is_stale():
    assert codes(waited_for(state="closed")) == ["stale"]


def test_a_policy_that_dropped_the_remedy_orders_nothing_more():
    signal = elapsed("verify_deadline", "i")
    known = incident(state="verifying", relieved_at=NOW)
    ruling = relief.on_verify_deadline(place(known, signal, policy=listening({"then": "notify"})), signal)
    assert (codes(ruling), kinds(ruling)) == (["no_effect"], ["Notify"])


def test_only_an_incident_whose_remedy_was_in_force_was_helped():
    helped, other = (incident(state=state) for state in ("verifying", "remedying"))
    for before, closed_as, fruitless in ((helped, "helped", 0), (other, "resolved", 2)):
        closed = replace(before, state="closed", closed_as="resolved")
        facts = replace(serving("1").with_incident(closed), relief=Relief(fruitless=2))
        after = relief.ended(place(), facts, before)
        assert (after.incidents[-1].closed_as, after.relief.fruitless) == (closed_as, fruitless)


def test_an_order_that_waited_is_stale_once_the_trouble_is_over_or_another_version_serves():
    answer = begun()
    command, facts = ordered(answer.ruling, "ScaleDeployment"), answer.ruling.facts
    assert stale(command, facts) == ""
    closed = facts.with_incident(replace(facts.incidents[-1], state="closed"))
    assert stale(command, closed) == "the incident that asked for this is closed"
    elsewhere = replace(facts, champion="", versions={})
    assert stale(command, elsewhere) == "version-1 is not what serves any more"
    rollout = rolling("1", "2").rollout
    assert stale(command, replace(facts, rollout=rollout)) == "a version is taking over: no other write begins"
