import socket
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from shared.adapters.smtp_mail import SmtpMail, SmtpServer
from shared.domain.outcomes import Failed, Succeeded
from shared.rendering.email import mail_of
from shared.rendering.notice import Notice
from tests.unit.adapters.orders import NOW

MAIL = mail_of(Notice("Drift in Zürich", "psi is above 0.2", {"psi": "0.31"}))


class FixedClock:
    def now(self):
        return NOW


class Mailbox:
    def __init__(self) -> None:
        self.messages = []
        self.refusal = None
        self.goodbye = "221 Bye"

    async def handle_QUIT(self, _server, _session, _envelope):  # noqa: N802 - aiosmtpd's hook
        return self.goodbye

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's hook
        if self.refusal and not self.refusal.startswith("rcpt "):
            return self.refusal
        self.messages.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's hook
        if self.refusal and self.refusal.startswith("rcpt "):
            return self.refusal.removeprefix("rcpt ")
        envelope.rcpt_tos.append(address)
        return "250 OK"


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, **self.SMTP_kwargs)


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def port(mailbox):
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    controller = Server(mailbox, hostname="127.0.0.1", port=number)
    controller.start()
    yield number
    controller.stop()


def mailer(port, **credentials):
    return SmtpMail(SmtpServer("127.0.0.1", port, "outerloop@contoso.com", 3.0, **credentials), FixedClock())


async def test_a_mail_arrives_in_text_and_html(mailbox, port):
    assert await mailer(port).send("mlops@contoso.com", MAIL, "command-1") == Succeeded()
    ((recipients, message),) = mailbox.messages
    assert recipients == ["mlops@contoso.com"]
    assert message["Subject"] == "[Outerloop] Drift in Zürich"
    assert message["From"] == "outerloop@contoso.com"
    assert message["Message-ID"] == "<command-1@outerloop>"
    assert message["Date"].datetime == NOW
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == MAIL.text
    assert "<table>" in message.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("refusal", "retryable"),
    [
        ("550 no", False),
        ("451 later", True),
        ("rcpt 550 no such mailbox", False),
        ("rcpt 450 mailbox busy", True),
    ],
)
async def test_a_refusal_is_for_now_or_for_good(mailbox, port, refusal, retryable):
    mailbox.refusal = refusal
    outcome = await mailer(port).send("mlops@contoso.com", MAIL, "command-1")
    assert isinstance(outcome, Failed)
    assert outcome.retryable is retryable


async def test_a_mail_that_was_taken_is_sent_however_the_server_says_goodbye(mailbox, port):
    mailbox.goodbye = "421 too many connections"
    assert await mailer(port).send("mlops@contoso.com", MAIL, "command-1") == Succeeded()
    assert len(mailbox.messages) == 1


async def test_credentials_are_not_sent_in_the_clear(mailbox, port):
    outcome = await mailer(port, user="app", password="pa55word").send("mlops@contoso.com", MAIL, "command-1")
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert "STARTTLS" in outcome.reason
    assert "pa55word" not in outcome.reason
    assert mailbox.messages == []


async def test_a_server_that_is_not_there_may_be_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = await mailer(port).send("mlops@contoso.com", MAIL, "command-1")
    assert isinstance(outcome, Failed)
    assert outcome.retryable


async def test_an_address_cannot_smuggle_a_header_in(mailbox, port):
    outcome = await mailer(port).send("a@b.c\r\nBcc: everyone@example.com", MAIL, "command-1")
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert mailbox.messages == []


def test_the_password_is_not_shown():
    server = SmtpServer("mail.example", 587, "a@example.com", 3.0, user="app", password="pa55word")
    assert "pa55word" not in repr(server)


@pytest.fixture
def secured(mailbox, tmp_path, monkeypatch):
    import ssl  # noqa: PLC0415

    import trustme  # noqa: PLC0415

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def authenticate(_server, _session, _envelope, _mechanism, data):
        return AuthResult(success=data.login == b"app" and data.password == b"pa55word", handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    controller = Server(
        mailbox,
        hostname="127.0.0.1",
        port=number,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    yield number
    controller.stop()


async def test_credentials_are_sent_over_tls(mailbox, secured):
    outcome = await mailer(secured, user="app", password="pa55word").send("mlops@contoso.com", MAIL, "command-1")
    assert outcome == Succeeded()
    assert len(mailbox.messages) == 1


async def test_wrong_credentials_are_for_a_person_to_correct(mailbox, secured):
    outcome = await mailer(secured, user="app", password="wrong").send("mlops@contoso.com", MAIL, "command-1")
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert mailbox.messages == []
