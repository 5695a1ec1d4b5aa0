"""One module per outside system. Each classifies its own failures; none is imported at start."""
