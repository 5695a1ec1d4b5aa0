"""Notices as mail: a subject, plain text, and HTML in which everything that came from outside is escaped.

Owns the layout. Knows nothing of servers or addresses. jinja2 is imported when the first mail is rendered.
"""

from dataclasses import dataclass

from shared.rendering.notice import Notice, shortened

SUBJECT_CHARACTERS_MAX = 150

HTML = """\
<!doctype html>
<html lang="en">
<body style="font-family: sans-serif">
<h1 style="font-size: 1.2em">{{ notice.title }}</h1>
{% if notice.sentence %}<p>{{ notice.sentence }}</p>
{% endif %}{% if facts %}<table>
{% for name, value in facts %}<tr><th style="text-align: left">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table>
{% endif %}{% if notice.link %}<p><a href="{{ notice.link.url }}">{{ notice.link.label }}</a></p>
{% endif %}</body>
</html>
"""


@dataclass(frozen=True)
class Mail:
    """What a mail says, without whom it goes to."""

    subject: str
    text: str
    html: str


def mail_of(notice: Notice) -> Mail:
    """The mail of a notice. The subject is one line: a line break in it would be a header of somebody else's choice."""
    facts = [(shortened(name), shortened(value)) for name, value in notice.facts.items()]
    return Mail(
        subject=shortened(f"[Outerloop] {notice.title}", SUBJECT_CHARACTERS_MAX),
        text=_text(notice, facts),
        html=_html(notice, facts),
    )


def _text(notice: Notice, facts: list[tuple[str, str]]) -> str:
    parts = [notice.title, notice.sentence, "\n".join(f"{name}: {value}" for name, value in facts)]
    if notice.link:
        parts.append(f"{notice.link.label}: {notice.link.url}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(notice: Notice, facts: list[tuple[str, str]]) -> str:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - not needed before the first mail

    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(HTML).render(notice=notice, facts=facts)
