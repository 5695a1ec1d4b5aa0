"""What telemetry costs, from raw bytes to window state and scores, against floors and against peers."""
