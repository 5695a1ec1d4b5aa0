"""How a version goes from its registration into production, as far as people and callers have a part in it.

Owns the people's answers and the callers' pace. The loop does the rest, and is only waited for.
"""

import time

from local.story.clients import answer_question
from local.story.scene import Story
from local.story.state import WORKLOAD
from local.story.world import StoryError

STAGING_SECONDS, ROLLOUT_SECONDS = 120.0, 120.0
STEADY_PER_SECOND = 12.0  # requests, while a rollout compares two versions
APPROVERS = ("alice@contoso.com", "bob@contoso.com")


async def through_approval(story: Story, number: str, workload: str = WORKLOAD) -> None:
    """Wait for staging to pass, and say yes: two people, since nobody knows who made the version."""
    version = await story.wait_version(number, "awaiting_approval", within_seconds=STAGING_SECONDS, workload=workload)
    for check in version.checks:
        story.progress.say(f"staging check {check.name}: {check.detail}")
    link = await _link_of(story, number, workload)
    _, page = await answer_question(link, "mallory@contoso.com", "approve")
    if "is not in the group" not in page:
        raise StoryError(f"mallory, who is in no group, should have been told so, and saw:\n{page[:2000]}")
    story.progress.say("mallory, who is in no group, opened the link and found no way to answer")
    for person in APPROVERS:
        if (await story.state.facts(workload)).versions[number].state != "awaiting_approval":
            break
        status, page = await answer_question(link, person, "approve")
        if status != 200:
            raise StoryError(f"{person} could not approve version {number}: status {status}\n{page[:2000]}")
        story.progress.say(f"{person} opened the link of the card and approved version {number} of {workload}")


async def _link_of(story: Story, number: str, workload: str) -> str:
    """The link that stands on the Teams card, once the mail has come too."""

    async def look() -> str | None:
        title = f"{workload}: approve version {number} for production"
        cards = [card for card in await story.control.look("cards") if title in str(card)]
        mails = [mail for mail in await story.control.look("mails") if title in str(mail)]
        links = [link for card in cards for link in card["links"] if "/approvals/" in link]
        return links[0] if links and mails else None

    return await story.wait(f"the question about version {number} of {workload}", look, 30)


async def roll_out(story: Story, number: str, month: int, *ends: str) -> None:
    """Score the rest of a month at a steady pace while a version is rolled out, until that has ended.

    On a slow machine a rollout outlasts the month: then callers ask about its flights again.
    """
    deadline = time.monotonic() + ROLLOUT_SECONDS

    async def ended() -> bool:
        version = (await story.state.facts()).versions.get(number)
        over = version is not None and version.state in (*ends, "serving", "rejected", "rolled_back")
        return over or time.monotonic() > deadline

    flights = story.flights.rows(month)
    rest = flights[story.sent_rows.get(month, 0) :]
    while not await ended():
        sent = await story.callers.score(rest or flights, STEADY_PER_SECOND, ended)
        story.sent_rows[month] = story.sent_rows.get(month, 0) + sent
        rest = flights
    await story.wait_version(number, *ends, within_seconds=ROLLOUT_SECONDS)
