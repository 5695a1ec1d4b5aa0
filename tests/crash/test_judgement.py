"""The judge of the crash test can be trusted: it sees each kind of harm, and allows what may happen and no more."""

import asyncio
import json
import signal
import socket
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from shared.domain.routing import out_of_scope, route
from shared.parsing import parse
from shared.parsing.policy_file import read_policy
from tests.crash.evidence import Ended, Evidence, read_journal
from tests.crash.load import Delivery, Load
from tests.crash.sources import Sources
from tests.crash.verdict import judge
from tests.crash.world import Process, WorldError

CHANNELS = {"event_grid": "event_grid", "alerts": "monitor_alerts"}
QUIET = Evidence(
    signals=frozenset({"signal|1", "signal|2"}),
    rejected=frozenset(),
    decisions=frozenset({"d1", "d2"}),
    commands={
        "c1": Ended("Notify", "workload/a", "drift", "Succeeded"),
        "c2": Ended("Retrain", "workload/a", "", "Succeeded"),
    },
    facts={"workload/a": {"champion": "2"}},
    effects=Counter({"job_started c2": 1}),
    notices=Counter({"drift": 1}),
    repeats=Counter(),
)
NOBODY = Counter[str]()
TWICE, ONCE = 1, 2  # seeds, by what the first delivery is


class TestJudge:
    def test_what_ended_the_same_way_is_clean(self):
        verdict = judge(QUIET, QUIET, NOBODY)
        assert verdict.clean
        assert str(verdict) == "lost 0, doubled 0, different 0; notices repeated (allowed): 0"

    @pytest.mark.parametrize(
        "harmed",
        [
            replace(QUIET, signals=frozenset({"signal|1"})),
            replace(QUIET, decisions=frozenset({"d1"})),
            replace(QUIET, commands={"c1": QUIET.commands["c1"]}),
            replace(QUIET, facts={}),
            replace(QUIET, effects=Counter()),
            replace(QUIET, notices=Counter()),
        ],
        ids=["signal", "decision", "command", "subject", "effect", "notice"],
    )
    def test_one_that_is_missing_is_lost_and_would_be_doubled_the_other_way_round(self, harmed):
        missing, surplus = judge(QUIET, harmed, NOBODY), judge(harmed, QUIET, NOBODY)
        assert (len(missing.lost), missing.doubled, missing.clean) == (1, [], False)
        assert (surplus.lost, len(surplus.doubled), surplus.clean) == ([], 1, False)

    def test_a_rejection_that_nobody_else_made_is_doubled(self):
        assert judge(QUIET, replace(QUIET, rejected=frozenset({"rejected|1"})), NOBODY).doubled == [
            "rejection rejected|1"
        ]

    def test_an_effect_that_came_twice_is_doubled_whoever_died_over_it(self):
        twice = replace(QUIET, effects=Counter({"job_started c2": 2}))
        assert judge(QUIET, twice, Counter({"c2": 5})).doubled == ["effect job_started c2 (1 times)"]

    def test_other_facts_and_other_outcomes_are_different(self):
        assert "champion" in judge(QUIET, replace(QUIET, facts={"workload/a": {"champion": "1"}}), NOBODY).different[0]
        commands = {**QUIET.commands, "c2": Ended("Retrain", "workload/a", "", "Failed gave up")}
        assert judge(QUIET, replace(QUIET, commands=commands), NOBODY).different == [
            "command c2: Succeeded and Failed gave up"
        ]

    @pytest.mark.parametrize(("died", "allowed", "doubled"), [(0, 0, 2), (1, 1, 1), (2, 2, 0), (5, 2, 0)])
    def test_a_notice_may_repeat_once_for_each_time_that_somebody_died_over_it(self, died, allowed, doubled):
        thrice = replace(QUIET, notices=Counter({"drift": 3}))
        verdict = judge(QUIET, thrice, Counter({"c1": died}))
        assert verdict.allowed == allowed
        assert verdict.doubled == ([f"notice drift ({doubled} times)"] if doubled else [])

    def test_who_died_over_something_else_explains_no_notice(self):
        assert not judge(QUIET, replace(QUIET, notices=Counter({"drift": 2})), Counter({"c2": 3, "unknown": 3})).clean


def entry(effect, target="t", **detail):
    return json.dumps({"seq": 1, "at": "now", "effect": effect, "target": target, "detail": detail})


class TestJournal:
    def test_effects_notices_and_repeats_are_told_apart(self):
        lines = [
            entry("job_started", "j", command="in a folder of this run"),
            entry("job_finished", "j", status="Completed", error=""),
            entry("card_received", "crash", title="drift"),
            entry("mail_received", "a@b", subject="drift"),
            entry("repeated", "j", of="job_started"),
            entry("traffic_set", "e", traffic={"v": 100}, changed=True),
            entry("traffic_set", "e", traffic={"v": 100}, changed=False),
        ]
        effects, notices, repeats = read_journal("\n".join(lines))
        assert effects == Counter({"job_started j": 1, "job_finished j Completed": 1, "traffic_set e {'v': 100}": 1})
        assert notices == Counter({"drift": 2})
        assert repeats == Counter({"job_started j": 1, "traffic_set e": 1})


def deliveries(load):
    for number in range(load.rounds):
        for delivery in load.round(number):
            one = delivery
            while one is not None:
                yield one
                one = one.then


def heard(load):
    return [found for one in deliveries(load) for found in parse(json.dumps(one.body).encode(), CHANNELS[one.door])]


class TestLoad:
    @pytest.fixture
    def policy(self):
        return read_policy("policy.yaml", json.dumps(Load(6).policy()))

    def test_every_signal_is_one_of_its_own_and_concerns_one_subject(self, policy):
        signals = heard(Load(6))
        assert len({found.dedup_key for found in signals}) == len(signals)
        for found in signals:
            assert out_of_scope(policy, found) is None
            assert len(route(policy, found)) == 1
            assert route(policy, found) != ("unmatched",)

    def test_a_second_run_is_told_the_same(self):
        load = Load(6)
        assert list(deliveries(load)) == list(deliveries(Load(6, load.at)))

    @pytest.mark.parametrize("rounds", [1, 6, 30, 300])
    def test_however_many_rounds_every_kind_of_signal_is_sent_to_every_subject(self, rounds):
        load = Load(rounds)
        kinds = Counter(type(found).__name__ for found in heard(load))
        every = len(load.subjects)
        assert kinds == {
            "MonitorBreached": rounds + every,
            "AlertFired": 2 * every,
            "AlertResolved": every,
            "ModelRegistered": every,
            "BudgetCrossed": every,
        }


class TestSources:
    async def test_it_is_sent_until_it_is_taken_and_what_follows_after_that(self):
        answers, seen = [503, 500, 202, 202], []

        async def take(request):
            seen.append(await request.body())
            return Response(status_code=answers[len(seen) - 1])

        app = Starlette(routes=[Route("/", take, methods=["POST"])])
        async with served(app) as url:
            sources = Sources(lambda _: url, seed=ONCE)
            sources.send(Delivery("alerts", "first", Delivery("alerts", "second")))
            await asyncio.wait_for(sources.answered.wait(), 10)
            assert seen == [b'"first"'] * 3
            await sources.done()
            await sources.close()
        assert seen == [b'"first"'] * 3 + [b'"second"']
        assert (sources.signals, sources.refused, sources.repeated) == (2, 2, 0)

    async def test_some_are_sent_again_although_they_were_taken(self):
        seen = []

        async def take(request):
            seen.append(await request.body())
            return Response(status_code=202)

        async with served(Starlette(routes=[Route("/", take, methods=["POST"])])) as url:
            sources = Sources(lambda _: url, seed=TWICE)
            sources.send(Delivery("alerts", "first"))
            await sources.done()
            await sources.close()
        assert seen == [b'"first"'] * 2
        assert (sources.signals, sources.repeated) == (1, 1)

    async def test_a_delivery_that_is_refused_for_good_is_a_fault_and_not_a_loss(self):
        app = Starlette(routes=[Route("/", lambda _: Response(status_code=400), methods=["POST"])])
        async with served(app) as url:
            sources = Sources(lambda _: url, seed=ONCE)
            sources.send(Delivery("alerts", "first"))
            with pytest.raises(AssertionError, match="for good"):
                await sources.done()
            await sources.close()


class served:  # noqa: N801 - it reads as a verb
    """An application on a port of its own."""

    def __init__(self, app):
        self.bound = socket.create_server(("127.0.0.1", 0))
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))

    async def __aenter__(self):
        self.task = asyncio.create_task(self.server.serve(sockets=[self.bound]))
        return f"http://127.0.0.1:{self.bound.getsockname()[1]}/"

    async def __aexit__(self, *_):
        self.server.should_exit = True
        await self.task


class TestProcess:
    @pytest.fixture
    def parent(self, tmp_path):
        """A process that has started another, whose number it wrote into a file."""
        child = "import pathlib, subprocess; child = subprocess.Popen(['sleep', '60'])"
        code = f"{child}; pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid)); child.wait()"
        process = Process(["timeit", "-n", "1", "-r", "1", code], {}, tmp_path / "log")
        process.start()
        yield process
        process.stop()

    def test_it_is_killed_with_all_that_it_started(self, parent, tmp_path):
        child = child_of(tmp_path)
        parent.kill()
        assert eventually_in("ZX", child)
        parent.kill()
        with pytest.raises(WorldError, match="ended by itself"):
            parent.check()

    def test_it_is_frozen_with_all_that_it_started_and_goes_on(self, parent, tmp_path):
        child = child_of(tmp_path)
        parent.signal(signal.SIGSTOP)
        assert eventually_in("T", child)
        parent.signal(signal.SIGCONT)
        assert eventually_in("S", child)
        parent.check()

    def test_stopping_ends_also_what_is_frozen(self, parent, tmp_path):
        child = child_of(tmp_path)
        parent.signal(signal.SIGSTOP)
        parent.stop()
        assert eventually_in("ZX", child)
        parent.stop()


def eventually(found):
    deadline = time.monotonic() + 10
    while not found():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def child_of(folder):
    assert eventually(lambda: (folder / "child").exists() and (folder / "child").read_text())
    return Path("/proc") / (folder / "child").read_text() / "stat"


def eventually_in(states, child):
    """Whether a process comes into one of these states; X is that it has gone."""
    return eventually(lambda: (child.read_text().rpartition(")")[2].split()[0] if child.exists() else "X") in states)
