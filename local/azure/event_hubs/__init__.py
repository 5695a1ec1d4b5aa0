"""A local Event Hubs namespace: an AMQP 1.0 peer on asyncio that the unmodified `azure-eventhub` SDK talks to."""

from local.azure.event_hubs.server import EventHubsServer

__all__ = ["EventHubsServer"]
