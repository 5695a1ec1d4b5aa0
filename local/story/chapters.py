"""The first half of the story: what data scientists, callers, Azure and approvers do, and what the loop has to do about it.

Owns the order of events from the first version to the broken one. It pushes only from outside, waits for what the loop did,
and never tells the loop what to do next.
"""

import asyncio

from local.story import forms, images
from local.story.console import outerloop
from local.story.delays import tell_delays
from local.story.promotions import ROLLOUT_SECONDS, roll_out, through_approval
from local.story.scene import Story
from local.story.training import submit_training
from local.story.world import PRODUCTION, StoryError

DRIFT_SECONDS, REMEDY_SECONDS = 60.0, 90.0
FULL_SPEED = None
MONITOR_SIGNAL = "flight_delay_data_drift"


async def first_version(story: Story) -> None:
    """Version 1 is trained on January and February, staged, approved, probed and given all traffic."""
    say = story.progress.say
    story.progress.chapter("1. A first version")
    await story.flights.publish_labels(story.control, 2)
    await submit_training(story.world, "train-version-1", {"months": "1,2"})
    say("a data scientist submitted a training job on January and February")
    story.images = asyncio.create_task(images.into_production(story))
    await through_approval(story, "1")
    await story.wait_version("1", "serving", within_seconds=ROLLOUT_SECONDS)
    await story.wait_traffic({"version-1": 100}, 10)
    say("version 1 was probed by header and serves all traffic")


async def drift(story: Story) -> None:
    """March to May are scored; drift persists, and a retraining starts. Azure ML's own monitor says the same again.

    What became of a month's flights is told once those of the next were scored: labels are late in life too.
    """
    say = story.progress.say
    story.progress.chapter("2. The world changes")
    story.forms = asyncio.create_task(forms.into_production(story))
    await story.callers.connect()
    for month in (3, 4, 5):
        story.sent_rows[month] = await story.callers.score(story.flights.rows(month), FULL_SPEED)
        say(f"{story.sent_rows[month]} flights of month {month} were scored by the live endpoint")
        if month > 3:
            await tell_delays(story, month - 1)
    await story.flights.publish_labels(story.control, 5)
    june = story.flights.rows(6)[:1500]  # enough to move the watermark more than a day into June
    story.sent_rows[6] = await story.callers.score(june, FULL_SPEED)
    incident = await story.wait_incident("data_drift", "remedying", DRIFT_SECONDS)
    say(f"drift: {incident.detail}")
    await _monitor_event(story)
    say("Azure ML's own monitor reported the same drift: counted into the open incident")


async def _monitor_event(story: Story) -> None:
    breach = '{"metric_value":0.42,"metric_name":"psi","threshold_value":0.2,"group":"temp"}'
    text = (
        f"The signal '{MONITOR_SIGNAL}' has failed due to one or more features violating metric thresholds.\n"
        f"The feature names and their corresponding computed metric values violating the threshold are \n['{breach}']\n"
    )
    data = {
        "experimentId": "monitor",
        "experimentName": "flight-delay-monitor",
        "runId": "monitor-run-1",
        "runType": None,
        "RunTags": {"azureml_modelmonitor_threshold_breached": text},
        "runProperties": {},
        "runStatus": "Completed",
    }
    event_type = "Microsoft.MachineLearningServices.RunStatusChanged"
    subject = "experiments/monitor/runs/monitor-run-1"
    await story.control.order("events", topic=PRODUCTION, event_type=event_type, subject=subject, data=data)

    async def look() -> bool | None:
        heard = [d for d in await story.state.decisions() if d.cause_kind == "MonitorBreached"]
        return True if heard and heard[0].verdict == "suppress" else None

    await story.wait("the monitor's event to be deduplicated", look, 30)


async def remedy(story: Story) -> None:
    """Version 2 goes the same way, step by step against version 1 on June's flights, and is shown to be better."""
    say = story.progress.say
    story.progress.chapter("3. A better version")
    await through_approval(story, "2")
    await roll_out(story, "2", 6, "serving")
    await story.wait_traffic({"version-2": 100}, 10)
    say("version 2 went 10, 50, 100 against version 1 over the same minutes")
    rest = story.flights.rows(6)[story.sent_rows[6] :]
    story.sent_rows[6] += await story.callers.score(rest, FULL_SPEED)
    await tell_delays(story, 5)
    await story.flights.publish_labels(story.control, 6)
    story.sent_rows[7] = await story.callers.score(story.flights.rows(7)[:1500], FULL_SPEED)
    incident = await story.wait_incident("data_drift", "closed", REMEDY_SECONDS)
    say(f"the incident is closed as {incident.closed_as}")
    if incident.closed_as != "helped":
        raise StoryError(f"the incident should be closed as helped, and is closed as {incident.closed_as}")


async def broken_version(story: Story) -> None:
    """Version 3 is as good in staging, and slow and failing in production: it is caught at 10 %."""
    say = story.progress.say
    story.progress.chapter("4. A broken version")
    inputs = {"months_newest": "3", "inference": story.broken}
    await submit_training(story.world, "train-version-3", inputs)
    say("somebody submitted a training job whose model scores one row at a time and refuses missing values")
    await through_approval(story, "3")
    await roll_out(story, "3", 7, "rolled_back")
    await story.wait_traffic({"version-2": 100}, 30)
    say("version 3 was caught at 10 % and all traffic is back on version 2")


async def afterwards(story: Story) -> None:
    """July and August go on under version 2; a retraining asked for by a person is held by the cooldown."""
    story.progress.chapter("5. Afterwards")
    for month in (7, 8):
        rest = story.flights.rows(month)[story.sent_rows.get(month, 0) :]
        story.sent_rows[month] = story.sent_rows.get(month, 0) + await story.callers.score(rest, FULL_SPEED)
        await tell_delays(story, month - 1)
    story.progress.say(f"flights scored: {story.sent_rows}")
    wish = ("--by", "alice@contoso.com", "--why", "to see what the guards say")
    story.progress.say(
        f"outerloop ask retrain: {await outerloop(story.world, 'ask', 'retrain', 'flight-delay', *wish)}"
    )


async def rest(story: Story) -> None:
    """Nothing more happens: what was decided for three seconds is nothing."""

    async def quiet() -> bool | None:
        before = len(await story.state.decisions())
        await asyncio.sleep(3)
        return True if len(await story.state.decisions()) == before else None

    await story.wait("the loop to come to rest", quiet, 60)
