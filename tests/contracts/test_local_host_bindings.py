"""The index of a function app: what is read from it, and that everything Microsoft's indexer refuses is refused."""

from pathlib import Path

import pytest

from local.host.bindings import IndexingError, connection_string
from tests.contracts.host_under_test import index_of

HUB_TRIGGER = """
@app.event_hub_message_trigger(arg_name="events", event_hub_name="%HUB%", connection="HUBS", cardinality="many")
"""

REFUSED = {
    "the arg_name is no parameter": (
        """
        @app.event_grid_trigger(arg_name="event")
        def f(evnt: func.EventGridEvent) -> None: ...
        """,
        "'event' is not a parameter",
    ),
    "a parameter has no binding": (
        """
        @app.event_grid_trigger(arg_name="event")
        def f(event: func.EventGridEvent, other: str) -> None: ...
        """,
        "['other']",
    ),
    "a name is used twice": (
        """
        blueprint = func.Blueprint()
        @app.event_grid_trigger(arg_name="event")
        def f(event: func.EventGridEvent) -> None: ...
        @blueprint.function_name("f")
        @blueprint.event_grid_trigger(arg_name="event")
        def g(event: func.EventGridEvent) -> None: ...
        app.register_functions(blueprint)
        """,
        "unique function name",
    ),
    "there is no trigger": (
        """
        @app.function_name("f")
        def f(event: func.EventGridEvent) -> None: ...
        """,
        "does not have a trigger",
    ),
    "a list is not typing.List": (
        """
        @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", connection="C", cardinality="many")
        def f(events: list[func.EventHubEvent]) -> None: ...
        """,
        "typing.List",
    ),
    "a postponed list is not typing.List": (
        """
        @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", connection="C", cardinality="many")
        def f(events: "list[func.EventHubEvent]") -> None: ...
        """,
        "typing.List",
    ),
    "the annotation is of another trigger": (
        """
        @app.queue_trigger(arg_name="message", queue_name="q", connection="C")
        def f(message: func.EventGridEvent) -> None: ...
        """,
        "does not suit a queueTrigger",
    ),
    "the annotation is a union": (
        """
        @app.event_grid_trigger(arg_name="event")
        def f(event: func.EventGridEvent | func.CloudEvent) -> None: ...
        """,
        "does not suit",
    ),
    "the annotation names nothing": (
        """
        @app.event_grid_trigger(arg_name="event")
        def f(event: "Missing") -> None: ...
        """,
        "Missing",
    ),
    "the return annotation is no response": (
        """
        @app.route("x")
        def f(req: func.HttpRequest) -> dict: ...
        """,
        "return value",
    ),
    "there are two apps": ("second = func.FunctionApp()", "app, second"),
    "there is no app": ("del app", "it has: none"),
    "the import fails": ("import no_such_module", "no_such_module"),
    "a retry count is no number": (
        """
        @app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
        @app.retry(strategy="fixed_delay", max_retry_count="many", delay_interval="00:00:01")
        def f(timer: func.TimerRequest) -> None: ...
        """,
        "many",
    ),
}

NOT_HERE = {
    "a batch trigger asks for single events": (
        """
        @app.event_hub_message_trigger(arg_name="event", event_hub_name="h", connection="C", cardinality="one")
        def f(event: func.EventHubEvent) -> None: ...
        """,
        "cardinality many",
    ),
    "a batch is annotated as one event": (
        """
        @app.event_hub_message_trigger(arg_name="events", event_hub_name="h", connection="C", cardinality="many")
        def f(events: func.EventHubEvent) -> None: ...
        """,
        "not a single event",
    ),
    "a setting is missing": (
        """
        @app.timer_trigger(arg_name="timer", schedule="%SWEEP%")
        def f(timer: func.TimerRequest) -> None: ...
        """,
        "%SWEEP%",
    ),
    "there is an output binding": (
        """
        @app.event_grid_trigger(arg_name="event")
        @app.queue_output(arg_name="out", queue_name="q", connection="C")
        def f(event: func.EventGridEvent, out: func.Out[str]) -> None: ...
        """,
        "drives triggers only",
    ),
    "the trigger is not driven": (
        """
        @app.blob_trigger(arg_name="blob", path="p", connection="C")
        def f(blob: func.InputStream) -> None: ...
        """,
        "blobTrigger",
    ),
}


@pytest.mark.parametrize(("source", "reason"), (REFUSED | NOT_HERE).values(), ids=(REFUSED | NOT_HERE).keys())
def test_an_app_that_cannot_be_hosted_is_refused_with_a_reason(tmp_path: Path, source: str, reason: str) -> None:
    with pytest.raises(IndexingError) as refusal:
        index_of(tmp_path, source)
    assert reason in str(refusal.value)


def test_an_app_that_is_nowhere_is_refused() -> None:
    from local.host.bindings import index  # noqa: PLC0415

    with pytest.raises(IndexingError, match="no_such_function_app"):
        index("no_such_function_app:app", {})


def test_settings_are_filled_in_and_retry_policies_read(tmp_path: Path) -> None:
    found = index_of(
        tmp_path,
        HUB_TRIGGER
        + """
@app.retry(strategy="exponential_backoff", max_retry_count="3", minimum_interval="00:00:02", maximum_interval="00:01:00")
async def on_telemetry(events: typing.List[func.EventHubEvent], context: func.Context) -> None: ...
""",
        HUB="telemetry",
        HUBS="Endpoint=sb://somewhere",
    )
    (function,) = found.functions
    assert function.name == "on_telemetry"
    assert function.trigger.type == "eventHubTrigger"
    assert function.trigger.argument == "events"
    assert function.trigger.values["eventHubName"] == "telemetry"
    assert function.takes_context
    assert not function.returns
    assert function.retry is not None
    assert [function.retry.delay_seconds(retries) for retries in range(4)] == [2, 4, 8, None]
    assert connection_string(function.trigger, {"HUBS": "Endpoint=sb://somewhere"}) == "Endpoint=sb://somewhere"
    assert found.folder == tmp_path


def test_a_connection_is_a_setting_that_is_there(tmp_path: Path) -> None:
    source = HUB_TRIGGER + "def f(events: typing.List[func.EventHubEvent]) -> None: ..."
    (function,) = index_of(tmp_path, source, HUB="h").functions
    with pytest.raises(IndexingError, match="HUBS"):
        connection_string(function.trigger, {})


def test_functions_of_blueprints_and_without_annotations_are_indexed(tmp_path: Path) -> None:
    found = index_of(
        tmp_path,
        """
        blueprint = func.Blueprint()
        @blueprint.route("hello")
        def hello(req): ...
        @blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *")
        def tick(timer): ...
        app.register_functions(blueprint)
        """,
    )
    assert [function.name for function in found.triggered_by("timerTrigger")] == ["tick"]
    assert [function.returns for function in found.triggered_by("httpTrigger")] == [True]
    assert found.triggered_by("queueTrigger") == []
