import json
from pathlib import Path

import pytest

from shared.domain.values import encode
from shared.rendering.cards import MESSAGE_BYTES_MAX, adaptive_card, teams_message
from shared.rendering.notice import Link, Notice

GOLDEN = Path(__file__).parent / "golden"
NOTICE = Notice(
    title="Approve flight-delay 7",
    sentence="Version 7 passed all checks in staging.",
    facts={"auc": "0.74", "against champion": "+0.012", "expires": "2026-03-03 12:00 UTC"},
    link=Link("Review and answer", "https://outerloop.example/approvals/approval-1"),
)


def facts_of(card):
    return next((block["facts"] for block in card["body"] if block["type"] == "FactSet"), [])


def test_the_message_is_exactly_the_golden_one():
    golden = json.loads((GOLDEN / "approval.card.json").read_text(encoding="utf-8"))
    assert teams_message(adaptive_card(NOTICE)) == golden


def test_the_card_keeps_to_the_version_that_workflows_take():
    card = adaptive_card(NOTICE)
    assert card["version"] == "1.4"
    assert {action["type"] for action in card["actions"]} == {"Action.OpenUrl"}


def test_a_notice_without_a_link_has_no_button():
    card = adaptive_card(Notice("Drift in flight-delay"))
    assert "actions" not in card
    assert [block["text"] for block in card["body"]] == ["Drift in flight-delay"]


@pytest.mark.parametrize("character", ["x", "ü", "漢", "🛫"])
def test_a_message_never_exceeds_what_teams_takes(character):
    facts = {f"feature_{number}": character * 450 for number in range(200)}
    message = teams_message(adaptive_card(Notice("t" * 500, "s" * 5000, facts)))
    assert len(encode(message)) <= MESSAGE_BYTES_MAX


def test_facts_that_do_not_fit_are_counted_in_a_note():
    facts = {f"feature_{number}": "x" * 450 for number in range(200)}
    card = adaptive_card(Notice("Drift", "", facts))
    kept = len(facts_of(card))
    assert 0 < kept < 200
    assert card["body"][-1]["text"] == f"{200 - kept} more facts did not fit; the ledger has them all."


def test_a_small_message_keeps_every_fact_in_order():
    assert [fact["title"] for fact in facts_of(adaptive_card(NOTICE))] == ["auc", "against champion", "expires"]


def test_a_long_value_is_cut():
    value = facts_of(adaptive_card(Notice("t", "", {"a": "y" * 2000})))[0]["value"]
    assert len(value) == 500
    assert value.endswith("…")


def test_a_quoted_value_cannot_become_a_link():
    card = adaptive_card(Notice("[click](https://evil.example)", "", {"model": "[me](https://evil.example)"}))
    assert "](" not in json.dumps(card)


def test_a_link_has_to_be_a_web_address():
    with pytest.raises(ValueError, match="not a web address"):
        Link("Review", "javascript:alert(1)")
