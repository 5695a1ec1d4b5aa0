"""What only reads, and where the faults of everything that speaks to somebody else are played."""

from datetime import UTC, datetime

from shared.adapters.azure_alerts import AzureAlerts
from shared.adapters.azure_ml_computes import AzureMlComputes
from shared.adapters.azure_ml_data import AzureMlDatasets
from shared.adapters.azure_ml_inventory import AzureMlInventory
from shared.adapters.azure_ml_marked import AzureMlMarkedModels
from shared.adapters.azure_ml_models import AzureMlModels
from shared.adapters.azure_ml_quota import AzureMlQuotas
from shared.adapters.endpoint_probe import EndpointProber
from shared.domain.commands import CheckEndpoint, RecordReference
from tests.contracts.fault_cases import ENDPOINT
from tests.contracts.faulty_wire import ANY, Request
from tests.contracts.test_azure_ml_adapter import WORKSPACE, order

GROUP = WORKSPACE.partition("/providers/")[0]
LONG_AGO, LONG_HENCE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def over(adapter_class):
    """An adapter of this class beside the workspace's."""
    return lambda workspace: adapter_class(workspace.clients, 30.0)


# What only reads, and has no effect that could be unknown, by the adapter's method: how it is asked, and on which requests
# a fault is played. A probe's own requests are what it measures: they are errors that it counts, and no failure of it.
READS = {
    "AzureMachineLearning.read_reference": (
        lambda workspace: workspace.read_reference(order(RecordReference, 90, model="flight-delay", version="1")),
        ANY,
    ),
    "AzureMlDatasets.rows": (
        lambda workspace: over(AzureMlDatasets)(workspace).rows(WORKSPACE, "azureml:flights-labelled@latest"),
        ANY,
    ),
    "AzureMlQuotas.quota": (
        lambda workspace: over(AzureMlQuotas)(workspace).quota(WORKSPACE, "Standard_DS2_v2"),
        ANY,
    ),
    "AzureMlInventory.endpoint": (
        lambda workspace: over(AzureMlInventory)(workspace).endpoint(WORKSPACE, ENDPOINT),
        ANY,
    ),
    "AzureMlModels.registered": (
        lambda workspace: over(AzureMlModels)(workspace).registered(WORKSPACE, "flight-*", LONG_AGO, LONG_HENCE),
        ANY,
    ),
    "AzureMlMarkedModels.version": (
        lambda workspace: AzureMlMarkedModels(workspace.clients).version(WORKSPACE, "flight-delay", "a" * 24),
        ANY,
    ),
    "AzureMlComputes.computes": (
        lambda workspace: over(AzureMlComputes)(workspace).computes(WORKSPACE),
        ANY,
    ),
    "AzureAlerts.changed": (
        lambda workspace: over(AzureAlerts)(workspace).changed(GROUP, LONG_AGO, LONG_HENCE),
        ANY,
    ),
    "EndpointProber.probe": (
        lambda workspace: EndpointProber(workspace.clients).probe(
            order(CheckEndpoint, 91, endpoint=ENDPOINT, deployment="blue", requests=1, payload="sample.json"),
            '{"rows": []}',
        ),
        Request(".*", r"/(deployments/\w+|onlineEndpoints/\w+|listKeys)"),
    ),
}

# Whoever speaks to somebody else by another wire than Azure ML's has the faults of that wire played where it is tested: by
# class, the file and a test in it.
LOST, STORE = "test_a_lost_answer_may_queue_a_command_twice_and_never_loses_it", "contracts/test_azure_store_faults.py"
ELSEWHERE = {
    "AzureCollectedFiles": (
        "contracts/test_collected_blobs.py",
        "test_whatever_befalls_a_request_is_a_failure_and_never_a_part_of_the_file",
    ),
    "AzureMonitorLogs": (
        "contracts/test_azure_monitor.py",
        "test_no_fault_of_the_wire_is_a_measurement",
    ),
    "AzureMonitorMetrics": (
        "contracts/test_azure_monitor.py",
        "test_no_fault_of_the_wire_is_a_measurement",
    ),
    "AzureQueue": ("contracts/test_azure_queue.py", LOST),
    "AzureTablesStore": (STORE, "test_a_commit_whose_answer_was_lost_is_ours_and_not_a_conflict"),
    "EventHubOut": (
        "contracts/test_publishing.py",
        "test_what_a_person_can_mend_about_a_hub_is_tried_again_and_names_no_secret",
    ),
    "SmtpMail": ("unit/adapters/test_smtp_mail.py", "test_a_server_that_is_not_there_may_be_tried_again"),
}
# These speak to nobody by themselves: parts of the store above, and what only chooses who is asked.
PARTS = {
    "AzureAging",
    "AzureAnnouncements",
    "AzureBookmarks",
    "AzureDocuments",
    "AzureInbox",
    "AzureLedger",
    "AzureOutbox",
    "AzureStorageAccount",
    "AzureTelemetry",
    "BlobBodies",
    "ChannelMessenger",
    "CiDispatcher",
    "PolicyFolder",
    "RestCalls",
    "Rows",
    "ThreadCredential",
}
