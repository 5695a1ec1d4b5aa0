"""What `make bench` runs: each benchmark is a ratio within one run, judged by ``goals.toml``."""
