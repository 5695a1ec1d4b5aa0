"""How the world gets in: one Blueprint per trigger, each function under 20 lines."""
