"""What each concern decides: one module a concern, each a pure function of policy, signal, facts and time."""
