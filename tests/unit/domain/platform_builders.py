"""What the platform says, in the tests of the core: alerts, health, compliance, security, changes; and a policy that listens."""

from shared.domain.endpoint_seen import EndpointSeen
from shared.domain.platform_signals import (
    AlertFired,
    AlertResolved,
    ComplianceChanged,
    Criterion,
    EndpointObserved,
    ImageDeleted,
    ImagePushed,
    ImageQuarantined,
    PlatformHealthChanged,
    ResourceChanged,
    SecurityAlertRaised,
    VulnerabilityFound,
)
from shared.domain.policy import Policy
from shared.domain.signals import ModelDeployed
from tests.unit.domain.builders import NOW, PRODUCTION, WORKLOAD, drift_rule, raw_policy

STAGING = WORKLOAD.environments.staging.workspace.lower()
ENDPOINT = f"{PRODUCTION}/onlineendpoints/flight-delay"
ELSEWHERE = PRODUCTION.replace("flights-prod", "somebody-elses")
PERSONAS = {
    name: {"group": "00000000-0000-0000-0000-000000000002", "channels": [f"teams:{name}"]}
    for name in ("infrastructure", "guards")
}
LATENCY = Criterion(metric="RequestLatency_P95", operator="GreaterThan", threshold=500.0, value=812.0)
ASSIGNMENT = "/subscriptions/s/providers/microsoft.authorization/policyassignments/private-link"


def listening(*rules, **workload):
    """The example's policy that also listens to the platform: it rolls back what it may, unless rules say otherwise."""
    rules = rules or ({"then": "rollback_or_notify", "to": "infrastructure"},)
    alerts = [{"when": "infrastructure_alert", **rule} for rule in rules]
    raw = raw_policy({"monitoring": [drift_rule(), *alerts], **workload}, personas=PERSONAS)
    return Policy.model_validate(raw)


def fired(rule="High latency", *targets, **fields):
    """An alert rule fired about the production endpoint, unless told otherwise."""
    at = fields.get("occurred_at", NOW)
    return AlertFired(
        **{
            "source": "azure/monitor",
            "dedup_key": f"fired-{rule}-{targets}-{at.isoformat()}",
            "occurred_at": at,
            "rule": rule,
            "alert_id": "alert-1",
            "category": "metric",
            "targets": targets or (ENDPOINT,),
            "severity": "Sev2",
            "criteria": (LATENCY,),
            **fields,
        }
    )


def resolved(rule="High latency", *targets, **fields):
    """The condition of that rule is no longer true."""
    at = fields.get("occurred_at", NOW)
    return AlertResolved(
        **{
            "source": "azure/monitor",
            "dedup_key": f"resolved-{rule}-{targets}-{at.isoformat()}",
            "occurred_at": at,
            "rule": rule,
            "alert_id": "alert-1",
            "category": "metric",
            "targets": targets or (ENDPOINT,),
            **fields,
        }
    )


def health(status="Unavailable", **fields):
    """Azure says how a resource is."""
    return PlatformHealthChanged(
        **{
            "source": ENDPOINT,
            "dedup_key": f"health-{status}-{fields.get('scope', 'resource')}-{fields.get('tracking_id', '')}",
            "occurred_at": NOW,
            "scope": "resource",
            "status": status,
            "title": "the endpoint does not answer",
            "targets": (ENDPOINT,),
            **fields,
        }
    )


def judged(resource=PRODUCTION, *, compliant=False, **fields):
    """Azure Policy judged a resource."""
    at = fields.get("occurred_at", NOW)
    return ComplianceChanged(
        **{
            "source": resource,
            "dedup_key": f"judged-{resource}-{fields.get('assignment_id', '')}-{compliant}-{at.isoformat()}",
            "occurred_at": at,
            "resource_id": resource,
            "compliant": compliant,
            "assignment_id": ASSIGNMENT,
            **fields,
        }
    )


def security_alert(severity="High", **fields):
    """Defender for Cloud saw something happening at the production endpoint."""
    return SecurityAlertRaised(
        **{
            "source": ENDPOINT,
            "dedup_key": f"security-{severity}-{fields.get('status', 'New')}",
            "occurred_at": NOW,
            "alert_type": "AML_SuspiciousAccess",
            "title": "Suspicious access to the workspace",
            "severity": severity,
            "targets": (ENDPOINT,),
            "description": "somebody listed the keys",
            **fields,
        }
    )


def vulnerability(severity="High", *, healthy=False, **fields):
    """Defender for Cloud found something open, or mended."""
    return VulnerabilityFound(
        **{
            "source": PRODUCTION,
            "dedup_key": f"vulnerability-{severity}-{healthy}",
            "occurred_at": NOW,
            "title": "Workspaces should use private link",
            "severity": severity,
            "healthy": healthy,
            "targets": (PRODUCTION,),
            "assessment": "assessment-1",
            **fields,
        }
    )


REGISTRY = "contoso.azurecr.io"
IMAGES = {"registry": REGISTRY, "repositories": "scoring/*", "to": "guards"}


def watching(**images):
    """The example's policy that also watches the images of a registry, unless told otherwise."""
    return listening(images={**IMAGES, **images})


def _image(what, digest, fields):
    fields = {"registry": REGISTRY, "repository": "scoring/flights", "occurred_at": NOW, **fields}
    at = fields["occurred_at"]
    key = f"{what}-{fields['registry']}/{fields['repository']}@{digest}-{at.isoformat()}"
    return {"source": fields["registry"], "dedup_key": key, "digest": digest, **fields}


def pushed(digest="sha256:1", **fields):
    """An image was pushed, as Event Grid tells it."""
    return ImagePushed(**_image("pushed", digest, fields))


def push_hooked(digest="sha256:1", **fields):
    """An image was pushed, as the registry's own web hook tells it: with quarantine on, its scan has passed."""
    return ImagePushed(**_image("hooked", digest, fields), hooked=True)


def quarantined(digest="sha256:1", **fields):
    """An image waits for its scan."""
    return ImageQuarantined(**_image("quarantined", digest, fields))


def image_deleted(digest="sha256:1", **fields):
    """An image was deleted."""
    return ImageDeleted(**_image("deleted", digest, fields))


def found_in(digest="sha256:1", severity="High", *, healthy=False, **fields):
    """A scan of an image found something, or found it mended."""
    at, assessment = fields.get("occurred_at", NOW), fields.get("assessment", "cve-1")
    place = f"{fields.pop('registry', REGISTRY)}/{fields.pop('repository', 'scoring/flights')}"
    return vulnerability(
        severity,
        healthy=healthy,
        **{
            "dedup_key": f"found-{place}@{digest}-{assessment}-{severity}-{healthy}-{at.isoformat()}",
            "title": "CVE-2022-42969",
            "assessment": assessment,
            "targets": ("/subscriptions/s/resourcegroups/rg/providers/microsoft.containerregistry/registries/contoso",),
            "image": f"{place}@{digest}",
            **fields,
        },
    )


def resource_changed(resource=f"{ENDPOINT}/deployments/blue", change="created_or_updated", **fields):
    """A resource was written or deleted."""
    return ResourceChanged(
        **{
            "source": resource,
            "dedup_key": f"changed-{resource}-{change}",
            "occurred_at": NOW,
            "resource_id": resource,
            "change": change,
            **fields,
        }
    )


def deployed(service="flight-delay/blue", **fields):
    """A service was deployed in the production workspace."""
    return ModelDeployed(
        **{
            "source": PRODUCTION,
            "dedup_key": f"deployed-{service}",
            "occurred_at": NOW,
            "workspace": PRODUCTION,
            "service_name": service,
            **fields,
        }
    )


def looked(at, traffic, deployments=None, **seen):
    """A look at the production endpoint found this traffic, and its deployments in these states: all of them well."""
    states = deployments if deployments is not None else dict.fromkeys(traffic, "Succeeded")
    return EndpointObserved(
        source=ENDPOINT,
        dedup_key=f"looked-{at.isoformat()}-{traffic}-{states}",
        occurred_at=at,
        workspace=PRODUCTION,
        endpoint="flight-delay",
        seen=EndpointSeen(traffic=traffic, deployments=states, **seen),
    )
