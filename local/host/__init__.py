"""A small stand-in for the Azure Functions host: drives the real function app on one machine, with its own SDKs."""
