"""What a decision costs, and whether that grows with the number of rules."""
