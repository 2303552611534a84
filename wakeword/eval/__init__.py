"""The bench: recordings through the daemon's own pipeline, and what can be said of the result."""
