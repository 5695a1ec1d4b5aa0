"""Settings are read in one place, and say by name what is wrong with them."""

from pathlib import Path

import pytest

from shared.settings import (
    FAST_EVENT_HUB_CONVERTER,
    SettingsError,
    hears_platform_hub,
    is_azure_storage,
    read_settings,
    wants_fast_event_hub_converter,
)

LEAST = {"OUTERLOOP_POLICY": "policy.yaml"}
ACCOUNT = "https://account.table.core.windows.net"
CONNECTION = "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=secret-account-key"
SECRETS = {
    "OUTERLOOP_STORE": CONNECTION,
    "AzureWebJobsStorage": CONNECTION.replace("account-key", "host-key"),
    "OUTERLOOP_SIGNING_KEY": "secret-key",
    "OUTERLOOP_SMTP_PASSWORD": "secret-password",
    "OUTERLOOP_TEAMS_MLOPS": "https://secret-url.example",
    "OUTERLOOP_PUBLISH_TOPIC_KEY": "secret-topic-key",
    "OUTERLOOP_PUBLISH_HUB_CONNECTION": "secret-connection",
    "OUTERLOOP_GITHUB_TOKEN": "secret-github-token",
}


def test_a_policy_is_enough():
    settings = read_settings(LEAST)
    assert settings.policy == Path("policy.yaml")
    assert settings.overlay is None
    assert settings.store == ".state/outerloop.db"
    assert settings.poll_seconds == 15.0
    assert (settings.arm_url, settings.smtp_host, settings.teams_urls) == ("", "", {})
    assert not settings.dashboard_open


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_policy_it_says_which_setting_is_missing(value):
    with pytest.raises(SettingsError, match="OUTERLOOP_POLICY"):
        read_settings({} if value is None else {"OUTERLOOP_POLICY": value})


@pytest.mark.parametrize("store", ["somewhere", "", "/data/table.core.windows.net", "http://account.table.example"])
def test_in_azure_the_embedded_store_is_refused(store):
    with pytest.raises(SettingsError, match="embedded store, which is refused in Azure"):
        read_settings({**LEAST, "WEBSITE_INSTANCE_ID": "abc", "OUTERLOOP_STORE": store})


@pytest.mark.parametrize("store", [ACCOUNT, CONNECTION])
def test_in_azure_a_storage_account_is_taken(store):
    settings = read_settings({**LEAST, "WEBSITE_INSTANCE_ID": "abc", "OUTERLOOP_STORE": store})
    assert settings.store == store
    assert is_azure_storage(settings.store)


def test_on_one_machine_any_store_is_taken():
    assert not is_azure_storage(read_settings(LEAST).store)
    assert read_settings({**LEAST, "OUTERLOOP_STORE": ACCOUNT}).store == ACCOUNT


@pytest.mark.parametrize(
    ("values", "queues"),
    [
        ({}, ""),
        ({"AzureWebJobsStorage": CONNECTION}, CONNECTION),
        ({"AzureWebJobsStorage__accountName": "host"}, "https://host.queue.core.windows.net"),
        ({"AzureWebJobsStorage__queueServiceUri": "https://host.queue.example"}, "https://host.queue.example"),
        (
            {
                "AzureWebJobsStorage__queueServiceUri": "https://host.queue.example",
                "AzureWebJobsStorage__accountName": "host",
            },
            "https://host.queue.example",
        ),
    ],
)
def test_commands_go_where_their_trigger_listens(values, queues):
    assert read_settings({**LEAST, **values}).queues == queues


def test_every_setting_has_its_place():
    settings = read_settings(
        {
            **LEAST,
            "OUTERLOOP_POLICY_OVERLAY": "fast.yaml",
            "OUTERLOOP_STORE": "/data/store.db",
            "OUTERLOOP_PUBLIC_URL": "https://outerloop.example/",
            "OUTERLOOP_SIGNING_KEY": "key",
            "OUTERLOOP_ARM_URL": "https://arm.example/",
            "OUTERLOOP_POLL_SECONDS": "0.5",
            "OUTERLOOP_CALL_SECONDS": "4",
            "OUTERLOOP_SMTP_HOST": "mail.example",
            "OUTERLOOP_SMTP_PORT": "25",
            "OUTERLOOP_SMTP_USER": "user",
            "OUTERLOOP_SMTP_PASSWORD": "password",
            "OUTERLOOP_MAIL_SENDER": "loop@contoso.com",
            "OUTERLOOP_DASHBOARD": "open",
        }
    )
    assert settings.overlay == Path("fast.yaml")
    assert settings.store == "/data/store.db"
    assert (settings.public_url, settings.arm_url) == ("https://outerloop.example", "https://arm.example")
    assert (settings.signing_key, settings.poll_seconds, settings.call_seconds) == ("key", 0.5, 4.0)
    assert (settings.smtp_host, settings.smtp_port) == ("mail.example", 25)
    assert (settings.smtp_user, settings.smtp_password) == ("user", "password")
    assert settings.mail_sender == "loop@contoso.com"
    assert settings.dashboard_open


def test_nothing_is_published_unless_a_target_is_named():
    settings = read_settings(LEAST)
    assert (settings.publish_topic, settings.publish_hub) == ("", "")


def test_the_targets_of_announcements_have_their_places():
    settings = read_settings(
        {
            **LEAST,
            "OUTERLOOP_PUBLIC_URL": "https://outerloop.example/",
            "OUTERLOOP_PUBLISH_TOPIC": "https://topic.example/api/events",
            "OUTERLOOP_PUBLISH_TOPIC_KEY": "topic-key",
            "OUTERLOOP_PUBLISH_HUB": "announcements",
            "OUTERLOOP_PUBLISH_HUB_NAMESPACE": "mlops.servicebus.example",
            "OUTERLOOP_PUBLISH_HUB_CONNECTION": "Endpoint=sb://mlops",
        }
    )
    assert (settings.publish_topic, settings.publish_topic_key) == ("https://topic.example/api/events", "topic-key")
    assert (settings.publish_hub, settings.publish_hub_namespace) == ("announcements", "mlops.servicebus.example")
    assert settings.publish_hub_connection == "Endpoint=sb://mlops"
    assert settings.publish_source == "https://outerloop.example"
    assert read_settings({**LEAST, "OUTERLOOP_PUBLISH_SOURCE": "contoso/prod"}).publish_source == "contoso/prod"


def test_github_is_the_public_one_unless_a_server_is_named():
    assert read_settings(LEAST).github_url == "https://api.github.com"
    server = {**LEAST, "OUTERLOOP_GITHUB_URL": "https://github.contoso.com/api/v3/"}
    assert read_settings(server).github_url == "https://github.contoso.com/api/v3"


def test_azure_devops_is_the_public_one_unless_another_is_named():
    assert read_settings(LEAST).azure_devops_url == "https://dev.azure.com"
    other = {**LEAST, "OUTERLOOP_AZURE_DEVOPS_URL": "https://devops.contoso.com/"}
    assert read_settings(other).azure_devops_url == "https://devops.contoso.com"


@pytest.mark.parametrize(
    "name",
    [
        "OUTERLOOP_GITHUB_URL",
        "OUTERLOOP_AZURE_DEVOPS_URL",
        "OUTERLOOP_SYNAPSE_URL",
        "OUTERLOOP_METRICS_URL",
        "OUTERLOOP_LOGS_URL",
    ],
)
@pytest.mark.parametrize("url", ["http://ci.contoso.com/api/v3", "ci.contoso.com", "ftp://ci.contoso.com"])
def test_a_token_is_sent_over_tls_only(name, url):
    with pytest.raises(SettingsError, match=f"{name} .* write an address with https://"):
        read_settings({**LEAST, name: url})


def test_a_hub_without_a_place_says_what_is_missing():
    with pytest.raises(SettingsError, match="OUTERLOOP_PUBLISH_HUB_NAMESPACE"):
        read_settings({**LEAST, "OUTERLOOP_PUBLISH_HUB": "announcements"})


def test_every_teams_channel_has_its_address():
    values = {**LEAST, "OUTERLOOP_TEAMS_MLOPS": "https://a.example", "OUTERLOOP_TEAMS_PLATFORM": "https://b.example"}
    assert read_settings(values).teams_urls == {"mlops": "https://a.example", "platform": "https://b.example"}


@pytest.mark.parametrize("name", ["OUTERLOOP_POLL_SECONDS", "OUTERLOOP_SMTP_PORT"])
@pytest.mark.parametrize("value", ["soon", "1,5", "nan", "-1", "0"])
def test_a_number_that_is_none_is_named(name, value):
    with pytest.raises(SettingsError, match=name):
        read_settings({**LEAST, name: value})


@pytest.mark.parametrize("value", ["0.5", "61", "3600"])
def test_a_call_is_given_neither_less_than_a_second_nor_more_than_what_is_reserved_for_it(value):
    with pytest.raises(SettingsError, match=r"OUTERLOOP_CALL_SECONDS .* from 1 to 60"):
        read_settings({**LEAST, "OUTERLOOP_CALL_SECONDS": value})


@pytest.mark.parametrize(
    ("name", "field", "default"),
    [
        ("OUTERLOOP_POLL_SECONDS", "poll_seconds", 15.0),
        ("OUTERLOOP_CALL_SECONDS", "call_seconds", 60.0),
        ("OUTERLOOP_SMTP_PORT", "smtp_port", 587),
        ("OUTERLOOP_STORE", "store", ".state/outerloop.db"),
        ("OUTERLOOP_PUBLIC_URL", "public_url", "http://127.0.0.1:7071"),
        ("OUTERLOOP_MAIL_SENDER", "mail_sender", "outerloop@localhost"),
    ],
)
def test_an_empty_setting_is_as_good_as_none(name, field, default):
    assert getattr(read_settings({**LEAST, name: ""}), field) == default


@pytest.mark.parametrize("value", ["", "true", "closed", "OPEN"])
def test_the_dashboard_is_open_by_one_word_only(value):
    assert not read_settings({**LEAST, "OUTERLOOP_DASHBOARD": value}).dashboard_open


@pytest.mark.parametrize("value", SECRETS.values())
def test_secrets_are_not_printed(value):
    assert value not in repr(read_settings({**LEAST, **SECRETS}))


def test_it_reads_the_environment_of_the_process(monkeypatch):
    monkeypatch.setenv("OUTERLOOP_POLICY", "from-the-environment.yaml")
    assert read_settings().policy == Path("from-the-environment.yaml")


HUB = {"OUTERLOOP_PLATFORM_HUB": "platform"}
CONNECTION = {"OUTERLOOP_PLATFORM_CONNECTION": "Endpoint=sb://x/"}
IDENTITY = {"OUTERLOOP_PLATFORM_CONNECTION__fullyQualifiedNamespace": "x.servicebus.windows.net"}


@pytest.mark.parametrize("connection", [CONNECTION, IDENTITY])
def test_platform_events_are_heard_where_their_hub_is_set(connection):
    assert hears_platform_hub({**HUB, **connection})


@pytest.mark.parametrize("environment", [{}, {"OUTERLOOP_PLATFORM_HUB": "", "OUTERLOOP_PLATFORM_CONNECTION": ""}])
def test_without_its_hub_nothing_more_is_heard(environment):
    assert not hears_platform_hub(environment)


@pytest.mark.parametrize(("environment", "missing"), [(HUB, "_CONNECTION"), (CONNECTION, "_HUB"), (IDENTITY, "_HUB")])
def test_half_of_a_hub_is_refused_and_the_other_half_named(environment, missing):
    with pytest.raises(SettingsError, match=f"OUTERLOOP_PLATFORM{missing} is not"):
        hears_platform_hub(environment)


@pytest.mark.parametrize(("value", "wanted"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_the_stock_converter_stays_unless_it_is_asked_to_go(value, wanted):
    environment = {} if value is None else {FAST_EVENT_HUB_CONVERTER: value}
    assert wants_fast_event_hub_converter(environment) is wanted


def test_what_is_neither_yes_nor_no_is_refused():
    with pytest.raises(SettingsError, match="'true': write 1"):
        wants_fast_event_hub_converter({FAST_EVENT_HUB_CONVERTER: "true"})


def test_decisions_are_kept_for_more_than_a_year_and_rejections_for_a_month():
    settings = read_settings(LEAST)
    assert (settings.keep_ledger_days, settings.keep_rejected_days) == (400, 30)


def test_how_long_both_are_kept_can_be_set():
    kept = {"OUTERLOOP_KEEP_LEDGER_DAYS": "30", "OUTERLOOP_KEEP_REJECTED_DAYS": "0.5"}
    settings = read_settings({**LEAST, **kept})
    assert (settings.keep_ledger_days, settings.keep_rejected_days) == (30, 0.5)


@pytest.mark.parametrize("days", ["29.9", "1", "0", "for ever"])
def test_decisions_are_not_forgotten_before_the_signals_that_they_answer(days):
    with pytest.raises(SettingsError, match="OUTERLOOP_KEEP_LEDGER_DAYS"):
        read_settings({**LEAST, "OUTERLOOP_KEEP_LEDGER_DAYS": days})
