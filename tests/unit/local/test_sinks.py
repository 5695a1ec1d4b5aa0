"""The Teams workflow web hooks and the mail server."""

import asyncio
import smtplib
from email.message import EmailMessage

import httpx
import pytest
from starlette.applications import Starlette

from local.azure.journal import Journal
from local.azure.sinks import SmtpSink, TeamsSink, read_card

APPROVE = "https://app.example/approvals/42?token=t"


def message(**changes):
    content = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": "Retraining proposed", "size": "Large"},
            {"type": "Container", "items": [{"type": "FactSet", "facts": [{"title": "Model", "value": "flights:3"}]}]},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Approve", "url": APPROVE}],
    } | changes
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def teams(journal):
    return TeamsSink(journal, ["mlops", "platform"])


@pytest.fixture
async def client(teams):
    transport = httpx.ASGITransport(Starlette(routes=teams.routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://teams") as client:
        yield client


async def test_a_card_is_accepted_kept_and_journaled(client, teams, journal):
    answer = await client.post(teams.urls("http://teams")["mlops"], json=message())
    assert (answer.status_code, answer.content) == (202, b"")
    (card,) = teams.cards
    assert (card.channel, card.title) == ("mlops", "Retraining proposed")
    assert (card.facts, card.links) == ({"Model": "flights:3"}, [APPROVE])
    (entry,) = journal.entries()
    assert (entry.effect, entry.target) == ("card_received", "mlops")
    assert entry.detail == {"title": card.title, "facts": card.facts, "links": card.links}


async def test_each_channel_has_an_address_of_its_own(client, teams):
    urls = teams.urls("http://teams")
    assert set(urls) == {"mlops", "platform"}
    await client.post(urls["platform"], json=message())
    assert teams.cards[0].channel == "platform"


async def test_a_wrong_signature_is_refused(client, teams):
    urls = teams.urls("http://teams")
    borrowed = urls["mlops"].split("sig=")[0] + "sig=" + urls["platform"].split("sig=")[1]
    assert (await client.post(borrowed, json=message())).status_code == 401
    assert (await client.post(urls["mlops"].split("&sig=")[0], json=message())).status_code == 401
    assert teams.cards == []


async def test_an_unknown_workflow_is_refused(client):
    answer = await client.post("/workflows/0/triggers/manual/paths/invoke?sig=x", json=message())
    assert answer.status_code == 401


async def test_a_message_over_28_kilobytes_is_too_large(client, teams):
    answer = await client.post(teams.urls("http://teams")["mlops"], json=message(fallbackText="x" * 28 * 1024))
    assert answer.status_code == 413
    assert "too large" in answer.text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "type is not message"),
        ({"type": "MessageCard"}, "type is not message"),
        ({"type": "message"}, "one attachment"),
        ({"type": "message", "attachments": []}, "one attachment"),
        ({"type": "message", "attachments": message()["attachments"] * 2}, "one attachment"),
        ({"type": "message", "attachments": [{"contentType": "text/plain", "content": {}}]}, "not an adaptive card"),
        (message(type="Card"), "AdaptiveCard"),
        (message(body=None), "AdaptiveCard"),
        (message(version="1.5"), "version"),
        (message(version="2.0"), "version"),
        (message(version=None), "version"),
        (message(actions=[{"type": "Action.Submit"}]), r"Action\.Submit"),
    ],
)
async def test_a_card_that_teams_would_not_show_is_refused_with_the_reason(client, teams, body, reason):
    answer = await client.post(teams.urls("http://teams")["mlops"], json=body)
    assert answer.status_code == 400
    assert answer.text.startswith("Bad card")
    assert teams.cards == []
    with pytest.raises(ValueError, match=reason):
        read_card("mlops", httpx.Request("POST", "http://x", json=body).content)


async def test_a_body_that_is_not_json_is_a_bad_card(client, teams):
    assert (await client.post(teams.urls("http://teams")["mlops"], content=b"{")).status_code == 400


@pytest.fixture
async def mail_server(journal):
    sink = SmtpSink(journal)
    sink.port = await sink.start()
    yield sink
    await sink.stop()


async def send(port, text, html=None, to="ops@contoso.com"):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "loop@contoso.com", to, "Drift in flights → März"
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")

    def deliver():
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.send_message(mail)

    await asyncio.to_thread(deliver)


async def test_a_mail_is_kept_and_journaled(mail_server, journal):
    await send(mail_server.port, f"Please look at it.\n{APPROVE}\n", to="ops@contoso.com, ml@contoso.com")
    (mail,) = mail_server.mails
    assert mail.to == ["ops@contoso.com", "ml@contoso.com"]
    assert mail.subject == "Drift in flights → März"
    assert mail.text.startswith("Please look at it.")
    assert mail.links == [APPROVE]
    (entry,) = journal.entries()
    assert (entry.effect, entry.target) == ("mail_received", "ops@contoso.com,ml@contoso.com")
    assert (entry.detail["subject"], entry.detail["links"]) == (mail.subject, [APPROVE])


async def test_the_text_is_the_plain_part_and_links_are_counted_once(mail_server):
    await send(
        mail_server.port, f"See {APPROVE}", f'<a href="{APPROVE}">Approve</a> <a href="https://ml.azure.com">ML</a>'
    )
    (mail,) = mail_server.mails
    assert mail.text.strip() == f"See {APPROVE}"
    assert mail.links == [APPROVE, "https://ml.azure.com"]


async def test_long_links_survive_the_wire(mail_server):
    link = "https://app.example/approvals/" + "a" * 300
    await send(mail_server.port, f"Go: {link}\n")
    assert mail_server.mails[0].links == [link]


async def test_mails_come_in_at_the_same_time(mail_server):
    await asyncio.gather(*(send(mail_server.port, f"number {number}") for number in range(5)))
    assert len(mail_server.mails) == 5
