"""The pure core: values and decisions. It knows no SDK, clock, environment, randomness or logging."""
