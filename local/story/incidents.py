"""The second half of the story: what befalls a running model. Spending, a slow endpoint, compliance, a pause, a bad hour.

Owns the order of these events. Alerts come by the action group's door, judgements by Event Grid, wishes by ``outerloop``.
"""

import asyncio

from local.story import alerts
from local.story.console import outerloop
from local.story.promotions import ROLLOUT_SECONDS, roll_out, through_approval
from local.story.scene import Story
from local.story.training import submit_training
from local.story.world import EXAMPLE
from shared.adapters.policy_folder import PolicyFolder
from shared.domain.commands import kind_of
from shared.domain.facts import Version

HEARD_SECONDS, DRIFT_SECONDS, TRAINED_SECONDS = 30.0, 60.0, 90.0
FULL_SPEED = None
WHO = ("--by", "grace@contoso.com", "--why")


async def spending(story: Story) -> None:
    """The budget is used up: version 2's next drift finds retraining frozen. People hear of it once, not at each alert."""
    say = story.progress.say
    story.progress.chapter("6. The month's budget is spent")
    alert = alerts.budget_alert("$2,031.40", alerts.now())
    await story.monitor.send(alert)
    await story.monitor.send(alert)  # an action group may deliver twice
    await story.wait_decision("BudgetCrossed", "act", "frozen", HEARD_SECONDS)
    say("Cost Management: 102 % of the budget is spent; retraining is frozen until the month ends")
    september = story.flights.rows(9)[:1500]  # enough to close August
    story.sent_rows[9] = await story.callers.score(september, FULL_SPEED)
    incident = await story.wait_incident("data_drift", "open", DRIFT_SECONDS, about="2")
    held = await story.wait_decision("WindowClosed", "hold", "budget_freeze", HEARD_SECONDS)
    say(f"version 2 drifts too: {incident.detail}")
    say(f"held by {', '.join(reason.code for reason in held.reasons if reason.until)}")
    await story.monitor.send(alerts.budget_alert("$2,040.15", alerts.now()))
    await story.wait_decision("BudgetCrossed", "suppress", "tier_told", HEARD_SECONDS)
    say("the budget's next alert was counted, and nobody was told again")


async def slow_endpoint(story: Story) -> None:
    """RequestLatency fires long after any rollout: that is the platform's trouble. When it is over, the incident is."""
    say = story.progress.say
    story.progress.chapter("7. A slow endpoint, long after any rollout")
    await _long_after((await story.state.facts()).versions["2"])
    fired_at = alerts.now()
    fired = alerts.latency_alert("version-2", fired_at)
    await story.monitor.send(fired)
    await story.monitor.send(fired)
    incident = await story.wait_incident("infrastructure", "open", HEARD_SECONDS)
    say(f"an incident is open: {incident.detail}")
    decision = await story.wait_decision("AlertFired", "act", "not_attributed", HEARD_SECONDS)
    say(f"the infrastructure team is told, nothing is rolled back: {decision.reasons[-1].text}")
    await story.monitor.send(alerts.latency_alert("version-2", fired_at, alerts.now()))
    closed = await story.wait_incident("infrastructure", "closed", HEARD_SECONDS)
    say(f"the resolved alert closed it as {closed.closed_as}")


async def _long_after(version: Version) -> None:
    """Wait until no alert is attributed to a version any more, by the policy's own words."""
    policy = (await PolicyFolder(EXAMPLE / "policy.yaml", EXAMPLE / "fast.yaml").current()).policy
    rule = policy.workload("flight-delay").alert_rules[0]
    await asyncio.sleep(max(0.0, (version.since + rule.attribute_within - alerts.now()).total_seconds() + 1))


async def closed_workspace(story: Story) -> None:
    """A pause and Azure Policy hold version 4; resumed and compliant again, it goes on at once and serves."""
    say = story.progress.say
    story.progress.chapter("8. A pause, and a workspace that does not comply")
    say(f"outerloop pause --all: {await outerloop(story.world, 'pause', '--all', *WHO, 'a change of the network')}")
    await story.control.order("events", **alerts.policy_state("NonCompliant", alerts.now()))
    await story.wait_decision("ComplianceChanged", "act", "noncompliant", HEARD_SECONDS)
    say("Azure Policy: the production workspace does not comply; promotions into it wait")
    await submit_training(story.world, "train-version-4", {"months_newest": "3"})
    say("the mistake of version 3 is mended: a data scientist submitted the training again")
    held = await story.wait_decision("ModelRegistered", "hold", "paused", TRAINED_SECONDS)
    say(f"version 4 is registered, and held by {', '.join(reason.code for reason in held.reasons)}")
    said = await outerloop(story.world, "resume", "--all", *WHO, "the network is changed")
    say(f"outerloop resume --all: {said}")
    held = await story.wait_decision("HoldElapsed", "hold", "noncompliant", HEARD_SECONDS)
    say(f"version 4 is still held, now by {', '.join(reason.code for reason in held.reasons)}")
    await story.control.order("events", **alerts.policy_state("Compliant", alerts.now()))
    await story.wait_version("4", "staging", "testing", "awaiting_approval", within_seconds=HEARD_SECONDS)
    say("Azure Policy: the workspace complies; version 4 goes on at once")
    await through_approval(story, "4")
    await roll_out(story, "4", 9, "serving")
    say("version 4 serves all traffic")


async def bad_hour(story: Story) -> None:
    """The same alert soon after a rollout: the version that has just taken over goes back, whatever the budget says."""
    say = story.progress.say
    story.progress.chapter("9. A slow endpoint, soon after a rollout")
    await story.monitor.send(alerts.latency_alert("version-4", alerts.now()))
    decision = await story.wait_decision("AlertFired", "act", "attributed", HEARD_SECONDS)
    orders = ", ".join(dict.fromkeys(kind_of(command) for command in decision.commands))
    say(f"{decision.reasons[-1].text}: {orders}")
    await story.wait_version("4", "rolled_back", within_seconds=ROLLOUT_SECONDS)
    await story.wait_traffic({"version-2": 100}, 30)
    say("all traffic is back on version 2, though the budget's freeze is in force")
