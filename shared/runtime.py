"""The composition root: the one place where adapters meet services.

Owns the wiring and the life of the process's one application; what acts and sends is connected in ``connections``. Importing it opens nothing and reads no environment;
``application()`` builds on first use, inside the running event loop.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.adapters.azure_alerts import AzureAlerts
from shared.adapters.azure_ml import AzureMachineLearning
from shared.adapters.azure_ml_computes import AzureMlComputes
from shared.adapters.azure_ml_data import AzureMlDatasets
from shared.adapters.azure_ml_inventory import AzureMlInventory
from shared.adapters.azure_ml_models import AzureMlModels
from shared.adapters.azure_ml_quota import AzureMlQuotas
from shared.adapters.policy_folder import PolicyFolder
from shared.adapters.sqlite_queue import SqliteQueue
from shared.adapters.sqlite_store import SqliteStore
from shared.adapters.system_clock import SystemClock
from shared.connections import azure_machine_learning, hands, meters, targets
from shared.ports import Clock, CommandQueue, PolicySource, Store
from shared.services.aggregate import Aggregator
from shared.services.announce import Announcer
from shared.services.computes import ComputeWatch
from shared.services.decide import Decider
from shared.services.execute import Executor, Loop
from shared.services.hearing import Hearing
from shared.services.idleness import IdleWatch
from shared.services.ingest import Ingest
from shared.services.missed import MissedAlerts, MissedModels
from shared.services.orders import Orders
from shared.services.poison import PoisonKeeper
from shared.services.read_back import ReadBack
from shared.services.reconcile import Reconciler
from shared.services.redrive import Redriver
from shared.services.retention import Kept, Retention
from shared.services.rounds import Rounds
from shared.services.schedules import Schedules
from shared.services.sweep import Sweeper
from shared.services.throttling import ThrottleWatch
from shared.settings import Settings, SettingsError, is_azure_storage, read_settings
from shared.signing import ApprovalLinks

DATA_TIMEOUT_SECONDS = 20.0  # below the half minute after which Event Grid sends again


@dataclass(frozen=True)
class Application:
    """Everything that a handler or a command line may call."""

    settings: Settings
    store: Store
    queue: CommandQueue
    clock: Clock
    policies: PolicySource
    aggregator: Aggregator
    decider: Decider
    ingest: Ingest
    executor: Executor
    sweeper: Sweeper
    announcer: Announcer
    redriver: Redriver
    orders: Orders
    links: ApprovalLinks
    instance: str


async def build(settings: Settings) -> Application:
    """Wire an application and open its store. Raises SettingsError or StoreUnavailableError."""
    if not settings.signing_key:
        raise SettingsError("set OUTERLOOP_SIGNING_KEY: a long random text that signs the links of approvals")
    clock = SystemClock()
    store, queue = await _state(settings, clock)
    policies = PolicyFolder(settings.policy, settings.overlay)
    aggregator = Aggregator(store, clock, policies)
    announcer = Announcer(store, clock, targets(settings))
    workspace = azure_machine_learning(settings)
    datasets = AzureMlDatasets(workspace.clients, DATA_TIMEOUT_SECONDS)
    quotas = AzureMlQuotas(workspace.clients, DATA_TIMEOUT_SECONDS)
    measured = meters(settings, DATA_TIMEOUT_SECONDS)
    decider = Decider(store, queue, clock, policies, aggregator, announcer, datasets, quotas, measured)
    ingest = Ingest(store, clock, policies, decider)
    links = ApprovalLinks(settings.signing_key, settings.public_url)
    executor = Executor(
        store, queue, clock, policies, Loop(decider, aggregator), hands(settings, clock, links, workspace)
    )
    schedules, retention = Schedules(store, clock, policies), Retention(store, clock, aggregator, _kept(settings))
    poison = PoisonKeeper(store, queue, clock, executor)
    instance = secrets.token_hex(6)
    shared = Shared(store, clock, policies, ingest, timedelta(seconds=settings.reconcile_seconds), instance)
    reconciling = _reconciling(shared, workspace)
    sweeper = Sweeper(
        store, queue, clock, decider, ingest, aggregator, announcer, schedules, retention, poison, reconciling
    )
    return Application(
        settings=settings,
        store=store,
        queue=queue,
        clock=clock,
        policies=policies,
        aggregator=aggregator,
        decider=decider,
        ingest=ingest,
        executor=executor,
        sweeper=sweeper,
        announcer=announcer,
        redriver=Redriver(store, queue, clock, ingest, aggregator),
        orders=Orders(store, queue, clock),
        links=links,
        instance=instance,
    )


@dataclass(frozen=True)
class Shared:
    """What every chore that goes round has in common; ``every`` is how often it does."""

    store: Store
    clock: Clock
    policies: PolicySource
    ingest: Ingest
    every: timedelta
    instance: str

    def rounds(self, chore: str) -> Rounds:
        """The rounds of one of them."""
        return Rounds(self.store, self.clock, chore, self.every, self.instance)


def _reconciling(shared: Shared, workspace: AzureMachineLearning) -> tuple[Callable[[], Awaitable[int]], ...]:
    """The chores that look for what no event told."""
    store, clock, policies, ingest = shared.store, shared.clock, shared.policies, shared.ingest
    inventory = AzureMlInventory(workspace.clients, DATA_TIMEOUT_SECONDS)
    alerts = MissedAlerts(AzureAlerts(workspace.clients, DATA_TIMEOUT_SECONDS))
    models = MissedModels(AzureMlModels(workspace.clients, DATA_TIMEOUT_SECONDS), store)
    hearing, computes = Hearing(store, clock), AzureMlComputes(workspace.clients, DATA_TIMEOUT_SECONDS)
    return (
        Reconciler(store, clock, policies, inventory, ingest, shared.rounds("production")).run,
        ReadBack(store, clock, policies, ingest, shared.rounds(alerts.name), alerts).run,
        ReadBack(store, clock, policies, ingest, shared.rounds(models.name), models).run,
        IdleWatch(store, clock, policies, hearing, ingest, shared.rounds("idle")).run,
        ComputeWatch(store, clock, policies, computes, ingest, shared.rounds("computes")).run,
        ThrottleWatch(store, clock, policies, workspace.clients.throttling, ingest, shared.rounds("throttling")).run,
    )


def _kept(settings: Settings) -> Kept:
    return Kept(timedelta(days=settings.keep_ledger_days), timedelta(days=settings.keep_rejected_days))


async def _state(settings: Settings, clock: Clock) -> tuple[Store, CommandQueue]:
    """The open store that the settings name, and the queue beside it."""
    if not is_azure_storage(settings.store):
        file = SqliteStore(settings.store)
        await file.open()
        return file, SqliteQueue(file.database, clock)
    from shared.adapters.azure_queue import AzureQueue  # noqa: PLC0415  # an SDK that the embedded store does without
    from shared.adapters.azure_storage_account import Addresses  # noqa: PLC0415
    from shared.adapters.azure_tables_store import AzureTablesStore  # noqa: PLC0415

    account = AzureTablesStore(Addresses(settings.store, settings.queues))
    await account.open()
    return account, AzureQueue(account.account)


class _Process:
    """The application of this process, built once however many handlers ask for it at the same time."""

    def __init__(self) -> None:
        self.building: asyncio.Task[Application] | None = None

    async def application(self) -> Application:
        building = self.building
        if building is None or (building.done() and (building.cancelled() or building.exception())):
            building = self.building = asyncio.get_running_loop().create_task(build(read_settings()))
        return await asyncio.shield(building)


_process = _Process()


async def application() -> Application:
    """The application of this process. A build that failed is tried again by the next caller."""
    return await _process.application()
