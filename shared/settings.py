"""What differs between one installation and the next, read from the environment in one place.

Owns the names of the app settings and their defaults. Secrets come in as Key Vault references and are never printed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "OUTERLOOP_"
TEAMS = f"{PREFIX}TEAMS_"


class SettingsError(RuntimeError):
    """A setting is missing or contradicts another; the text says which and what to do."""


@dataclass(frozen=True)
class Settings:
    """The app settings. ``repr`` shows no secret."""

    policy: Path
    overlay: Path | None
    store: str
    public_url: str
    signing_key: str = field(repr=False)
    arm_url: str = ""
    poll_seconds: float = 15.0
    teams_urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    mail_sender: str = "outerloop@localhost"
    dashboard_open: bool = False


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises SettingsError that names what is missing."""
    values = os.environ if environment is None else environment  # noqa: TID251  # the one place that reads it
    if values.get("WEBSITE_INSTANCE_ID") and not values.get(f"{PREFIX}STORE"):
        raise SettingsError(f"{PREFIX}STORE must be set in Azure: the embedded store lives on one machine's disk")
    overlay = values.get(f"{PREFIX}POLICY_OVERLAY")
    return Settings(
        policy=Path(_needed(values, "POLICY", "the path of the policy file")),
        overlay=Path(overlay) if overlay else None,
        store=values.get(f"{PREFIX}STORE", ".state/outerloop.db"),
        public_url=values.get(f"{PREFIX}PUBLIC_URL", "http://127.0.0.1:7071").rstrip("/"),
        signing_key=values.get(f"{PREFIX}SIGNING_KEY", ""),
        arm_url=values.get(f"{PREFIX}ARM_URL", "").rstrip("/"),
        poll_seconds=float(values.get(f"{PREFIX}POLL_SECONDS", "15")),
        teams_urls={key.removeprefix(TEAMS).lower(): url for key, url in values.items() if key.startswith(TEAMS)},
        smtp_host=values.get(f"{PREFIX}SMTP_HOST", ""),
        smtp_port=int(values.get(f"{PREFIX}SMTP_PORT", "587")),
        smtp_user=values.get(f"{PREFIX}SMTP_USER", ""),
        smtp_password=values.get(f"{PREFIX}SMTP_PASSWORD", ""),
        mail_sender=values.get(f"{PREFIX}MAIL_SENDER", "outerloop@localhost"),
        dashboard_open=values.get(f"{PREFIX}DASHBOARD", "") == "open",
    )


def _needed(values: Mapping[str, str], name: str, meaning: str) -> str:
    value = values.get(PREFIX + name)
    if not value:
        raise SettingsError(f"set {PREFIX}{name}: {meaning}")
    return value
