"""People, by the channels that the policy names: ``teams:NAME`` and ``email:ADDRESS``.

Owns the routing and the summing up of several deliveries. Knows nothing of layouts, web hooks or mail servers.
"""

import asyncio
from collections.abc import Callable

from shared.adapters.smtp_mail import SmtpMail
from shared.adapters.teams import TeamsWebhooks
from shared.domain.commands import Notify, RequestApproval
from shared.domain.effects import Message
from shared.domain.outcomes import ASKED_SECONDS, Failed, Outcome, Succeeded, Unknown, asked_wait
from shared.rendering.cards import adaptive_card, teams_message
from shared.rendering.email import mail_of
from shared.rendering.notice import Link, Notice


class ChannelMessenger:
    """The port ``Messenger``. ``link_for`` gives the signed page of an approval; None for a channel kind: not set up."""

    def __init__(
        self, teams: TeamsWebhooks | None, mail: SmtpMail | None, link_for: Callable[[RequestApproval], str]
    ) -> None:
        self._teams = teams
        self._mail = mail
        self._link_for = link_for

    async def send(self, message: Message) -> Outcome:
        """Deliver to every channel; one that refuses does not keep the others from being told. Raises nothing."""
        if not message.channels:
            return Failed(retryable=False, reason=f"persona {message.persona} has no channels")
        try:
            notice = self._notice(message)
        except ValueError as problem:
            return Failed(retryable=False, reason=f"the settings give no link to the approval page: {problem}")
        outcomes = await asyncio.gather(*(self._deliver(channel, notice, message.id) for channel in message.channels))
        return _sum(dict(zip(message.channels, outcomes, strict=True)))

    def _notice(self, message: Message) -> Notice:
        match message:
            case RequestApproval():
                facts = {**message.facts, "Answer before": f"{message.expires_at:%Y-%m-%d %H:%M %Z}"}
                link = Link("Review and answer", self._link_for(message))
                return Notice(message.title, message.reason, facts, link)
            case Notify():
                return Notice(message.title, message.reason, message.facts)

    async def _deliver(self, channel: str, notice: Notice, mark: str) -> Outcome:
        match channel.partition(":"):
            case ("teams", _, name) if self._teams:
                return await self._teams.post(name, teams_message(adaptive_card(notice)))
            case ("email", _, address) if self._mail:
                return await self._mail.send(address, mail_of(notice), mark)
            case _:
                return Failed(retryable=False, reason="no such kind of channel is set up")


def _sum(outcomes: dict[str, Outcome]) -> Outcome:
    delivered = [channel for channel, outcome in outcomes.items() if isinstance(outcome, Succeeded)]
    if len(delivered) == len(outcomes):
        return Succeeded(data={"delivered": ",".join(delivered)})
    rest = {channel: outcome for channel, outcome in outcomes.items() if isinstance(outcome, (Failed, Unknown))}
    reason = "; ".join(f"{channel}: {outcome.reason}" for channel, outcome in rest.items())
    failures = [outcome for outcome in rest.values() if isinstance(outcome, Failed)]
    if not failures:
        return Unknown(reason=reason)
    # A repeat tells those again who have heard; that is better than silence for those who have not.
    retryable = any(failure.retryable for failure in failures) or len(failures) < len(rest)
    wait = max(asked_wait(failure).total_seconds() for failure in failures)
    asked: dict[str, str | float] = {ASKED_SECONDS: wait} if wait and retryable else {}
    return Failed(retryable=retryable, reason=reason, data={"delivered": ",".join(delivered), **asked})
