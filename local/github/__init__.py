"""A stand-in for GitHub Actions that keeps to the documented wire, for tests and for one machine."""
