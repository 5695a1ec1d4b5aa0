"""What runs only on your machine: the driver, the app host and the local Azure. Nothing imports it."""
