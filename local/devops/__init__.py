"""A stand-in for Azure Pipelines that keeps to the documented wire, for tests and for one machine."""
