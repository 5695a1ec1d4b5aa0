"""What Defender for Cloud exports continuously: alerts, and the assessments behind its recommendations.

Owns their fields. Knows nothing of how they come (Event Hubs, a file); single objects and arrays are read alike.
Wire formats: the data types schemas of Azure/Microsoft-Defender-for-Cloud, and the samples of Microsoft Learn, which
leave out keys that those schemas require: so what is not needed may be missing. Findings about container images: Microsoft
Learn, Container vulnerability assessments REST API (``artifactDetails``); before it, ContainerRegistryVulnerabilityProperties.
"""

import re
from datetime import UTC, datetime
from typing import Any

from shared.domain import ids
from shared.domain.platform_signals import SecurityAlertRaised, VulnerabilityFound
from shared.domain.signals import Signal
from shared.parsing.bodies import Parsed, parse_each
from shared.parsing.fields import FieldError, Fields, shown, time_of

PROVIDER = "microsoft.security/"
ASSESSMENT_TYPES = frozenset({"assessments", "subassessments"})  # the last part of their type
ALERT_TYPE = "alerts"
HEALTHY_BY_CODE = {"healthy": True, "notapplicable": True, "unhealthy": False}
SAMPLE_TITLE_PREFIX = "[sample alert]"  # what the portal's sample alerts begin with
UNTOLD_SOURCE = "defender_for_cloud"  # when nothing says which resource it is about
# The schema of recommendations has no time: what tells none is ordered before everything that does.
UNTOLD_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_REGISTRY_ID = re.compile(r"/.*/providers/microsoft\.containerregistry/registries/([^/]+)", re.IGNORECASE)
_IMAGE_ID = re.compile(r"/repositories/(.+)/images/([^/]+)$", re.IGNORECASE)
_STATUSES = {status.lower(): status for status in ("New", "InProgress", "Resolved", "Dismissed", "Unknown")} | {
    "active": "New"  # what Azure's own API calls it
}
_TIMES_OF_ALERT = ("TimeGenerated", "TimeGeneratedUtc", "ProcessingEndTime", "StartTimeUtc", "EndTimeUtc")


def parse_exports(body: bytes) -> tuple[Parsed, ...]:
    """The signals of a message or file of continuous export."""
    return parse_each(body, read_export)


def is_export(element: Fields) -> bool:
    """Whether an element looks like an alert or another record of Defender for Cloud."""
    return _is_alert(element) or _type_of(element).startswith(PROVIDER)


def read_export(element: Fields) -> tuple[Signal, ...]:
    """The signal of one record. Raises FieldError."""
    if _is_alert(element):
        return (_alert(element),)
    record_type = _type_of(element)
    kind = record_type.rpartition("/")[2] if record_type.startswith(PROVIDER) else ""
    if kind in ASSESSMENT_TYPES:
        return (_finding(element),)
    if kind == ALERT_TYPE:
        return (_alert(_opened_alert(element)),)
    if record_type.startswith(PROVIDER):
        raise FieldError(
            "unknown_event_type",
            f"the type {shown(record_type)} is not one that is read here: expected an alert or an assessment",
        )
    raise FieldError(
        "unknown_schema",
        "neither an alert (SystemAlertId, AlertType) nor an assessment of Microsoft.Security was found",
    )


def _opened_alert(element: Fields) -> Fields:
    """The alert itself: exports write it flat, Azure's own API inside ``properties``."""
    inner = element.get("properties")
    return Fields.of(inner, "properties.") if isinstance(inner, dict) and not _is_alert(element) else element


def _is_alert(element: Fields) -> bool:
    return element.has("SystemAlertId") or (element.has("AlertType") and element.has("AlertDisplayName"))


def _type_of(element: Fields) -> str:
    named = element.get("type")
    return named.strip().lower() if isinstance(named, str) else ""


def _alert(element: Fields) -> SecurityAlertRaised:
    title, alert_type = element.text("AlertDisplayName"), element.text("AlertType")
    if title.lower().startswith(SAMPLE_TITLE_PREFIX):
        raise FieldError("not_actionable", f"the alert {shown(title)} is a sample: there is nothing to do")
    severity = _spelled(element.text("Severity", "ReportedSeverity"))
    status = element.optional_text("Status") or "New"
    status = _STATUSES.get(status.replace(" ", "").lower(), status)
    targets = _alert_targets(element)
    return SecurityAlertRaised(
        source=targets[0] if targets else UNTOLD_SOURCE,
        dedup_key=_alert_key(element, status, severity),
        occurred_at=element.time(*_TIMES_OF_ALERT),
        subject=element.optional_text("CompromisedEntity"),
        alert_type=alert_type,
        title=title,
        severity=severity,
        status=status,
        targets=targets,
        product=element.optional_text("ProductName"),
        description=element.optional_text("Description"),
    )


def _alert_key(element: Fields, status: str, severity: str) -> str:
    """The same alert comes again with each change of its state, and each of these is heard."""
    seen = element.optional_text("ProcessingEndTime", "ProcessingEndTimeUtc", *_TIMES_OF_ALERT)
    alert_id = element.optional_text("SystemAlertId") or "\n".join(
        (element.text("AlertType"), element.text("AlertDisplayName"), *_alert_targets(element))
    )
    return ids.derive("security_alert", alert_id.lower(), status, severity, seen)


def _alert_targets(element: Fields) -> tuple[str, ...]:
    listed = element.get("ResourceIdentifiers")
    found = [Fields.of(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    named = [one.optional_text("AzureResourceId", "id") for one in (*found, element)]
    return _distinct([*named, element.optional_text("CompromisedEntity")])


def _distinct(names: list[str]) -> tuple[str, ...]:
    """The ARM ids among some names, in lower case, each once."""
    folded = (name.rstrip("/").lower() for name in names)
    return tuple(dict.fromkeys(name for name in folded if name.startswith("/subscriptions/")))


def _finding(element: Fields) -> VulnerabilityFound:
    record_id, properties = element.arm_id("id"), element.part("properties")
    status, metadata = properties.part("status"), _optional_part(properties, "metadata")
    healthy, severity = _is_healthy(status), _severity(status, metadata, properties)
    if not healthy and not severity:
        raise FieldError("missing_field", "properties.metadata.severity (or properties.status.severity) is missing")
    at = _time(properties, status)
    targets = _finding_targets(record_id, properties)
    return VulnerabilityFound(
        source=targets[0] if targets else UNTOLD_SOURCE,
        dedup_key=ids.derive("assessment", record_id, *targets, str(healthy), severity, at.isoformat()),
        occurred_at=at,
        subject=record_id,
        title=properties.optional_text("displayName") or metadata.text("displayName"),
        severity=severity,
        healthy=healthy,
        targets=targets,
        assessment=record_id.rpartition("/assessments/")[2],
        description=properties.optional_text("description") or metadata.optional_text("description"),
        **_image(record_id, properties),
    )


def _image(record_id: str, properties: Fields) -> dict[str, Any]:
    """The container image that was assessed, by registry, repository and digest, and when it was pushed; nothing for others.

    What the artifact's details leave out is in the ids: that of the registry, and that of the image within it.
    """
    more = _optional_part(properties, "additionalData")
    artifact = _optional_part(more, "artifactDetails")
    found = _IMAGE_ID.search(_optional_part(properties, "resourceDetails").optional_text("id"))
    named = _REGISTRY_ID.match(record_id)
    registry = artifact.optional_text("registryHost", "repositoryHost") or (named[1] if named else "")
    repository = artifact.optional_text("repositoryName") or more.optional_text("repositoryName")
    digest = artifact.optional_text("digest") or more.optional_text("imageDigest")
    repository, digest = repository or (found[1] if found else ""), digest or (found[2] if found else "")
    if not (registry and repository and digest):
        return {}
    pushed = artifact.get("lastPushedToRegistryUTC", "lastPublishedToRegistryUTC")
    at = time_of(pushed, f"{artifact.path}lastPushedToRegistryUTC") if pushed else None
    return {"image": f"{registry}/{repository}@{digest}".lower(), "image_pushed_at": at}


def _optional_part(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return Fields.of(value if isinstance(value, dict) else {}, f"{fields.path}{name}.")


def _is_healthy(status: Fields) -> bool:
    """Not applicable (exempted, or switched off) counts as healthy: there is nothing to mend."""
    code = status.text("code")
    folded = code.replace(" ", "").lower()
    if folded not in HEALTHY_BY_CODE:
        raise FieldError(
            "malformed_field", f"{status.path}code is {shown(code)}: expected Healthy, Unhealthy or NotApplicable"
        )
    return HEALTHY_BY_CODE[folded]


def _severity(status: Fields, metadata: Fields, properties: Fields) -> str:
    for fields in (status, metadata, properties):
        if text := fields.optional_text("severity"):
            return _spelled(text)
    return ""


def _spelled(severity: str) -> str:
    return severity.strip().capitalize()


def _time(properties: Fields, status: Fields) -> datetime:
    for fields, name in ((properties, "timeGenerated"), (status, "statusChangeDate"), (status, "firstEvaluationDate")):
        value: Any = fields.get(name)
        if value not in (None, ""):
            return time_of(value, fields.path + name)
    return UNTOLD_TIME


def _finding_targets(record_id: str, properties: Fields) -> tuple[str, ...]:
    details = _optional_part(properties, "resourceDetails")
    named = details.optional_text("id", "resourceId", "azureResourceId")
    assessed, _, _ = record_id.partition(f"/providers/{PROVIDER}")
    return _distinct([named]) or _distinct([assessed])
