"""What differs between one installation and the next, read from the environment in one place.

Owns the names of the app settings and their defaults. Secrets come in as Key Vault references and are never printed.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "OUTERLOOP_"
TEAMS = f"{PREFIX}TEAMS_"
FAST_EVENT_HUB_CONVERTER = f"{PREFIX}FAST_EVENT_HUB_CONVERTER"
PUBLIC_GITHUB = "https://api.github.com"
PUBLIC_AZURE_DEVOPS = "https://dev.azure.com"
PUBLIC_METRICS = "https://{region}.metrics.monitor.azure.com"
PUBLIC_LOGS = "https://api.loganalytics.io"
PUBLIC_SYNAPSE = "https://{workspace}.dev.azuresynapse.net"
LEDGER_DAYS_MIN = 30
CALL_SECONDS_MAX = 60.0  # what is reserved for a call is reckoned with none longer


class SettingsError(RuntimeError):
    """A setting is missing or contradicts another; the text says which and what to do."""


@dataclass(frozen=True)
class Settings:
    """The app settings. ``repr`` shows no secret."""

    policy: Path
    overlay: Path | None
    store: str = field(repr=False)  # a connection string is a secret
    public_url: str
    signing_key: str = field(repr=False)
    queues: str = field(default="", repr=False)
    arm_url: str = ""
    poll_seconds: float = 15.0
    reconcile_seconds: float = 900.0
    call_seconds: float = CALL_SECONDS_MAX
    teams_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    mail_sender: str = "outerloop@localhost"
    dashboard_open: bool = False
    keep_ledger_days: float = 400.0
    keep_rejected_days: float = 30.0
    publish_topic: str = ""
    publish_topic_key: str = field(default="", repr=False)
    publish_hub: str = ""
    publish_hub_connection: str = field(default="", repr=False)
    publish_hub_namespace: str = ""
    publish_source: str = ""
    collected: str = field(default="", repr=False)
    github_url: str = PUBLIC_GITHUB
    github_token: str = field(default="", repr=False)
    azure_devops_url: str = PUBLIC_AZURE_DEVOPS
    synapse_url: str = PUBLIC_SYNAPSE
    metrics_url: str = PUBLIC_METRICS
    logs_url: str = PUBLIC_LOGS


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises SettingsError that names what is missing or no number."""
    values = os.environ if environment is None else environment  # noqa: TID251  # the one place that reads it
    store = _text(values, "STORE", ".state/outerloop.db")
    if values.get("WEBSITE_INSTANCE_ID") and not is_azure_storage(store):
        raise SettingsError(
            "OUTERLOOP_STORE names the embedded store, which is refused in Azure, where instances share no disk: "
            "set it to https://ACCOUNT.table.core.windows.net"
        )
    overlay = _text(values, "POLICY_OVERLAY")
    public_url = _text(values, "PUBLIC_URL", "http://127.0.0.1:7071").rstrip("/")
    return Settings(
        policy=Path(_needed(values, "POLICY", "the path of the policy file")),
        overlay=Path(overlay) if overlay else None,
        store=store,
        queues=queues_address(values),
        public_url=public_url,
        signing_key=_text(values, "SIGNING_KEY"),
        arm_url=_text(values, "ARM_URL").rstrip("/"),
        poll_seconds=_number(values, "POLL_SECONDS", 15.0),
        reconcile_seconds=_number(values, "RECONCILE_SECONDS", 900.0),
        call_seconds=_call_seconds(values),
        teams_urls={key.removeprefix(TEAMS).lower(): url for key, url in values.items() if key.startswith(TEAMS)},
        smtp_host=_text(values, "SMTP_HOST"),
        smtp_port=int(_number(values, "SMTP_PORT", 587)),
        smtp_user=_text(values, "SMTP_USER"),
        smtp_password=_text(values, "SMTP_PASSWORD"),
        mail_sender=_text(values, "MAIL_SENDER", "outerloop@localhost"),
        dashboard_open=_text(values, "DASHBOARD") == "open",
        keep_ledger_days=_keep_ledger_days(values),
        keep_rejected_days=_number(values, "KEEP_REJECTED_DAYS", 30.0),
        publish_topic=_text(values, "PUBLISH_TOPIC"),
        publish_topic_key=_text(values, "PUBLISH_TOPIC_KEY"),
        publish_hub=_publish_hub(values),
        publish_hub_connection=_text(values, "PUBLISH_HUB_CONNECTION"),
        publish_hub_namespace=_text(values, "PUBLISH_HUB_NAMESPACE"),
        publish_source=_text(values, "PUBLISH_SOURCE", public_url),
        collected=_text(values, "COLLECTED"),
        github_url=_over_tls(values, "GITHUB_URL", PUBLIC_GITHUB),
        github_token=_text(values, "GITHUB_TOKEN"),
        synapse_url=_over_tls(values, "SYNAPSE_URL", PUBLIC_SYNAPSE),
        metrics_url=_over_tls(values, "METRICS_URL", PUBLIC_METRICS),
        logs_url=_over_tls(values, "LOGS_URL", PUBLIC_LOGS),
        azure_devops_url=_over_tls(values, "AZURE_DEVOPS_URL", PUBLIC_AZURE_DEVOPS),
    )


def _keep_ledger_days(values: Mapping[str, str]) -> float:
    days = _number(values, "KEEP_LEDGER_DAYS", 400.0)
    if days < LEDGER_DAYS_MIN:
        raise SettingsError(
            f"{PREFIX}KEEP_LEDGER_DAYS is {days:g}: keep decisions for at least {LEDGER_DAYS_MIN} days, as long as "
            "the signals that they answer"
        )
    return days


def _publish_hub(values: Mapping[str, str]) -> str:
    hub = _text(values, "PUBLISH_HUB")
    if hub and not (_text(values, "PUBLISH_HUB_CONNECTION") or _text(values, "PUBLISH_HUB_NAMESPACE")):
        raise SettingsError(
            f"{PREFIX}PUBLISH_HUB names a hub and not where it is: set {PREFIX}PUBLISH_HUB_NAMESPACE to its "
            f"namespace's host name, or {PREFIX}PUBLISH_HUB_CONNECTION to a connection string"
        )
    return hub


def _over_tls(values: Mapping[str, str], name: str, default: str) -> str:
    """The address of a service that a token goes to with every call."""
    url = _text(values, name, default).rstrip("/")
    if not url.startswith("https://"):
        raise SettingsError(f"{PREFIX}{name} is {url!r}: write an address with https://, or nothing for {default}")
    return url


def hears_platform_hub(environment: Mapping[str, str] | None = None) -> bool:
    """Whether platform events come through an Event Hub. Raises SettingsError when only one half of that is set."""
    values = os.environ if environment is None else environment  # noqa: TID251  # the one place that reads it
    hub, connection = f"{PREFIX}PLATFORM_HUB", f"{PREFIX}PLATFORM_CONNECTION"
    named = bool(values.get(hub))
    connected = any(value and key.partition("__")[0] == connection for key, value in values.items())
    if named != connected:
        missing, known = (connection, hub) if named else (hub, connection)
        raise SettingsError(f"{known} is set and {missing} is not: set both, to hear platform events, or neither")
    return named


def wants_fast_event_hub_converter(environment: Mapping[str, str] | None = None) -> bool:
    """Whether Microsoft's Event Hub converter is to be replaced. Raises SettingsError for anything but 1, 0 and nothing."""
    values = os.environ if environment is None else environment  # noqa: TID251  # the one place that reads it
    text = values.get(FAST_EVENT_HUB_CONVERTER) or "0"
    if text not in {"0", "1"}:
        raise SettingsError(f"{FAST_EVENT_HUB_CONVERTER} is {text!r}: write 1, or 0 or nothing for the stock converter")
    return text == "1"


def is_azure_storage(store: str) -> bool:
    """Whether a store is a storage account, by the URL of its tables or a connection string; else it is a file."""
    return store.startswith("https://") or "AccountName=" in store


def queues_address(values: Mapping[str, str]) -> str:
    """Where the trigger ``execute_command`` listens, so that commands are sent there; empty: the store's own account."""
    account = values.get("AzureWebJobsStorage__accountName")
    named = f"https://{account}.queue.core.windows.net" if account else ""
    return values.get("AzureWebJobsStorage") or values.get("AzureWebJobsStorage__queueServiceUri") or named


def _text(values: Mapping[str, str], name: str, default: str = "") -> str:
    """A setting; one that is empty, as deployment templates leave them, is as good as none."""
    return values.get(PREFIX + name) or default


def _number(values: Mapping[str, str], name: str, default: float) -> float:
    text = _text(values, name, str(default))
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise SettingsError(f"{PREFIX}{name} is {text!r}: write a number above 0")
    return number


def _call_seconds(values: Mapping[str, str]) -> float:
    seconds = _number(values, "CALL_SECONDS", CALL_SECONDS_MAX)
    if not 1 <= seconds <= CALL_SECONDS_MAX:
        raise SettingsError(f"{PREFIX}CALL_SECONDS is {seconds:g}: write a number from 1 to {CALL_SECONDS_MAX:g}")
    return seconds


def _needed(values: Mapping[str, str], name: str, meaning: str) -> str:
    value = _text(values, name)
    if not value:
        raise SettingsError(f"set {PREFIX}{name}: {meaning}")
    return value
