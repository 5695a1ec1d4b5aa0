"""Whatever is wrong with a real payload: no handler raises, each is answered as documented, and everything heard is stored.

The only exceptions are those that the platform acts on: StoreUnavailableError, so that it sends again (the tests of each
handler), and a queue message that names no command, so that it ends in the poison queue. Seeded: a failure names its seed.
"""

import contextlib
import json
from random import Random  # noqa: TID251  # seeded

import azure.functions as func
import pytest

from handlers.approvals import answer_approval, show_approval
from handlers.commands import execute_command
from handlers.dashboard import dashboard, status
from handlers.event_grid import _envelope, on_event_grid, receive_events
from handlers.event_hubs import on_telemetry
from handlers.monitor_alerts import receive_alerts
from handlers.platform_events import on_platform_events
from handlers.registry_webhooks import receive_registry_webhook
from handlers.timers import sweep
from local.host.conversion import decode, document
from shared.domain.ids import derive
from shared.domain.signals import Rejected, SubscriptionValidation, TelemetryReceived
from shared.parsing import parse, parse_platform, read_message
from shared.services.poison import PoisonError
from tests.unit.handlers.mutations import ODD, changed, mutated, payloads
from tests.unit.handlers.test_approvals import form, token  # noqa: F401  # fixtures
from tests.unit.handlers.test_commands_and_timers import Timer, message
from tests.unit.handlers.test_event_hubs import batch
from tests.unit.services.fakes import SUBJECT, decided
from tests.unit.services.signals import DEVELOPMENT, PRODUCTION, notify

EACH = 15  # mutations of each payload, in each way in


@pytest.fixture
def environment(environment):
    """The store is in memory: this is about handlers, and thousands of transactions on a disk take their time."""
    environment.setenv("OUTERLOOP_STORE", ":memory:")
    return environment


def about_ours(body, seed):
    """The body as it was captured, or about a workspace of the policy."""
    random = Random(str(seed).encode() + body)  # noqa: S311
    try:
        read = json.loads(body)
    except ValueError:
        return body
    ours = random.choice([DEVELOPMENT, PRODUCTION])

    known = {"id": f"e-{seed}-{len(body)}", "modelName": "flight-delay", "ModelName": "flight-delay"}

    def renamed(value):
        if isinstance(value, dict):
            return {key: known.get(key) or renamed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [renamed(inner) for inner in value]
        if isinstance(value, str) and "/workspaces/" in value.lower():
            _, slash, rest = value[value.lower().index("/workspaces/") + 12 :].partition("/")
            return ours + slash + rest
        return value

    return json.dumps(renamed(read)).encode() if random.random() < 0.6 else body


def fuzzed(prefix="", each=EACH, first=0):
    """Mutated payloads with a name that finds them again."""
    for name, body in payloads(prefix).items():
        for seed in range(first, first + each):
            yield f"{name} {seed}", mutated(about_ours(body, seed), seed)


async def assert_stored(app, name, channel, body, parsed):
    """Every element of a body is a signal that is stored, a rejection that is stored, or answered."""
    for position, element in enumerate(parsed):
        if isinstance(element, SubscriptionValidation | TelemetryReceived):
            continue
        if isinstance(element, Rejected):
            kept = await app.store.rejection(derive("rejected", channel, body.hex(), element.index, element.reason))
            assert kept is not None, name
            continue
        scope = derive("rejected", channel, body.hex(), position, "out_of_scope")
        signal = await app.store.signal(element.dedup_key)
        assert signal is not None or await app.store.rejection(scope) is not None, name
        assert signal is None or signal.decided, name


async def test_event_grid_by_its_trigger(app):
    heard = 0
    for name, body in fuzzed("eventgrid-"):
        with contextlib.suppress(ValueError):
            for one in _events(json.loads(body)):
                try:
                    event = decode("eventGridTrigger", document(one))
                    sent = json.dumps(_envelope(event)).encode()
                except Exception:  # noqa: BLE001, S112  # Microsoft's worker refuses it before any handler of ours
                    continue
                await on_event_grid(event)
                await assert_stored(app, name, "event_grid", sent, parse(sent, "event_grid"))
                heard += 1
    assert heard > 50


def _events(read):
    return [one for one in (read if isinstance(read, list) else [read]) if isinstance(one, dict)]


@pytest.mark.parametrize(
    ("handler", "channel", "path", "statuses", "reach"),
    [
        (receive_events, "event_grid", "events", {200, 202}, 30),
        (receive_alerts, "monitor_alerts", "alerts", {202}, 5),
        (receive_registry_webhook, "registry_webhook", "registry", {202}, 0),
    ],
    ids=["events", "alerts", "registry"],
)
async def test_web_hooks_answer_as_documented_and_store_everything(  # noqa: PLR0917  # a row of the table
    app, request_of, handler, channel, path, statuses, reach
):
    for name, body in fuzzed():
        answer = await handler(request_of("POST", body, token=path))
        assert answer.status_code in statuses, name
        parsed = parse(body, channel)
        asked = any(isinstance(element, SubscriptionValidation) for element in parsed)
        assert answer.status_code == 202 or asked, name
        await assert_stored(app, name, channel, body, parsed)
    assert len(await app.store.decisions(None, 1000)) >= reach


@pytest.mark.parametrize(
    "origin", [*filter(lambda odd: isinstance(odd, str) and odd.isascii(), ODD), "eventgrid.azure.net"]
)
async def test_the_handshake_by_options(app, request_of, origin):
    answer = await receive_events(request_of("OPTIONS", headers={"WebHook-Request-Origin": origin}))
    assert answer.status_code == 200


async def test_telemetry_moves_the_cursor_whatever_is_in_it_and_keeps_what_it_refuses(app):
    bodies = [*fuzzed("aml-data"), *fuzzed("eventhub-", first=100)]
    texts = [body.decode("utf-8", "replace") for _, body in bodies]
    for first in range(0, len(texts), 10):
        await on_telemetry(batch(*range(first, min(first + 10, len(texts))), bodies=texts[first : first + 10]))
    assert (await app.store.cursor("telemetry/0")).value == len(texts) - 1
    kept = {row.body for row in await app.store.rejected(1000)}
    reasons = [row.reason for row in await app.store.rejected(1000)]
    for text in texts:
        refused = read_message(text.encode()).refused
        assert not refused or text.encode() in kept or any(reasons.count(each.reason) >= 100 for each in refused)
    await sweep(Timer())


async def test_platform_events_are_stored_whichever_they_are(app):
    for name, body in fuzzed(first=200):
        text = body.decode("utf-8", "replace")
        await on_platform_events(batch(0, bodies=[text]))
        await assert_stored(
            app, name, parse_platform(text.encode())[0], text.encode(), parse_platform(text.encode())[1]
        )


async def test_a_queue_message_is_carried_out_or_is_poison(app, commit):
    await commit(decided("cause", notify()))
    order = json.dumps({"subject": SUBJECT, "command_id": "notify-1"}).encode()
    carried_out = 0
    for seed in range(300):
        body = mutated(order, seed)
        with contextlib.suppress(PoisonError):
            await execute_command(func.QueueMessage(id="m", body=body))
            carried_out += 1
    assert 0 < carried_out < 300
    await execute_command(message(order.decode()))


def _odd_text(random, known):
    """A header or field: as it should be, an odd value, or damaged."""
    kind = random.randrange(4)
    if kind == 0:
        return known
    if kind == 1:
        return str(random.choice(ODD))
    if kind == 2:
        at = random.randrange(len(known) + 1)
        return known[:at] + random.choice(["", "x", "=", ".", "%00", "\n"]) + known[at + 1 :]
    return known * random.choice([0, 2])


async def test_the_page_of_an_approval_answers_as_documented(app, token, form, request_of, post_of, signed_in):  # noqa: F811
    seen = set()
    for seed in range(80):
        random = Random(seed)  # noqa: S311
        whose = signed_in()
        headers = whose if random.random() < 0.5 else {key: _odd_text(random, value) for key, value in whose.items()}
        link = _odd_text(random, token) if random.random() < 0.5 else token
        answer = await show_approval(request_of("GET", headers=headers, token=link))
        assert answer.status_code in {200, 403, 410}, seed
        fields = {"form": form(), "answer": "maybe", "comment": "fine"}
        fields = {name: _odd_text(random, value).encode("utf-8", "replace") for name, value in fields.items()}
        posted = await answer_approval(post_of(link, fields, headers))
        assert posted.status_code in {200, 202, 400, 403, 409, 410}, seed
        raw = request_of("POST", mutated(b"form=x&answer=approve", seed), headers, link)
        assert (await answer_approval(raw)).status_code in {400, 403}, seed
        seen |= {answer.status_code, posted.status_code}
    assert {200, 400, 403} <= seen
    assert (await app.store.facts(SUBJECT)).value.versions["2"].state == "awaiting_approval"


async def test_pages_answer_whatever_the_query_and_the_headers(app, signed_in):
    for seed in range(40):
        random = Random(seed)  # noqa: S311
        headers = {key: _odd_text(random, value) for key, value in signed_in().items()}
        params = {str(random.choice(ODD)): str(random.choice(ODD)) for _ in range(3)}
        request = func.HttpRequest("GET", "http://localhost/api/x", headers=headers, params=params, body=b"\xff")
        assert (await dashboard(request)).status_code in {200, 403}, seed
        assert (await status(request)).status_code == 200, seed


async def test_what_fuzzing_left_behind_can_be_shown_and_swept(app, request_of, signed_in):
    for _, body in fuzzed(each=2, first=400):
        await receive_events(request_of("POST", body))
        await receive_alerts(request_of("POST", body))
    await sweep(Timer())
    assert (await dashboard(request_of("GET", headers=signed_in()))).status_code == 200
    assert (await status(request_of("GET"))).status_code == 200
    assert await app.store.undecided(app.clock.now(), 10) == []


def test_mutations_are_the_same_for_the_same_seed_and_change_something():
    for body in payloads().values():
        assert [mutated(body, seed) for seed in range(3)] == [mutated(body, seed) for seed in range(3)]
        assert len({mutated(body, seed) for seed in range(8)}) > 4
    assert changed({"a": 1}, Random(1)) == changed({"a": 1}, Random(1))  # noqa: S311
