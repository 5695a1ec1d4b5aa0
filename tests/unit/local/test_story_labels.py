"""Labels in the story: what callers keep of their requests, and a verdict that sees when the loop measured anything else."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from local.story import verdict_labels
from local.story.clients import Callers
from local.story.evidence import Evidence
from local.story.request_log import Answered, RequestLog
from local.story.world import PRODUCTION
from shared.domain.facts import Facts
from shared.domain.telemetry_signals import PerformanceMeasured
from shared.domain.values import replace as changed

ROWS = 400
SPOKE = [*verdict_labels.MEASURED, ("version-1", 6), ("version-3", 7)]  # who answered about which month
FLIGHTS = [{"row_id": f"f{n}", "event_time": f"2013-03-0{n}T10:00:00Z", "hour": n} for n in (1, 2)]


def asked(callers, answers):
    """What was sent while a caller asked once for each of these answers."""
    bodies = []

    def answer(request):
        bodies.append(json.loads(request.content))
        return answers[len(bodies) - 1]

    async def ask():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://endpoint") as client:
            for _ in answers:
                limits = asyncio.Semaphore(1)
                await limits.acquire()
                await callers._ask(client, FLIGHTS, limits)

    asyncio.run(ask())
    return bodies


def scored(deployment="version-1"):
    return httpx.Response(200, json={"predictions": [0.25, 0.75]}, headers={"azureml-model-deployment": deployment})


def test_a_caller_with_a_log_names_each_request_and_keeps_who_answered_what():
    log = RequestLog()
    bodies = asked(Callers(None, log=log), [scored(), scored("version-2")])

    assert [body["request_id"] for body in bodies] == ["flights-000001", "flights-000002"]
    assert [body["rows"] for body in bodies] == [FLIGHTS, FLIGHTS]
    times = [row["event_time"] for row in FLIGHTS]
    assert log.answered == [
        Answered("flights-000001", "version-1", ["f1", "f2"], times, [0.25, 0.75]),
        Answered("flights-000002", "version-2", ["f1", "f2"], times, [0.25, 0.75]),
    ]


def test_a_request_that_failed_is_not_kept_and_its_id_is_not_used_again():
    log = RequestLog()
    callers = Callers(None, log=log)
    asked(callers, [httpx.Response(424, text="ValueError"), scored()])

    assert (callers.answered, callers.failed) == (1, 1)
    assert [answered.request_id for answered in log.answered] == ["flights-000002"]


def test_a_caller_without_a_log_sends_no_ids():
    assert asked(Callers(None), [scored()]) == [{"rows": FLIGHTS}]


def test_the_log_of_a_month_is_what_the_job_reads(tmp_path):
    log = RequestLog()
    asked(Callers(None, log=log), [scored("version-2")])
    log.answered.append(replace(log.answered[0], request_id="later", event_times=["2013-04-01T00:00:00Z"] * 2))

    assert log.write(3, path := tmp_path / "requests.jsonl") == 2
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == [
        {
            "request_id": "flights-000001",
            "deployment": f"{PRODUCTION}/onlineEndpoints/flight-delay/deployments/version-2",
            "row_ids": ["f1", "f2"],
            "event_times": [row["event_time"] for row in FLIGHTS],
        }
    ]


def answers_of(deployment, month, draw):
    """One large request: its predictions say something about its labels, the more so the later the month."""
    flights = [f"{deployment}/{month}/{number}" for number in range(ROWS)]
    late = {flight: int(draw.random() < 0.3) for flight in flights}
    predictions = [float(draw.normal(0.2 + 0.03 * month * late[flight], 0.2)) for flight in flights]
    times = [f"2013-{month:02d}-01T00:00:00Z"] * ROWS
    return Answered(f"{deployment}-{month}", deployment, flights, times, predictions), late


def measured(answered, late, **changes):
    """What the loop says of an answer when it is right."""
    auc = roc_auc_score([late[flight] for flight in answered.row_ids], answered.predictions)
    start = datetime(2013, answered.month, 1, tzinfo=UTC)
    signal = PerformanceMeasured(
        source="outerloop/telemetry",
        dedup_key=answered.request_id,
        occurred_at=start,
        subject=answered.deployment,
        workspace="w",
        endpoint="e",
        deployment=answered.deployment,
        window="1mo",
        start=start,
        end=start,
        predictions=ROWS,
        labels=ROWS,
        pairs=ROWS,
        metrics={"auc": auc},
        lower={"auc": auc - 0.01},
        upper={"auc": auc + 0.01},
    )
    return changed(signal, **changes)


@pytest.fixture
def evidence():
    """That of a story in which everything was measured as it should be; probes in January met no labels."""
    draw = np.random.default_rng(7)
    answered, late = [], {}
    for deployment, month in SPOKE:
        request, labels = answers_of(deployment, month, draw)
        answered.append(request)
        late |= labels
    signals = [measured(each, late) for each in answered if (each.deployment, each.month) in verdict_labels.MEASURED]
    january = datetime(2013, 1, 1, tzinfo=UTC)
    probes = changed(signals[0], start=january, labels=0, pairs=0, unlabelled=275, metrics={}, lower={}, upper={})
    return Evidence(
        journal=[],
        cards=[],
        mails=[],
        dropped=[],
        jobs=[],
        decisions=[],
        facts=Facts(),
        digits=Facts(),
        forms=Facts(),
        captured=0,
        rejected=0,
        measured=[*reversed(signals), probes],
        answered=answered,
        late=late,
    )


def judged(evidence):
    return [check(evidence).passed for check in verdict_labels.CHECKS]


def with_june(evidence, **changes):
    """The same, but that something else was said of version 2's June."""
    signals = [
        changed(each, **changes) if (each.deployment, each.start.month) == ("version-2", 6) else each
        for each in evidence.measured
    ]
    return replace(evidence, measured=signals)


def test_a_story_that_was_measured_rightly_passes(evidence):
    assert judged(evidence) == [True, True]


def test_what_was_seen_shows_both_figures_and_the_answers_apart(evidence):
    auc, own = (check(evidence).seen for check in verdict_labels.CHECKS)

    assert auc.count(f"of {ROWS} (") == 4
    assert "version-1 2013-03" in auc
    assert f"version-2 2013-06: {ROWS} labels, 0 missing" in own
    assert "in June version 1's own answers have an AUC of" in own


def test_nothing_measured_fails_both(evidence):
    assert judged(replace(evidence, measured=[])) == [False, False]


@pytest.mark.parametrize("left_out", range(4))
def test_a_month_that_was_not_measured_fails(evidence, left_out):
    signals = [each for each in evidence.measured if each.pairs]
    del signals[left_out]

    assert not judged(replace(evidence, measured=signals))[0]


def test_a_month_that_could_not_have_its_labels_fails(evidence):
    early = next(each for each in evidence.answered if (each.deployment, each.month) == ("version-3", 7))

    assert not judged(replace(evidence, measured=[*evidence.measured, measured(early, evidence.late)]))[0]


def test_shuffled_labels_fail(evidence):
    labels = np.random.default_rng(1).permutation(list(evidence.late.values())).tolist()

    assert not judged(replace(evidence, late=dict(zip(evidence.late, labels, strict=True))))[0]


def test_of_a_whole_month_nothing_may_differ_and_of_a_sample_a_little(evidence):
    june = next(each for each in evidence.measured if (each.deployment, each.start.month) == ("version-2", 6))
    near, far = ({"auc": june.metrics["auc"] + off} for off in (0.015, 0.03))

    assert not judged(with_june(evidence, metrics=near))[0]
    assert judged(with_june(evidence, metrics=near, pairs=ROWS // 2))[0]
    assert not judged(with_june(evidence, metrics=far, pairs=ROWS // 2))[0]


def test_more_labels_than_answers_fail(evidence):
    """Those of the next month may have come by then, but nobody else's."""
    assert judged(with_june(evidence, labels=2 * ROWS)) == [True, True]
    assert judged(with_june(evidence, labels=2 * ROWS + 1)) == [True, False]


def test_version_2_judged_by_version_1_fails(evidence):
    first = next(each for each in evidence.answered if (each.deployment, each.month) == ("version-1", 6))
    its_own = measured(first, evidence.late)

    assert judged(with_june(evidence, metrics=its_own.metrics)) == [False, False]


def test_labels_that_were_lost_fail(evidence):
    assert judged(with_june(evidence, labels=ROWS - 50, unlabelled=50)) == [True, False]


def test_an_answer_that_its_caller_did_not_get_has_no_label_and_that_is_right(evidence):
    assert judged(with_june(evidence, predictions=ROWS + 50, unlabelled=50)) == [True, True]
