import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shared.domain.commands import DeployModel, RequestApproval
from shared.domain.decisions import Reason
from shared.domain.outcomes import Failed, Skipped, Started, Succeeded, Unknown
from shared.domain.values import replace
from shared.rendering.pages import (
    answered_page,
    approval_page,
    command_detail,
    command_state,
    dashboard_page,
    message_page,
    reason_text,
    workload_page,
)
from shared.rendering.shown import Dashboard, LedgerEntry, ShownJudgement, ShownQuestion, WorkloadPage
from tests.unit.rendering.page_samples import (
    ASKED,
    COOLDOWN,
    DECISION,
    HOSTILE,
    NOON,
    NOT_IN_GROUP,
    QUESTION,
    busy_workload,
    dashboard,
    page_of,
    row,
    workload,
)

GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    return (GOLDEN / name).read_text(encoding="utf-8")


PAGES = {
    "approval.html": lambda: approval_page(QUESTION, "signed-form"),
    "approval.refused.html": lambda: approval_page(
        ShownQuestion("flight-delay", "7", ASKED, (NOT_IN_GROUP,), may_reject=False), "signed-form"
    ),
    "answered.html": lambda: answered_page(DECISION),
    "message.html": lambda: message_page("sign in first"),
    "dashboard.html": lambda: dashboard_page(dashboard(busy_workload())),
    "workload.html": lambda: workload_page(page_of(busy_workload())),
    "workload.empty.html": lambda: workload_page(WorkloadPage(NOON, workload(), (), (), "flight-delay/drift.png")),
    "dashboard.empty.html": lambda: dashboard_page(Dashboard(NOON, (workload(),), (), ())),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_exactly_the_golden_one(name):
    assert body_of(PAGES[name]()) == golden(name)


def body_of(html):
    """The page without its style sheet, which goldens need not repeat."""
    return re.sub(r"<style>.*</style>\n", "", html, flags=re.DOTALL) + "\n"


class Balanced(HTMLParser):
    """Fails on a tag that closes what is not open."""

    void = frozenset({"meta", "input", "br", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", PAGES)
def test_every_tag_is_closed_in_order(name):
    parser = Balanced()
    parser.feed(PAGES[name]())
    assert parser.open == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_nothing_but_itself(name):
    parser = Balanced()
    page = PAGES[name]()
    parser.feed(page)
    assert "<script" not in page
    assert "url(" not in page
    assert "@import" not in page
    own = ("https://outerloop.example/", "workloads/", "flight-delay/", "../dashboard")
    assert all(link.startswith(own) for link in parser.links)


def test_the_form_goes_back_to_where_it_came_from_with_what_it_carries():
    page = approval_page(QUESTION, 'a"b')
    assert '<form method="post">' in page
    assert '<input type="hidden" name="form" value="a&#34;b">' in page
    assert 'name="comment"' in page


def buttons(page):
    return re.findall(r'name="answer" value="(\w+)"', page)


def test_whoever_may_answer_has_both_buttons():
    assert buttons(approval_page(QUESTION, "f")) == ["approve", "reject"]


def test_an_author_may_only_say_no():
    own = Reason(code="own_work", text="ada made this version: somebody else has to approve it")
    page = approval_page(ShownQuestion("flight-delay", "7", ASKED, (own,), may_reject=True), "f")
    assert buttons(page) == ["reject"]
    assert "ada made this version" in page


def test_an_outsider_has_no_buttons_and_is_told_why():
    page = approval_page(ShownQuestion("flight-delay", "7", ASKED, (NOT_IN_GROUP,), may_reject=False), "f")
    assert buttons(page) == []
    assert "<form" not in page
    assert "eve is not in the group" in page


def test_evidence_from_outside_is_escaped():
    asked = replace(ASKED, evidence={HOSTILE: HOSTILE})
    page = approval_page(ShownQuestion(HOSTILE, HOSTILE, asked, (), may_reject=True), HOSTILE)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_everything_on_the_dashboard_is_escaped():
    reason = Reason(code="x", text=HOSTILE, release=HOSTILE)
    entry = LedgerEntry(
        replace(DECISION, reasons=(reason,), subject=HOSTILE), (row(Failed(retryable=False, reason=HOSTILE)),)
    )
    page = dashboard_page(Dashboard(NOON, (workload(name=HOSTILE, champion=HOSTILE),), (entry,), ()))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


DEPLOY = DeployModel(
    id="c",
    workload="w",
    reason="approved by grace",
    workspace="ws",
    endpoint="e",
    deployment="version-7",
    model_ref="m",
    version="7",
    environment="env",
    code="code",
    scoring_script="score.py",
    instance_type="t",
    instance_count=1,
)


@pytest.mark.parametrize(
    ("verdict", "codes", "headline"),
    [
        ("act", ["approved"], "Approved"),
        ("suppress", ["approved", "quorum"], "Your yes counts"),
        ("act", ["refused"], "Rejected"),
        ("suppress", ["not_in_group"], "does not count"),
    ],
)
def test_an_answer_is_told_what_became_of_it(verdict, codes, headline):
    reasons = tuple(Reason(code=code, text=code) for code in codes)
    page = answered_page(replace(DECISION, verdict=verdict, reasons=reasons, commands=(DEPLOY,)))
    assert headline in page
    assert "DeployModel: approved by grace" in page


def test_an_answer_to_evidence_that_changed_is_told_that_the_question_is_asked_anew():
    anew = RequestApproval(
        id="c",
        workload="w",
        reason="r",
        approval_id="a2",
        persona="p",
        channels=("email:x",),
        title="t",
        facts={},
        expires_at=NOON,
    )
    changed = Reason(code="evidence_changed", text="the policy has changed")
    page = answered_page(replace(DECISION, verdict="act", reasons=(changed,), commands=(anew,)))
    assert "asked anew" in page
    assert "Approved" not in page


@pytest.mark.parametrize(
    ("verdict", "code", "headline"),
    [
        ("act", "approved", "it begins in a moment"),
        ("act", "refused", "nothing is begun"),
        ("act", "evidence_changed", "asked anew"),
        ("suppress", "evidence_changed", "does not count"),
        ("suppress", "not_in_group", "does not count"),
    ],
)
def test_an_answer_about_what_would_be_begun_says_what_became_of_it(verdict, code, headline):
    reasons = (Reason(code=code, text=code),)
    assert headline in answered_page(replace(DECISION, rule="proposal", verdict=verdict, reasons=reasons))


def test_a_question_about_what_would_be_begun_says_what_that_is():
    shown = ShownQuestion("flight-delay", "", ASKED, (), may_reject=True, begins="retrain because of data drift")
    page = approval_page(shown, "f")
    assert "May the loop retrain because of data drift (flight-delay)?" in page
    assert "without an answer nothing is begun" in page
    assert "production" not in page


def test_an_answer_that_is_not_decided_yet_is_said_to_be_stored():
    assert "is stored" in answered_page(None)


def test_the_dashboard_loads_itself_again_and_other_pages_do_not():
    assert 'http-equiv="refresh"' in PAGES["dashboard.html"]()
    assert 'http-equiv="refresh"' not in PAGES["approval.html"]()


def test_a_reason_says_what_was_seen_the_limit_the_end_and_the_release():
    text = "too soon (observed 3, limit 12h); until 2026-03-01 21:00:00 UTC; release: waiting"
    assert reason_text(COOLDOWN) == text
    assert reason_text(Reason(code="x", text="plain")) == "plain"
    assert reason_text(Reason(code="x", text="t", limit=0.15)) == "t (limit 0.15)"


@pytest.mark.parametrize(
    ("given", "state", "detail"),
    [
        (row(None, "pending"), "pending", ""),
        (row(None, "claimed"), "claimed", ""),
        (row(Started(operation="o", look_again_at=NOON), "started"), "Started", ""),
        (row(Succeeded(data={"auc": 0.74, "job": "j"})), "Succeeded", "auc 0.74, job j"),
        (row(Failed(retryable=True, reason="429"), "pending"), "Failed", "429"),
        (row(Unknown(reason="time-out"), "pending"), "Unknown", "time-out"),
        (row(Skipped(reason="lease")), "Skipped", "lease"),
    ],
)
def test_a_command_is_shown_as_far_as_it_has_come(given, state, detail):
    assert (command_state(given), command_detail(given)) == (state, detail)


def test_importing_the_pages_does_not_import_jinja():
    code = "import sys, shared.rendering.pages; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_everything_on_the_page_of_a_workload_is_escaped():
    judged = ShownJudgement(HOSTILE, "1mo", HOSTILE, "pass", 0.1, 5, NOON)
    page = workload_page(WorkloadPage(NOON, workload(name=HOSTILE), (judged,), (), HOSTILE))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert 'src="&lt;script' in page


def test_the_dashboard_leads_to_the_page_of_each_workload_and_back():
    assert '<a href="workloads/flight-delay">flight-delay</a>' in dashboard_page(dashboard(workload()))
    assert '<a href="../dashboard">' in workload_page(page_of(workload()))


def test_both_pages_show_a_workload_in_the_same_words():
    whole, single = PAGES["dashboard.html"](), PAGES["workload.html"]()
    for heading in ("champion", "traffic", "rollout", "Versions", "Incidents", "Held back", "Waiting for people"):
        assert (heading in whole, heading in single) == (True, True)
