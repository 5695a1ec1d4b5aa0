"""What acts and what sends: settings become the adapters of Azure, of pipelines and of messages.

Owns their addresses, identities and time-outs. Importing it opens nothing and reads no environment. How services use them
is ``runtime``'s.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.adapters.azure_blob_collected import AzureCollectedFiles
from shared.adapters.azure_ml import AzureMachineLearning
from shared.adapters.azure_ml_marked import AzureMlMarkedModels
from shared.adapters.azure_monitor_logs import AzureMonitorLogs
from shared.adapters.azure_monitor_metrics import AzureMonitorMetrics
from shared.adapters.azure_pipelines import AzurePipelines
from shared.adapters.batch_training import BatchTraining
from shared.adapters.ci_dispatcher import CiDispatcher
from shared.adapters.endpoint_probe import EndpointProber
from shared.adapters.event_grid_topic import EventGridTopic
from shared.adapters.event_hub_out import EventHubOut, HubAddress
from shared.adapters.github_actions import GithubActions
from shared.adapters.messenger import ChannelMessenger
from shared.adapters.smtp_mail import SmtpMail, SmtpServer
from shared.adapters.synapse_pipelines import SynapsePipelines
from shared.adapters.teams import TeamsWebhooks
from shared.ports import Clock
from shared.ports_measuring import TrafficMeter
from shared.ports_publishing import Publisher
from shared.services.effects import Hands
from shared.settings import Settings
from shared.signing import ApprovalLinks

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

READ_SECONDS_MAX = 20.0  # of a piece of a file: no step of reading one outlasts a claim
POST_TIMEOUT_SECONDS = 20.0  # or that of any call, when that is shorter
PROBE_CALLS = 4.0  # a probe may take so many calls' time-outs: less than a claim lasts
CALL_MAX_CALLS = 2.0  # a call's time-out bounds each of its requests: what they take together stays below this
DISPATCH_CALLS = 3.0  # pages of runs, the order, and the order again without what an older server does not know


def azure_machine_learning(settings: Settings) -> AzureMachineLearning:
    """Azure Machine Learning under the process's own identity."""
    return AzureMachineLearning(_credential, _cloud(settings), settings.poll_seconds, settings.call_seconds)


def hands(settings: Settings, clock: Clock, links: ApprovalLinks, workspace: AzureMachineLearning) -> Hands:
    """Everything that commands act on, each with a time-out below that of a claim."""
    post_seconds = min(POST_TIMEOUT_SECONDS, settings.call_seconds)
    server = SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.mail_sender,
        user=settings.smtp_user,
        password=settings.smtp_password,
        timeout_seconds=post_seconds,
    )
    messenger = ChannelMessenger(
        TeamsWebhooks(settings.teams_urls, post_seconds) if settings.teams_urls else None,
        SmtpMail(server, clock) if settings.smtp_host else None,
        links.for_message,
    )
    prober = EndpointProber(workspace.clients, PROBE_CALLS * settings.call_seconds)
    files = AzureCollectedFiles(settings.collected, _credential, min(READ_SECONDS_MAX, settings.call_seconds))
    return Hands(
        workspace,
        prober,
        messenger,
        files,
        _dispatcher(settings, workspace),
        AzureMlMarkedModels(workspace.clients),
        timedelta(seconds=CALL_MAX_CALLS * settings.call_seconds),
    )


def _dispatcher(settings: Settings, workspace: AzureMachineLearning) -> CiDispatcher:
    """The systems that run pipelines. One order may take several calls, which together end within ``Hands.call_max``."""
    seconds = min(POST_TIMEOUT_SECONDS, settings.call_seconds / DISPATCH_CALLS)
    url, token, poll = settings.github_url, settings.github_token, settings.poll_seconds
    github = GithubActions(url, token, seconds, poll) if token else None
    synapse = SynapsePipelines(settings.synapse_url, _credential, seconds, poll)
    batch = BatchTraining(workspace.clients, poll)
    return CiDispatcher(github, azure_pipelines(settings, seconds), synapse, batch)


def azure_pipelines(settings: Settings, timeout_seconds: float = POST_TIMEOUT_SECONDS) -> AzurePipelines:
    """Azure Pipelines under the process's own identity."""
    return AzurePipelines(settings.azure_devops_url, _credential, timeout_seconds, settings.poll_seconds)


def targets(settings: Settings) -> dict[str, Publisher]:
    """Where the loop's decisions are announced, by the names that the store keeps what is owed under."""
    source, targets = settings.publish_source, dict[str, Publisher]()
    if settings.publish_topic:
        endpoint, key = settings.publish_topic, settings.publish_topic_key
        targets["topic"] = EventGridTopic(endpoint, key, source, _credential, POST_TIMEOUT_SECONDS)
    if settings.publish_hub:
        address = HubAddress(settings.publish_hub, settings.publish_hub_connection, settings.publish_hub_namespace)
        targets["hub"] = EventHubOut(address, source, _credential, POST_TIMEOUT_SECONDS)
    return targets


def meters(settings: Settings, answer_seconds: float) -> dict[str, TrafficMeter]:
    """Who measured what an endpoint served, by the name that a policy's ``analysis.source`` has for them."""
    return {
        "metrics": AzureMonitorMetrics(settings.metrics_url, _credential, answer_seconds),
        "logs": AzureMonitorLogs(settings.logs_url, _credential, answer_seconds),
    }


def _credential() -> "TokenCredential":
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415  # slow to import, and not needed to decide

    return DefaultAzureCredential()


def _cloud(settings: Settings) -> dict[str, str] | None:
    """Where Azure is, when it is not the public cloud, in the terms of azure-ai-ml's cloud metadata."""
    if not settings.arm_url:
        return None
    url = settings.arm_url
    return {
        "azure_portal": url,
        "resource_manager": url,
        "active_directory": url,
        "aml_resource_id": url,
        "storage_endpoint": "core.local",
        "registry_discovery_endpoint": url,
    }
