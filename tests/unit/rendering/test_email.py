import subprocess
import sys
from pathlib import Path

from shared.rendering.email import SUBJECT_CHARACTERS_MAX, mail_of
from shared.rendering.notice import Link, Notice

GOLDEN = Path(__file__).parent / "golden"
NOTICE = Notice(
    title="Drift in <flight-delay>",
    sentence="psi 0.31 is above 0.2 & stays there.",
    facts={"metric": "psi", "feature": '<script>alert("x")</script>'},
    link=Link("Open the ledger", "https://outerloop.example/ledger?id=1&view=all"),
)


def golden(name):
    return (GOLDEN / name).read_text(encoding="utf-8")


def test_the_html_is_exactly_the_golden_one():
    assert mail_of(NOTICE).html == golden("drift.html")


def test_the_text_is_exactly_the_golden_one():
    assert mail_of(NOTICE).text == golden("drift.txt")


def test_everything_from_outside_is_escaped_in_the_html():
    html = mail_of(NOTICE).html
    assert "<script>" not in html
    assert "&lt;flight-delay&gt;" in html


def test_the_subject_says_who_writes():
    assert mail_of(NOTICE).subject == "[Outerloop] Drift in <flight-delay>"


def test_a_title_cannot_smuggle_a_header_into_the_subject():
    subject = mail_of(Notice("Drift\r\nBcc: everyone@example.com")).subject
    assert "\n" not in subject
    assert "\r" not in subject


def test_a_subject_is_of_bounded_length():
    assert len(mail_of(Notice("x" * 1000)).subject) == SUBJECT_CHARACTERS_MAX


def test_a_mail_without_facts_or_link_is_just_its_title():
    mail = mail_of(Notice("Paused"))
    assert mail.text == "Paused\n"
    assert "<table>" not in mail.html
    assert "<a " not in mail.html


def test_importing_the_layout_does_not_import_jinja():
    code = "import sys, shared.rendering.email; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
