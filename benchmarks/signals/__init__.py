"""What a signal costs until its decision is recorded, on both stores, and whether that grows with the number of workloads."""
