"""Where notifications end: Teams workflow web hooks and a mail server, both keeping what they got.

Owns the checks that Teams makes on a card (msteams-docs connectors-using, Power Automate's request trigger) and the
reading of a mail. It never talks back to the app and knows nothing of what a message is about; every accepted message
is one journal entry.
"""

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local.azure.journal import Journal

CARD_BYTES_MAX = 28 * 1024
MAIL_BYTES_MAX = 10 * 1024 * 1024
CARD_TYPE = "application/vnd.microsoft.card.adaptive"
CARD_VERSION_MAX = (1, 4)
LINK = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True)
class Card:
    """A card that Teams took: channel, title, facts by title, OpenUrl links, and the whole card as sent."""

    channel: str
    title: str
    facts: dict[str, str]
    links: list[str]
    content: dict[str, Any]


@dataclass(frozen=True)
class Mail:
    """A mail that was delivered: envelope recipients, subject, plain text (or HTML when there is none), links."""

    sender: str
    to: list[str]
    subject: str
    text: str
    links: list[str]


class TeamsSink:
    """The workflows behind some channels; each has an address of its own with a secret signature in it."""

    def __init__(self, journal: Journal, channels: Iterable[str]) -> None:
        self.cards: list[Card] = []
        self._journal = journal
        self._channels = {hashlib.sha256(name.encode()).hexdigest()[:32]: name for name in channels}
        self._signatures = {workflow: secrets.token_urlsafe(32) for workflow in self._channels}

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application."""
        return [Route("/workflows/{workflow}/triggers/manual/paths/invoke", self._invoke, methods=["POST"])]

    def urls(self, base_url: str) -> dict[str, str]:
        """The address to post to by channel name, as Power Automate shows it; a secret, because of its `sig`."""
        return {name: f"{base_url}{self._path(workflow)}" for workflow, name in self._channels.items()}

    def _path(self, workflow: str) -> str:
        query = {
            "api-version": "2016-06-01",
            "sp": "/triggers/manual/run",
            "sv": "1.0",
            "sig": self._signatures[workflow],
        }
        return f"/workflows/{workflow}/triggers/manual/paths/invoke?{urlencode(query)}"

    async def _invoke(self, request: Request) -> Response:
        """202 for a card; 401 for a wrong signature, 413 over 28 KB, 400 with the reason for anything else."""
        workflow = request.path_params["workflow"]
        expected = self._signatures.get(workflow)
        shown = request.query_params.get("sig", "")
        if expected is None or not secrets.compare_digest(shown.encode(), expected.encode()):
            return PlainTextResponse("The signature is not valid.", 401)
        body = await request.body()
        if len(body) > CARD_BYTES_MAX:
            return PlainTextResponse("Request entity too large.", 413)
        try:
            card = read_card(self._channels[workflow], body)
        except ValueError as error:
            return PlainTextResponse(f"Bad card: {error}", 400)
        self.cards.append(card)
        self._journal.record("card_received", card.channel, title=card.title, facts=card.facts, links=card.links)
        return Response(status_code=202)


def read_card(channel: str, body: bytes) -> Card:
    """The one adaptive card of a Teams message; ValueError names what Teams would not take."""
    message = json.loads(body)
    if not isinstance(message, dict) or message.get("type") != "message":
        raise ValueError("the type is not message")
    attachments = message.get("attachments")
    if not isinstance(attachments, list) or len(attachments) != 1 or not isinstance(attachments[0], dict):
        raise ValueError("there must be one attachment")
    content = attachments[0].get("content")
    if attachments[0].get("contentType") != CARD_TYPE or not isinstance(content, dict):
        raise ValueError("the attachment is not an adaptive card")
    if content.get("type") != "AdaptiveCard" or not isinstance(content.get("body"), list):
        raise ValueError("the card is not an AdaptiveCard with a body")
    _check_version(str(content.get("version", "")))
    elements = list(_elements(content))
    if any(element.get("type") == "Action.Submit" for element in elements):
        raise ValueError("a web hook card cannot hold Action.Submit")
    return Card(channel, _title(elements), _facts(elements), _links(elements), content)


def _check_version(text: str) -> None:
    if not re.fullmatch(r"\d+\.\d+", text) or tuple(map(int, text.split("."))) > CARD_VERSION_MAX:
        raise ValueError(f"version {text!r} is not 1.0 to 1.4")


def _elements(value: object) -> Iterator[dict[str, Any]]:
    """Every object within a card, in reading order."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _elements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _elements(inner)


def _title(elements: list[dict[str, Any]]) -> str:
    return next((str(e.get("text", "")) for e in elements if e.get("type") == "TextBlock"), "")


def _facts(elements: list[dict[str, Any]]) -> dict[str, str]:
    sets = (element.get("facts", []) for element in elements if element.get("type") == "FactSet")
    return {str(fact.get("title", "")): str(fact.get("value", "")) for facts in sets for fact in facts}


def _links(elements: list[dict[str, Any]]) -> list[str]:
    return [str(e.get("url", "")) for e in elements if e.get("type") == "Action.OpenUrl"]


class SmtpSink:
    """A mail server on loopback, within the running event loop; takes every mail and delivers none."""

    def __init__(self, journal: Journal) -> None:
        self.mails: list[Mail] = []
        self._journal = journal
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="localhost", enable_SMTPUTF8=True, data_size_limit=MAIL_BYTES_MAX, loop=loop),
            host,
            port,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The hook that aiosmtpd calls with a complete mail; its answer goes to the sender."""
        mail = read_mail(envelope.mail_from or "", list(envelope.rcpt_tos), bytes(envelope.content or b""))
        self.mails.append(mail)
        self._journal.record("mail_received", ",".join(mail.to), subject=mail.subject, text=mail.text, links=mail.links)
        return "250 Message accepted for delivery"


def read_mail(sender: str, to: list[str], content: bytes) -> Mail:
    """A mail out of its wire form; the links come from all of its text parts, each once, in order."""
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    texts = [part.get_content() for part in sorted(parts, key=lambda part: part.get_content_subtype() != "plain")]
    links = list(dict.fromkeys(LINK.findall("\n".join(texts))))
    return Mail(sender, to, str(message["subject"] or ""), texts[0] if texts else "", links)
