"""The story itself: what data scientists, callers, Azure and approvers do, and what the loop has to do about it.

Owns the order of events. It pushes only from outside, waits for what the loop did, and never tells the loop what to do next.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field

from local.story.clients import Callers, Control, answer_question
from local.story.data import Flights
from local.story.progress import Progress
from local.story.state import LoopState, explain_state, version_in, wait_for
from local.story.training import submit_training
from local.story.world import PRODUCTION, StoryError, World
from shared.domain.facts import Facts, Incident, Version

STAGING_SECONDS, ROLLOUT_SECONDS, DRIFT_SECONDS, REMEDY_SECONDS = 120.0, 120.0, 60.0, 90.0
FULL_SPEED = None
STEADY_PER_SECOND = 12.0  # requests, while a rollout compares two versions
MONITOR_SIGNAL = "flight_delay_data_drift"


@dataclass
class Story:
    """Everything that the chapters share."""

    world: World
    control: Control
    state: LoopState
    flights: Flights
    progress: Progress
    callers: Callers
    broken: str = "row_by_row"  # how version 3 scores; a test makes it "vectorised", which is not broken
    sent_rows: dict[int, int] = field(default_factory=dict)

    async def wait_version(self, number: str, *states: str, within_seconds: float) -> Version:
        """A version in one of these states."""

        async def look() -> Version | None:
            return version_in(await self.state.facts(), number, *states)

        what = f"version {number} to be {' or '.join(states)}"
        return await wait_for(what, look, within_seconds, lambda: explain_state(self.state))

    async def wait_incident(self, state: str, within_seconds: float) -> Incident:
        """The data drift incident in a state."""

        async def look() -> Incident | None:
            incidents = (await self.state.facts()).incidents
            return next((known for known in incidents if known.kind == "data_drift" and known.state == state), None)

        what = f"a data drift incident that is {state}"
        return await wait_for(what, look, within_seconds, lambda: explain_state(self.state))

    async def wait_traffic(self, wanted: dict[str, int], within_seconds: float) -> None:
        """The endpoint's own word that this traffic is in force."""

        async def look() -> bool | None:
            return True if await self.control.production_traffic() == wanted else None

        await wait_for(f"traffic {wanted}", look, within_seconds, lambda: explain_state(self.state))


async def first_version(story: Story) -> None:
    """Version 1 is trained on January and February, staged, approved, probed and given all traffic."""
    say = story.progress.say
    story.progress.chapter("1. A first version")
    await story.flights.publish_labels(story.control, 2)
    await submit_training(story.world, "train-version-1", {"months": "1,2"})
    say("a data scientist submitted a training job on January and February")
    await _through_approval(story, "1")
    await story.wait_version("1", "serving", within_seconds=ROLLOUT_SECONDS)
    await story.wait_traffic({"version-1": 100}, 10)
    say("version 1 was probed by header and serves all traffic")


async def _through_approval(story: Story, number: str) -> None:
    version = await story.wait_version(number, "awaiting_approval", within_seconds=STAGING_SECONDS)
    for check in version.checks:
        story.progress.say(f"staging check {check.name}: {check.detail}")
    link = await _link_of(story, number)
    _, page = await answer_question(link, "mallory@contoso.com", "approve")
    if "is not in the group" not in page:
        raise StoryError(f"mallory, who is in no group, should have been told so, and saw:\n{page[:2000]}")
    story.progress.say("mallory, who is in no group, opened the link and found no way to answer")
    for person in ("alice@contoso.com", "bob@contoso.com"):
        if (await story.state.facts()).versions[number].state != "awaiting_approval":
            break
        status, page = await answer_question(link, person, "approve")
        if status != 200:
            raise StoryError(f"{person} could not approve version {number}: status {status}\n{page[:2000]}")
        story.progress.say(f"{person} opened the link of the card and approved version {number}")


async def _link_of(story: Story, number: str) -> str:
    """The link that stands on the Teams card, once the mail has come too."""

    async def look() -> str | None:
        title = f"approve version {number} for production"
        cards = [card for card in await story.control.look("cards") if title in str(card)]
        mails = [mail for mail in await story.control.look("mails") if title in str(mail)]
        links = [link for card in cards for link in card["links"] if "/approvals/" in link]
        return links[0] if links and mails else None

    return await wait_for(f"the question about version {number}", look, 30, lambda: explain_state(story.state))


async def drift(story: Story) -> None:
    """March to May are scored; drift persists, and a retraining starts. Azure ML's own monitor says the same again."""
    say = story.progress.say
    story.progress.chapter("2. The world changes")
    await story.callers.connect()
    for month in (3, 4, 5):
        story.sent_rows[month] = await story.callers.score(story.flights.rows(month), FULL_SPEED)
        say(f"{story.sent_rows[month]} flights of month {month} were scored by the live endpoint")
    await story.flights.publish_labels(story.control, 5)
    june = story.flights.rows(6)[:1500]  # enough to move the watermark more than a day into June
    story.sent_rows[6] = await story.callers.score(june, FULL_SPEED)
    incident = await story.wait_incident("remedying", DRIFT_SECONDS)
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

    await wait_for("the monitor's event to be deduplicated", look, 30, lambda: explain_state(story.state))


async def remedy(story: Story) -> None:
    """Version 2 goes the same way, step by step against version 1 on June's flights, and is shown to be better."""
    say = story.progress.say
    story.progress.chapter("3. A better version")
    await _through_approval(story, "2")
    june = story.flights.rows(6)[story.sent_rows[6] :]
    story.sent_rows[6] += await _roll_out(story, "2", june, "serving")
    await story.wait_traffic({"version-2": 100}, 10)
    say("version 2 went 10, 50, 100 against version 1 over the same minutes")
    rest = story.flights.rows(6)[story.sent_rows[6] :]
    story.sent_rows[6] += await story.callers.score(rest, FULL_SPEED)
    await story.flights.publish_labels(story.control, 6)
    story.sent_rows[7] = await story.callers.score(story.flights.rows(7)[:1500], FULL_SPEED)
    incident = await story.wait_incident("closed", REMEDY_SECONDS)
    say(f"the incident is closed as {incident.closed_as}")
    if incident.closed_as != "helped":
        raise StoryError(f"the incident should be closed as helped, and is closed as {incident.closed_as}")


async def _roll_out(story: Story, number: str, rows: list[dict[str, object]], *ends: str) -> int:
    """Score rows at a steady pace while a version is rolled out; returns how many were sent until it ended."""

    async def ended() -> bool:
        return _state_of(await story.state.facts(), number) in (*ends, "serving", "rejected", "rolled_back")

    sent = await story.callers.score(rows, STEADY_PER_SECOND, ended)
    await story.wait_version(number, *ends, within_seconds=ROLLOUT_SECONDS)
    return sent


def _state_of(facts: Facts, number: str) -> str:
    version = facts.versions.get(number)
    return version.state if version else ""


async def broken_version(story: Story) -> None:
    """Version 3 is as good in staging, and slow and failing in production: it is caught at 10 %."""
    say = story.progress.say
    story.progress.chapter("4. A broken version")
    inputs = {"months_newest": "3", "inference": story.broken}
    await submit_training(story.world, "train-version-3", inputs)
    say("somebody submitted a training job whose model scores one row at a time and refuses missing values")
    await _through_approval(story, "3")
    july = story.flights.rows(7)[story.sent_rows[7] :]
    story.sent_rows[7] += await _roll_out(story, "3", july, "rolled_back")
    await story.wait_traffic({"version-2": 100}, 30)
    say("version 3 was caught at 10 % and all traffic is back on version 2")


async def afterwards(story: Story) -> None:
    """July and August go on under version 2; a retraining asked for by a person is held by the cooldown."""
    story.progress.chapter("5. Afterwards")
    for month in (7, 8):
        rest = story.flights.rows(month)[story.sent_rows.get(month, 0) :]
        story.sent_rows[month] = story.sent_rows.get(month, 0) + await story.callers.score(rest, FULL_SPEED)
    story.progress.say(f"flights scored: {story.sent_rows}")
    await _ask_for_retraining(story)

    async def quiet() -> bool | None:
        before = len(await story.state.decisions())
        await asyncio.sleep(3)
        return True if len(await story.state.decisions()) == before else None

    await wait_for("the loop to come to rest", quiet, 60, lambda: explain_state(story.state))


async def _ask_for_retraining(story: Story) -> None:
    command = [sys.executable, "-m", "shared.cli", "ask", "retrain", "flight-delay"]
    options = ["--by", "alice@contoso.com", "--why", "to see what the guards say"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *options,
        env={**os.environ, **story.world.settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    story.progress.say(f"outerloop ask retrain: {output.decode().strip()}")
