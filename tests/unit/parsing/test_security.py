"""What Defender for Cloud exports: alerts as they change, and findings whether they stand or are mended."""

import json
from datetime import UTC, datetime

import pytest

from shared.domain.platform_signals import SecurityAlertRaised, VulnerabilityFound
from shared.domain.signals import Rejected
from shared.parsing import detect, parse
from shared.parsing.security import UNTOLD_SOURCE, UNTOLD_TIME

MACHINE = "/subscriptions/86057C9F/resourceGroups/backend/providers/Microsoft.Compute/virtualMachines/WebSrv1"
REGISTRY = "/subscriptions/S1/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/Contoso"
ALERT = {
    "VendorName": "Microsoft",
    "AlertType": "SUSPECT_SVCHOST",
    "StartTimeUtc": "2016-12-20T13:38:00.000Z",
    "ProcessingEndTime": "2019-09-16T12:10:19.5673533Z",
    "TimeGenerated": "2016-12-20T13:38:03.000Z",
    "Severity": "High",
    "Status": "New",
    "ProductName": "Microsoft Defender for Cloud",
    "SystemAlertId": "2342_F2BFED55",
    "CompromisedEntity": "WebSrv1",
    "Intent": "Execution,Persistence",
    "AlertDisplayName": "Suspicious process detected",
    "Description": "It ran from %{Process Path}",
    "ExtendedProperties": {"PID": 944},
    "Entities": [],
    "ResourceIdentifiers": [
        {"Type": "AzureResource", "AzureResourceId": MACHINE},
        {"Type": "LogAnalytics", "WorkspaceId": "077BA6B7", "WorkspaceResourceGroup": "omsrg"},
    ],
}
# As the examples of defender-recommendation.schema.json have it: without a time.
RECOMMENDATION = {
    "AssessmentEventDataEnrichment": {"Action": "Insert", "ApiVersion": "2019-01-01"},
    "id": "/subscriptions/A27E854A/providers/Microsoft.Security/assessments/151e82c5-5341",
    "name": "151e82c5-5341",
    "type": "Microsoft.Security/assessments",
    "properties": {
        "resourceDetails": {"source": "Azure", "id": "/subscriptions/A27E854A"},
        "displayName": "Enable MFA",
        "status": {"code": "Unhealthy", "cause": "N/A", "description": "N/A"},
        "additionalData": {"usersWithNoMfaObjectIdList": ["4da84f70"]},
        "metadata": {"displayName": "Enable MFA", "assessmentType": "BuiltIn", "description": "Why", "severity": "Low"},
        "links": {"azurePortal": "https://ms.portal.azure.com/"},
    },
}
FINDING = {
    "id": f"{REGISTRY}/providers/Microsoft.Security/assessments/c0b7cfc6/subAssessments/3F06",
    "name": "3F06",
    "type": "Microsoft.Security/assessments/subAssessments",
    "properties": {
        "id": "CVE-2022-42969",
        "displayName": "CVE-2022-42969",
        "description": "A vulnerability of py",
        "resourceDetails": {"source": "Azure", "id": f"{REGISTRY}/repositories/scoring/images/sha256:213b"},
        "status": {"code": "Unhealthy", "severity": "High"},
        "timeGenerated": "2023-06-23T12:20:08.7644808Z",
        "additionalData": {"assessedResourceType": "AzureContainerRegistryVulnerability"},
    },
}


def read(record, channel=None):
    (parsed,) = parse(json.dumps(record).encode(), channel)
    return parsed


def without(record, *names):
    return {key: value for key, value in record.items() if key not in names}


def finding(**changes):
    return FINDING | {"properties": FINDING["properties"] | changes}


# Alerts


@pytest.mark.parametrize("channel", [None, "security"])
@pytest.mark.parametrize("wrap", [lambda record: record, lambda record: [record], lambda record: [[record]]])
def test_an_alert_is_read_alone_or_in_an_array(wrap, channel):
    signal = read(wrap(ALERT), channel)
    assert isinstance(signal, SecurityAlertRaised)
    assert (signal.alert_type, signal.title) == ("SUSPECT_SVCHOST", "Suspicious process detected")
    assert (signal.severity, signal.status, signal.product) == ("High", "New", "Microsoft Defender for Cloud")
    assert (signal.targets, signal.source) == ((MACHINE.lower(),), MACHINE.lower())
    assert (signal.subject, signal.description) == ("WebSrv1", "It ran from %{Process Path}")
    assert signal.occurred_at == datetime(2016, 12, 20, 13, 38, 3, tzinfo=UTC)


def test_what_only_the_schema_requires_may_be_missing():
    bare = {key: ALERT[key] for key in ("AlertType", "AlertDisplayName", "Severity", "StartTimeUtc")}
    signal = read(bare)
    assert (signal.targets, signal.source, signal.status, signal.product) == ((), UNTOLD_SOURCE, "New", "")


def test_what_the_schema_requires_is_read_when_it_is_there():
    schema = without(ALERT, "Severity", "ResourceIdentifiers") | {
        "ReportedSeverity": "high",
        "AzureResourceId": MACHINE,
        "AzureResourceSubscriptionId": "86057C9F",
    }
    signal = read(schema)
    assert (signal.severity, signal.targets) == ("High", (MACHINE.lower(),))


def test_each_resource_is_a_target_once():
    listed = [*ALERT["ResourceIdentifiers"], {"type": "AzureResource", "azureResourceId": MACHINE.upper()}, 5, None]
    other = f"{MACHINE}/extensions/x/"
    signal = read(ALERT | {"ResourceIdentifiers": listed, "CompromisedEntity": other})
    assert signal.targets == (MACHINE.lower(), other.lower().rstrip("/"))


@pytest.mark.parametrize("listed", [None, [], {}, "x", [{"Type": "AzureResource"}]])
def test_an_alert_may_name_no_resource(listed):
    assert read(ALERT | {"ResourceIdentifiers": listed}).targets == ()


@pytest.mark.parametrize(
    ("written", "status"),
    [("resolved", "Resolved"), ("NEW", "New"), ("In Progress", "InProgress"), (None, "New"), ("Odd", "Odd")],
)
def test_a_status_gets_its_usual_spelling(written, status):
    assert read(ALERT | {"Status": written}).status == status


def test_an_alert_that_changes_is_heard_again_and_a_repeat_is_not():
    assert read(ALERT).dedup_key == read(ALERT | {"Entities": [1]}).dedup_key
    for changed in ({"Status": "Resolved"}, {"Severity": "Low"}, {"ProcessingEndTime": "2019-09-16T13:00:00Z"}):
        assert read(ALERT | changed).dedup_key != read(ALERT).dedup_key
    assert read(without(ALERT, "SystemAlertId")).dedup_key == read(without(ALERT, "SystemAlertId")).dedup_key


@pytest.mark.parametrize("field", ["AlertType", "AlertDisplayName", "Severity"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_an_alert_that_lacks_something_is_refused_by_name(field, value):
    rejected = read(ALERT | {field: value})
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, field in rejected.detail) == ("missing_field", True)


def test_an_alert_without_any_time_is_refused():
    rejected = read(without(ALERT, "StartTimeUtc", "EndTimeUtc", "ProcessingEndTime", "TimeGenerated"))
    assert (rejected.reason, "TimeGenerated" in rejected.detail) == ("missing_field", True)


def test_a_sample_alert_is_nothing_to_act_on():
    assert read(ALERT | {"AlertDisplayName": "[SAMPLE ALERT] Digital currency mining"}).reason == "not_actionable"


def test_an_alert_in_the_shape_of_azures_api_is_read_too():
    inner = {key[0].lower() + key[1:]: value for key, value in ALERT.items()} | {"status": "Active"}
    inner["timeGeneratedUtc"] = inner.pop("timeGenerated")
    wrapped = {"id": "/x", "name": "2342", "type": "Microsoft.Security/Locations/alerts", "properties": inner}
    assert read(wrapped) == read(ALERT)


# Recommendations and findings


@pytest.mark.parametrize("channel", [None, "security"])
def test_a_recommendation_is_read_as_its_schema_has_it(channel):
    signal = read(RECOMMENDATION, channel)
    assert isinstance(signal, VulnerabilityFound)
    assert (signal.title, signal.severity, signal.healthy) == ("Enable MFA", "Low", False)
    assert signal.targets == ("/subscriptions/a27e854a",)
    assert (signal.assessment, signal.description) == ("151e82c5-5341", "Why")
    assert signal.occurred_at == UNTOLD_TIME


def test_a_finding_is_read_with_its_own_severity_and_time():
    signal = read(FINDING)
    assert isinstance(signal, VulnerabilityFound)
    assert (signal.title, signal.severity, signal.healthy) == ("CVE-2022-42969", "High", False)
    assert signal.assessment == "c0b7cfc6/subassessments/3f06"
    assert signal.targets == (f"{REGISTRY}/repositories/scoring/images/sha256:213b".lower(),)
    assert signal.occurred_at == datetime(2023, 6, 23, 12, 20, 8, 764480, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "healthy"),
    [("Healthy", True), ("healthy", True), ("UNHEALTHY", False), ("NotApplicable", True), ("Not Applicable", True)],
)
def test_only_what_is_unhealthy_needs_mending(code, healthy):
    assert read(finding(status={"code": code, "severity": "High"})).healthy is healthy


def test_an_unknown_code_is_refused_with_what_is_allowed():
    rejected = read(finding(status={"code": "Poorly"}))
    assert rejected.reason == "malformed_field"
    assert "properties.status.code is 'Poorly'" in rejected.detail
    assert "Unhealthy" in rejected.detail


@pytest.mark.parametrize("severity", ["High", "high", "HIGH", " high "])
def test_a_severity_gets_its_usual_spelling(severity):
    assert read(finding(status={"code": "Unhealthy", "severity": severity})).severity == "High"


def test_a_problem_of_unknown_severity_is_refused_and_a_mended_one_is_not():
    rejected = read(finding(status={"code": "Unhealthy"}))
    assert (rejected.reason, "severity" in rejected.detail) == ("missing_field", True)
    assert read(finding(status={"code": "Healthy"})).severity == ""


@pytest.mark.parametrize("details", [None, {}, {"source": "Azure"}, {"source": "OnPremise", "id": "machine"}])
def test_without_details_the_record_is_about_the_resource_in_its_id(details):
    assert read(finding(resourceDetails=details)).targets == (REGISTRY.lower(),)


@pytest.mark.parametrize("field", ["statusChangeDate", "firstEvaluationDate"])
def test_a_status_may_tell_the_time(field):
    status = {"code": "Unhealthy", "severity": "High", field: "2023-04-12T09:07:18Z"}
    assert read(finding(timeGenerated=None, status=status)).occurred_at.year == 2023


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (without(FINDING, "id"), "id"),
        (without(FINDING, "properties"), "properties"),
        (finding(status=None), "properties.status"),
        (finding(status={}), "properties.status.code"),
        (finding(displayName=None), "properties.metadata.displayName"),
    ],
)
def test_a_finding_that_lacks_something_is_refused_by_name(record, field):
    rejected = read(record)
    assert (rejected.reason, field in rejected.detail) == ("missing_field", True)


def test_a_finding_that_changes_is_heard_again_and_a_repeat_is_not():
    assert read(FINDING).dedup_key == read(finding(impact="more")).dedup_key
    for changed in (
        {"status": {"code": "Healthy", "severity": "High"}},
        {"timeGenerated": "2023-06-24T12:00:00Z"},
        {"resourceDetails": {"id": REGISTRY}},
    ):
        assert read(finding(**changed)).dedup_key != read(FINDING).dedup_key


@pytest.mark.parametrize(
    "record_type",
    [
        "Microsoft.Security/secureScores",
        "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments",
    ],
)
def test_scores_and_standards_are_not_read(record_type):
    rejected = read(FINDING | {"type": record_type})
    assert (rejected.reason, record_type.lower()[:40] in rejected.detail) == ("unknown_event_type", True)


def test_alerts_and_findings_in_one_array_are_read_each_on_its_own():
    first, bad, last = parse(json.dumps([ALERT, 5, RECOMMENDATION]).encode())
    assert (type(first), bad.index, type(last)) == (SecurityAlertRaised, 1, VulnerabilityFound)


@pytest.mark.parametrize("record", [{}, {"type": "object"}, {"type": 5}, {"properties": {}}])
def test_what_is_no_export_is_refused(record):
    (rejected,) = parse(json.dumps(record).encode(), "security")
    assert rejected.reason == "unknown_schema"
    assert detect(json.dumps(record).encode()) == "event_grid"


def test_a_json_schema_is_no_alert():
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"AlertType": {}}}
    rejected = read(schema)
    assert (rejected.reason, "JSON schema" in rejected.detail) == ("unknown_schema", True)


# Findings about container images

DIGEST = "sha256:4af8e6f002401a96"
ARTIFACT = {  # Microsoft Learn, Container vulnerability assessments REST API
    "lastPushedToRegistryUTC": "2023-09-04T16:05:32.8223098Z",
    "repositoryName": "public/azureml/aifx",
    "registryHost": "Contoso.azurecr.io",
    "artifactType": "ContainerImage",
    "digest": DIGEST,
    "tags": ["biweekly.202309.1"],
}
IMAGE_ID = {"source": "Azure", "id": f"/repositories/public/azureml/aifx/images/{DIGEST}"}


def image_finding(details=IMAGE_ID, **more):
    return read(finding(resourceDetails=details, additionalData=more))


def test_a_finding_about_an_image_names_it_and_says_since_when_it_is_there():
    signal = image_finding(assessedResourceType="AzureContainerRegistryVulnerability", artifactDetails=ARTIFACT)
    assert signal.image == f"contoso.azurecr.io/public/azureml/aifx@{DIGEST}"
    assert signal.image_pushed_at == datetime(2023, 9, 4, 16, 5, 32, 822309, tzinfo=UTC)
    assert signal.targets == (REGISTRY.lower(),)


def test_what_the_details_leave_out_is_in_the_ids():
    signal = image_finding()
    assert (signal.image, signal.image_pushed_at) == (f"contoso/public/azureml/aifx@{DIGEST}", None)
    absolute = image_finding({"id": f"{REGISTRY}/repositories/scoring/images/sha256:213b"})
    assert absolute.image == "contoso/scoring@sha256:213b"


def test_the_older_scanner_names_repository_and_digest_beside_each_other():
    older = {
        "assessedResourceType": "ContainerRegistryVulnerability",
        "imageDigest": DIGEST,
        "repositoryName": "scoring",
    }
    assert image_finding({"id": REGISTRY}, **older).image == f"contoso/scoring@{DIGEST}"


@pytest.mark.parametrize(
    "artifact",
    [
        {"REPOSITORYNAME": "scoring", "RegistryHost": "contoso.azurecr.io", "Digest": DIGEST},
        {"repositoryName": "scoring", "RepositoryHost": "contoso.azurecr.io", "digest": DIGEST},
    ],
)
def test_the_details_of_an_image_are_spelled_in_more_than_one_way(artifact):
    assert image_finding({"id": REGISTRY}, artifactDetails=artifact).image == f"contoso.azurecr.io/scoring@{DIGEST}"


@pytest.mark.parametrize("missing", ["repositoryName", "digest"])
def test_an_image_that_cannot_be_told_is_none(missing):
    signal = image_finding({"id": REGISTRY}, artifactDetails=without(ARTIFACT, missing))
    assert (signal.image, signal.image_pushed_at) == ("", None)


def test_a_recommendation_about_something_else_names_no_image():
    assert read(RECOMMENDATION).image == ""
