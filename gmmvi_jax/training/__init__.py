"""Runs: compiled chunks of steps, what the host does between them, and what comes of it."""
