"""A stand-in for Synapse pipelines that keeps to the documented wire, for tests and for one machine."""
