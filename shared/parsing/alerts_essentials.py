"""What every alert says, whichever schema it came in: which rule, of what, since when, and whether it has ended.

Owns the essentials of the common alert schema, and the two signals that any alert can become. Knows nothing of the contexts that
say what was measured. Wire format: Microsoft Learn, Common alert schema.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.domain import ids
from shared.domain.platform_signals import AlertFired, AlertResolved, Criterion
from shared.parsing.fields import FieldError, Fields, plain_text_of, shown

Category = Literal["metric", "log", "activity_log", "prometheus", "smart_detection", "other"]

# Fired and Resolved in the common schema, Activated, Deactivated and Resolved in the older ones.
_RESOLVED_BY_CONDITION = {"fired": False, "activated": False, "resolved": True, "deactivated": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert in one shape. ``source``, ``alert_id`` and ``targets`` are in lower case; ``identity`` tells alerts apart."""

    source: str
    alert_id: str
    identity: str
    rule: str
    resolved: bool
    occurred_at: datetime
    fired_at: datetime | None = None
    targets: tuple[str, ...] = ()
    severity: str = ""
    description: str = ""
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def dedup_key(self) -> str:
        """The same alert fires and ends, and later fires again: the condition and its moment belong to the key."""
        condition = "Resolved" if self.resolved else "Fired"
        return ids.derive("signal", "alert", self.identity, condition, self.occurred_at.isoformat())

    @property
    def heard(self) -> dict[str, Any]:
        """What every signal carries, as keyword arguments."""
        return {
            "source": self.source,
            "dedup_key": self.dedup_key,
            "occurred_at": self.occurred_at,
            "subject": self.rule,
        }

    def signal(
        self,
        category: Category,
        criteria: tuple[Criterion, ...] = (),
        operation: str = "",
        *,
        stateful: bool = True,
    ) -> AlertFired | AlertResolved:
        """The alert as it is decided on. Raises FieldError without a rule, or a resource: scope is checked by that."""
        if not self.rule:
            raise FieldError(
                "missing_field", "alertRule (or alertRuleId) is missing or empty: expected the rule's name"
            )
        if not self.targets:
            raise FieldError("missing_field", "alertTargetIDs (or resourceId) is missing or empty: expected ARM ids")
        told: dict[str, Any] = self.heard | {
            "rule": self.rule,
            "alert_id": self.alert_id,
            "category": category,
            "targets": self.targets,
            "description": self.description,
            "criteria": criteria,
        }
        if self.resolved:
            return AlertResolved(**told, fired_at=self.fired_at)
        return AlertFired(
            **told, severity=self.severity, stateful=stateful, operation=operation, properties=self.properties
        )


def read_essentials(essentials: Fields, properties: dict[str, str], *, resolves: bool = True) -> Alert:
    """The alert of the common schema. The rule's name and the targets may be null (in budgets they are).

    An alert must tell whether it is over, unless its kind never ``resolves``: of budgets there are samples with null.
    """
    alert_id = essentials.text("alertId", "originAlertId").rstrip("/").lower()
    fired_at = essentials.time("firedDateTime") if essentials.get("firedDateTime") is not None else None
    told = essentials.get("monitorCondition") not in (None, "")
    resolved = is_resolved(essentials, "monitorCondition") if told or resolves else False
    # Only metric alerts are documented to say when they were resolved.
    names = ("resolvedDateTime", "firedDateTime") if resolved else ("firedDateTime",)
    return Alert(
        source=alert_id,
        alert_id=alert_id,
        identity=(essentials.optional_text("originAlertId") or alert_id).lower(),
        rule=_rule_of(essentials),
        resolved=resolved,
        occurred_at=essentials.time(*names),
        fired_at=fired_at,
        targets=arm_ids_of(essentials.get("alertTargetIDs")),
        severity=severity_of(essentials.optional_text("severity")),
        description=essentials.optional_text("description"),
        properties=properties,
    )


def _rule_of(essentials: Fields) -> str:
    """The rule's name; some services write its id in the place of the name, or beside it."""
    named = essentials.optional_text("alertRule") or essentials.optional_text("alertRuleId")
    return last_segment(named) if named.startswith("/") else named


def is_resolved(fields: Fields, name: str) -> bool:
    """Whether the condition is over. Raises FieldError for a missing or unknown state."""
    state = fields.text(name)
    if state.lower() not in _RESOLVED_BY_CONDITION:
        raise FieldError(
            "malformed_field",
            f"{fields.path}{name} is {shown(state)}: expected Fired or Resolved (older schemas: Activated, Deactivated)",
        )
    return _RESOLVED_BY_CONDITION[state.lower()]


def severity_of(text: str) -> str:
    """``Sev0`` to ``Sev4``; older schemas write only the digit, log alerts a word, which stays."""
    digits = text.lower().removeprefix("sev").strip()
    return f"Sev{digits}" if digits.isascii() and digits.isdecimal() else text


def arm_ids_of(value: Any) -> tuple[str, ...]:
    """The ARM ids in a list or a single text, in lower case, each once; anything else is none."""
    listed = value if isinstance(value, list) else [value]
    texts = (item.strip().rstrip("/").lower() for item in listed if isinstance(item, str))
    return tuple(dict.fromkeys(text for text in texts if text.startswith("/")))


def last_segment(arm_id: str) -> str:
    """The name at the end of an ARM id, in its own case."""
    return arm_id.strip().rstrip("/").rpartition("/")[2]


def texts_of(*maps: Any) -> dict[str, str]:
    """Properties as text, of which later maps win; what is no JSON object (Azure sends null too) is left out."""
    return {
        key: plain_text_of(item)
        for each in maps
        if isinstance(each, dict)
        for key, item in each.items()
        if item is not None
    }
