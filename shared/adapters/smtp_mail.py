"""Mail through an SMTP server: TLS when it is offered, credentials only over TLS.

Owns the connection and what the server's refusals mean. Knows nothing of the mail's content.
"""

import asyncio
import contextlib
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime

from shared.domain.outcomes import Failed, Outcome, Succeeded, Unknown
from shared.ports import Clock
from shared.rendering.email import Mail

PERMANENT_FROM = 500  # RFC 5321: 4xx is for now, 5xx for good


@dataclass(frozen=True)
class SmtpServer:
    """Where mail is handed over. ``password`` never appears in a reason or a log."""

    host: str
    port: int
    sender: str
    timeout_seconds: float
    user: str = ""
    password: str = field(default="", repr=False)


class _NoTlsError(Exception):
    """Credentials are set, and the server offers no TLS to protect them."""


class SmtpMail:
    """Sends mail, one connection each: notifications are few."""

    def __init__(self, server: SmtpServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def send(self, address: str, mail: Mail, mark: str) -> Outcome:
        """Hand over one mail; ``mark`` becomes its Message-ID, so that a repeat is recognised. Raises nothing."""
        try:
            message = self._message(address, mail, mark)
        except ValueError as problem:  # a line break in an address would be a header of somebody else's choice
            return Failed(retryable=False, reason=f"not a mail address: {problem}")
        return await asyncio.to_thread(self._send, message)

    def _message(self, address: str, mail: Mail, mark: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = mail.subject
        message["From"] = self._server.sender
        message["To"] = address
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{mark}@outerloop>"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message

    def _send(self, message: EmailMessage) -> Outcome:
        try:
            client = smtplib.SMTP(self._server.host, self._server.port, timeout=self._server.timeout_seconds)
            with contextlib.closing(client):
                outcome = self._hand_over(client, message)
                with contextlib.suppress(smtplib.SMTPException, OSError):  # the mail is handed over, or it is not
                    client.quit()
                return outcome
        except smtplib.SMTPServerDisconnected:
            return Failed(retryable=True, reason="the mail server closed the connection")
        except smtplib.SMTPResponseException as problem:
            permanent = problem.smtp_code >= PERMANENT_FROM
            return Failed(retryable=not permanent, reason=f"the mail server answered {problem.smtp_code}")
        except (_NoTlsError, smtplib.SMTPNotSupportedError) as problem:
            return Failed(retryable=False, reason=str(problem))
        except (smtplib.SMTPException, OSError) as problem:
            return Failed(retryable=True, reason=f"the mail server was not reached: {type(problem).__name__}")

    def _hand_over(self, client: smtplib.SMTP, message: EmailMessage) -> Outcome:
        client.ehlo()
        if client.has_extn("starttls"):
            client.starttls(context=ssl.create_default_context())
            client.ehlo()
        elif self._server.user:
            raise _NoTlsError("credentials are set, but the mail server offers no STARTTLS; they were not sent")
        if self._server.user:
            client.login(self._server.user, self._server.password)
        try:
            client.send_message(message)
        except smtplib.SMTPRecipientsRefused as refusal:
            code = max(code for code, _ in refusal.recipients.values())
            return Failed(retryable=code < PERMANENT_FROM, reason=f"the mail server refused the recipient ({code})")
        except (smtplib.SMTPServerDisconnected, TimeoutError) as problem:
            return Unknown(reason=f"no answer from the mail server after sending: {type(problem).__name__}")
        return Succeeded()
