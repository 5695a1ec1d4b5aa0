"""Notices as Adaptive Cards, and the message that a Teams workflow accepts.

Owns the card's layout and its size. Knows nothing of web hooks or approvals.
Sources: adaptivecards.io schema 1.4 (the highest version seen accepted by Workflows); about 28 KB for a whole message.
"""

from typing import Any

from shared.domain.values import encode
from shared.rendering.notice import Notice, shortened

CARD_VERSION = "1.4"
MESSAGE_BYTES_MAX = 27_000  # under Teams' 28 KB, with room for what the workflow adds
TITLE_CHARACTERS_MAX = 200
SENTENCE_CHARACTERS_MAX = 2000

Json = dict[str, Any]


def adaptive_card(notice: Notice) -> Json:
    """The card: title, sentence, facts and a button. Facts that do not fit are left out, and a note says how many."""
    facts = [
        {"title": _plain(shortened(name)), "value": _plain(shortened(value))} for name, value in notice.facts.items()
    ]
    for kept in range(len(facts), -1, -1):
        card = _card(notice, facts[:kept], left_out=len(facts) - kept)
        if len(encode(teams_message(card))) <= MESSAGE_BYTES_MAX:
            break
    return card


def teams_message(card: Json) -> Json:
    """The body that a workflow with the trigger "When a Teams webhook request is received" takes."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _card(notice: Notice, facts: list[dict[str, str]], left_out: int) -> Json:
    title = _plain(shortened(notice.title, TITLE_CHARACTERS_MAX))
    body: list[Json] = [_text(title, size="Medium", weight="Bolder")]
    if notice.sentence:
        body.append(_text(_plain(shortened(notice.sentence, SENTENCE_CHARACTERS_MAX))))
    if facts:
        body.append({"type": "FactSet", "facts": facts})
    if left_out:
        body.append(_text(f"{left_out} more facts did not fit; the ledger has them all.", isSubtle=True))
    card: Json = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": CARD_VERSION,
        "body": body,
    }
    if notice.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": notice.link.label, "url": notice.link.url}]
    return card


def _text(text: str, **style: Any) -> Json:
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def _plain(text: str) -> str:
    """Text that cannot become a link: cards render Markdown, and facts quote what came from outside."""
    return text.replace("](", "] (")
