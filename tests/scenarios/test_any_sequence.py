"""Whatever is heard, in whatever state: nothing raises, nothing is ordered twice, and the way back is never blocked."""

import itertools
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.commands import RollBackTraffic, SetTraffic, kind_of
from shared.domain.durations import parse_duration
from shared.domain.facts import Facts
from shared.domain.lifecycle import IN_PROMOTION
from shared.domain.outcomes import Skipped, Succeeded
from shared.domain.platform_signals import DataArrived, DataDeleted
from shared.domain.references import deployment_name
from shared.domain.rules.target_incidents import OPEN_MAX
from shared.domain.values import encode, replace
from tests.scenarios.timeline import Timeline
from tests.unit.domain.builders import (
    BROKEN,
    DATA_RULE,
    HEALTHY,
    NOW,
    SCARCE,
    WEEKLY,
    answered,
    arrived,
    asked,
    breached,
    budgeted,
    codes,
    crossed,
    drift_rule,
    elapsed,
    expired,
    failure,
    finished,
    known,
    policy_with,
    registered,
    requiring,
    rolling,
    schedule_due,
    serving,
    silenced,
    steady,
    version,
    window,
)
from tests.unit.domain.platform_builders import (
    ENDPOINT,
    PRODUCTION,
    STAGING,
    fired,
    health,
    judged,
    listening,
    resolved,
    resource_changed,
    security_alert,
)

PLACES = (PRODUCTION, STAGING, ENDPOINT, f"{ENDPOINT}/deployments/version-1", f"{ENDPOINT}/deployments/version-2")
SAID = {
    "fire": fired,
    "resolve": resolved,
    "expiring": lambda rule, place, **fields: fired(rule, place, stateful=False, **fields),
    "health": lambda rule, place, **fields: health(rule, targets=(place,), **fields),
    "judge": lambda rule, place, **fields: judged(place, compliant=rule == "Available", **fields),
    "secure": lambda rule, place, **fields: security_alert(alert_type=rule, targets=(place,), **fields),
    "change": lambda rule, place, **fields: resource_changed(
        place, "deleted" if rule == "Active" else "created_or_updated", **fields
    ),
}

TRIGGERED = ("scheduled_retrain", "data_arrival")
WAITS_FOR_ITS_TURN = "data that arrived during a retraining"
FACTS_BYTES_MAX = 64 * 1024
POLICIES = (
    policy_with(),
    policy_with(mode="observe"),
    policy_with(retrain={"cooldown": "10m", "give_up_after": 1}, limits={"retrains": ["1/3h", "4/7d"]}),
    policy_with(promotion={"rollout": {"steps": [25, 100], "bake": "5m", "warm_standby": "1h"}}),
    policy_with(promotion={"rollout": {"steps": [100]}, "approval": {"quorum": 2, "expires": "1h"}}),
    policy_with(monitoring=[{"when": "data_drift", "above": 0.2, "share_of_features": 0.1, "then": "notify"}]),
    policy_with(retrain=None, monitoring=[]),
    budgeted(),
    policy_with(monitoring=[drift_rule(then="investigate")], maintenance=[{"from": "12:30", "to": "15:00"}]),
    policy_with(task="vision", monitoring=[drift_rule(then="annotate", **{"for": "1 of 1"})]),
    listening(security={"notify_from": "low"}),
    policy_with(mode="propose"),
    policy_with(mode="propose", promotion={"approval": {"expires": "1h"}}, retrain={"cooldown": "10m"}),
    requiring(DATA_RULE, WEEKLY, new_files_min=2),
    requiring(DATA_RULE, WEEKLY, new_labelled_rows_min=1000),
)
BEGINNINGS = (
    Facts(),
    serving("1"),
    known(version("1"), version("2", "standby")),
    rolling("2", over="1", pending="traffic-0", step_started_at=None),
    rolling("1", over=""),
)
METRICS = {"latency_p95_ms": 40.0, "error_rate": 0.0, "auc": 0.7, "auc_vs_champion": 0.0, "auc_champion": 0.66}
OUTCOMES = (
    Succeeded(data=METRICS),
    Succeeded(data={**METRICS, "model_version": "3"}),
    Succeeded(),
    Succeeded(data={"auc": float("nan"), "latency_p95_ms": "slow"}),
    failure(),
    Skipped(reason="limit"),
    None,
)
LUCKY = st.sampled_from((0, 0, 0, 0, 1, 1))
ANY_LUCK = st.integers(0, len(OUTCOMES) - 1)
NUMBERS = st.sampled_from("123456")
KINDS = ("SetTraffic", "RollBackTraffic", "Retrain", "DeployModel", "RunEvaluation", "Notify", "CheckEndpoint")
PURPOSES = ("retry", "bake", "approval_expiry", "standby_expiry", "failed_expiry", "verify_deadline")

events = st.one_of(
    st.tuples(st.just("register"), NUMBERS),
    st.tuples(st.just("window"), NUMBERS, st.integers(1, 12), st.integers(0, 4), st.sampled_from([10_000, 10])),
    st.tuples(st.just("breach"), st.integers(0, 9)),
    st.tuples(
        st.just("ask"), st.sampled_from(["retrain", "rollback", "pause", "resume", "lift_freeze", "close", "continue"])
    ),
    st.tuples(st.just("spend"), st.sampled_from([0.5, 0.95, 1.0, 1.3]), st.sampled_from([True, False, None])),
    st.tuples(st.just("silence"), st.sampled_from(["*", "data_drift", "investigation"]), st.sampled_from(["1m", "3h"])),
    st.tuples(st.just("expire")),
    st.tuples(st.just("answer"), st.sampled_from(["approve", "approve", "approve", "reject"])),
    st.tuples(st.just("promote"), NUMBERS),
    st.tuples(st.just("say"), st.sampled_from(["approve", "approve", "reject"]), st.integers(0, 3)),
    st.tuples(st.just("serve"), NUMBERS, st.sampled_from([HEALTHY, HEALTHY, BROKEN, SCARCE])),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 31, 120, 3_000, 11_000])),
    st.tuples(st.just("finish"), st.integers(0, 20), ANY_LUCK),
    st.tuples(st.just("stray"), st.sampled_from(KINDS), ANY_LUCK),
    st.tuples(st.just("wake"), st.sampled_from(PURPOSES), st.sampled_from(["1", "2", "2/0/0", "incident"])),
    st.tuples(
        st.sampled_from(sorted(SAID)),
        st.sampled_from(["Available", "Active", "latency"]),
        st.sampled_from(PLACES),
        st.sampled_from([0, 1, 1, 30]),
    ),
    st.tuples(
        st.just("file"), st.sampled_from("abc"), st.sampled_from("123"), st.sampled_from([DataArrived, DataDeleted])
    ),
    st.tuples(st.just("tick")),
    st.tuples(st.just("label"), st.sampled_from([None, 0, 900, 5000, 9000])),
    st.tuples(st.just("policy"), st.integers(0, len(POLICIES) - 1)),
)
stories = st.tuples(
    st.sampled_from(BEGINNINGS),
    st.lists(LUCKY, min_size=1, max_size=8) | st.lists(ANY_LUCK, min_size=1, max_size=8),
    st.lists(events, min_size=5, max_size=50),
)


class Storm:
    """Plays events on a timeline, and checks after each that what must hold does."""

    def __init__(self, beginning, luck):
        self.story, self.minutes = Timeline(facts=beginning), 0
        self.pending, self.counter = [], itertools.count()
        luck = itertools.cycle(luck)
        for kind in ("ShareModel", "RecordReference", "RemoveDeployment", *KINDS):
            self.story.azure.always(kind, lambda command: self._answer(command, OUTCOMES[next(luck)]))

    def _answer(self, command, outcome):
        if outcome is None:
            self.pending.append(command)
        return outcome

    def play(self, event):
        match event:
            case ("answer", answer):
                self._answer_question(answer)
            case ("say", answer, position):
                self._answer_proposal(answer, position)
            case ("promote", number):
                self._hear("register", [number])
                self._answer_question("approve")
            case ("wait", minutes):
                self.minutes += minutes
                self.story.at(f"{self.minutes}m")
            case ("serve" | "label" | "file" | "tick", *_):
                self._bring_data(event)
            case ("policy", position):
                self.story.policy = POLICIES[position]
            case ("finish", position, luck):
                if self.pending:
                    command = self.pending.pop(position % len(self.pending))
                    self.story.finish(command, OUTCOMES[luck] or Succeeded())
            case (name, *arguments):
                self._hear(name, arguments)

    def _bring_data(self, event):
        key, now = f"{event[0]}-{next(self.counter)}", self.story.now
        match event:
            case ("serve", number, sample):
                self.story.azure.serves(number, sample)
            case ("label", rows):
                self.story.azure.labelled_rows = rows
            case ("file", name, sequencer, kind):
                file = arrived(f"{name}.csv", kind, sequencer=sequencer, occurred_at=now, dedup_key=key)
                self.story.push(file)
            case ("tick",):
                self.story.push(schedule_due(now, dedup_key=key))

    def _answer_question(self, answer):
        for waiting in self.story.facts.versions.values():
            if waiting.state == "awaiting_approval":
                question = waiting.approval
                who = f"person{next(self.counter)}@contoso.com"
                said = answered(answer, by=who, approval_id=question.id, evidence_digest=question.evidence_digest)
                self.story.push(said)
                return

    def _answer_proposal(self, answer, position):
        open_ones = list(self.story.facts.proposals.values())
        if open_ones:
            question = open_ones[position % len(open_ones)].asked
            who = f"person{next(self.counter)}@contoso.com"
            said = answered(answer, by=who, approval_id=question.id, evidence_digest=question.evidence_digest)
            self.story.push(said)

    def _hear(self, name, arguments):
        key = f"{name}-{next(self.counter)}"
        if name == "register":
            self.story.push(registered(arguments[0], dedup_key=key))
        elif name == "window":
            number, month, drifted, rows = arguments
            self.story.push(window(month, number=number, drifted=drifted, rows=rows, dedup_key=key))
        elif name == "breach":
            self.story.push(breached(f"{arguments[0]}"))
        elif name == "ask":
            self._ask(arguments[0], key)
        elif name == "spend":
            ratio, forecast = arguments
            self.story.push(crossed(ratio, forecast=forecast, occurred_at=self.story.now, dedup_key=key))
        elif name == "silence":
            until = self.story.now + parse_duration(arguments[1])
            self.story.push(replace(silenced(arguments[0], dedup_key=key), until=until))
        elif name == "expire":
            known = self.story.facts.silences
            self.story.push(expired(known[0].id if known else "none", dedup_key=key))
        elif name in SAID:
            rule, place, ago = arguments
            at = self.story.now - timedelta(minutes=ago)
            self.story.push(SAID[name](rule, place, occurred_at=at, dedup_key=key))
        elif name == "stray":
            self.story.push(finished(key, arguments[0], OUTCOMES[arguments[1]]))
        else:
            self.story.push(elapsed(arguments[0], arguments[1], hold_id=key))

    def _ask(self, action, key):
        before, now = self.story.facts, self.story.now
        warm = before.standby_until is not None and now < before.standby_until
        self.story.push(asked(action, dedup_key=key))
        if action == "rollback" and (before.rollout or warm):
            self.story.expect_ordered("RollBackTraffic")

    def check(self):
        facts = self.story.facts
        versions = facts.versions.values()
        assert sum(known.state in IN_PROMOTION for known in versions) <= 1
        assert [known.version for known in versions if known.state == "serving"] == [facts.champion] * bool(
            facts.champion
        )
        assert (facts.rollout is not None) == any(known.state == "rolling_out" for known in versions)
        assert not facts.standby or facts.versions[facts.standby].state == "standby"
        waiting = {hold.id for hold in self.story.holds.values() if hold.signal.purpose == "retry"}
        assert set(facts.held) == waiting
        assert set(facts.proposals) <= {held.about for held in facts.held.values()}
        expiries = {hold.signal.about for hold in self.story.holds.values() if hold.signal.purpose == "approval_expiry"}
        asked = {known.asked.id for known in facts.proposals.values()}
        asked |= {known.approval.id for known in versions if known.state == "awaiting_approval" and known.approval}
        assert asked <= expiries
        triggered = [known for known in facts.incidents if known.kind in TRIGGERED and known.state == "open"]
        waits = {held.about for held in facts.held.values()}
        assert all(waits & {f"incident {known.id}", WAITS_FOR_ITS_TURN} for known in triggered), "nothing would wake it"
        assert facts.arrivals.count >= 0
        assert sum(known.state == "open" for known in facts.incidents if known.target) <= OPEN_MAX
        about = [(one.kind, one.alert, one.target) for one in facts.incidents if one.target and one.state == "open"]
        assert len(set(about)) == len(about)
        assert self.story.facts_bytes_max < FACTS_BYTES_MAX


def played(story):
    beginning, luck, happenings = story
    storm = Storm(beginning, luck)
    for event in happenings:
        storm.play(event)
        storm.check()
    return storm.story


@given(stories)
@steady
def test_whatever_happens_the_facts_stay_consistent_and_the_way_back_stays_open(story):
    played(story)


@given(stories)
@steady
def test_no_order_is_given_twice_and_every_traffic_map_is_all_or_nothing(story):
    commands = played(story).commands()
    assert len({command.id for command in commands}) == len(commands)
    maps = [command.traffic for command in commands if isinstance(command, SetTraffic | RollBackTraffic)]
    assert all(sum(shares.values()) in {0, 100} and min(shares.values()) >= 0 for shares in maps)


@given(stories)
@steady
def test_the_same_story_told_again_gives_the_same_ledger_to_the_byte(story):
    assert [encode(one) for one in played(story).ledger] == [encode(one) for one in played(story).ledger]


@given(stories)
@steady
def test_a_rollback_is_one_write_that_gives_everything_to_the_champion_of_that_moment(story):
    told = played(story)
    for decision in told.ledger:
        writes = [command for command in decision.commands if isinstance(command, RollBackTraffic)]
        assert len(writes) <= 1
        assert not writes or decision.verdict == "act"
        assert not any(kind_of(command) == "RollBackTraffic" for command in decision.planned)
        for write in writes:
            winners = [name for name, percent in write.traffic.items() if percent == 100]
            assert len(winners) == (1 if sum(write.traffic.values()) else 0)
            assert set(winners) <= {deployment_name(number) for number in "123456"}
            assert write.until > NOW


@given(stories)
@steady
def test_while_the_policy_asks_first_nothing_begins_without_a_yes_of_its_own(story):
    """Each yes begins one thing at most, whatever else happens in between; the policy stays the same in these stories."""
    beginning, luck, happenings = story
    storm = Storm(beginning, luck)
    storm.story.policy = policy_with(mode="propose", retrain={"cooldown": "10m"}, limits={"retrains": ["9/1h"]})
    for number, event in enumerate(one for one in happenings if one[0] != "policy"):
        for happening in (event, ("say", "approve", number), ("wait", 1)) if number % 3 else (event,):
            storm.play(happening)
            storm.check()
    said_yes = [one for one in storm.story.ledger if one.rule == "proposal" and codes(one) == ["approved"]]
    begun = [command for command in storm.story.commands() if kind_of(command) in ("Retrain", "ShareModel")]
    assert len(begun) <= len(said_yes)
